/**
 * Those who wait for a log to grow. Event-driven: an append wakes the waiters of the logs it touched and no others;
 * nobody polls.
 *
 * Invariant: a waiter is in the set of its log until it is woken or its signal aborts, and in none afterwards; there
 * are never more than `limit` of them.
 */
import type { LogId, LogState, Position } from './contract.js';
import { LogError } from './log-error.js';

interface Waiter {
  readonly position: Position;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Whether a wait for `position` is over: a record is there, or none will come. */
export function waitIsOver(state: LogState | undefined, position: Position): boolean {
  return state === undefined || state.sealed || state.endPosition > Math.max(position, state.firstPosition);
}

export class Waiters {
  readonly #limit: number;
  readonly #byLog = new Map<LogId, Set<Waiter>>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /** Waits until `wake` finds the wait to be over; rejects with the signal's reason when that aborts first. */
  wait(log: LogId, position: Position, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#count >= this.#limit) {
      return Promise.reject(new LogError('busy', `${this.#limit} calls already wait for records`));
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#forget(log, waiter);
        reject(signal?.reason);
      };
      const settled = (settle: () => void): void => {
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const waiter: Waiter = {
        position,
        resolve: () => settled(resolve),
        reject: (reason) => settled(() => reject(reason)),
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const waiting = this.#byLog.get(log);
      if (waiting === undefined) this.#byLog.set(log, new Set([waiter]));
      else waiting.add(waiter);
      this.#count++;
    });
  }

  /** Lets go those whose wait is over now that `log` stands at `state`. */
  wake(log: LogId, state: LogState | undefined): void {
    const waiting = this.#byLog.get(log);
    if (waiting === undefined) return;
    for (const waiter of waiting) {
      if (!waitIsOver(state, waiter.position)) continue;
      this.#forget(log, waiter);
      waiter.resolve();
    }
  }

  /** Whether anyone waits for `log`: spares the caller from describing a log that nobody follows. */
  has(log: LogId): boolean {
    return this.#byLog.has(log);
  }

  rejectAll(reason: LogError): void {
    for (const [log, waiting] of this.#byLog) {
      for (const waiter of waiting) {
        this.#forget(log, waiter);
        waiter.reject(reason);
      }
    }
  }

  #forget(log: LogId, waiter: Waiter): void {
    const waiting = this.#byLog.get(log);
    if (waiting === undefined || !waiting.delete(waiter)) return;
    this.#count--;
    if (waiting.size === 0) this.#byLog.delete(log);
  }
}
