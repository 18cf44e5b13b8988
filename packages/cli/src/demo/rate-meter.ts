/**
 * Counts what passes, slot by slot of time, and answers the rate of late and its history. The slots are a ring: what
 * is older than the history is gone.
 */
const slotMs = 500;
/** A minute of history. */
const slotsMax = 120;
/** The rate is the mean of this many whole slots. */
const rateSlots = 4;

export class RateMeter {
  readonly #slots = new Float64Array(slotsMax);
  readonly #firstSlot: number;
  #slot: number;

  constructor(nowMs: number) {
    this.#firstSlot = Math.floor(nowMs / slotMs);
    this.#slot = this.#firstSlot;
  }

  add(count: number, nowMs: number): void {
    this.#moveTo(nowMs);
    const at = this.#slot % slotsMax;
    this.#slots[at] = (this.#slots[at] ?? 0) + count;
  }

  /** Per second, over the last two whole seconds or what there is of them. */
  perSecond(nowMs: number): number {
    const whole = this.#whole(nowMs, rateSlots);
    if (whole.length === 0) return 0;
    return (whole.reduce((sum, count) => sum + count, 0) * 1000) / (whole.length * slotMs);
  }

  /** Per second in each of the last `max` whole slots, the oldest first. */
  history(nowMs: number, max: number): readonly number[] {
    return this.#whole(nowMs, max).map((count) => (count * 1000) / slotMs);
  }

  /** The counts of the last `max` slots that are over, the oldest first. */
  #whole(nowMs: number, max: number): number[] {
    this.#moveTo(nowMs);
    const count = Math.min(max, slotsMax - 1, this.#slot - this.#firstSlot);
    return Array.from({ length: count }, (_, i) => this.#slots[(this.#slot - count + i) % slotsMax] ?? 0);
  }

  #moveTo(nowMs: number): void {
    const slot = Math.floor(nowMs / slotMs);
    if (slot - this.#slot >= slotsMax) this.#slots.fill(0);
    else for (let passed = this.#slot + 1; passed <= slot; passed++) this.#slots[passed % slotsMax] = 0;
    this.#slot = Math.max(slot, this.#slot);
  }
}
