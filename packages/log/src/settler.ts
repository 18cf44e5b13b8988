/**
 * Moves the journal's oldest file into a chunk, and gets rid of files in which nothing is alive.
 *
 *      step ──▶ the oldest journal files are dead        ─▶ a manifest that begins after them
 *           ──▶ chunks are dead (their tables say so)    ─▶ a manifest without them
 *           ──▶ there is room, or none and something died since, and a file is unsettled ─▶ sort it into a chunk ─▶ a manifest with it, and without the file
 *           ──▶ there is room, and chunks are mostly dead ─▶ rewrite them as one  ─▶ a manifest with that, without them
 *
 *      switch: write, sync, rename the manifest, sync the directory ─▶ replace the set ─▶ remove what is not named
 *
 * Invariant: a file is removed only after a manifest that does not need it is durable, and a manifest names only what
 * is durable; so a crash at any point loses and doubles nothing. Making a chunk may fail or be given up without harm;
 * a manifest that fails is for the caller to poison the log for.
 */
import type { Canaries } from './canaries.js';
import { Chunk, chunkName } from './chunk.js';
import { ChunkRewriter } from './chunk-rewriter.js';
import type { ChunkSet } from './chunk-set.js';
import { ChunkWriter } from './chunk-writer.js';
import { type Disk, DiskError } from './disk.js';
import type { FileLease, FilePool } from './file-pool.js';
import { FileWindow } from './file-window.js';
import type { Journal, JournalLease } from './journal.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import { unfinishedManifestName, writeManifest } from './manifest.js';
import type { Registry } from './registry.js';
import type { Reserve } from './reserve.js';
import type { MadeChunk, Sorter, SortJob } from './sort-job.js';
import { hasSmallNeighbours, liveBytes, rowsToRewrite, type Surveyed } from './survey.js';
import type { TableCache } from './table-cache.js';

export interface SettlerParts {
  readonly disk: Disk;
  readonly limits: NativeLimits;
  readonly canaries: Canaries;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly pool: FilePool;
  readonly chunks: ChunkSet;
  readonly cache: TableCache;
  readonly reserve: Reserve;
  /** Who sorts journal files. */
  readonly sorter: Sorter;
  readonly nextChunk: number;
  /** Told, once, why no more chunks are made. */
  readonly stopped: (why: string) => void;
}

const noop = (): void => {};

/** The tables are looked through when this part of the settled records may have died since the last time. */
const surveyShare = 1 / 64;

