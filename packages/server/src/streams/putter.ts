/**
 * Puts: records on their way from a batch to the shards' logs, and their positions back.
 *
 *      batch ─route by hash─▶ one append for all shards ─▶ appended ─▶ position
 *                ▲                                     ├─▶ sealed ──▶ wait for the children ─┐
 *                │                                     └─▶ full, poisoned, unknown ──▶ failed │
 *                └───────────────────────── the sealed shards' records, in order ────────────┘
 *
 * Invariants:
 * - A record is acknowledged only in a shard that took it before it was sealed.
 * - Records of one key keep the order in which their puts were answered: those of one batch for one shard go together
 *   or not at all, and what waits for children is appended to them in the order of waiting. Two puts that are under
 *   way at once may change places around a reshard, as they may on AWS.
 */

import type { Clock, Timer } from '@millrace/base';
import { assert } from '@millrace/base';
import type { AppendBatch, AppendOutcome, LogEngine } from '@millrace/log';
import type { AwsError } from '@millrace/wire';
import { hashKeyWords } from '@millrace/wire';
import type { Fold } from '../catalog/fold.js';
import type { Codec } from './codec/codec.js';
import * as errors from './errors.js';
import type { StreamsLimits } from './limits.js';
import type { PutBatch, PutResult, ShardIdentity } from './put-batch.js';
import type { PutGate, RoutedRecords } from './put-gate.js';
import type { Sealer } from './sealing/sealer.js';
import { ringOf } from './shard-ring.js';
import { storedHeaderBytes } from './stored-record.js';
import type { Shard, Stream } from './stream.js';
import { keyOf, sealedWith, shardAt } from './stream.js';
import type { StreamsCommand } from './streams-command.js';
import type { StreamsMeter } from './streams-meter.js';
import type { StreamsOutcome, StreamsState } from './streams-state.js';

/** Why a record was not taken. */
export type PutFailure = 'full' | 'poisoned' | 'unknown' | 'moved' | 'gone';

export interface PutterOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
  readonly fold: Fold<StreamsState, StreamsCommand, StreamsOutcome>;
  readonly limits: StreamsLimits;
  readonly meter: StreamsMeter | undefined;
  readonly admission: { readonly putGates: readonly PutGate[] | undefined };
  /** Told after each put what it was put into. */
  readonly came: (stream: Stream) => void;
  /** Seals what is put into encrypted streams; undefined where nothing is kept. */
  readonly sealer: Sealer | undefined;
  readonly codec: Codec;
}

/** Records under way: all of a batch, or those of it that are sent a second time. */
interface Part {
  readonly payload: Uint8Array;
  readonly ends: Uint32Array;
  readonly hashes: Uint32Array;
  /** For each record, its index in the batch. */
  readonly recordOf: Uint32Array;
}

interface Waiting {
  readonly incarnation: number;
  /** The closing shards whose children are waited for. */
  readonly shards: readonly number[];
  /** Called once, with the stream as it is then, or nothing when it is gone or the wait was too long. */
  readonly release: (stream: Stream | undefined, failure: PutFailure) => void;
  readonly timer: Timer;
}

export class Putter {
  readonly #options: PutterOptions;
  readonly #stopListening: () => void;
  /** By stream, in the order of waiting. */
  readonly #waiting = new Map<string, Waiting[]>();
  #waitingCount = 0;

  constructor(options: PutterOptions) {
    this.#options = options;
    this.#stopListening = options.fold.listen(() => this.#releaseReady());
  }

  /** Puts `batch` into `stream`; `failureOf` says what the client is told of a record that was not taken. */
  async put(
    stream: Stream,
    batch: PutBatch,
    failureOf: (failure: PutFailure) => AwsError,
  ): Promise<PutResult> {
    const tally = new Tally(batch.count);
    const { payload, ends, hashes } = batch;
    const recordOf = inOrder(batch.count);
    const whole = { payload, ends, hashes, recordOf };
    const { putGates } = this.#options.admission;
    const part = putGates === undefined ? whole : pass(putGates, stream, whole, tally);
    if (part !== undefined) await this.#send(stream, part, tally, 0);
    const result = tally.result(failureOf);
    const { came, meter } = this.#options;
    came(stream);
    if (meter !== undefined) tell(meter, stream, batch, result);
    return result;
  }

  /** Fails what waits for children. */
  close(): void {
    this.#stopListening();
    for (const list of this.#waiting.values()) {
      for (const waiting of list) {
        waiting.timer.cancel();
        waiting.release(undefined, 'moved');
      }
    }
    this.#waiting.clear();
    this.#waitingCount = 0;
  }

