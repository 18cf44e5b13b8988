/**
 * Where a log's records are in the journal: a sparse index in memory, rebuilt by recovery. What is settled leaves it.
 *
 *      entries  │   0  t0  1:128 │ 412  t1  1:8192 │ 950  t2  2:96 │ …
 *                 position, arrival time, place           of a frame's first record for this log; three numbers an entry
 *
 *      place  = file · 2^32 + offset of the frame
 *
 * Invariant: entries rise in position, arrival (not strictly) and place. The log's records from an entry's position
 * up to the next entry's are in frames of the same file that start less than `reach` bytes after the entry's offset.
 *
 * A frame gets an entry when it starts `spacing` or more bytes after the last one's, so a log of small appends costs
 * little. At `entriesMax` the spacing doubles and entries now too close together are dropped: memory is bounded, and
 * finding a record costs a longer walk. (With spacings s, s/2, s/4 … that earlier thinnings used, a dropped entry's
 * own stretch ends below 2s: hence the reach.)
 *
 * All numbers of a log lie in one array, because an append touches a thousand logs, and each array costs a few hundred
 * bytes and a cache line of its own.
 */
import type { Position } from './contract.js';

const width = 3;
const capacityFirst = 4;
/** What an empty index holds: 10,000 idle logs share it. */
const noEntries = new Float64Array(0);

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
  #entries = noEntries;

  constructor(spacing: number, entriesMax: number) {
    this.#spacing = spacing;
    this.#entriesMax = entriesMax;
  }

  get length(): number {
    return this.#tail - this.#head;
  }

  /** The first position that the index leads to; `undefined` when it is empty. */
  get firstPosition(): Position | undefined {
    return this.length === 0 ? undefined : this.#positionOf(this.#head);
  }

  /** The arrival time at that position. */
  get firstArrivalMs(): number | undefined {
    return this.length === 0 ? undefined : this.#arrivalOf(this.#head);
  }

  /** The file of the first entry, 0 when there is none. */
  get firstFile(): number {
    return this.length === 0 ? 0 : fileAt(this.#placeOf(this.#head));
  }

  /** Tells of a frame with records of this log from `position` on. */
  add(position: Position, arrivalMs: number, file: number, offset: number): void {
    const place = placeAt(file, offset);
    if (this.#isCovered(place)) return;
    if (this.length >= this.#entriesMax) {
      while (this.length >= this.#entriesMax && this.#spacing < spacingMax) this.#thin();
      if (this.#isCovered(place)) return;
    }
    if (this.#tail * width === this.#entries.length) this.#makeRoom();
    const at = this.#tail++ * width;
    this.#entries[at] = position;
    this.#entries[at + 1] = arrivalMs;
    this.#entries[at + 2] = place;
  }

  /** The stretch that holds `position`; the first one for earlier positions, `undefined` when the index is empty. */
  find(position: Position): Stretch | undefined {
    return this.#stretch(this.#lastBefore((entry) => this.#positionOf(entry) <= position));
  }

  /** The stretch in which the first record that arrived at or after `arrivalMs` is, unless it is the next one's first. */
  findArrival(arrivalMs: number): Stretch | undefined {
    return this.#stretch(this.#lastBefore((entry) => this.#arrivalOf(entry) < arrivalMs));
  }

  /** Forgets the entries that lead only to positions before `first`; all of them when `end` is not after it. */
  trim(first: Position, end: Position): void {
    if (first >= end) this.#empty();
    while (this.length >= 2 && this.#positionOf(this.#head + 1) <= first) this.#head++;
  }

  /** Forgets the entries that lead to files before `file`. */
  dropBefore(file: number): void {
    while (this.length > 0 && this.firstFile < file) this.#head++;
    if (this.length === 0) this.#empty();
  }

  #positionOf(entry: number): Position {
    return this.#entries[entry * width] as number;
  }

  #arrivalOf(entry: number): number {
    return this.#entries[entry * width + 1] as number;
  }

  #placeOf(entry: number): number {
    return this.#entries[entry * width + 2] as number;
  }

  /** Whether a frame at this place is near enough behind the last entry to be found from there. */
  #isCovered(place: number): boolean {
    return this.length > 0 && areNear(this.#placeOf(this.#tail - 1), place, this.#spacing);
  }

  /** The last entry that `isBefore` holds for; the first entry when there is none. */
  #lastBefore(isBefore: (entry: number) => boolean): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(middle)) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, this.#head);
  }

  #stretch(entry: number): Stretch | undefined {
    if (this.length === 0) return undefined;
    const place = this.#placeOf(entry);
    const file = fileAt(place);
    const offset = place - placeAt(file, 0);
    const next = entry + 1 < this.#tail ? entry + 1 : undefined;
    const reach = offset + 2 * this.#spacing;
    const nextPlace = next === undefined ? undefined : this.#placeOf(next);
    return {
      file,
      offset,
      stop:
        nextPlace !== undefined && fileAt(nextPlace) === file
          ? Math.min(reach, nextPlace - placeAt(file, 0))
          : reach,
      nextPosition: next === undefined ? undefined : this.#positionOf(next),
    };
  }

  /** An idle log keeps no memory for what is settled. */
  #empty(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#entries = noEntries;
  }

  #makeRoom(): void {
    const larger = new Float64Array(Math.max(capacityFirst, this.length * 2) * width);
    larger.set(this.#entries.subarray(this.#head * width, this.#tail * width));
    this.#entries = larger;
    this.#tail -= this.#head;
    this.#head = 0;
  }

  #thin(): void {
    this.#spacing *= 2;
    let kept = this.#head;
    for (let entry = this.#head + 1; entry < this.#tail; entry++) {
      if (areNear(this.#placeOf(kept), this.#placeOf(entry), this.#spacing)) continue;
      kept++;
      this.#entries.copyWithin(kept * width, entry * width, (entry + 1) * width);
    }
    this.#tail = kept + 1;
  }
}

function placeAt(file: number, offset: number): number {
  return file * 2 ** 32 + offset;
}

function fileAt(place: number): number {
  return Math.floor(place / 2 ** 32);
}

/** Whether `later` is in the same file as `place`, less than `spacing` behind it. */
function areNear(place: number, later: number, spacing: number): boolean {
  return later - place < spacing && fileAt(place) === fileAt(later);
}
