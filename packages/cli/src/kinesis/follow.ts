/**
 * A whole stream as one sequence of records, across every reshard: a shard is read only when the shards that it came
 * from have been read to their ends, so that records of one key keep their order.
 *
 *      waiting ──parents drained──▶ reading ──no next iterator──▶ ended ──nothing held──▶ (children may start)
 *
 * Within a round the pages of several shards are laid together by arrival time. A record is given only when no shard
 * that is still behind can have an earlier one; what is later is held. Where more than `heldBytesMax` is held, it is
 * given as it is: order between shards gives way before memory does, and order within a shard never.
 *
 *      shard 0   ▪ ▪   ▪ │ ▪        (behind: more will come after its last)
 *      shard 1     ▪ ▪   │    ▪ ▪
 *                 given ◀┘ held
 */
import type { Clock } from '@millrace/base';
import { sleep } from '@millrace/base';
import type { Kinesis, Position, Shard, StoredRecord } from './kinesis.js';
import { KinesisError } from './kinesis-error.js';

export interface FollowOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly from: Position;
  /** Ends when everything that is there has been read; otherwise goes on until `signal` aborts. */
  readonly once: boolean;
  /** Only these shards, and none of their children. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Told, in a sentence, what a reader should know: a shard that ended, a place that was lost. */
  readonly onNote?: (sentence: string) => void;
}

/** AWS takes five reads a second of a shard; this stays below. */
const pollMs = 250;
const readsAtOnceMax = 8;
const pageRecordsMax = 1_000;
const pageRecordsMin = 50;
/** How many records a round asks for in all, shared by the shards that it reads. */
const roundRecords = 10_000;
const heldBytesMax = 64 * 1024 * 1024;

interface Reading {
  readonly id: string;
  readonly parents: readonly string[];
  readonly start: Position;
  state: 'waiting' | 'reading' | 'ended';
  iterator: string | undefined;
  lastSequenceNumber: string | undefined;
  held: StoredRecord[];
  /** Whether the shard had more than the last page brought. */
  behind: boolean;
}

