/**
 * Makes the catalog of a repaired log whole: what is left of it, written as one snapshot, with a place for every log
 * that it no longer names.
 *
 *      a shard that the catalog knows, its log sealed, its closing lost  ─▶ closed, and a child that goes on
 *      a log of a stream that the catalog knows, its shard lost           ─▶ a closed shard of that stream
 *      a log of a stream that is lost                                     ─▶ a closed shard of `recovered-N`
 *
 * Invariant: after it an opening finds every log under a shard, every open shard with a log that takes records, and the
 * open shards of each stream over the whole ring. A catalog that lost nothing is left as it is, byte for byte.
 */
import { type Random, systemRandom } from '@millrace/base';
import { type LogEngine, LogError } from '@millrace/log';
import { hashKeyMax } from '@millrace/wire';
import { catalogLog } from '../catalog/catalog.js';
import { encodeSnapshot, type JsonObject } from '../catalog/catalog-record.js';
import { type FoundRecord, foldSalvaged } from '../catalog/salvaged-catalog.js';
import { StartError } from '../start-error.js';
import { streamsFold } from '../streams/open-streams.js';
import { keyOf, logsOf, type Shard, type Stream, shardLog, unset } from '../streams/stream.js';
import { streamsSection } from '../streams/streams-section.js';
import type { StreamsState } from '../streams/streams-state.js';

/** Numbers of streams that nothing is known of but the number of a log; no real stream comes that far. */
const namelessIncarnation = 1_000_000;

/** The log of a shard that a log whose name is lost is taken for. The first log that a server makes is the catalog. */
export function nameOfLog(number: number): string {
  return number === 1 ? catalogLog : shardLog({ incarnation: namelessIncarnation + number }, 0);
}

export interface MendOptions {
  readonly engine: LogEngine;
  readonly nowMs: number;
  /** Whether any of the catalog's records is known to be lost. */
  readonly catalogLost: boolean;
  readonly random?: Random;
}

const shardLogPattern = /^stream-(\d+)\/shard-(\d+)$/;
const partChars = 256 * 1024;
const childDelayMs = 1000;

/** Answers what it did, in sentences. Rejects with `StartError` when the catalog is a newer version's. */
export async function mendCatalog(options: MendOptions): Promise<readonly string[]> {
  const { engine, nowMs, catalogLost, random = systemRandom } = options;
  done(await engine.create([catalogLog]));
  const fold = streamsFold();
  const catalog = foldSalvaged(await readAll(engine), [fold]);
  const mender = new Mender(engine, fold.view, nowMs);
  await mender.mend();
  if (mender.did.length === 0 && catalog.problems.length === 0 && !catalogLost) return [];
  if (catalog.otherSections.length > 0) {
    throw new StartError(
      'foreign',
      `The catalog is damaged and has parts that this Millrace does not know (${catalog.otherSections.join(', ')}): repair it with the version that wrote it.`,
    );
  }
  const sections = { [streamsSection.name]: streamsSection.snapshot(mender.state) } satisfies JsonObject;
  const { recent, lastMs } = catalog;
  await writeSnapshot(engine, { atMs: Math.max(lastMs, nowMs), recent, sections }, random);
  return [...catalog.problems.map((problem) => `passed over: ${problem}`), ...mender.did];
}

class Mender {
  readonly #engine: LogEngine;
  readonly #nowMs: number;
  state: StreamsState;
  readonly did: string[] = [];

  constructor(engine: LogEngine, state: StreamsState, nowMs: number) {
    this.#engine = engine;
    this.#nowMs = nowMs;
    this.state = state;
  }

  async mend(): Promise<void> {
    for (const stream of [...this.state.streams.values()]) {
      if (stream.status === 'ACTIVE') await this.#mendShards(stream);
    }
    const planned = new Set<string>();
    for (const stream of this.state.streams.values()) for (const log of logsOf(stream)) planned.add(log);
    const orphans = new Map<number, number[]>();
    for (const log of [...this.#engine.list()].sort()) {
      const [, incarnation, index] = shardLogPattern.exec(log) ?? [];
      if (incarnation === undefined || planned.has(log)) continue;
      orphans.set(Number(incarnation), [...(orphans.get(Number(incarnation)) ?? []), Number(index)]);
    }
    for (const [incarnation, indexes] of orphans) await this.#adopt(incarnation, indexes);
  }

  /** Every open shard has a log that takes records, or a child that has one. */
  async #mendShards(stream: Stream): Promise<void> {
    let mended = stream;
    for (const shard of stream.shards) {
      if (shard.closed !== undefined) continue;
      const log = shardLog(stream, shard.index);
      const state = this.#engine.state(log);
      if (state === undefined) {
        done(await this.#engine.create([log]));
        this.did.push(`stream ${stream.name}: shard ${shard.index} had lost its log, and begins anew`);
        mended = { ...mended };
      } else if (state.sealed) {
        const child = await this.#openShard(
          mended,
          shard.range,
          [shard.index],
          shard.createdMs + childDelayMs,
        );
        const closed = { atMs: this.#nowMs, endPosition: state.endPosition };
        const others = mended.shards.filter(({ index }) => index !== shard.index);
        mended = withShards(mended, [...others, { ...shard, closed }, child]);
        this.did.push(
          `stream ${stream.name}: shard ${shard.index} is closed, and shard ${child.index} goes on`,
        );
      }
    }
    if (mended !== stream) this.#put(mended);
  }

  /** Gives logs that no shard has to the stream of their number, as closed shards. */
  async #adopt(incarnation: number, indexes: readonly number[]): Promise<void> {
    const known = [...this.state.streams.values()].find((stream) => stream.incarnation === incarnation);
    const stream = known ?? this.#recovered(incarnation);
    const shards: Shard[] = [];
    for (const index of [...indexes].sort((a, b) => a - b)) {
      const log = shardLog(stream, index);
      const sealed = await this.#engine.seal(log);
      if (sealed.kind !== 'sealed')
        throw new LogError('disk', `the log ${log} cannot be sealed (${sealed.kind})`);
      const firstMs = await this.#firstMs(log);
      shards.push({
        index,
        createdMs: firstMs,
        openedMs: firstMs,
        range: { start: 0n, end: hashKeyMax },
        parents: [],
        closed: { atMs: this.#nowMs, endPosition: sealed.endPosition },
      });
      this.did.push(`stream ${stream.name}: shard ${index} is there to be read; what named it is lost`);
    }
    let adopted = withShards(stream, [...stream.shards, ...shards]);
    if (known === undefined) {
      const open = await this.#openShard(adopted, { start: 0n, end: hashKeyMax }, [], this.#nowMs);
      adopted = withShards(adopted, [...adopted.shards, open]);
    }
    this.#put(adopted);
  }

  /** When the first record that is left arrived: sequence numbers begin there, as nobody knows the shard's own. */
  async #firstMs(log: string): Promise<number> {
    const read = await this.#engine.read({ log, from: 0, recordsMax: 1, bytesMax: 1 });
    return (read.kind === 'records' ? read.records.arrivalsMs[0] : undefined) ?? this.#nowMs;
  }

