/**
 * Pages of chunks' tables that were read lately, over all chunks, so that a look-up mostly reads nothing.
 *
 * Invariant: at most `bytesMax` bytes of pages are held; the one that was not wanted for the longest time goes first.
 */
import { tablePageBytes } from './chunk-table.js';

/** A chunk's number and a page's make one key: no chunk has as many pages. */
const pagesMax = 2 ** 20;

export class TableCache {
  readonly #pagesMax: number;
  readonly #pages = new Map<number, Buffer>();

  constructor(bytesMax: number) {
    this.#pagesMax = Math.floor(bytesMax / tablePageBytes);
  }

  get(chunk: number, page: number): Buffer | undefined {
    const key = chunk * pagesMax + page;
    const bytes = this.#pages.get(key);
    if (bytes === undefined) return undefined;
    this.#pages.delete(key);
    this.#pages.set(key, bytes);
    return bytes;
  }

  put(chunk: number, page: number, bytes: Buffer): void {
    this.#pages.set(chunk * pagesMax + page, bytes);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= this.#pagesMax) break;
      this.#pages.delete(oldest);
    }
  }
}
