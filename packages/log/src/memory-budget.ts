/**
 * The one limit of all that the log keeps in memory so as not to read it again, and who gives way at it.
 *
 *      windows   what reads go through       as many as `readsMax`; a read has what its frame needs
 *      tables    pages of chunks' tables     at most `tableCacheBytesMax`, an eighth of all unless said
 *      tail      the newest batches          all the rest
 *      frames    of the journal, read lately what nobody else wants
 *
 * Whoever takes memory says so. When that makes it more than `bytesMax`, the parts give way in the order in which they
 * were made, each until it has nothing left: the frames, the tail its oldest batches, then the tables what was not wanted for the
 * longest time. Windows are in use, or soon will be, and give nothing.
 *
 * Invariant: after `take` at most `bytesMax` bytes are held, unless windows alone are more.
 */
import { assert } from '@millrace/base';

/** One part's account. */
export interface MemoryShare {
  readonly bytes: number;
  take(bytes: number): void;
  give(bytes: number): void;
}

export class MemoryBudget {
  readonly bytesMax: number;
  #bytes = 0;
  readonly #giveWay: (() => boolean)[] = [];

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** What all parts hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A part; `giveWay` frees one thing, and says so by `give`. It answers whether there was any; without it there never is. */
  share(giveWay?: () => boolean): MemoryShare {
    if (giveWay !== undefined) this.#giveWay.push(giveWay);
    let held = 0;
    return {
      get bytes() {
        return held;
      },
      take: (bytes) => {
        held += bytes;
        this.#bytes += bytes;
        this.#settle();
      },
      give: (bytes) => {
        assert(bytes <= held, 'more memory is given back than was taken');
        held -= bytes;
        this.#bytes -= bytes;
      },
    };
  }

  #settle(): void {
    for (const giveWay of this.#giveWay) {
      while (this.#bytes > this.bytesMax && giveWay());
      if (this.#bytes <= this.bytesMax) return;
    }
  }
}
