/**
 * The streams service: what operations ask for, in the domain's words. It owns no thread of time, disk or chance of its
 * own: engine, clock and randomness are given, so the simulator drives the very same object.
 *
 *      operation ──▶ Streams ──┬─ catalog (what streams there are)      view: one immutable picture a request
 *                              ├─ Putter ───────────┐
 *                              ├─ Polling ─ Reader ─┴─▶ engine (a log a shard)
 *                              ├─ FanOut: consumers and their subscriptions
 *                              └─ Lifecycle, Retention, Scaler: in the background, on the clock
 */
import type { Clock, Random } from '@millrace/base';
import type { LogEngine, LogId } from '@millrace/log';
import type { AwsError } from '@millrace/wire';
import type { Catalog, CatalogLimits } from '../catalog/catalog.js';
import { CatalogError } from '../catalog/catalog-error.js';
import type { Fold } from '../catalog/fold.js';
import { type Fingerprint, MasterKeyError, type MasterKeys } from '../keys/master-keys.js';
import type { Addressed, Caller } from './address.js';
import { ofNamed, shardIndexOf, streamNameOf } from './address.js';
import { Admission } from './admission.js';
import { type Codec, inlineCodec } from './codec/codec.js';
import { commandFailure } from './command-failure.js';
import type { CreateCommand } from './commands/existence.js';
import type { OfAccount, OfStream } from './commands/of.js';
import { FanOut } from './consumers/fan-out.js';
import type { Pace } from './consumers/subscription.js';
import * as errors from './errors.js';
import { orderingArrivalS } from './foreign-sequence-number.js';
import { Lifecycle } from './lifecycle.js';
import type { StreamsDelays, StreamsLimits } from './limits.js';
import { defaultStreamsDelays, defaultStreamsLimits } from './limits.js';
import { Polling } from './polling.js';
import { type PutBatch, type PutResult, type TakenRecord, takenRecord } from './put-batch.js';
import { checkSizes } from './put-sizes.js';
import type { PutFailure } from './put-tally.js';
import { Putter, putFailure } from './putter.js';
import { Reader } from './reader.js';
import { Retention } from './retention.js';
import { Scaler } from './scaler.js';
import { TokenSealer } from './sealed-token.js';
import { Opener } from './sealing/opener.js';
import { Sealer } from './sealing/sealer.js';
import { shardIteratorKind } from './shard-iterator.js';
import { ringOf, type ShardRing } from './shard-ring.js';
import type { Shard, Stream } from './stream.js';
import { keyIdAt } from './stream.js';
import type { StreamsCommand } from './streams-command.js';
import type { StreamsMeter } from './streams-meter.js';
import type { StreamsOutcome, StreamsState } from './streams-state.js';
import { findStream } from './streams-state.js';

/** What a creation is held to, which the service knows and no caller says. */
type Limited = 'shardsMax' | 'onDemandStreamsMax' | 'comingOrGoingMax';

export type StreamsFold = Fold<StreamsState, StreamsCommand, StreamsOutcome>;

export interface StreamsOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
  readonly random: Random;
  /** A catalog that holds the fold of `streamsFold()` too; without one, the streams open their own and close it. */
  readonly catalog?: { readonly catalog: Catalog; readonly fold: StreamsFold };
  readonly catalogLimits?: Partial<CatalogLimits>;
  readonly delays?: Partial<StreamsDelays>;
  readonly limits?: Partial<StreamsLimits>;
  /** Where bodies are decoded; default: on this thread. */
  readonly codec?: Codec;
  /** Master keys: with them, what is put into encrypted streams is sealed. Without, it is only told to be. */
  readonly keys?: MasterKeys;
  /** For the simulator alone: nonces by position, which must be noticed. */
  readonly nonceByPosition?: boolean;
  /** What tokens are sealed with, 32 bytes or more; without it, one that is made once and kept in the catalog. */
  readonly secret?: Uint8Array;
  /** How fast subscriptions may be served; default: as AWS's rates have it, while they are kept. */
  readonly pace?: Pace;
  /** Time that really passes, for busy pollers to wait by; without it nobody waits, and every poll is answered at once. */
  readonly realClock?: Clock;
  /** How the background gives way between two steps; default: a turn of the event loop. */
  readonly nextTurn?: (run: () => void) => void;
  /** Told of what goes in and comes out. */
  readonly meter?: StreamsMeter;
  /** Told, in words for a person, what failed in the background and will be tried again. */
  readonly report?: (message: string) => void;
}

