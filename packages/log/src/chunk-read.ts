/**
 * Fills a page with a log's records out of chunks that follow one another. What comes next is on its way while what came
 * before is checked and taken, so that a page of a hundred small pieces does not wait a hundred times for the disk.
 *
 *      chunks    c3          c4          c5          c6
 *                taken       ├ reading ┤ ├ reading ┤ looked up            taken in order, each block checked before
 *
 * Invariants: no more is asked for than the page seems to have room for, and of that at most `piecesAhead` pieces' worth is on
 * its way, in at most `readsAtOnce` reads. Nothing outlives the call: what was begun is waited for, and a chunk is under
 * lease as long as anything of it is read. Damage counts where it is met: what a page had no room for was not looked at,
 * and whoever reads on meets it.
 */
import type { BlockPiece, Chunk, FoundEntry } from './chunk.js';
import type { Position } from './contract.js';
import type { FileLease, FilePool } from './file-pool.js';
import { Lanes } from './lanes.js';
import type { Page } from './page.js';
import type { Run } from './run.js';

/** A chunk under lease, and what it has of a log. */
export interface Found {
  readonly chunk: Chunk;
  readonly lease: FileLease;
  readonly entry: FoundEntry;
}

export interface ChunkReadLimits {
  /** A piece is read, checked and kept together. */
  readonly pieceBytesMax: number;
  /** After so much no more is read, whatever the page has room for. */
  readonly bytesMax: number;
}

interface ChunkReadOptions extends ChunkReadLimits {
  readonly pool: FilePool;
  /** All that there were when the read began, oldest first. */
  readonly chunks: readonly Chunk[];
  readonly page: Page;
}

/** Reads of a page that are under way at the same time: the threads that do them are everybody's. */
const readsAtOnce = 3;
/** What is on its way at the same time, in whole pieces. */
const piecesAhead = 2;
/** Chunks in whose tables the log is looked up at the same time. */
const lookUpsAtOnce = 4;

interface Planned {
  readonly found: Found;
  readonly piece: BlockPiece;
  /** Whether the chunk has nothing of the log behind it. */
  readonly isLast: boolean;
}

/** What came of a piece: whether it matters that it failed is known when its turn has come. */
type Loaded = { readonly runs: readonly Run[] } | { readonly error: unknown };

interface Loading extends Planned {
  readonly loaded: Promise<Loaded>;
}

/** Leases `chunk`, which must not have been removed, and finds log `number` in it; `undefined` when the log is younger. */
export async function lookUp(
  pool: FilePool,
  chunk: Chunk,
  number: number,
  near?: number,
): Promise<Found | undefined> {
  const lease = await pool.lease(chunk.file);
  try {
    const entry = await chunk.log(lease.file, number, near);
    if (entry !== undefined) return { chunk, lease, entry };
  } catch (error) {
    lease.release();
    throw error;
  }
  lease.release();
  return undefined;
}

export class ChunkRead {
  readonly #options: ChunkReadOptions;
  readonly #lanes = new Lanes(readsAtOnce);
  /** Of all chunks that were looked up and are not done with. */
  readonly #leases = new Set<FileLease>();
  readonly #loading: Loading[] = [];
  /** Why the plan cannot go on, to be told when all before is taken. */
  #failure: { readonly error: unknown } | undefined;
  #plannedBytes = 0;
  #takenBytes = 0;
  /** What the last chunk's records take in blocks, on average. */
  #recordBytes = 1;

  constructor(options: ChunkReadOptions) {
    this.#options = options;
  }

  /** Bytes that were read. */
  get bytes(): number {
    return this.#plannedBytes;
  }

