import type { Clock, Timer } from './clock.js';

/** Node keeps a delay in 31 bits; a longer one would fire at once, so it is waited for in parts. */
const timerDelayMsMax = 2 ** 31 - 1;

/**
 * The machine's clock. Steps backwards of the wall clock are flattened: `now()` stands still until the wall has
 * caught up. Its timers do not keep the process alive: whoever owns a wait that must, owns a socket or a file too. Only
 * with `holdsProcess` they do, for a program that waits for somebody else and ends by its own word.
 */
export class SystemClock implements Clock {
  #latestMs = 0;
  readonly #holdsProcess: boolean;

  constructor(options: { readonly holdsProcess?: boolean } = {}) {
    this.#holdsProcess = options.holdsProcess ?? false;
  }

  now(): number {
    const wallMs = Date.now();
    if (wallMs > this.#latestMs) this.#latestMs = wallMs;
    return this.#latestMs;
  }

  schedule(delayMs: number, run: () => void): Timer {
    let handle: NodeJS.Timeout;
    const arm = (remainingMs: number): void => {
      const partMs = Math.min(remainingMs, timerDelayMsMax);
      handle = setTimeout(() => (remainingMs > partMs ? arm(remainingMs - partMs) : run()), partMs);
      if (!this.#holdsProcess) handle.unref();
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  }
}

/** Milliseconds, with fractions, since some instant: for taking the time that something took, whatever clocks do. */
export function elapsedMs(): number {
  return performance.now();
}
