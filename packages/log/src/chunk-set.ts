/**
 * The live chunks, oldest first, and how a log's records are found in them.
 *
 *      position, or time ──halving over the chunks──▶ chunk ──halving over its blocks──▶ block ──▶ page
 *
 * Invariant: the set is replaced as a whole, in the same turn as the journal's indexes, so that at any moment each
 * record is in exactly one of both. A chunk that has left the set stays readable for whoever holds a lease on it;
 * whoever comes too late for a lease looks again, in the set that replaced it.
 */
import type { Chunk, FoundEntry } from './chunk.js';
import type { LogEntry } from './chunk-table.js';
import type { Position } from './contract.js';
import type { FileLease, FilePool } from './file-pool.js';
import type { FileWindow } from './file-window.js';
import type { Page } from './page.js';
import type { HeldFile } from './snapshot.js';

/** A chunk under lease, and what it has of a log. */
interface Found {
  readonly chunk: Chunk;
  readonly lease: FileLease;
  readonly entry: FoundEntry;
}

/** Where a reader of one log is among the chunks, so that the next one need not be looked for. */
export interface ChunkCursor {
  readonly bytesMax: number;
  /** What was read last, to its end. */
  chunk: Chunk | undefined;
  index: number | undefined;
  bytesRead: number;
}

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
   * Fills `page` with records of log `number` from `from` on out of the chunk that has the next ones; answers where to
   * read on, at most `settledEnd` when no chunk has any.
   */
  async read(
    number: number,
    from: Position,
    settledEnd: Position,
    page: Page,
    cursor: ChunkCursor,
  ): Promise<Position> {
    const found = await this.#find(number, (entry) => entry.end <= from, cursor);
    if (found === undefined) return settledEnd;
    const { chunk, lease, entry } = found;
    try {
      let position = from;
      if (entry.blockCount > 0) {
        const { file } = lease;
        const last = entry.firstBlock + entry.blockCount;
        let index = await chunk.findBlock(file, entry, (block) => block.firstPosition <= from);
        while (index < last && !page.full) {
          const { runs, bytes, next } = await chunk.loadFrom(file, entry, index, wanted(entry, page, cursor));
          cursor.bytesRead += bytes;
          index = next;
          for (const run of runs) {
            if (page.full) break;
            if (run.firstPosition + run.count <= position) continue;
            position = page.share(run, Math.max(position, run.firstPosition));
          }
        }
      }
      cursor.chunk = chunk;
      cursor.index = entry.index;
      return page.full ? position : Math.max(position, Math.min(entry.end, settledEnd));
    } finally {
      lease.release();
    }
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
  async #find(
    number: number,
    isBefore: (entry: LogEntry) => boolean,
    cursor?: ChunkCursor,
  ): Promise<Found | undefined> {
    for (;;) {
      const found = await this.#search(this.#chunks, number, isBefore, cursor);
      if (found !== 'replaced') return found;
    }
  }

  async #search(
    chunks: readonly Chunk[],
    number: number,
    isBefore: (entry: LogEntry) => boolean,
    cursor: ChunkCursor | undefined,
  ): Promise<Found | undefined | 'replaced'> {
    let found: Found | undefined;
    // All up to the one that was read to its end are before; the next is most likely the one.
    let low = cursor?.chunk === undefined ? 0 : chunks.indexOf(cursor.chunk) + 1;
    let high = chunks.length;
    let first = low > 0;
    while (low < high) {
      const middle = first ? low : (low + high) >>> 1;
      first = false;
      const chunk = chunks[middle] as Chunk;
      if (chunk.file.removed) {
        found?.lease.release();
        return 'replaced';
      }
      const lease = await this.#pool.lease(chunk.file);
      let entry: FoundEntry | undefined;
      try {
        entry = await chunk.log(lease.file, number, cursor?.index);
      } catch (error) {
        lease.release();
        found?.lease.release();
        throw error;
      }
      if (entry === undefined || isBefore(entry)) {
        lease.release();
        low = middle + 1;
      } else {
        found?.lease.release();
        found = { chunk, lease, entry };
        high = middle;
      }
    }
    return found;
  }
}

/** How much to read at a time for a page: no more than it has room for, by what the log's records take on average. */
function wanted(entry: LogEntry, page: Page, cursor: ChunkCursor): number {
  const { records, bytes } = page.room;
  const recordBytes = entry.bytes / Math.max(1, entry.records);
  return Math.min(cursor.bytesMax, bytes, records * recordBytes);
}
