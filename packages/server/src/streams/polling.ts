/**
 * Polling as operations ask for it: iterators, and the pages that they open.
 *
 *      GetShardIterator ──▶ starting position ──▶ sealed iterator
 *      GetRecords ──▶ iterator ──▶ place ──▶ (a busy poller at the tip waits) ──▶ read ──▶ page, next iterator
 *
 * A place is looked up in the catalog when a page is read, and again when the reader has waited: what became of the stream
 * and its shard meanwhile is in the answer.
 */
import type { Clock } from '@millrace/base';
import type { LogEngine, Position } from '@millrace/log';
import type { Addressed, Caller } from './address.js';
import { contextOf, ofNamed, shardIndexOf, streamNameOf } from './address.js';
import type { Admission } from './admission.js';
import * as errors from './errors.js';
import { GivenIterators } from './given-iterators.js';
import type { StreamsLimits } from './limits.js';
import type { Reader } from './reader.js';
import type { GetRecordsRequest, GetRecordsResult } from './records-page.js';
import type { TokenSealer } from './sealed-token.js';
import type { ShardIterator } from './shard-iterator.js';
import type { StartingPoint } from './starting-position.js';
import { startingPosition } from './starting-position.js';
import { childrenOf, type Shard, type Stream, visibleShard } from './stream.js';
import { type StreamsMeter, storedBytes } from './streams-meter.js';
import { findStream, type StreamsState } from './streams-state.js';
import { TipWaits } from './tip-waits.js';

export interface PollingOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
  /** Time that really passes; without it nobody waits. */
  readonly realClock: Clock | undefined;
  readonly fold: { readonly view: StreamsState };
  readonly limits: StreamsLimits;
  readonly reader: Reader;
  readonly admission: Admission;
  readonly sealer: TokenSealer;
  readonly meter: StreamsMeter | undefined;
}

/** What an iterator points at. */
interface Place {
  readonly stream: Stream;
  readonly shard: Shard;
  readonly position: Position;
}

export class Polling {
  readonly #options: PollingOptions;
  readonly #iterators: GivenIterators;
  readonly #tip: TipWaits | undefined;

  constructor(options: PollingOptions) {
    const { engine, realClock, limits } = options;
    this.#options = options;
    this.#iterators = new GivenIterators(options.sealer);
    this.#tip = realClock && new TipWaits({ engine, clock: realClock, limits });
  }

  /** How many polls wait for the next record now. */
  get waiting(): number {
    return this.#tip?.count ?? 0;
  }

  /** A sealed iterator for the shard; see `starting-position.ts`. */
  async shardIterator(
    addressed: Addressed,
    caller: Caller,
    shardId: string,
    point: StartingPoint,
  ): Promise<string> {
    const { clock, reader } = this.#options;
    const named = ofNamed(addressed, caller, 'GetShardIterator');
    const index = shardIndexOf(named, shardId);
    const stream = findStream(this.#view, named.account, named.region, named.name);
    if (stream === undefined) throw errors.shardMissing(named, index);
    const shard = this.#visibleShard(stream, index);
    const nowMs = clock.now();
    const position = await startingPosition(reader, stream, shard, point, nowMs, 'GetShardIterator');
    return this.#seal(stream, shard, position, nowMs);
  }

  /** `borrowed`: the caller will release the records. */
  async getRecords(request: GetRecordsRequest, caller: Caller, borrowed = false): Promise<GetRecordsResult> {
    const { admission, clock, limits, meter, reader } = this.#options;
    const tip = this.#tip;
    const iterator = this.#open(request, caller);
    let place = this.#placeOf(iterator, caller);
    admission.beginRead(place.stream, place.shard);
    const busy = tip?.isBusy(request.ShardIterator) ?? false;
    const waiting = busy ? tip?.wait(place.stream, place.shard, place.position) : undefined;
    if (waiting !== undefined) {
      await waiting;
      // The call has been counted, and its iterator was good when it came; all else is as it is now.
      place = this.#placeOf(iterator, caller);
    }
    const { stream, shard } = place;
    const recordsMax = Math.min(request.Limit ?? limits.readRecordsMax, limits.readRecordsMax);
    const { readBytesMax } = limits;
    const read = await reader.read(stream, shard, place.position, recordsMax, readBytesMax, borrowed);
    const { records, nextPosition, millisBehindLatest } = read;
    const answered = { stream, shard, records, millisBehindLatest };
    const kept = { encryptionType: read.encryptionType, release: read.release };
    admission.endRead(stream, shard, records);
    meter?.gave(stream, records.count, storedBytes(records));
    if (nextPosition === undefined) {
      const children = childrenOf(stream, shard.index);
      return { ...answered, nextIterator: undefined, children, ...kept };
    }
    const nextIterator = this.#seal(stream, shard, nextPosition, clock.now());
    // Whoever reads all there is, and then asks once more, is no poller yet.
    if (millisBehindLatest === 0 && (busy || records.count === 0)) tip?.gave(nextIterator);
    return { ...answered, nextIterator, children: [], ...kept };
  }

  /** Throws what GetRecords would, without reading. */
  checkIterator(request: GetRecordsRequest, caller: Caller): void {
    this.#placeOf(this.#open(request, caller), caller);
  }

  /** Something was put into `stream`. */
  came(stream: Stream): void {
    this.#tip?.came(stream);
  }

  /** Whoever waits is answered. */
  close(): void {
    this.#tip?.close();
  }

  get #view(): StreamsState {
    return this.#options.fold.view;
  }

  #open(request: GetRecordsRequest, caller: Caller): ShardIterator {
    const { clock, limits } = this.#options;
    const { ShardIterator: token } = request;
    const iterator = this.#iterators.open(contextOf(caller), token, clock.now(), limits.iteratorLifeMs);
    const meant = request.StreamARN === undefined ? undefined : streamNameOf(request, caller, 'GetRecords');
    if (meant !== undefined && meant !== iterator.streamName) throw errors.invalidIterator();
    return iterator;
  }

  #placeOf(iterator: ShardIterator, { account, region }: Caller): Place {
    const { streamName: name, incarnation, shardIndex, position } = iterator;
    const stream = findStream(this.#view, account, region, name);
    if (stream === undefined) throw errors.shardMissing({ account, name }, shardIndex);
    const shard = this.#visibleShard(stream, shardIndex);
    // An iterator of a stream that was deleted and made again reads the new one from its beginning, all of whose
    // numbers are above the old ones' (kinesalite, against AWS).
    return { stream, shard, position: stream.incarnation === incarnation ? position : 0 };
  }

  /** The shard, if a client may know it: those whose retention has passed are gone whether swept or not. */
  #visibleShard(stream: Stream, index: number): Shard {
    const shard = visibleShard(stream, index, this.#options.clock.now());
    if (shard === undefined) throw errors.shardMissing(stream, index);
    return shard;
  }

  #seal(stream: Stream, shard: Shard, position: Position, issuedMs: number): string {
    const { name: streamName, incarnation } = stream;
    const place = { streamName, incarnation, shardIndex: shard.index, position };
    return this.#iterators.seal(contextOf(stream), { issuedMs, ...place });
  }
}
