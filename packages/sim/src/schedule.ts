/**
 * The one place where the simulator decides what happens next.
 *
 * Asynchronous code is deterministic when nothing outside the program can wake it. Here only two things wake
 * anything: operations that were handed to `submit` (the simulated disk's) and timers of held clocks. The schedule
 * performs the operations one at a time in an order picked by its seed, and lets every promise settle in between:
 *
 *      submit ──▶ waiting ──performOne──▶ performed ──answer──▶ the caller's promise settles
 *                    │                        │
 *                    └──────── crash ─────────┘      (never performed, or performed and never answered)
 *
 * No real timer, file or socket takes part.
 */
import type { Random } from '@millrace/base';
import type { Trace } from './trace.js';

/** An operation on its way: `perform` does it and returns what tells the caller. */
type Operation = () => () => void;

export class Schedule {
  readonly #random: Random;
  /** How often the oldest operation is taken instead of any: 1 is strictly in order. */
  readonly #orderly: number;
  readonly trace: Trace;
  #waiting: Operation[] = [];

  constructor(random: Random, trace: Trace, orderly = 0.5) {
    this.#random = random;
    this.trace = trace;
    this.#orderly = orderly;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  submit(operation: Operation): void {
    this.#waiting.push(operation);
  }

  /** Performs one waiting operation and answers it; false when none waits. */
  performOne(): boolean {
    const operation = this.#take();
    if (operation === undefined) return false;
    const answer = operation();
    answer();
    return true;
  }

  /**
   * The end of the process that submitted: of what waits, some is performed, in any order, and nothing is answered.
   * What the kernel had in hand when the process was killed may still happen.
   */
  abandon(): void {
    while (this.#waiting.length > 0) {
      const operation = this.#take();
      if (operation !== undefined && this.#random.fraction() < 0.5) operation();
    }
  }

  /** Resolves when no promise has anything left to do: ticks run only once the queue of microtasks is empty. */
  settle(): Promise<void> {
    return new Promise((resolve) => process.nextTick(resolve));
  }

  #take(): Operation | undefined {
    const count = this.#waiting.length;
    if (count === 0) return undefined;
    if (count === 1 || this.#random.fraction() < this.#orderly) return this.#waiting.shift();
    const at = this.#random.integer(count);
    return this.#waiting.splice(at, 1)[0];
  }
}