  /**
   * Everything up to the append happens in the caller's turn: that is what keeps the order. Only a large part is sealed
   * in turns of its own; nobody has been answered by then who could have put after it.
   */
  async #send(stream: Stream, part: Part, tally: Tally, reroutes: number): Promise<void> {
    const { shards, logs, slotOf } = ringOf(stream).route(part.hashes, part.recordOf.length);
    const { ends, payload } = part;
    const sealed = this.#seal(stream, { logs, logOf: slotOf, ends, payload });
    const batch = sealed instanceof Promise ? await sealed : sealed;
    // The order of records is another once they are sealed, but not among those of one log.
    const outcomes = await this.#options.engine.append(batch);
    const closing = tally.settle(shards, slotOf, outcomes, part.recordOf);
    if (closing.length === 0) return;
    const records = part.recordOf.length;
    const again: number[] = [];
    for (let i = 0; i < records; i++) if (outcomes[slotOf[i] ?? 0]?.kind === 'sealed') again.push(i);
    const rest = again.length === records ? part : subset(part, again);
    if (reroutes >= this.#options.limits.reroutesMax) {
      tally.failAll(rest.recordOf, 'moved');
      return;
    }
    await new Promise<void>((resolve, reject) => {
      this.#awaitChildren(stream, closing, (next, failure) => {
        if (next === undefined) {
          tally.failAll(rest.recordOf, failure);
          resolve();
        } else this.#send(next, rest, tally, reroutes + 1).then(resolve, reject);
      });
    });
  }

  #seal(stream: Stream, batch: AppendBatch): AppendBatch | Promise<AppendBatch> {
    const { sealer, codec } = this.#options;
    const under = sealedWith(stream);
    if (sealer === undefined || under === undefined) return batch;
    return codec.inSlices(sealer.seal(under, batch), batch.payload.length);
  }

  #awaitChildren(stream: Stream, sealed: readonly Shard[], release: Waiting['release']): void {
    const { fold, clock, limits } = this.#options;
    const key = keyOf(stream);
    const shards = sealed.map((shard) => shard.index);
    const now = fold.view.streams.get(key);
    if (ready(now, stream.incarnation, shards)) {
      release(living(now, stream.incarnation), 'gone');
      return;
    }
    if (this.#waitingCount >= limits.reroutesWaitingMax) {
      release(undefined, 'moved');
      return;
    }
    const timer = clock.schedule(limits.rerouteWaitMsMax, () => {
      this.#remove(key, waiting);
      waiting.release(undefined, 'moved');
    });
    const waiting: Waiting = { incarnation: stream.incarnation, shards, release, timer };
    const list = this.#waiting.get(key);
    if (list === undefined) this.#waiting.set(key, [waiting]);
    else list.push(waiting);
    this.#waitingCount++;
  }

  #releaseReady(): void {
    for (const [key, list] of [...this.#waiting]) {
      const stream = this.#options.fold.view.streams.get(key);
      for (const waiting of list.filter((each) => ready(stream, each.incarnation, each.shards))) {
        this.#remove(key, waiting);
        waiting.timer.cancel();
        waiting.release(living(stream, waiting.incarnation), 'gone');
      }
    }
  }

  #remove(key: string, waiting: Waiting): void {
    const rest = this.#waiting.get(key)?.filter((each) => each !== waiting) ?? [];
    if (rest.length === 0) this.#waiting.delete(key);
    else this.#waiting.set(key, rest);
    this.#waitingCount--;
  }
}

/** The stream that is meant, while it takes records. */
function living(stream: Stream | undefined, incarnation: number): Stream | undefined {
  return stream?.incarnation === incarnation && stream.status !== 'DELETING' ? stream : undefined;
}

/** Whether the children of all of `shards` are there, or never will be. */
function ready(stream: Stream | undefined, incarnation: number, shards: readonly number[]): boolean {
  const of = living(stream, incarnation);
  if (of === undefined) return true;
  return shards.every((index) => {
    const shard = shardAt(of, index);
    return shard === undefined || shard.closed !== undefined;
  });
}

function tell(meter: StreamsMeter, stream: Stream, { count, ends }: PutBatch, result: PutResult): void {
  let bytes = (ends[count - 1] ?? 0) - count * storedHeaderBytes;
  for (const record of result.errors?.keys() ?? []) {
    bytes -= (ends[record] ?? 0) - (record === 0 ? 0 : (ends[record - 1] ?? 0)) - storedHeaderBytes;
  }
  meter.took(stream, count - result.failedCount, bytes, result.failedCount);
}

/** What the gates leave of `part`; undefined when that is nothing. Each record passes once, however often it is sent. */
function pass(gates: readonly PutGate[], stream: Stream, part: Part, tally: Tally): Part | undefined {
  const { shards, slotOf } = ringOf(stream).route(part.hashes, part.recordOf.length);
  const routed: RoutedRecords = { stream, shards, slotOf, ends: part.ends };
  const refused = new Map<number, AwsError>();
  for (const gate of gates) {
    for (const [record, error] of gate.refuse(routed) ?? []) {
      if (!refused.has(record)) refused.set(record, error);
    }
  }
  if (refused.size === 0) return part;
  tally.refuse(refused);
  const left = [...part.recordOf.keys()].filter((record) => !refused.has(record));
  return left.length === 0 ? undefined : subset(part, left);
}

