/**
 * Where a log's records are in the journal: a sparse index in memory, rebuilt by recovery. What is settled leaves it.
 *
 *      positions │   0 │ 412 │ 950 │ …      an entry is the first position of a frame's records for this log,
 *      files     │   1 │   1 │   2 │        its arrival time, and where that frame starts
 *      offsets   │ 128 │8192 │  96 │
 *
 * Invariant: entries rise in position, arrival (not strictly) and place. The log's records from an entry's position
 * up to the next entry's are in frames of the same file that start less than `reach` bytes after the entry's offset.
 *
 * A frame gets an entry when it starts `spacing` or more bytes after the last one's, so a log of small appends costs
 * little. At `entriesMax` the spacing doubles and entries now too close together are dropped: memory is bounded, and
 * finding a record costs a longer walk. (With spacings s, s/2, s/4 … that earlier thinnings used, a dropped entry's
 * own stretch ends below 2s: hence the reach.)
 */
import type { Position } from './contract.js';

const capacityFirst = 4;

/** No file is longer: with this spacing there is one entry a file, and nothing left to thin. */
const spacingMax = 2 ** 32;

/** A part of one file in which a log's records from `position` on are to be found. */
export interface Stretch {
  readonly file: number;
  readonly offset: number;
  /** The frames start before this offset. */
  readonly stop: number;
  /** Where the next stretch begins, `undefined` in the last one. */
  readonly nextPosition: Position | undefined;
}

export class LogIndex {
  readonly #entriesMax: number;
  #spacing: number;
  #head = 0;
  #tail = 0;
  #positions = new Float64Array(0);
  #arrivalsMs = new Float64Array(0);
  #files = new Uint32Array(0);
  #offsets = new Uint32Array(0);

  constructor(spacing: number, entriesMax: number) {
    this.#spacing = spacing;
    this.#entriesMax = entriesMax;
  }

  get length(): number {
    return this.#tail - this.#head;
  }

  /** The first position that the index leads to; `undefined` when it is empty. */
  get firstPosition(): Position | undefined {
    return this.length === 0 ? undefined : this.#positions[this.#head];
  }

  /** The arrival time at that position. */
  get firstArrivalMs(): number | undefined {
    return this.length === 0 ? undefined : this.#arrivalsMs[this.#head];
  }

  /** The file of the first entry, 0 when there is none. */
  get firstFile(): number {
    return this.length === 0 ? 0 : (this.#files[this.#head] as number);
  }

  /** Tells of a frame with records of this log from `position` on. */
  add(position: Position, arrivalMs: number, file: number, offset: number): void {
    if (this.#isCovered(file, offset)) return;
    while (this.length >= this.#entriesMax && this.#spacing < spacingMax) this.#thin();
    if (this.#isCovered(file, offset)) return;
    if (this.#tail === this.#positions.length) this.#makeRoom();
    const at = this.#tail++;
    this.#positions[at] = position;
    this.#arrivalsMs[at] = arrivalMs;
    this.#files[at] = file;
    this.#offsets[at] = offset;
  }

  /** The stretch that holds `position`; the first one for earlier positions, `undefined` when the index is empty. */
  find(position: Position): Stretch | undefined {
    return this.#stretch(this.#lastBefore(this.#positions, position, true));
  }

  /** The stretch in which the first record that arrived at or after `arrivalMs` is, unless it is the next one's first. */
  findArrival(arrivalMs: number): Stretch | undefined {
    return this.#stretch(this.#lastBefore(this.#arrivalsMs, arrivalMs, false));
  }

  /** Forgets the entries that lead only to positions before `first`; all of them when `end` is not after it. */
  trim(first: Position, end: Position): void {
    if (first >= end) this.#empty();
    while (this.length >= 2 && (this.#positions[this.#head + 1] as number) <= first) this.#head++;
  }

  /** Forgets the entries that lead to files before `file`. */
  dropBefore(file: number): void {
    while (this.length > 0 && this.firstFile < file) this.#head++;
    if (this.length === 0) this.#empty();
  }

  /** Whether a frame at this place is near enough behind the last entry to be found from there. */
  #isCovered(file: number, offset: number): boolean {
    const last = this.#tail - 1;
    if (this.length === 0 || this.#files[last] !== file) return false;
    return offset - (this.#offsets[last] as number) < this.#spacing;
  }

  /** The last entry whose value is below `wanted` (or is it, when `orEqual`); the first entry when there is none. */
  #lastBefore(values: Float64Array, wanted: number, orEqual: boolean): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const value = values[middle] as number;
      if (value < wanted || (orEqual && value === wanted)) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, this.#head);
  }

  #stretch(entry: number): Stretch | undefined {
    if (this.length === 0) return undefined;
    const file = this.#files[entry] as number;
    const offset = this.#offsets[entry] as number;
    const next = entry + 1 < this.#tail ? entry + 1 : undefined;
    const reach = offset + 2 * this.#spacing;
    return {
      file,
      offset,
      stop:
        next !== undefined && this.#files[next] === file
          ? Math.min(reach, this.#offsets[next] as number)
          : reach,
      nextPosition: next === undefined ? undefined : this.#positions[next],
    };
  }

  /** An idle log keeps no memory for what is settled. */
  #empty(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#positions = new Float64Array(0);
    this.#arrivalsMs = new Float64Array(0);
    this.#files = new Uint32Array(0);
    this.#offsets = new Uint32Array(0);
  }

  #makeRoom(): void {
    const capacity = Math.max(capacityFirst, this.length * 2);
    this.#positions = moved(this.#positions, this.#head, this.#tail, new Float64Array(capacity));
    this.#arrivalsMs = moved(this.#arrivalsMs, this.#head, this.#tail, new Float64Array(capacity));
    this.#files = moved(this.#files, this.#head, this.#tail, new Uint32Array(capacity));
    this.#offsets = moved(this.#offsets, this.#head, this.#tail, new Uint32Array(capacity));
    this.#tail -= this.#head;
    this.#head = 0;
  }

  #thin(): void {
    this.#spacing *= 2;
    let kept = this.#head;
    for (let i = this.#head + 1; i < this.#tail; i++) {
      const sameFile = this.#files[i] === this.#files[kept];
      if (sameFile && (this.#offsets[i] as number) - (this.#offsets[kept] as number) < this.#spacing)
        continue;
      kept++;
      this.#positions[kept] = this.#positions[i] as number;
      this.#arrivalsMs[kept] = this.#arrivalsMs[i] as number;
      this.#files[kept] = this.#files[i] as number;
      this.#offsets[kept] = this.#offsets[i] as number;
    }
    this.#tail = kept + 1;
  }
}

function moved<T extends Float64Array | Uint32Array>(old: T, start: number, end: number, target: T): T {
  target.set(old.subarray(start, end));
  return target;
}