  /** Fills the page from `from` on, which is in the chunk of `first` and before `settledEnd`; answers where to read on. */
  async run(first: Found, from: Position, settledEnd: Position): Promise<Position> {
    const { page } = this.#options;
    this.#leases.add(first.lease);
    try {
      let position = from;
      const plan = this.#plan(first, from);
      for (;;) {
        await this.#goAhead(plan);
        const next = this.#loading.shift();
        if (next === undefined && this.#failure !== undefined) throw this.#failure.error;
        if (next === undefined) return position;
        const loaded = await next.loaded;
        if ('error' in loaded) throw loaded.error;
        position = take(loaded.runs, position, page);
        if (page.full) return position;
        this.#takenBytes += next.piece.bytes;
        if (!next.isLast) continue;
        position = Math.max(position, Math.min(next.found.entry.end, settledEnd));
        this.#letGo(next.found.lease);
      }
    } finally {
      await Promise.all(this.#loading.map(({ loaded }) => loaded));
      for (const lease of this.#leases) lease.release();
    }
  }

  /** Begins to read as much as the page has room for and may be on its way. */
  async #goAhead(plan: AsyncIterator<Planned, void>): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      while (this.#loading.length === 0 || this.#aheadBytes < this.#wantedBytes) {
        const next = await plan.next();
        if (next.done === true) return;
        const { found, piece } = next.value;
        const memory = this.#options.page.take(piece.bytes);
        const loaded = found.chunk.loadPiece(found.lease.file, piece, this.#lanes, memory).then(
          (runs) => ({ runs }),
          (error: unknown) => ({ error }),
        );
        this.#loading.push({ ...next.value, loaded });
      }
    } catch (error) {
      this.#failure = { error };
    }
  }

  get #aheadBytes(): number {
    return this.#plannedBytes - this.#takenBytes;
  }

  /** What should be on its way, at least one byte. */
  get #wantedBytes(): number {
    const { page, pieceBytesMax } = this.#options;
    const { records, bytes } = page.room;
    return Math.max(1, Math.min(bytes, records * this.#recordBytes, piecesAhead * pieceBytesMax));
  }

  /** The log's pieces from `from` on, each as large as there is room for when it is asked for. */
  async *#plan(first: Found, from: Position): AsyncGenerator<Planned, void> {
    const { pieceBytesMax, bytesMax } = this.#options;
    let found = [first];
    for (let last = first; found.length > 0; found = await this.#following(last)) {
      for (const each of found) {
        const { chunk, lease, entry } = each;
        this.#recordBytes = entry.bytes / Math.max(1, entry.records);
        const end = entry.firstBlock + entry.blockCount;
        let index = entry.firstBlock;
        if (each === first && entry.blockCount > 0)
          index = await chunk.findBlock(lease.file, entry, (block) => block.firstPosition <= from);
        do {
          if (this.#plannedBytes >= bytesMax) return;
          const wanted = Math.min(pieceBytesMax, this.#wantedBytes - this.#aheadBytes);
          const piece = await chunk.piece(lease.file, entry, index, wanted);
          index += piece.blocks.length;
          this.#plannedBytes += piece.bytes;
          yield { found: each, piece, isLast: index === end };
        } while (index < end);
        last = each;
      }
    }
  }

  /** Finds the log in the next chunks, as many as are needed. None when it cannot be said from here: then it is looked for. */
  async #following({ chunk, entry }: Found): Promise<Found[]> {
    // A log that has nothing here may have nothing for a thousand chunks.
    if (entry.blockCount === 0) return [];
    const { pool, chunks } = this.#options;
    const needed = Math.ceil((this.#wantedBytes - this.#aheadBytes) / Math.max(1, entry.bytes));
    const at = chunks.indexOf(chunk) + 1;
    // It has left the set meanwhile.
    if (at === 0) return [];
    const next = chunks.slice(at, at + Math.min(Math.max(1, needed), lookUpsAtOnce));
    const removed = next.findIndex(({ file }) => file.removed);
    const there = removed < 0 ? next : next.slice(0, removed);
    const near = entry.index;
    const results = await Promise.allSettled(there.map((each) => lookUp(pool, each, entry.log, near)));
    const found = results.map((result) => (result.status === 'fulfilled' ? result.value : undefined));
    for (const each of found) if (each !== undefined) this.#leases.add(each.lease);
    // What fails behind others is met when they are done with.
    if (results[0]?.status === 'rejected') throw results[0].reason;
    const missing = found.indexOf(undefined);
    const usable = missing < 0 ? found : found.slice(0, missing);
    for (const each of found.slice(usable.length)) if (each !== undefined) this.#letGo(each.lease);
    return usable.filter((each) => each !== undefined);
  }

  #letGo(lease: FileLease): void {
    this.#leases.delete(lease);
    lease.release();
  }
}

/** Takes what `runs` have from `from` on, as far as there is room; answers where to read on. */
function take(runs: readonly Run[], from: Position, page: Page): Position {
  let position = from;
  for (const run of runs) {
    if (page.full) break;
    if (run.firstPosition + run.count <= position) continue;
    position = page.share(run, Math.max(position, run.firstPosition));
  }
  return position;
}
