/**
 * Pages that a reader keeps for a while before it gives their memory back, and that memory: what is given back is spoilt
 * at once, and what is lent must not change.
 */
import { equalBytes } from '@millrace/base';
import type { PageSlabs, ReadResult } from '@millrace/log';
import { check } from './violation.js';

/** Pages that are held at the same time. */
const heldMax = 3;
const slabBytes = 4096;
const slabsKeptMax = 8;

export function spoilingSlabs(): PageSlabs {
  const free: Buffer[] = [];
  return {
    slabBytes,
    take(bytes) {
      const at = free.findIndex((slab) => slab.length >= bytes);
      return free.splice(at, at < 0 ? 0 : 1)[0] ?? Buffer.alloc(bytes);
    },
    give(slab) {
      free.push(slab.fill(0xff));
      if (free.length > slabsKeptMax) free.shift();
    },
  };
}

interface Held {
  readonly page: Page;
  readonly bytes: Uint8Array;
}

type Page = Extract<ReadResult, { kind: 'records' }>;

export class BorrowedPages {
  readonly #held: Held[] = [];

  /** Holds the page, and gives back the one that was held longest. */
  hold(result: ReadResult): void {
    if (result.kind !== 'records') return;
    this.#held.push({ page: result, bytes: bytesOf(result) });
    const oldest = this.#held.length > heldMax ? this.#held.shift() : undefined;
    if (oldest === undefined) return;
    const { page, bytes } = oldest;
    check(equalBytes(bytesOf(page), bytes), () => 'a page changed while it was lent');
    page.release?.();
  }

  /** The process ended, and its memory with it. */
  lifeEnds(): void {
    this.#held.length = 0;
  }
}

function bytesOf({ records: { count, buffers, bufferOf, starts, ends } }: Page): Uint8Array {
  return Buffer.concat(
    Array.from(
      { length: count },
      (_, i) => buffers[bufferOf[i] ?? 0]?.subarray(starts[i], ends[i]) ?? new Uint8Array(0),
    ),
  );
}
