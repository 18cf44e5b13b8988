/**
 * A run is what one append gave to one log: consecutive positions, one arrival time, and the records' bytes inside a
 * batch that other logs may share. A `RunList` holds a log's runs in the order of their positions.
 *
 *      batch    payload │ r0 │ r1 │ r2 │ r3 │ r4 │         ends, order: see grouping.ts
 *      run      orderStart = 3, count = 2  ──▶  records order[3], order[4]
 *
 * Invariant of a list: positions rise and runs do not overlap; there may be gaps between them.
 */
import type { Position } from './contract.js';

/** A batch as it came, with its records grouped by log. */
export interface BatchRecords {
  readonly payload: Uint8Array;
  readonly ends: Uint32Array;
  readonly order: Uint32Array | undefined;
  /** Set once a reader was given the payload: from there on only the collector knows when nobody looks at it. */
  lent?: boolean;
}

export interface Run {
  readonly batch: BatchRecords;
  readonly firstPosition: Position;
  readonly count: number;
  readonly arrivalMs: number;
  /** Where the run's records begin in the batch's order. */
  readonly orderStart: number;
}

/** The vacated front of the array is given back once it is longer than this and than what is left. */
const vacatedMax = 32;
/** What a list without runs holds: 10,000 idle logs need not hold as many arrays. */
const noRuns: (Run | undefined)[] = [];

export class RunList {
  #runs = noRuns;
  #head = 0;

  get length(): number {
    return this.#runs.length - this.#head;
  }

  at(index: number): Run | undefined {
    return this.#runs[this.#head + index];
  }

  push(run: Run): void {
    if (this.#runs === noRuns) this.#runs = [run];
    else this.#runs.push(run);
  }

  shift(): Run | undefined {
    const run = this.#runs[this.#head];
    if (run === undefined) return undefined;
    // A run keeps its batch's memory: nothing may point to it from here on.
    this.#runs[this.#head++] = undefined;
    if (this.#head === this.#runs.length) {
      this.#runs = noRuns;
      this.#head = 0;
    } else if (this.#head > vacatedMax && this.#head * 2 > this.#runs.length) {
      this.#runs = this.#runs.slice(this.#head);
      this.#head = 0;
    }
    return run;
  }

  /** The index of the first run with a record at or after `position`; `length` when there is none. */
  find(position: Position): number {
    return this.#search((run) => run.firstPosition + run.count > position);
  }

  /** The index of the first run that arrived at or after `arrivalMs`; `length` when there is none. */
  findArrival(arrivalMs: number): number {
    return this.#search((run) => run.arrivalMs >= arrivalMs);
  }

  #search(holds: (run: Run) => boolean): number {
    let low = this.#head;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.#runs[middle] as Run)) high = middle;
      else low = middle + 1;
    }
    return low - this.#head;
  }
}
