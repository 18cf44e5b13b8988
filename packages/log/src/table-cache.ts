/**
 * Pages of chunks' tables that were read lately, over all chunks, so that a look-up mostly reads nothing.
 *
 * Invariant: at most `bytesMax` bytes of pages are held, and no more than the budget leaves; the one that was not wanted
 * for the longest time goes first.
 */
import { tablePageBytes } from './chunk-table.js';
import type { MemoryBudget, MemoryShare } from './memory-budget.js';

/** A page, and what its buffer and its place in the map cost. */
const pageBytes = tablePageBytes + 256;

/** A chunk's number and a page's make one key: no chunk has as many pages. */
const pagesMax = 2 ** 20;

export class TableCache {
  readonly #bytesMax: number;
  readonly #memory: MemoryShare;
  readonly #pages = new Map<number, Buffer>();

  constructor(budget: MemoryBudget, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#memory = budget.share(() => this.#evict());
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
    const key = chunk * pagesMax + page;
    const isNew = !this.#pages.has(key);
    this.#pages.set(key, bytes);
    if (isNew) this.#memory.take(pageBytes);
    while (this.#memory.bytes > this.#bytesMax) this.#evict();
  }

  #evict(): boolean {
    const oldest = this.#pages.keys().next();
    if (oldest.done) return false;
    this.#pages.delete(oldest.value);
    this.#memory.give(pageBytes);
    return true;
  }
}
