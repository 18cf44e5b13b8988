/**
 * On a slow disk: whether a commit is worth holding for the callers who were just answered, and are about to come back.
 *
 *      4 callers, one call each at a time
 *      at once    sync │ 1 2 answered, back │ sync: 3 4 │ 3 4 answered, back │ sync: 1 2 │     each waits for two syncs
 *      held       sync │ 1 2 3 4 answered … back │ sync: 1 2 3 4 │                             each waits for one
 *
 * Invariant: a commit is held until as many calls have come as were answered last, and no longer than a sync takes, or
 * `heldMsMax`; never where a sync takes less than `slowSyncMs`. Callers who do not come back are not waited for the
 * next times: where calls come by themselves, and not because of an answer, holding gains nothing.
 */
import type { Clock } from '@millrace/base';

/** Syncs that take less are not worth more than what is queued already. */
const slowSyncMs = 3;
const heldMsMax = 10;
/** After a wait in vain, so many commits are not held. */
const notHeldAfterVain = 32;

export class ReturningCallers {
  readonly #clock: Clock | undefined;
  /** Of the last two syncs, the faster one: a single slow one says nothing of the disk. */
  #syncMs = 0;
  #lastSyncMs = 0;
  #expected = 0;
  #deadlineMs = 0;
  #notHeld = 0;
  #back: (() => void) | undefined;

  /** Without a clock nobody is waited for. It shows real time, and nobody holds it. */
  constructor(clock: Clock | undefined) {
    this.#clock = clock;
  }

  /** A commit of `count` calls is about to be answered, after a sync that took so long. */
  answered(count: number, syncMs: number): void {
    this.#syncMs = Math.min(syncMs, this.#lastSyncMs);
    this.#lastSyncMs = syncMs;
    this.#expected = this.#notHeld > 0 ? 0 : count;
    if (this.#notHeld > 0) this.#notHeld--;
    this.#deadlineMs = (this.#clock?.now() ?? 0) + Math.min(this.#syncMs, heldMsMax);
  }

  /** A call has come. */
  arrived(): void {
    if (this.#expected > 0) this.#expected--;
    if (this.#expected === 0) this.#back?.();
  }

  /** Resolves when the next commit may begin; `undefined` when that is now. */
  wait(): Promise<void> | undefined {
    const clock = this.#clock;
    if (clock === undefined || this.#expected === 0 || this.#syncMs < slowSyncMs) return undefined;
    const leftMs = this.#deadlineMs - clock.now();
    if (leftMs <= 0) return undefined;
    return new Promise((resolve) => {
      const timer = clock.schedule(leftMs, () => {
        this.#notHeld = notHeldAfterVain;
        done();
      });
      const done = (): void => {
        timer.cancel();
        this.#back = undefined;
        this.#expected = 0;
        resolve();
      };
      this.#back = done;
    });
  }
}