  async #openShard(
    stream: Stream,
    range: Shard['range'],
    parents: readonly number[],
    createdMs: number,
  ): Promise<Shard> {
    const index = stream.nextShardIndex;
    done(await this.#engine.create([shardLog(stream, index)]));
    return {
      index,
      createdMs: Math.max(createdMs, this.#nowMs),
      openedMs: this.#nowMs,
      range,
      parents,
      closed: undefined,
    };
  }

  #recovered(incarnation: number): Stream {
    const number =
      incarnation > namelessIncarnation ? `log-${incarnation - namelessIncarnation}` : incarnation;
    return {
      ...unset,
      account: '123456789012',
      region: 'us-east-1',
      name: `recovered-${number}`,
      incarnation,
      status: 'ACTIVE',
      sinceMs: this.#nowMs,
      createdMs: this.#nowMs,
      mode: 'PROVISIONED',
      retentionHours: retentionHoursRecovered,
      recordKibMax: recordKibMaxRecovered,
      tags: {},
      shards: [],
      nextShardIndex: 0,
      openShards: 0,
    };
  }

  #put(stream: Stream): void {
    const { streams, incarnations } = this.state;
    this.state = {
      ...this.state,
      streams: streams.set(keyOf(stream), stream),
      incarnations: Math.max(incarnations, stream.incarnation),
    };
  }
}

/** The longest there is: what was salvaged does not expire by a retention that nobody chose. */
const retentionHoursRecovered = 8760;
/** The largest that a record may be in any stream: what was taken once is not judged again. */
const recordKibMaxRecovered = 10_240;

function withShards(stream: Stream, shards: readonly Shard[]): Stream {
  const sorted = [...shards].sort((a, b) => a.index - b.index);
  return {
    ...stream,
    shards: sorted,
    nextShardIndex: Math.max(stream.nextShardIndex, (sorted.at(-1)?.index ?? -1) + 1),
    openShards: sorted.filter(({ closed }) => closed === undefined).length,
  };
}

async function readAll(engine: LogEngine): Promise<FoundRecord[]> {
  const records: FoundRecord[] = [];
  for (let from = 0; ; ) {
    const read = await engine.read({ log: catalogLog, from, recordsMax: 1000, bytesMax: 4 * 1024 * 1024 });
    if (read.kind === 'missing') return records;
    const { positions, arrivalsMs, buffers, bufferOf, starts, ends, count } = read.records;
    for (let i = 0; i < count; i++) {
      const bytes = buffers[bufferOf[i] ?? 0]?.subarray(starts[i], ends[i]) ?? new Uint8Array(0);
      records.push({ position: positions[i] ?? 0, arrivalMs: arrivalsMs[i] ?? 0, bytes });
    }
    if (read.nextPosition >= read.state.endPosition || read.nextPosition <= from) return records;
    from = read.nextPosition;
  }
}

async function writeSnapshot(
  engine: LogEngine,
  snapshot: Parameters<typeof encodeSnapshot>[2],
  random: Random,
): Promise<void> {
  const through = engine.state(catalogLog)?.endPosition ?? 0;
  const id = Buffer.from(random.bytes(12)).toString('hex');
  const records = encodeSnapshot(id, through, snapshot, partChars);
  let end = 0;
  const ends = Uint32Array.from(records, (record) => (end += record.length));
  const batch = { logs: [catalogLog], logOf: new Uint32Array(records.length), ends };
  const [outcome] = await engine.append({ ...batch, payload: new Uint8Array(Buffer.concat(records)) });
  if (outcome?.kind !== 'appended')
    throw new LogError('disk', `the catalog cannot be written (${outcome?.kind})`);
  done(await engine.trim(catalogLog, through));
}

function done(outcome: string): void {
  if (outcome !== 'done') throw new LogError('disk', `the new log cannot be written (${outcome})`);
}
