/**
 * The live chunks, oldest first, and how a log's records are found in them.
 *
 *      position, or time ──halving over the chunks──▶ chunk ──halving over its blocks──▶ block ──▶ page
 *
 * Invariant: the set is replaced as a whole, in the same turn as the journal's indexes, so that at any moment each
 * record is in exactly one of both. A chunk that has left the set stays readable for whoever holds a lease on it;
 * whoever comes too late for a lease looks again, in the set that replaced it.
 */
import type { Chunk } from './chunk.js';
import { ChunkRead, type ChunkReadLimits, type Found, lookUp } from './chunk-read.js';
import type { LogEntry } from './chunk-table.js';
import type { Position } from './contract.js';
import type { FilePool } from './file-pool.js';
import type { FileWindow } from './file-window.js';
import type { Page } from './page.js';
import type { HeldFile } from './snapshot.js';

export class ChunkSet {
  readonly #pool: FilePool;
  #chunks: readonly Chunk[];

  constructor(pool: FilePool, chunks: readonly Chunk[]) {
    this.#pool = pool;
    this.#chunks = chunks;
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  get bytes(): number {
    return this.#chunks.reduce((sum, { named }) => sum + named.bytes, 0);
  }

  get records(): number {
    return this.#chunks.reduce((sum, { named }) => sum + named.records, 0);
  }

  /** All chunks as they stand, oldest first, each under its name until it is released. */
  holdAll(): HeldFile[] {
    return this.#chunks.map(({ name, named, file }) => ({
      name,
      bytes: named.bytes,
      written: false,
      release: this.#pool.hold(file),
    }));
  }

  replace(chunks: readonly Chunk[]): void {
    this.#chunks = chunks;
  }

  /**
   * Fills `page` with records of log `number` from `from` on; answers where to read on, at most `settledEnd` when no chunk
   * has any, and how many bytes were read for it. After `limits.bytesMax`, and where chunks were replaced meanwhile, it
   * answers what it has.
   */
  async read(
    number: number,
    from: Position,
    settledEnd: Position,
    page: Page,
    limits: ChunkReadLimits,
  ): Promise<{ readonly position: Position; readonly bytes: number }> {
    const found = await this.#find(number, (entry) => entry.end <= from);
    if (found === undefined) return { position: settledEnd, bytes: 0 };
    const read = new ChunkRead({ pool: this.#pool, chunks: this.#chunks, page, ...limits });
    return { position: await read.run(found, from, settledEnd), bytes: read.bytes };
  }

  /** The first position of log `number` that arrived at or after `arrivalMs`; `undefined` when it is in no chunk. */
  async findArrival(number: number, arrivalMs: number, window: FileWindow): Promise<Position | undefined> {
    const found = await this.#find(number, (entry) => entry.lastArrivalMs < arrivalMs);
    if (found === undefined) return undefined;
    const { chunk, lease, entry } = found;
    try {
      if (entry.blockCount === 0) return entry.end;
      const { file } = lease;
      const index = await chunk.findBlock(file, entry, (block) => block.firstArrivalMs < arrivalMs);
      const { runs } = await chunk.load(file, window, await chunk.block(file, index));
      const run = runs.find((candidate) => candidate.arrivalMs >= arrivalMs);
      if (run !== undefined) return run.firstPosition;
      const isLast = index + 1 === entry.firstBlock + entry.blockCount;
      return isLast ? entry.end : (await chunk.block(file, index + 1)).firstPosition;
    } finally {
      lease.release();
    }
  }

  /** The oldest chunk whose entry for log `number` is not before what is wanted. */
  async #find(number: number, isBefore: (entry: LogEntry) => boolean): Promise<Found | undefined> {
    for (;;) {
      const found = await this.#search(this.#chunks, number, isBefore);
      if (found !== 'replaced') return found;
    }
  }

  async #search(
    chunks: readonly Chunk[],
    number: number,
    isBefore: (entry: LogEntry) => boolean,
  ): Promise<Found | undefined | 'replaced'> {
    let found: Found | undefined;
    // Logs stand at about the same place in all chunks.
    let near: number | undefined;
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const chunk = chunks[middle] as Chunk;
      if (chunk.file.removed) {
        found?.lease.release();
        return 'replaced';
      }
      let looked: Found | undefined;
      try {
        looked = await lookUp(this.#pool, chunk, number, near);
      } catch (error) {
        found?.lease.release();
        throw error;
      }
      near = looked?.entry.index ?? near;
      if (looked === undefined || isBefore(looked.entry)) {
        looked?.lease.release();
        low = middle + 1;
      } else {
        found?.lease.release();
        found = looked;
        high = middle;
      }
    }
    return found;
  }
}
