/**
 * The server's own time, kept: whatever holds, advances or releases it is on the disk before the caller goes on, so
 * that a restart stands where the clock stood, and no client ever sees time fall.
 *
 *      running ──hold──▶ held ──advance──▶ held, later          each kept by `keep`, in the caller's turn
 *         ▲  └─advance─▶ running, ahead │
 *         └───────────release───────────┘
 *
 * A change that cannot be kept does not happen: `keep` throws, and the clock stands as before.
 */
import { AdjustableClock, assert, type ClockStanding } from '@millrace/base';

/** No later than this: a sequence number has 36 bits for the seconds, which end in the year 4147. */
export const clockMsMax = Date.UTC(4000, 0, 1);

export class ServerClock extends AdjustableClock {
  #keep: ((standing: ClockStanding) => void) | undefined;

  /** From here on every change is kept. Throws what `keep` throws. */
  keepWith(keep: (standing: ClockStanding) => void): void {
    this.#keep = keep;
  }

  override hold(atMs?: number): void {
    assert(atMs === undefined || atMs >= this.now(), `the clock stands at ${this.now()} and cannot go back`);
    const before = this.standing;
    super.hold();
    const nowMs = this.now();
    const untilMs = Math.max(atMs ?? nowMs, nowMs);
    try {
      this.#keep?.({ ...this.standing, heldMs: untilMs });
    } catch (error) {
      // Nothing but this turn has seen it held.
      this.resume(before);
      throw error;
    }
    super.advance(untilMs - nowMs);
  }

  override advance(ms: number): void {
    const { offsetMs, heldMs } = this.standing;
    this.#keep?.(
      heldMs === undefined ? { offsetMs: offsetMs + ms, heldMs } : { offsetMs, heldMs: heldMs + ms },
    );
    super.advance(ms);
  }

  override release(): void {
    const { heldMs } = this.standing;
    if (heldMs === undefined) return;
    super.release();
    try {
      this.#keep?.(this.standing);
    } catch (error) {
      super.hold();
      throw error;
    }
  }
}
