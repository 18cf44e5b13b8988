/**
 * Readers of shards, who outlive the server: after a crash they go on with the iterator that they have.
 *
 *      begin at TRIM_HORIZON, LATEST or a time ──▶ GetRecords … ──end of the shard──▶ its children, from their beginning
 *                    ▲                                  │
 *                    └── after the last record read ◀───┘ iterator expired
 */
import { chance, pick, type Random } from '@millrace/base';
import type { Shard, Stream } from '@millrace/server';
import { AwsError, sequenceNumber, shardIdOf } from '@millrace/wire';
import { type ReaderPlace, readerAt } from './streams-model.js';
import { addressOf, answerOf, caller, type StreamsWorld } from './streams-world.js';
import { check } from './violation.js';

const followersMax = 4;
const iteratorLifeMs = 300_000;

interface Follower {
  place: ReaderPlace;
  readonly stream: string;
  iterator: string | undefined;
  /** When the iterator was asked for: it was made then or later. */
  askedMs: number;
  busy: boolean;
}

export class Followers {
  readonly #world: StreamsWorld;
  readonly #random: Random;
  readonly #followers: Follower[] = [];

  constructor(world: StreamsWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  lifeEnds(): void {
    for (const follower of this.#followers) follower.busy = false;
  }

  /** One of the readers takes its next step: an iterator, or records. */
  step(): void {
    if (this.#followers.length < followersMax && chance(this.#random, 0.3)) this.#begin();
    const idle = this.#followers.filter((follower) => !follower.busy);
    if (idle.length === 0) return;
    const follower = pick(this.#random, idle);
    const stream = this.#world.find(follower.stream);
    if (stream?.incarnation !== follower.place.incarnation) this.#drop(follower);
    else if (follower.iterator === undefined) this.#resume(follower, stream);
    else this.#getRecords(follower, follower.iterator);
  }

  #begin(): void {
    const { streams, checker, nowMs } = this.#world;
    const stream = pick(this.#random, streams);
    if (stream.status === 'CREATING') return;
    const { index } = pick(this.#random, stream.shards);
    const follower = this.#add(stream.name, readerAt(stream.incarnation, index));
    const begin = this.#random.integer(4);
    const timestampMs = checker.arrivalAt(stream.incarnation, index, this.#random.fraction());
    if (begin === 0) {
      // All that is sent after its iterator was answered must come.
      this.#iterator(follower, stream, { type: 'LATEST' }, () => {
        follower.place = { ...follower.place, since: checker.sent };
      });
    } else if (begin === 1 && timestampMs <= nowMs) {
      follower.place = { ...follower.place, fromMs: timestampMs };
      this.#iterator(follower, stream, { type: 'AT_TIMESTAMP', timestampMs });
    }
  }

  #add(stream: string, place: ReaderPlace): Follower {
    const follower = { place, stream, iterator: undefined, askedMs: 0, busy: false };
    this.#followers.push(follower);
    return follower;
  }

  /** Takes a new iterator where the last one led to. */
  #resume(follower: Follower, stream: Stream): void {
    const { place } = follower;
    const shard = stream.shards.find(({ index }) => index === place.shard);
    if (shard === undefined) this.#drop(follower);
    else if (place.next > 0) {
      const last = sequenceNumber(shard, place.next - 1, 0);
      this.#iterator(follower, stream, { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: last });
    } else if (place.fromMs > 0) {
      this.#iterator(follower, stream, { type: 'AT_TIMESTAMP', timestampMs: place.fromMs });
    } else this.#iterator(follower, stream, { type: 'TRIM_HORIZON' });
  }

  #iterator(
    follower: Follower,
    stream: Stream,
    point: Parameters<StreamsWorld['service']['polling']['shardIterator']>[3],
    begun: () => void = () => undefined,
  ): void {
    const { service, harness, nowMs } = this.#world;
    follower.busy = true;
    harness.watch(
      service.polling.shardIterator(addressOf(stream), caller, shardIdOf(follower.place.shard), point),
      (iterator) => {
        this.#gotIterator(follower, iterator, nowMs);
        begun();
      },
      (error) => this.#failed(follower, error),
    );
  }

  #gotIterator(follower: Follower, iterator: string | undefined, askedMs: number): void {
    follower.busy = false;
    follower.iterator = iterator;
    follower.askedMs = askedMs;
  }

  #getRecords(follower: Follower, iterator: string): void {
    const { service, harness, checker, nowMs } = this.#world;
    const { known } = checker;
    const { place } = follower;
    const request = { ShardIterator: iterator, Limit: pick(this.#random, [1, 10, 10_000]) };
    follower.busy = true;
    harness.watch(
      service.polling.getRecords(request, caller),
      (result) => {
        this.#gotIterator(follower, result.nextIterator, nowMs);
        this.#world.observe();
        // An iterator of a stream that was deleted and made again reads the new one.
        if (result.stream.incarnation !== place.incarnation) {
          check(checker.lineage.mayBeGone(place.incarnation), () => 'a reader was led to another stream');
          this.#drop(follower);
          return;
        }
        checker.got(place, answerOf(result), nowMs, known);
        if (result.nextIterator === undefined) this.#followChildren(follower, result.children);
      },
      (error) => this.#failed(follower, error),
    );
  }

  #followChildren(follower: Follower, children: readonly Shard[]): void {
    this.#drop(follower);
    for (const child of children.slice(0, followersMax - this.#followers.length)) {
      this.#add(follower.stream, readerAt(follower.place.incarnation, child.index));
    }
  }

  #drop(follower: Follower): void {
    const at = this.#followers.indexOf(follower);
    if (at >= 0) this.#followers.splice(at, 1);
  }

  /** A reader may be told that its iterator is too old, or that what it reads is gone; nothing else. */
  #failed(follower: Follower, error: unknown): void {
    const { checker, harness, nowMs } = this.#world;
    follower.busy = false;
    if (this.#world.unreadable(error)) return;
    if (!(error instanceof AwsError)) throw error;
    const { incarnation, shard } = follower.place;
    harness.trace.note(error.code, incarnation, shard);
    if (error.code === 'ExpiredIteratorException') {
      const old = nowMs - follower.askedMs > iteratorLifeMs;
      check(old, () => `an iterator expired too early: ${error.message}`);
      follower.iterator = undefined;
      return;
    }
    const gone = checker.lineage.mayBeGone(incarnation) || checker.lineage.mayBeExpired(incarnation, shard);
    const told = error.code === 'ResourceNotFoundException' && gone;
    check(told, () => `a reader was told ${error.code}: ${error.message}`);
    this.#drop(follower);
  }
}
