/**
 * Long appends on their way to the queue: their bytes are checksummed, and copied where they must be, a slice at a time,
 * and whoever else waits has a turn between any two.
 *
 *      append ─┬─ up to a slice ──────────────────────────────────▶ queue, in the caller's turn
 *              └─ longer ──▶ slice │ others │ slice │ others │ … ─▶ queue
 *
 * Invariant: a long append comes when it is prepared: what was asked for meanwhile goes before it. At most
 * `waitingRequestsMax` are prepared at one time; one more is refused.
 */
import { present } from '@millrace/base';
import type { AppendBatch } from './contract.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import { type PreparedBatch, prepareInSlices } from './request.js';

/** Does work that pauses after each slice, and says then how many bytes that was; at once where there is little of it. */
export type InSlices = <T>(work: Generator<number, T, void>, bytes: number) => T | Promise<T>;

export class AppendPreparation {
  readonly #inSlices: InSlices | undefined;
  readonly #tag: number;
  readonly #limits: NativeLimits;
  readonly #underway = new Set<Promise<PreparedBatch>>();

  constructor(inSlices: InSlices | undefined, tag: number, limits: NativeLimits) {
    this.#inSlices = inSlices;
    this.#tag = tag;
    this.#limits = limits;
  }

  /** Whether `batch` is so long that it is prepared here; others the queue prepares. */
  isWanted({ payload, ends }: AppendBatch): boolean {
    return this.#inSlices !== undefined && payload.length > this.#limits.appendSliceBytes && ends.length > 0;
  }

  /** Prepares a long append. Rejects with `LogError` code `busy`. */
  async prepare(batch: AppendBatch): Promise<PreparedBatch> {
    const { waitingRequestsMax } = this.#limits;
    const inSlices = present(this.#inSlices, 'how to work in slices');
    if (this.#underway.size >= waitingRequestsMax) {
      throw new LogError('busy', `${waitingRequestsMax} long calls are already being prepared`);
    }
    const work = prepareInSlices(batch, this.#tag, this.#limits);
    const prepared = Promise.resolve(inSlices(work, batch.payload.length));
    this.#underway.add(prepared);
    try {
      return await prepared;
    } finally {
      this.#underway.delete(prepared);
    }
  }

  /** Resolves when what is under way is prepared, and whoever waited for it has gone on. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#underway);
  }
}
