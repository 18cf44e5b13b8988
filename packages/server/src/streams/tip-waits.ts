/**
 * The waits of those who poll a shard without rest. A poll that stands at the tip of an open shard, and follows at once on
 * an answer that stood there too, is answered when there is something, or a few milliseconds later: its caller holds the
 * next record sooner than by asking again, and both sides are spared most of the asking.
 *
 *      poll ──▶ does it bring the iterator of an answer at the tip, given within `busyPollMs`?
 *                 ├─ no ───▶ answered now
 *                 └─ yes ──▶ waits ──▶ a record · sealed · log gone · `pollWaitMs` over · alone, and a put elsewhere
 *                                      in the stream · close ──▶ answered as if it came now
 *
 * A wait is time that really passes: a held clock holds no answer back. Nothing needs its client: one that has gone is
 * answered into the void, `pollWaitMs` later at the latest.
 *
 * Who goes round several shards, one after the other, must not stand at one while another has records. So a wait is no
 * shorter than the time in which a poll is one of a busy poller: in each round only one shard is waited at, since for the
 * others the round was too long. And the only one to wait in a stream is let go by a put to any of its shards.
 *
 * AWS says nothing of how long an answer at the tip may take (undocumented; we chose: docs/decisions/0016).
 */
import { assert, type Clock } from '@millrace/base';
import { type LogEngine, LogError, type LogId, type Position } from '@millrace/log';
import type { StreamsLimits } from './limits.js';
import { type Shard, type Stream, shardLog } from './stream.js';

export interface TipWaitsOptions {
  readonly engine: LogEngine;
  /** Time that really passes. */
  readonly clock: Clock;
  readonly limits: Pick<
    StreamsLimits,
    'busyPollMs' | 'busyPollersMax' | 'pollWaitMs' | 'pollsWaitingMax' | 'tipsWatchedMax'
  >;
}

/** The polls that wait at one shard, as what ends each. */
type Polls = Set<() => void>;

export class TipWaits {
  readonly #options: TipWaitsOptions;
  /** Iterators that went out with answers at the tip, and when; the oldest first. */
  readonly #given = new Map<string, number>();
  /** Logs that will say when they grow: asked once, for all who wait there until they do. */
  readonly #watched = new Map<LogId, Polls>();
  /** By the stream's incarnation. */
  readonly #waiting = new Map<number, Polls>();
  #count = 0;
  #closed = false;

  constructor(options: TipWaitsOptions) {
    const { busyPollMs, pollWaitMs } = options.limits;
    assert(busyPollMs <= pollWaitMs, 'a round over several shards would wait at more than one of them');
    this.#options = options;
  }

  /** How many wait now. */
  get count(): number {
    return this.#count;
  }

  /** Notes that `iterator` goes out with an answer at the tip. */
  gave(iterator: string): void {
    const { clock, limits } = this.#options;
    const nowMs = clock.now();
    this.#given.delete(iterator);
    for (const [oldest, atMs] of this.#given) {
      if (nowMs - atMs <= limits.busyPollMs && this.#given.size < limits.busyPollersMax) break;
      this.#given.delete(oldest);
    }
    this.#given.set(iterator, nowMs);
  }

  /** Whether `iterator` comes from somebody who polls without rest. */
  isBusy(iterator: string): boolean {
    const atMs = this.#given.get(iterator);
    return atMs !== undefined && this.#options.clock.now() - atMs <= this.#options.limits.busyPollMs;
  }

  /** Resolves when there may be something to say of `position`, and soon whatever happens; undefined: now. */
  wait(stream: Stream, shard: Shard, position: Position): Promise<void> | undefined {
    const { engine, clock, limits } = this.#options;
    const log = shardLog(stream, shard.index);
    const state = engine.state(log);
    if (state === undefined || state.sealed || state.endPosition > position) return undefined;
    if (this.#closed || this.#count >= limits.pollsWaitingMax) return undefined;
    const polls = this.#watched.get(log) ?? this.#watch(log, state.endPosition);
    if (polls === undefined) return undefined;
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        polls.delete(end);
        this.#remove(stream.incarnation, end);
        resolve();
      };
      const timer = clock.schedule(limits.pollWaitMs, end);
      polls.add(end);
      this.#add(stream.incarnation, end);
    });
  }

  /** Something was put into `stream`. Those at its own shard have been told by the log. */
  came(stream: Stream): void {
    const waiting = this.#waiting.get(stream.incarnation);
    if (waiting?.size !== 1) return;
    for (const end of waiting) end();
  }

  /** Ends all waits, and lets nobody wait any more. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.values()) for (const end of waiting) end();
  }

  /** Has the log say when it grows; undefined when too many have been asked that have not yet. */
  #watch(log: LogId, end: Position): Polls | undefined {
    const { engine, limits } = this.#options;
    if (this.#watched.size >= limits.tipsWatchedMax) return undefined;
    const polls: Polls = new Set();
    this.#watched.set(log, polls);
    const changed = (): void => {
      this.#watched.delete(log);
      for (const poll of polls) poll();
    };
    engine.waitFor(log, end).then(changed, (error: unknown) => {
      changed();
      // What is wrong with the log, the reads that follow will say.
      if (!(error instanceof LogError)) throw error;
    });
    return polls;
  }

  #add(incarnation: number, end: () => void): void {
    this.#count++;
    const waiting = this.#waiting.get(incarnation);
    if (waiting === undefined) this.#waiting.set(incarnation, new Set([end]));
    else waiting.add(end);
  }

  #remove(incarnation: number, end: () => void): void {
    this.#count--;
    const waiting = this.#waiting.get(incarnation);
    waiting?.delete(end);
    if (waiting?.size === 0) this.#waiting.delete(incarnation);
  }
}
