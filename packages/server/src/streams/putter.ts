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
import type { AppendBatch, AppendOutcome, LogEngine } from '@millrace/log';
import type { AwsError } from '@millrace/wire';
import { hashKeyWords } from '@millrace/wire';
import type { Fold } from '../catalog/fold.js';
import type { Codec } from './codec/codec.js';
import * as errors from './errors.js';
import type { StreamsLimits } from './limits.js';
import { type PutBatch, type PutResult, type TakenRecord, takenRecord } from './put-batch.js';
import type { PutGate, RoutedRecords } from './put-gate.js';
import { type PutFailure, Tally } from './put-tally.js';
import type { Sealer } from './sealing/sealer.js';
import { type Routed, ringOf } from './shard-ring.js';
import { storedHeaderBytes } from './stored-record.js';
import type { Shard, Stream } from './stream.js';
import { keyOf, sealedWith, shardAt } from './stream.js';
import type { StreamsCommand } from './streams-command.js';
import type { StreamsMeter } from './streams-meter.js';
import type { StreamsOutcome, StreamsState } from './streams-state.js';

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
    const whole = wholeOf(batch);
    const { putGates } = this.#options.admission;
    const part = putGates === undefined ? whole : pass(putGates, stream, whole, tally);
    if (part !== undefined) await this.#send(stream, part, tally, 0);
    return this.#told(stream, batch, tally, failureOf);
  }

  /**
   * The same for the one record of `batch`; rejects with why it was not taken. What is taken at once, as nearly all is, needs
   * no arrays to tell of each record: for PutRecord they were most of what the collector had to find.
   */
  putOne(stream: Stream, batch: PutBatch): Promise<TakenRecord> {
    const { engine, admission } = this.#options;
    if (admission.putGates !== undefined || stream.encryption.length > 0)
      return this.put(stream, batch, (failure) => putFailure(failure, stream)).then(takenRecord);
    const { payload, ends, hashes } = batch;
    const routed = ringOf(stream).route(hashes, 1);
    return engine.append({ logs: routed.logs, logOf: routed.slotOf, ends, payload }).then((outcomes) => {
      const outcome = outcomes[0];
      const shard = routed.shards[0];
      if (outcome?.kind !== 'appended' || shard === undefined)
        return this.#putOneLater(stream, batch, routed, outcomes);
      const { came, meter } = this.#options;
      came(stream);
      meter?.took(stream, 1, (ends[0] ?? 0) - storedHeaderBytes, 0);
      return { shard, position: outcome.firstPosition, arrivalMs: outcome.arrivalMs };
    });
  }

  /** Goes on with a record that was not taken the first time. */
  async #putOneLater(
    stream: Stream,
    batch: PutBatch,
    routed: Routed,
    outcomes: readonly AppendOutcome[],
  ): Promise<TakenRecord> {
    const tally = new Tally(1);
    await this.#settle(stream, wholeOf(batch), tally, 0, routed, outcomes);
    return takenRecord(this.#told(stream, batch, tally, (failure) => putFailure(failure, stream)));
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
    const routed = ringOf(stream).route(part.hashes, part.recordOf.length);
    const { ends, payload } = part;
    const sealed = this.#seal(stream, { logs: routed.logs, logOf: routed.slotOf, ends, payload });
    const batch = sealed instanceof Promise ? await sealed : sealed;
    // The order of records is another once they are sealed, but not among those of one log.
    const outcomes = await this.#options.engine.append(batch);
    await this.#settle(stream, part, tally, reroutes, routed, outcomes);
  }

  /** Takes in what became of `part`; what met a seal is sent again, to the children. */
  async #settle(
    stream: Stream,
    part: Part,
    tally: Tally,
    reroutes: number,
    { shards, slotOf }: Routed,
    outcomes: readonly AppendOutcome[],
  ): Promise<void> {
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

  /** The end of each put. */
  #told(
    stream: Stream,
    batch: PutBatch,
    tally: Tally,
    failureOf: (failure: PutFailure) => AwsError,
  ): PutResult {
    const result = tally.result(failureOf);
    const { came, meter } = this.#options;
    came(stream);
    if (meter !== undefined) tell(meter, stream, batch, result);
    return result;
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

/** All of `batch`. */
function wholeOf({ payload, ends, hashes, count }: PutBatch): Part {
  const recordOf = new Uint32Array(count);
  for (let i = 0; i < count; i++) recordOf[i] = i;
  return { payload, ends, hashes, recordOf };
}

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

/** What a client of PutRecord is told; of PutRecords, AWS has one word for all. */
export function putFailure(failure: PutFailure, stream: Stream): AwsError {
  return failure === 'gone' ? errors.streamNotFound(stream) : errors.storageFailure(failure);
}