export class Settler {
  readonly #parts: SettlerParts;
  #nextChunk: number;
  /** The registry's count of dead records when the tables were last looked through. */
  #surveyedDead: number | undefined;
  /** Neighbours that the last look found worth rewriting as one. */
  #rows: Chunk[][] = [];
  #abort = new AbortController();
  #stopped = false;
  #reclaiming = false;
  /** The registry's count of dead records when room was last sought by settling. */
  #reclaimedDead = 0;
  /** Resolves when no chunk is being made. */
  #making: Promise<void> = Promise.resolve();
  /** Why no more chunks are made until the log is opened again. */
  #trouble: string | undefined;
  /** The newest journal file when a chunk found no room: tried again when there is a newer one. */
  #noRoomAt = 0;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
    this.#nextChunk = parts.nextChunk;
  }

  /** Journal files that are not settled, without the one that is written. */
  get unsettledFiles(): number {
    const { journal } = this.#parts;
    return journal.active - journal.oldest;
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Whether `step` would do something; chunks are made only when there is room. */
  due(hasRoom: boolean): boolean {
    if (this.#journalIsDead() || this.#surveyIsDue(hasRoom)) return true;
    return hasRoom ? this.#makingIsDue : this.#reclaimIsDue;
  }

  /** Does one thing. Answers whether it did any. Throws `DiskError` when a manifest or a removal failed. */
  async step(hasRoom: boolean): Promise<boolean> {
    if (this.#journalIsDead()) return this.#dropJournal();
    if (this.#surveyIsDue(hasRoom)) return this.#survey();
    if (!hasRoom) return this.#reclaimIsDue && this.#reclaim();
    if (!this.#makingIsDue) return false;
    return this.#settleIsDue() ? this.#settle() : this.#rewrite();
  }

  /** Whether nothing is settled: what there is, is in the journal. */
  get empty(): boolean {
    return this.#parts.chunks.chunks.length === 0;
  }

  /** Whether a chunk is being made for the room that it frees on a full disk. */
  get reclaiming(): boolean {
    return this.#reclaiming;
  }

  /** Gives up the chunk that is being made, if there is one: its room is wanted. Resolves when that is free. */
  async abandon(): Promise<void> {
    this.#abort.abort();
    await this.#making;
  }

  /** The log is about to be closed: what is under way ends where it is. */
  stop(): void {
    this.#stopped = true;
    this.#abort.abort();
  }

  #journalIsDead(): boolean {
    const { journal, registry } = this.#parts;
    return journal.oldest < journal.active && !registry.anchoredIn(journal.oldest);
  }

  #settleIsDue(): boolean {
    const { journal, limits } = this.#parts;
    return journal.oldest + limits.journalFilesKept < journal.active;
  }

  /** Whether settling the oldest journal file may free more than it takes: something has died since the last try. */
  get #reclaimIsDue(): boolean {
    return this.#makingIsDue && this.#settleIsDue() && this.#parts.registry.deadRecords > this.#reclaimedDead;
  }

  get #makingIsDue(): boolean {
    const isPossible = this.#trouble === undefined && this.#noRoomAt < this.#parts.journal.active;
    return isPossible && (this.#settleIsDue() || this.#rows.length > 0);
  }

  #surveyIsDue(hasRoom: boolean): boolean {
    const { registry, chunks } = this.#parts;
    if (chunks.chunks.length === 0) return false;
    this.#surveyedDead ??= this.#deadAtOpening();
    const dead = registry.deadRecords - this.#surveyedDead;
    return dead > 0 && (!hasRoom || dead >= chunks.records * surveyShare);
  }

  /**
   * The count of dead records that stands for a look at the opening: less than now by those that chunks hold and no log has
   * any more. The tables need not be read for it: an opening must not cost what the data does.
   */
  #deadAtOpening(): number {
    const { registry, chunks, limits } = this.#parts;
    if (hasSmallNeighbours(chunks.chunks, limits.journalFileBytesMax)) return Number.NEGATIVE_INFINITY;
    let alive = 0;
    for (const log of registry.existing()) alive += Math.max(0, log.settledEnd - log.first);
    return registry.deadRecords - Math.max(0, chunks.records - alive);
  }

  async #dropJournal(): Promise<boolean> {
    const { journal, registry, chunks } = this.#parts;
    let first = journal.oldest;
    while (first < journal.active && !registry.anchoredIn(first)) first++;
    return this.#switch(chunks.chunks, first, false);
  }

  /** Looks through the tables for chunks in which nothing is alive, and for those that are worth rewriting. */
  async #survey(): Promise<boolean> {
    const { registry, chunks, journal, limits } = this.#parts;
    const { deadRecords } = registry;
    this.#surveyedDead = deadRecords;
    const alive: Surveyed[] = [];
    try {
      for (const chunk of chunks.chunks) {
        if (this.#stopped) return false;
        const surveyed = { chunk, liveBytes: await this.#liveBytes(chunk) };
        if (surveyed.liveBytes > 0) alive.push(surveyed);
      }
    } catch (error) {
      this.#note(error);
      return false;
    }
    this.#rows = rowsToRewrite(alive, limits.journalFileBytesMax);
    if (alive.length === chunks.chunks.length) return true;
    const remaining = alive.map(({ chunk }) => chunk);
    const done = await this.#switch(remaining, journal.oldest, false);
    // Nothing was removed: there is no room for the manifest. To be looked at again with the next change.
    if (!done) this.#surveyedDead = deadRecords - 1;
    return done;
  }

  async #liveBytes(chunk: Chunk): Promise<number> {
    const { registry, pool } = this.#parts;
    const lease = await pool.lease(chunk.file);
    try {
      return await liveBytes(chunk, lease.file, registry);
    } finally {
      lease.release();
    }
  }

  /** Settles on a full disk, with the reserve: a chunk that finds no room is taken back, and nothing is lost. */
  async #reclaim(): Promise<boolean> {
    const { registry, reserve } = this.#parts;
    this.#reclaimedDead = registry.deadRecords;
    this.#reclaiming = true;
    try {
      if (!reserve.spent) await reserve.giveUp();
      return await this.#settle();
    } finally {
      this.#reclaiming = false;
    }
  }

  /** Sorts the oldest journal file into a chunk. */
  async #settle(): Promise<boolean> {
    const { journal, chunks } = this.#parts;
    const journalFrom = journal.oldest + 1;
    const made = await this.#attempt(() => this.#settled());
    if (made === 'failed') return this.#abort.signal.aborted;
    const next = made === 'nothing' ? chunks.chunks : [...chunks.chunks, made];
    return this.#switch(next, journalFrom, !this.#reclaiming);
  }

  /** Makes one chunk of a row of them. */
  async #rewrite(): Promise<boolean> {
    const { journal, chunks } = this.#parts;
    const row = this.#rows.shift() ?? [];
    const made = await this.#attempt(() => this.#rewritten(row));
    if (made === 'failed') return this.#abort.signal.aborted;
    const first = chunks.chunks.indexOf(row[0] as Chunk);
    const next = chunks.chunks.filter((chunk) => !row.includes(chunk));
    if (made !== 'nothing') next.splice(first, 0, made);
    return this.#switch(next, journal.oldest, false);
  }

  /** Makes a chunk, which may fail or be given up. */
  async #attempt(make: () => Promise<MadeChunk | undefined>): Promise<Chunk | 'nothing' | 'failed'> {
    const { journal, pool, cache } = this.#parts;
    this.#abort = new AbortController();
    const making = make();
    this.#making = making.then(noop, noop);
    try {
      const made = await making;
      if (made === undefined) return 'nothing';
      const { named, trailer } = made;
      return new Chunk(named, pool.add(chunkName(named.number)), trailer, cache, journal.chain.tag);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#note(error);
      return 'failed';
    }
  }

  /** A durable chunk of what is alive in the oldest journal file; `undefined` when nothing is. */
  async #settled(): Promise<MadeChunk | undefined> {
    const { disk, journal, sorter } = this.#parts;
    const lease = await journal.lease(journal.oldest);
    const chunk = this.#nextChunk++;
    try {
      const made = await sorter.sort(this.#sortJob(lease, chunk));
      if (made !== undefined) await journal.syncDirectory();
      return made;
    } catch (error) {
      await removeIfThere(disk, chunkName(chunk));
      throw error;
    } finally {
      lease.release();
    }
  }

  #sortJob({ name, body, end }: JournalLease, chunk: number): SortJob {
    const { limits, journal, registry, canaries } = this.#parts;
    const { storeId, tag } = journal.chain;
    const abandoned = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const { signal } = this.#abort;
    if (signal.aborted) Atomics.store(abandoned, 0, 1);
    else signal.addEventListener('abort', () => Atomics.store(abandoned, 0, 1));
    return {
      source: { name, body, end },
      chunk,
      storeId,
      tag,
      logs: registry.sorted(),
      bytesMax: limits.settlingBytesMax,
      sliceBytes: limits.settlingSliceBytes,
      syncBytes: limits.settlingSyncBytes,
      blockBytesMax: limits.blockBytesMax,
      canaries,
      abandoned,
    };
  }

  /** A durable chunk of what is alive in `row`. */
  async #rewritten(row: readonly Chunk[]): Promise<MadeChunk> {
    const { limits, registry, pool } = this.#parts;
    const sources: { readonly chunk: Chunk; readonly lease: FileLease }[] = [];
    try {
      for (const chunk of row) sources.push({ chunk, lease: await pool.lease(chunk.file) });
      const { settlingSliceBytes: bytesMax } = limits;
      const rewriter = new ChunkRewriter({ sources, window: new FileWindow(bytesMax), registry, bytesMax });
      return await this.#write(rewriter);
    } finally {
      for (const { lease } of sources) lease.release();
    }
  }

  async #write(rewriter: ChunkRewriter): Promise<MadeChunk> {
    const { disk, limits, canaries, journal } = this.#parts;
    const { storeId, tag } = journal.chain;
    const number = this.#nextChunk++;
    const name = chunkName(number);
    const file = await disk.open(name, 'create');
    try {
      const { settlingSliceBytes: sliceBytes, settlingSyncBytes: syncBytes } = limits;
      const writer = new ChunkWriter({ file, number, storeId, tag, sliceBytes, syncBytes, canaries });
      await rewriter.write(writer, this.#abort.signal);
      const made = await writer.finish(rewriter.fences());
      await journal.syncDirectory();
      return made;
    } catch (error) {
      await disk.remove(name);
      throw error;
    } finally {
      await file.close();
    }
  }

  /**
   * Makes `chunks` and the journal from `journalFrom` on all there is. What falls away is removed, but for one journal
   * file when `keepsSpare`. `false`: there is no room to say so, and what is new of `chunks` is removed instead.
   */
  async #switch(chunks: readonly Chunk[], journalFrom: number, keepsSpare: boolean): Promise<boolean> {
    const { journal, registry, pool, chunks: set } = this.#parts;
    if (!(await this.#writeManifest(chunks, journalFrom))) {
      // A chunk that no manifest names is worth nothing, and may have all the room that the reserve has given up.
      for (const chunk of chunks) if (!set.chunks.includes(chunk)) await pool.remove(chunk.file);
      return false;
    }
    await journal.syncDirectory();
    const left = set.chunks.filter((chunk) => !chunks.includes(chunk));
    set.replace(chunks);
    registry.journalBeginsWith(journalFrom);
    await journal.removeBefore(journalFrom, keepsSpare);
    for (const { file } of left) await pool.remove(file);
    await journal.syncDirectory();
    return true;
  }

  /** Takes the reserve when there is no room otherwise: what is removed next is worth more. */
  async #writeManifest(chunks: readonly Chunk[], journalFrom: number): Promise<boolean> {
    const { disk, journal, reserve } = this.#parts;
    const { storeId } = journal.chain;
    const manifest = {
      storeId,
      journalFrom,
      nextChunk: this.#nextChunk,
      chunks: chunks.map((chunk) => chunk.named),
    };
    for (;;) {
      try {
        await writeManifest(disk, manifest);
        return true;
      } catch (error) {
        if (!(error instanceof DiskError && error.code === 'full')) throw error;
        await removeIfThere(disk, unfinishedManifestName);
        if (reserve.spent) return false;
        await reserve.giveUp();
      }
    }
  }

  /** Making a chunk failed, which does no harm: whether to try again is all that there is to know. */
  #note(error: unknown): void {
    if (error instanceof DiskError && error.code === 'full') this.#noRoomAt = this.#parts.journal.active;
    else if (error instanceof DiskError || error instanceof LogError) {
      if (this.#trouble === undefined) this.#parts.stopped(error.message);
      this.#trouble = error.message;
    } else throw error;
  }
}

async function removeIfThere(disk: Disk, name: string): Promise<void> {
  if ((await disk.list()).includes(name)) await disk.remove(name);
}
