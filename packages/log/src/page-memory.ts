/**
 * Where a page lays what is read from files for it. A page that is lent lies in slabs that go round: what is read next into
 * memory that was read into before costs no page faults, and nothing is left behind for the collector.
 *
 *      slabs   │ piece │ piece │ copies   │ free │   │ piece      │ …       each part begins at a multiple of 8
 *              └─────── of one page ──────┘
 *
 *      take ──▶ the page's ──release──▶ given back         what is not released is left to the collector
 *
 * Invariant: a slab is one page's at a time, and is given back once, by `release` alone: a read that fails gives nothing
 * back, because the disk may still write what was asked of it.
 */
import { assert } from '@millrace/base';
import { align8 } from './integers.js';

/** Memory that goes round, as whoever opens an engine has it. */
export interface PageSlabs {
  /** What is asked for at a time, unless one piece is longer. */
  readonly slabBytes: number;
  /** At least `bytes` of whatever was there before, from a multiple of 8 on. */
  take(bytes: number): Buffer;
  /** Nobody looks at it any more. */
  give(slab: Buffer): void;
}

/** Parts for a page that is not lent: each by itself, so that it lives no longer than the records in it. */
export function ownMemory(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
}

export class PageMemory {
  readonly #slabs: PageSlabs;
  readonly #taken: Buffer[] = [];
  #last: Buffer | undefined;
  #used = 0;
  #released = false;

  constructor(slabs: PageSlabs) {
    this.#slabs = slabs;
  }

  readonly take = (bytes: number): Buffer => {
    assert(!this.#released, 'a page that was given back takes no memory');
    let at = align8(this.#used);
    if (this.#last === undefined || at + bytes > this.#last.length) {
      this.#last = this.#slabs.take(Math.max(bytes, this.#slabs.slabBytes));
      this.#taken.push(this.#last);
      at = 0;
    }
    this.#used = at + bytes;
    return this.#last.subarray(at, at + bytes);
  };

  /** Nobody looks at the page any more. May be called again. */
  release(): void {
    this.#released = true;
    for (const slab of this.#taken.splice(0)) this.#slabs.give(slab);
    this.#last = undefined;
  }
}
