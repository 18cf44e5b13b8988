/**
 * Which batches of the tail hold records of one log, and where in them: for each, the batch's number and the section.
 *
 *      refs   │ 17 3 │ 18 0 │ 20 7 │        batch 17, section 3; batch 18, section 0; …
 *
 * Numbers and no references: an append into a thousand logs gives the collector nothing to follow, to move or to note for
 * each of them. What a run is stands in the batch, as columns (`tail.ts`).
 *
 * Invariant: batches rise. What the tail has evicted is dropped when the log is next looked at or appended to, or with the
 * log's last batch; so what is left of it is never more than was alive a moment before, and an idle log holds nothing.
 *
 * Batch numbers have 32 bits and go round: two that the tail holds at one time are never 2^31 apart.
 */
const width = 2;
/** So few lie in the array's own object. */
const capacityFirst = 8;
/** What a log without runs holds: 10,000 idle logs share it. */
const noRefs = new Uint32Array(0);

export class LogRuns {
  #refs = noRefs;
  #head = 0;
  #tail = 0;

  get length(): number {
    return this.#tail - this.#head;
  }

  batchOf(run: number): number {
    return this.#refs[(this.#head + run) * width] as number;
  }

  sectionOf(run: number): number {
    return this.#refs[(this.#head + run) * width + 1] as number;
  }

  /** Adds a run of the newest batch; `oldest` is the oldest that the tail holds. */
  push(batch: number, section: number, oldest: number): void {
    if (this.#tail * width === this.#refs.length) {
      this.dropBefore(oldest);
      this.#makeRoom();
    }
    const at = this.#tail++ * width;
    this.#refs[at] = batch;
    this.#refs[at + 1] = section;
  }

  /** Drops the runs of batches before `oldest`. */
  dropBefore(oldest: number): void {
    while (this.#head < this.#tail && isBefore(this.batchOf(0), oldest)) this.#head++;
    if (this.#head === this.#tail) this.#empty();
  }

  /** The tail has evicted `batch`: with the last run, all go. */
  evicted(batch: number): void {
    if (this.#tail > 0 && this.#refs[(this.#tail - 1) * width] === batch) this.#empty();
  }

  #empty(): void {
    this.#refs = noRefs;
    this.#head = 0;
    this.#tail = 0;
  }

  /** In place when half of it is room; in an array of twice what is left when that is much shorter, or longer. */
  #makeRoom(): void {
    const capacity = this.#refs.length / width;
    const { length } = this;
    if (length > 0 && length * 2 <= capacity && length * 8 >= capacity) {
      this.#refs.copyWithin(0, this.#head * width, this.#tail * width);
    } else {
      const other = new Uint32Array(Math.max(capacityFirst, length * 2) * width);
      other.set(this.#refs.subarray(this.#head * width, this.#tail * width));
      this.#refs = other;
    }
    this.#tail -= this.#head;
    this.#head = 0;
  }
}

function isBefore(batch: number, other: number): boolean {
  return ((batch - other) | 0) < 0;
}