/** The numbers of `count` records. Nobody writes to them: those of a single put are the same ones each time. */
function inOrder(count: number): Uint32Array {
  if (count === 1) return justOne;
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = i;
  return numbers;
}

const justOne = Uint32Array.of(0);

/** The records at `indexes` of `part`, which rise, copied together. */
function subset(part: Part, indexes: readonly number[]): Part {
  const ends = new Uint32Array(indexes.length);
  const hashes = new Uint32Array(indexes.length * hashKeyWords);
  const recordOf = new Uint32Array(indexes.length);
  const startOf = (i: number): number => (i === 0 ? 0 : (part.ends[i - 1] ?? 0));
  let bytes = 0;
  for (const [to, i] of indexes.entries()) {
    bytes += (part.ends[i] ?? 0) - startOf(i);
    ends[to] = bytes;
    recordOf[to] = part.recordOf[i] ?? 0;
    hashes.set(part.hashes.subarray(i * hashKeyWords, (i + 1) * hashKeyWords), to * hashKeyWords);
  }
  const payload = new Uint8Array(bytes);
  for (const [to, i] of indexes.entries()) {
    payload.set(part.payload.subarray(startOf(i), part.ends[i]), to === 0 ? 0 : ends[to - 1]);
  }
  return { payload, ends, hashes, recordOf };
}

/** What became of each record so far. */
class Tally {
  readonly #shards: ShardIdentity[] = [];
  readonly #shardOf: Uint32Array;
  readonly #positions: Float64Array;
  readonly #arrivalsMs: Float64Array;
  #failures: Map<number, PutFailure> | undefined;
  #refused: ReadonlyMap<number, AwsError> | undefined;

  constructor(count: number) {
    this.#shardOf = new Uint32Array(count);
    this.#positions = new Float64Array(count);
    this.#arrivalsMs = new Float64Array(count);
  }

  /** Takes in the outcomes of one append; answers the shards that were sealed. */
  settle(
    shards: readonly Shard[],
    slotOf: Uint32Array,
    outcomes: readonly AppendOutcome[],
    recordOf: Uint32Array,
  ): readonly Shard[] {
    assert(outcomes.length === shards.length, `${outcomes.length} outcomes for ${shards.length} logs`);
    const base = this.#shards.length;
    const nextOf = new Float64Array(shards.length);
    const sealed: Shard[] = [];
    for (const [slot, shard] of shards.entries()) {
      const outcome = outcomes[slot];
      this.#shards.push(shard);
      if (outcome?.kind === 'appended') nextOf[slot] = outcome.firstPosition;
      if (outcome?.kind === 'sealed') sealed.push(shard);
    }
    for (let i = 0; i < recordOf.length; i++) {
      const slot = slotOf[i] ?? 0;
      const record = recordOf[i] ?? 0;
      const outcome = outcomes[slot];
      if (outcome?.kind === 'appended') {
        // The records of one append to one log are consecutive: the engine's contract.
        const position = nextOf[slot] ?? 0;
        nextOf[slot] = position + 1;
        this.#shardOf[record] = base + slot;
        this.#positions[record] = position;
        this.#arrivalsMs[record] = outcome.arrivalMs;
      } else if (outcome?.kind !== 'sealed') {
        this.#fail(record, failureBy[outcome?.kind ?? 'unknown']);
      }
    }
    return sealed;
  }

  /** Takes in the records that were not let through, each with what is said of it. */
  refuse(refused: ReadonlyMap<number, AwsError>): void {
    this.#refused = refused;
  }

  failAll(records: Uint32Array, failure: PutFailure): void {
    for (const record of records) this.#fail(record, failure);
  }

  #fail(record: number, failure: PutFailure): void {
    this.#failures ??= new Map();
    this.#failures.set(record, failure);
  }

  result(failureOf: (failure: PutFailure) => AwsError): PutResult {
    const errors = this.#errors(failureOf);
    return {
      count: this.#positions.length,
      shards: this.#shards,
      shardOf: this.#shardOf,
      positions: this.#positions,
      arrivalsMs: this.#arrivalsMs,
      failedCount: errors?.size ?? 0,
      errors,
    };
  }

  #errors(failureOf: (failure: PutFailure) => AwsError): ReadonlyMap<number, AwsError> | undefined {
    if (this.#failures === undefined) return this.#refused;
    const failed = [...this.#failures].map(([record, why]) => [record, failureOf(why)] as const);
    return new Map([...failed, ...(this.#refused ?? [])].sort(([a], [b]) => a - b));
  }
}

const failureBy = { full: 'full', poisoned: 'poisoned', unknown: 'unknown', missing: 'gone' } as const;

/** What a client of PutRecord is told; of PutRecords, AWS has one word for all. */
export function putFailure(failure: PutFailure, stream: Stream): AwsError {
  return failure === 'gone' ? errors.streamNotFound(stream) : errors.storageFailure(failure);
}
