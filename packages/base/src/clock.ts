/**
 * Time as a parameter. Whatever waits, expires or schedules takes a `Clock`, so that a test can hold a five-minute
 * expiry in its hand and the simulator can run a day in a second.
 *
 * Invariant: `now()` never falls, whatever the machine's clock does and whoever holds or releases it.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, an integer that never falls. */
  now(): number;
  /** Calls `run` once, `delayMs` or more from now. A delay of 0 still runs on a later turn. */
  schedule(delayMs: number, run: () => void): Timer;
}

/** A scheduled call. Cancelling one that has run, or was cancelled, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Resolves after `delayMs` on `clock`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