export class Streams {
  readonly limits: StreamsLimits;
  readonly clock: Clock;
  readonly codec: Codec;
  readonly fanOut: FanOut;
  readonly polling: Polling;
  readonly admission: Admission;
  /** For the tokens of other pages than records: one sealer a kind. */
  readonly sealerOf: (kind: string) => TokenSealer;
  readonly #catalog: Catalog;
  readonly #ownCatalog: boolean;
  readonly #fold: StreamsFold;
  readonly #putter: Putter;
  readonly #lifecycle: Lifecycle;
  readonly #retention: Retention;
  readonly #scaler: Scaler;
  readonly #keys: MasterKeys | undefined;
  /** By request. */
  readonly #turns = new WeakMap<Caller, { readonly ring: ShardRing; readonly turn: number }>();

  /** For `openStreams` alone (`open-streams.ts`). */
  constructor(
    options: StreamsOptions,
    catalog: Catalog,
    fold: StreamsFold,
    secret: Uint8Array,
    ownCatalog: boolean,
    report: (message: string) => void,
  ) {
    const { engine, clock } = options;
    const limits = { ...defaultStreamsLimits, ...options.limits };
    this.limits = limits;
    this.clock = clock;
    this.codec = options.codec ?? inlineCodec;
    this.sealerOf = (kind) => new TokenSealer(secret, kind);
    this.#catalog = catalog;
    this.#ownCatalog = ownCatalog;
    this.#fold = fold;
    const { meter, realClock, keys, random } = options;
    this.#keys = keys;
    const admission = new Admission(clock, (stream) => this.#scaler.readyUnits(stream));
    const { codec } = this;
    const reader = new Reader({ engine, clock, opener: keys && new Opener(keys, engine, codec) });
    const iteratorSealer = this.sealerOf(shardIteratorKind);
    const given = { engine, clock, fold, limits, admission, meter };
    const polling = new Polling({ ...given, realClock, reader, sealer: iteratorSealer });
    this.admission = admission;
    this.polling = polling;
    const endOf = options.nonceByPosition ? (log: LogId) => engine.state(log)?.endPosition ?? 0 : undefined;
    const sealer = keys && new Sealer({ keys, random, endOf });
    this.#putter = new Putter({ ...given, sealer, codec, came: (stream) => polling.came(stream) });
    const pace = options.pace ?? admission.pace;
    const change = this.change.bind(this);
    this.fanOut = new FanOut({
      engine,
      clock,
      fold,
      limits,
      reader,
      pace,
      meter,
      report,
      change,
    });
    const delays = { ...defaultStreamsDelays, ...options.delays };
    this.#lifecycle = new Lifecycle({
      engine,
      clock,
      catalog,
      fold,
      delays,
      retryMs: limits.lifecycleRetryMs,
      nextTurn: options.nextTurn ?? setImmediate,
      report,
    });
    this.#retention = new Retention({
      engine,
      clock,
      catalog,
      fold,
      everyMs: limits.sweepEveryMs,
      shardsAtOnce: limits.sweepShardsAtOnce,
      report,
      after: () => this.#lifecycle.takeUpAll(),
    });
    this.#scaler = new Scaler({
      clock,
      catalog,
      fold,
      everyMs: limits.scaleEveryMs,
      shardsMax: limits.shardsPerAccountMax,
      report,
      changed: (stream) => this.#lifecycle.takeUp(stream),
    });
    this.#lifecycle.takeUpAll();
  }

  /** Everything as it stands: immutable. A request takes one view and works on it to its end. */
  get view(): StreamsState {
    return this.#fold.view;
  }

  /** Time of the newest command: a clock must not start before it. */
  get lastCommandMs(): number {
    return this.#catalog.lastMs;
  }

  /** The stream that is meant. Throws what AWS answers when there is none. */
  find(addressed: Addressed, caller: Caller, operationName: string): Stream {
    const name = streamNameOf(addressed, caller, operationName);
    const stream = findStream(this.view, caller.account, caller.region, name);
    if (stream === undefined) throw errors.streamNotFound({ account: caller.account, name });
    return stream;
  }

  /** Open shards of provisioned streams that the caller's account may have in its region. */
  shardsMax({ region }: { readonly region: string }): number {
    return this.admission.shardQuota(region) ?? this.limits.shardsPerAccountMax;
  }

  async create(
    caller: Caller,
    stream: Omit<CreateCommand, 'type' | 'account' | 'region' | Limited>,
  ): Promise<void> {
    const { account, region } = caller;
    const { onDemandStreamsMax } = this.limits;
    const { comingOrGoingMax } = this.admission;
    const limits = { shardsMax: this.shardsMax(caller), onDemandStreamsMax, comingOrGoingMax };
    await this.change({ type: 'create', account, region, ...stream, ...limits });
  }

  /** Deletes a stream in any state (AWS's document of DeleteStream); once more, while it is DELETING, does nothing. */
  async delete(stream: Stream, enforce = false): Promise<void> {
    await this.change({ type: 'delete', ...nameOf(stream), enforce }, true);
  }

  /** Asks for a change and waits until it is decided; throws what AWS answers when it is refused. */
  async change(command: StreamsCommand & (OfStream | OfAccount), urgent = false): Promise<void> {
    let refused: AwsError | undefined;
    try {
      refused = await this.#catalog.submit(this.#fold, command, urgent);
    } catch (error) {
      if (error instanceof CatalogError) throw commandFailure(error);
      throw error;
    }
    // A refusal may be the first to show a change whose author gave up on it, and which nobody carries out yet.
    const { account, region } = command;
    const stream = 'name' in command ? findStream(this.view, account, region, command.name) : undefined;
    if (stream !== undefined) this.#lifecycle.takeUp(stream);
    if (refused !== undefined) throw refused;
  }

  /** Sets what an on-demand stream is to be ready for; what it needed before no longer counts. */
  async warm(stream: Stream, mibps: number): Promise<void> {
    const shardsMax = this.shardsMax(stream);
    const shardsMin = this.#scaler.shardsNeeded(stream);
    await this.change({ type: 'warm', ...nameOf(stream), mibps, shardsMin, shardsMax });
    this.#scaler.forget(stream);
  }

  /** Seals what is put from then on, and tells of this key with it; the master key is durable before. */
  async encrypt(stream: OfStream, keyId: string): Promise<void> {
    let master: Fingerprint | undefined;
    try {
      master = await this.#keys?.current();
    } catch (error) {
      if (!(error instanceof MasterKeyError)) throw error;
      throw errors.masterKeyUnusable(error.message);
    }
    const under = master === undefined ? {} : { master };
    await this.change({ type: 'encryption', ...nameOf(stream), change: 'start', keyId, ...under });
  }

  /** Splits the shard at `at`, a hash key in decimal. */
  async split(addressed: Addressed, caller: Caller, shardId: string, at: string): Promise<void> {
    const named = ofNamed(addressed, caller, 'SplitShard');
    const shard = shardIndexOf(named, shardId);
    await this.change({ type: 'split', ...named, shard, at, shardsMax: this.shardsMax(caller) });
  }

  async merge(addressed: Addressed, caller: Caller, shardId: string, adjacentId: string): Promise<void> {
    const named = ofNamed(addressed, caller, 'MergeShards');
    const shard = shardIndexOf(named, shardId);
    const adjacent = shardIndexOf(named, adjacentId);
    await this.change({ type: 'merge', ...named, shard, adjacent });
  }

  /** Puts a batch; what becomes of each record is in the result, unless the whole batch is refused. */
  async put(batch: PutBatch, caller: Caller): Promise<PutResult> {
    return this.#put(this.#toPut(batch, caller, false), batch, () => errors.recordFailure());
  }

  /**
   * Puts the one record of `batch`; rejects with why it was not taken, where PutRecords has one word for all. Throws what a
   * whole batch is refused for.
   */
  putOne(batch: PutBatch, caller: Caller): Promise<TakenRecord> {
    const stream = this.#toPut(batch, caller, true);
    return isPlain(stream)
      ? this.#putter.putOne(stream, batch)
      : this.#put(stream, batch, (failure) => putFailure(failure, stream)).then(takenRecord);
  }

  /**
   * The shards that the next `count` records of the caller will go to, of a stream whose keys do not count: the turns are
   * taken, and kept for the put that this very request becomes.
   */
  takeTurns(stream: Stream, count: number, caller: Caller): readonly Shard[] {
    const ring = ringOf(stream);
    const turn = ring.takeTurns(count);
    this.#turns.set(caller, { ring, turn });
    return ring.shardsAt(turn, count);
  }

  /** Throws what a put would, without putting; answers the stream. */
  checkPut(batch: PutBatch, caller: Caller, single = false): Stream {
    const addressed = { StreamName: batch.streamName, StreamARN: batch.streamArn };
    const stream = this.writable(addressed, caller, single ? 'PutRecord' : 'PutRecords');
    checkSizes(stream, batch, single, this.limits.putBytesMax);
    return stream;
  }

  /** The stream, if it takes records. AWS does not know one that is CREATING or DELETING (kinesalite, against AWS). */
  writable(addressed: Addressed, caller: Caller, operationName: string): Stream {
    const stream = this.find(addressed, caller, operationName);
    if (stream.status !== 'ACTIVE' && stream.status !== 'UPDATING') throw errors.streamNotFound(stream);
    return stream;
  }

  /**
   * Checks a SequenceNumberForOrdering as AWS does: of a form that it reads, and not of the future (kinesalite, against
   * AWS). Nothing else is to be done for the order: positions rise in a shard, and numbers from parent to child.
   */
  checkOrdering(stream: Stream, value: string): void {
    const newestMs = stream.shards.at(-1)?.createdMs ?? 0;
    const latestS = Math.floor(Math.max(this.clock.now(), newestMs) / 1000);
    const arrivalS = orderingArrivalS(value);
    if (arrivalS === undefined || arrivalS > latestS) throw errors.orderingInvalid(stream, value);
  }

  /** Trims what is past its retention now, without waiting for the clock. */
  async sweep(): Promise<void> {
    await this.#retention.sweep();
  }

  /** Starts nothing more, fails what waits, and waits for what is under way. The engine stays open. */
  async close(): Promise<void> {
    this.#putter.close();
    this.polling.close();
    this.fanOut.close();
    await Promise.all([this.#lifecycle.close(), this.#retention.close(), this.#scaler.close()]);
    if (this.#ownCatalog) await this.#catalog.close();
  }

  #toPut(batch: PutBatch, caller: Caller, single: boolean): Stream {
    const stream = this.checkPut(batch, caller, single);
    if (stream.strategy === 'AUTO') this.#spread(stream, batch, caller);
    return stream;
  }

  async #put(
    stream: Stream,
    batch: PutBatch,
    failureOf: (failure: PutFailure) => AwsError,
  ): Promise<PutResult> {
    const result = await this.#putter.put(stream, batch, failureOf);
    return isPlain(stream) ? result : this.#noted(stream, batch, result);
  }

  #spread(stream: Stream, { hashes, count }: PutBatch, caller: Caller): void {
    const ring = ringOf(stream);
    const taken = this.#turns.get(caller);
    ring.spread(hashes, count, taken?.ring === ring ? taken.turn : undefined);
  }

  /** Notes the load of an on-demand stream, and tells of the key of an encrypted one. */
  #noted(stream: Stream, batch: PutBatch, result: PutResult): PutResult {
    if (stream.mode === 'ON_DEMAND') this.#scaler.meter.note(stream, batch, result);
    return keyIdAt(stream, this.clock.now()) === null ? result : { ...result, encryptionType: 'KMS' };
  }
}

/** Whether nothing is to be noted of what is put into it. */
function isPlain(stream: Stream): boolean {
  return stream.mode === 'PROVISIONED' && stream.encryption.length === 0;
}

/** What a command on this stream begins with. */
export function nameOf(stream: OfStream): OfStream {
  const { account, region, name } = stream;
  return { account, region, name };
}