/** Gives batches of records, none of them empty. Ends without a word when `signal` aborts. */
export async function* follow(
  kinesis: Kinesis,
  stream: string,
  options: FollowOptions,
): AsyncGenerator<readonly StoredRecord[]> {
  const follower = new Follower(kinesis, stream, options);
  try {
    await follower.begin();
    while (!options.signal.aborted) {
      const records = await follower.round();
      if (records.length > 0) yield records;
      else if (options.once && follower.caughtUp) return;
      else if (!follower.moved) await sleep(options.clock, pollMs, options.signal);
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
}

class Follower {
  readonly #kinesis: Kinesis;
  readonly #stream: string;
  readonly #options: FollowOptions;
  readonly #shards = new Map<string, Reading>();
  /** Whether a shard ended in the last round: then there may be more to read at once. */
  moved = false;

  constructor(kinesis: Kinesis, stream: string, options: FollowOptions) {
    this.#kinesis = kinesis;
    this.#stream = stream;
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { from, only } = this.#options;
    const listed = await this.#kinesis.shards(this.#stream);
    for (const id of only ?? []) {
      const shard = listed.find((each) => each.id === id);
      if (shard === undefined) {
        throw new KinesisError('missing', `the stream ${this.#stream} has no shard ${id}`);
      }
      if (from.kind === 'latest' && !shard.open) {
        throw new KinesisError(
          'refused',
          `${id} is closed, and nothing comes any more: read it --from horizon`,
        );
      }
    }
    // The closed shards of before the latest record have nothing for anybody who starts there.
    for (const shard of listed) if (from.kind !== 'latest' || shard.open) this.#add(shard, from);
    // Iterators are taken before anything is read: the latest record is the one of now.
    await this.#inTurns(this.#start(), (each) => this.#open(each));
  }

  /** Everything has been read, and nothing is held. */
  get caughtUp(): boolean {
    return [...this.#shards.values()].every(
      ({ state, behind, held }) =>
        held.length === 0 && (state === 'ended' || (state === 'reading' && !behind)),
    );
  }

  /** One page of every shard that is read and holds nothing; then all that may be given. */
  async round(): Promise<readonly StoredRecord[]> {
    this.#start();
    const { once } = this.#options;
    const readable = [...this.#shards.values()].filter(
      ({ state, held, behind }) => state === 'reading' && held.length === 0 && (behind || !once),
    );
    const recordsMax = Math.floor(roundRecords / Math.max(1, readable.length));
    const pageMax = Math.min(pageRecordsMax, Math.max(pageRecordsMin, recordsMax));
    await this.#inTurns(readable, (each) => this.#read(each, pageMax));
    this.moved = readable.some(({ state }) => state === 'ended');
    if (this.moved) await this.#discover();
    return this.#given();
  }

  #add(shard: Shard, start: Position): void {
    const { only } = this.#options;
    if (this.#shards.has(shard.id) || (only !== undefined && !only.has(shard.id))) return;
    this.#shards.set(shard.id, {
      id: shard.id,
      parents: shard.parents,
      start,
      state: 'waiting',
      iterator: undefined,
      lastSequenceNumber: undefined,
      held: [],
      behind: true,
    });
  }

  /** Lets shards begin whose parents are done with. A parent that is not followed is. */
  #start(): readonly Reading[] {
    const started = [...this.#shards.values()].filter(
      ({ state, parents }) => state === 'waiting' && parents.every((id) => this.#drained(id)),
    );
    for (const each of started) each.state = 'reading';
    return started;
  }

  #drained(id: string): boolean {
    const shard = this.#shards.get(id);
    return shard === undefined || (shard.state === 'ended' && shard.held.length === 0);
  }

  async #discover(): Promise<void> {
    for (const shard of await this.#kinesis.shards(this.#stream)) {
      if (shard.parents.some((id) => this.#shards.has(id))) this.#add(shard, { kind: 'horizon' });
    }
  }

  async #open(shard: Reading): Promise<void> {
    const { id, lastSequenceNumber, start } = shard;
    const position: Position =
      lastSequenceNumber === undefined ? start : { kind: 'after', sequenceNumber: lastSequenceNumber };
    shard.iterator = await this.#kinesis.iterator(this.#stream, id, position);
  }

  async #read(shard: Reading, recordsMax: number): Promise<void> {
    try {
      if (shard.iterator === undefined) await this.#open(shard);
      const page = await this.#kinesis.read(shard.id, shard.iterator ?? '', recordsMax);
      shard.iterator = page.next;
      shard.behind = page.behindMs > 0;
      shard.held = [...page.records];
      shard.lastSequenceNumber = page.records.at(-1)?.sequenceNumber ?? shard.lastSequenceNumber;
      if (page.next === undefined) this.#end(shard, `${shard.id} has ended`);
    } catch (error) {
      if (!(error instanceof KinesisError)) throw error;
      if (error.code === 'expired') {
        shard.iterator = undefined;
        if (shard.lastSequenceNumber === undefined && shard.start.kind === 'latest') {
          this.#options.onNote?.(
            `the iterator of ${shard.id} expired before its first record; on from the latest`,
          );
        }
      } else if (error.code === 'missing' && (await this.#trimmed(shard.id))) {
        this.#end(shard, `${shard.id} is no more: its retention has passed`);
      } else {
        throw error;
      }
    }
  }

  #end(shard: Reading, note: string): void {
    shard.state = 'ended';
    this.#options.onNote?.(note);
  }

  async #trimmed(id: string): Promise<boolean> {
    return (await this.#kinesis.shards(this.#stream)).every((shard) => shard.id !== id);
  }

  #given(): readonly StoredRecord[] {
    const all = [...this.#shards.values()];
    const heldBytes = all.reduce(
      (sum, { held }) => sum + held.reduce((own, { data }) => own + data.length, 0),
      0,
    );
    const untilMs =
      heldBytes > heldBytesMax
        ? Number.POSITIVE_INFINITY
        : all.reduce((until, each) => Math.min(until, this.#certainUntilMs(each)), Number.POSITIVE_INFINITY);
    const given: StoredRecord[] = [];
    for (const shard of all) {
      const later = shard.held.findIndex(({ arrivalMs }) => arrivalMs > untilMs);
      given.push(...shard.held.splice(0, later < 0 ? shard.held.length : later));
    }
    return given.sort((a, b) => a.arrivalMs - b.arrivalMs);
  }

  /** Up to when nothing can come any more before what is held. */
  #certainUntilMs(shard: Reading): number {
    const moreToCome =
      (shard.state === 'reading' && shard.behind) ||
      (shard.state === 'ended' && shard.held.length > 0 && this.#hasWaitingChild(shard.id)) ||
      (shard.state === 'waiting' && shard.parents.every((id) => this.#drained(id)));
    return moreToCome ? (shard.held.at(-1)?.arrivalMs ?? Number.NEGATIVE_INFINITY) : Number.POSITIVE_INFINITY;
  }

  #hasWaitingChild(id: string): boolean {
    return [...this.#shards.values()].some(
      ({ state, parents }) => state === 'waiting' && parents.includes(id),
    );
  }

  async #inTurns(shards: readonly Reading[], visit: (shard: Reading) => Promise<void>): Promise<void> {
    for (let at = 0; at < shards.length; at += readsAtOnceMax) {
      await Promise.all(shards.slice(at, at + readsAtOnceMax).map(visit));
    }
  }
}
