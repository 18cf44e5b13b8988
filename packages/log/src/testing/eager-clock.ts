import type { Clock, Timer } from '@millrace/base';

/**
 * A clock for tests that nobody has to move: a timer fires on the next turn of the event loop, and time is then what
 * it waited for. Whatever waits takes no real time, and runs the same each time.
 */
export class EagerClock implements Clock {
  #nowMs: number;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  schedule(delayMs: number, run: () => void): Timer {
    const dueMs = this.#nowMs + Math.max(0, delayMs);
    const turn = setImmediate(() => {
      this.#nowMs = Math.max(this.#nowMs, dueMs);
      run();
    });
    return { cancel: () => clearImmediate(turn) };
  }
}
