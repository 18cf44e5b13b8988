import { assert } from './assert.js';
import type { Clock, Timer } from './clock.js';

interface Waiting {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
  inner: Timer | undefined;
}

/** How a clock stands to the machine's: all that a later one needs to go on from it. */
export interface ClockStanding {
  /** Ahead of the machine, or behind it where negative; of no meaning while held. */
  readonly offsetMs: number;
  /** Where it stands still; undefined while it runs. */
  readonly heldMs: number | undefined;
}

/**
 * A clock that can be held and moved.
 *
 *      running ──hold()──▶ held ──advance(ms)──▶ held (later)
 *         ▲                  │
 *         └────release()─────┘
 *
 * Running, it follows `inner` plus the offset that earlier holds and advances have left. Held, it stands still and
 * its timers fire only from `advance`. It never falls: a release goes on from the held instant.
 */
export class AdjustableClock implements Clock {
  readonly #inner: Clock;
  #offsetMs = 0;
  #heldMs: number | undefined;
  #order = 0;
  #latestMs = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(inner: Clock) {
    this.#inner = inner;
  }

  get held(): boolean {
    return this.#heldMs !== undefined;
  }

  get standing(): ClockStanding {
    return { offsetMs: this.#offsetMs, heldMs: this.#heldMs };
  }

  /** Goes on where another clock stood, but never before what this one has shown already. */
  resume({ offsetMs, heldMs }: ClockStanding): void {
    for (const waiting of this.#waiting) waiting.inner?.cancel();
    if (heldMs !== undefined) {
      this.#moveHeld(Math.max(heldMs, this.#latestMs), 0);
      return;
    }
    this.#heldMs = undefined;
    this.#offsetMs = Math.max(offsetMs, this.#latestMs - this.#inner.now());
    for (const waiting of this.#waiting) this.#arm(waiting);
  }

  now(): number {
    const nowMs = this.#heldMs ?? this.#inner.now() + this.#offsetMs;
    if (nowMs > this.#latestMs) this.#latestMs = nowMs;
    return this.#latestMs;
  }

  /** Stops the clock at the present instant, or moves a running or held one up to `atMs` and stops it there. */
  hold(atMs?: number): void {
    const nowMs = this.now();
    const heldMs = atMs ?? nowMs;
    assert(heldMs >= nowMs, `the clock stands at ${nowMs} and cannot go back to ${heldMs}`);
    for (const waiting of this.#waiting) waiting.inner?.cancel();
    this.#moveHeld(heldMs, 0);
  }

  /** Moves the clock `ms` on, firing in order what falls due on the way. A running clock goes on running. */
  advance(ms: number): void {
    assert(ms >= 0, `the clock cannot go back by ${-ms} ms`);
    if (this.#heldMs === undefined) {
      this.#offsetMs += ms;
      for (const waiting of this.#waiting) {
        waiting.inner?.cancel();
        this.#arm(waiting);
      }
      return;
    }
    this.#moveHeld(this.#heldMs, ms);
  }

  /** Lets a held clock run again from where it stands. */
  release(): void {
    if (this.#heldMs === undefined) return;
    this.#offsetMs = this.#heldMs - this.#inner.now();
    this.#heldMs = undefined;
    for (const waiting of this.#waiting) this.#arm(waiting);
  }

  /** Sees to it that the clock is not before `atMs`: what a restart does with the newest instant on disk. */
  raiseTo(atMs: number): void {
    const behindMs = atMs - this.now();
    if (behindMs > 0) this.advance(behindMs);
  }

  /** The instant of the earliest timer, or `undefined` when none waits. The simulator steps from one to the next. */
  nextDueMs(): number | undefined {
    return this.#next()?.dueMs;
  }

  schedule(delayMs: number, run: () => void): Timer {
    const waiting: Waiting = {
      dueMs: this.now() + Math.max(0, delayMs),
      order: this.#order++,
      run,
      cancelled: false,
      inner: undefined,
    };
    this.#waiting.add(waiting);
    if (this.#heldMs === undefined) this.#arm(waiting);
    return {
      cancel: () => {
        waiting.cancelled = true;
        waiting.inner?.cancel();
        this.#waiting.delete(waiting);
      },
    };
  }

  #arm(waiting: Waiting): void {
    waiting.inner = this.#inner.schedule(waiting.dueMs - this.now(), () => this.#fire(waiting));
  }

  #fire(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (!waiting.cancelled) waiting.run();
  }

  #moveHeld(fromMs: number, ms: number): void {
    const untilMs = fromMs + ms;
    this.#heldMs = fromMs;
    for (let next = this.#next(); next !== undefined && next.dueMs <= untilMs; next = this.#next()) {
      this.#heldMs = Math.max(this.#heldMs, next.dueMs);
      this.#fire(next);
    }
    this.#heldMs = untilMs;
  }

  #next(): Waiting | undefined {
    let earliest: Waiting | undefined;
    for (const waiting of this.#waiting) {
      if (
        earliest === undefined ||
        waiting.dueMs < earliest.dueMs ||
        (waiting.dueMs === earliest.dueMs && waiting.order < earliest.order)
      ) {
        earliest = waiting;
      }
    }
    return earliest;
  }
}
