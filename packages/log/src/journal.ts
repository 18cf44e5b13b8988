/**
 * The journal: numbered files in one flat directory, of which the newest is written.
 *
 *      journal-0000000007   header commit commit …        oldest: removed once it is settled or dead
 *      journal-0000000008   header commit commit …
 *      journal-0000000009   header commit ·······         active: at most one commit is being written at its end
 *      journal.spare                                      a settled one that will be the next: its blocks are there
 *
 * Invariant: a file's `end` is what is synced of it; readers never look past it. All files but the active one end
 * where the next one's header says. A file is named durably before its first commit. The oldest files stop mattering
 * when a manifest says so, and are removed only then, so that the row from there on is never broken.
 *
 * A file is written over an older one where there is one: a sync then has bytes to write and nothing to note in the
 * file system, and the system's cache has the pages already.
 *
 * One writer (`group-commit.ts`); any number of readers, who hold a lease on the file they read.
 */
import { assert, present } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { commitHeaderBytes, writeCommitHeader } from './commit.js';
import { type Disk, DiskError, type DiskFile } from './disk.js';
import type { FilePool, PooledFile } from './file-pool.js';
import { encodeJournalHeader, journalHeaderChecksum } from './journal-header.js';
import type { Registry } from './registry.js';
import type { HeldFile } from './snapshot.js';

const journalNamePattern = /^journal-(\d{10})$/;

/** A file on its way to become the next journal file. */
export const unfinishedJournalName = 'journal.new';
/** A settled file that is kept for its room. What is in it is worth nothing. */
export const spareJournalName = 'journal.spare';

export function journalName(file: number): string {
  return `journal-${String(file).padStart(10, '0')}`;
}

/** The number in the name of a journal file; `undefined` for other names. */
export function journalNumber(name: string): number | undefined {
  const digits = journalNamePattern.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The chain of commits as far as it goes. */
export interface JournalChain {
  readonly storeId: Uint8Array;
  readonly tag: number;
  readonly generation: number;
  nextCommit: number;
  /** Of the last commit, or of the active file's header when no commit follows that. */
  lastChecksum: number;
}

interface JournalFile {
  readonly number: number;
  /** The synced length. */
  end: number;
  /** What it takes on the disk: more than `end` in one that is written over an older one. */
  bytes: number;
  /** Length of the header: where the first commit is. */
  readonly body: number;
  readonly file: PooledFile;
}

/** A journal file for reading: `file` up to `end`, of which commits are from `body` on. */
export interface JournalLease {
  readonly file: DiskFile;
  readonly name: string;
  readonly body: number;
  readonly end: number;
  release(): void;
}

export class Journal {
  readonly #disk: Disk;
  readonly #pool: FilePool;
  readonly #canaries: Canaries;
  readonly chain: JournalChain;
  readonly #files = new Map<number, JournalFile>();
  #active: JournalFile | undefined;
  #oldest = 0;
  #bytes = 0;
  /** How long the spare file is; 0 when there is none. */
  #spareBytes = 0;

  constructor(disk: Disk, pool: FilePool, canaries: Canaries, chain: JournalChain) {
    this.#disk = disk;
    this.#pool = pool;
    this.#canaries = canaries;
    this.chain = chain;
  }

  get oldest(): number {
    return this.#oldest;
  }

  get active(): number {
    return this.#activeFile.number;
  }

  /** Where the next commit goes in the active file. */
  get activeEnd(): number {
    return this.#activeFile.end;
  }

  /** Where the next commit's first frame goes. */
  get nextBodyAt(): number {
    return this.#activeFile.end + commitHeaderBytes;
  }

  /** What commits have put into the active file. */
  get activeBodyBytes(): number {
    return this.#activeFile.end - this.#activeFile.body;
  }

  /** All files together. */
  get bytes(): number {
    return this.#bytes + this.#spareBytes;
  }

  /** What the active file and the spare one take beyond headers: room that may be given back. */
  get roomBytes(): number {
    return this.#activeFile.bytes - this.#activeFile.body + this.#spareBytes;
  }

  get #activeFile(): JournalFile {
    return present(this.#active, 'the active journal file');
  }

  /** Takes over a file that recovery found in order; the newest comes last, with its open handle. */
  adopt(number: number, body: number, end: number, bytes: number, handle: DiskFile | undefined): void {
    assert(this.#active === undefined, 'the active file is adopted last');
    const file: JournalFile = { number, body, end, bytes, file: this.#pool.add(journalName(number), handle) };
    this.#files.set(number, file);
    this.#bytes += bytes;
    if (this.#oldest === 0) this.#oldest = number;
    if (handle !== undefined) this.#active = file;
  }

  /**
   * Begins the next file with a checkpoint of `registry`, over the spare one if there is one. On failure the journal
   * goes on in the old file.
   */
  async roll(registry: Registry, timeMs: number): Promise<void> {
    const previous = this.#active;
    const reusedBytes = await this.#takeSpare();
    const number = (previous?.number ?? 0) + 1;
    const header = encodeJournalHeader({
      storeId: this.chain.storeId,
      file: number,
      generation: this.chain.generation,
      createdMs: timeMs,
      previousFile: previous?.number ?? 0,
      previousChecksum: previous === undefined ? 0 : this.chain.lastChecksum,
      previousEnd: previous?.end ?? 0,
      nextCommit: this.chain.nextCommit,
      nextLog: registry.nextNumber,
      reusedBytes,
      logs: registry.checkpoint(),
    });
    const handle = await this.#makeFile(journalName(number), header, reusedBytes > 0);
    this.#active = undefined;
    this.adopt(number, header.length, header.length, Math.max(header.length, reusedBytes), handle);
    this.chain.lastChecksum = journalHeaderChecksum(header);
    if (previous !== undefined) await this.#pool.unpin(previous.file);
  }

  /** Fills in the header of a commit whose frames are behind it, for the place where it will be written. */
  stamp(target: Buffer, bodyBytes: number, bodyChecksum: number, frameCount: number, timeMs: number): number {
    return writeCommitHeader(target, 0, {
      tag: this.chain.tag,
      generation: this.chain.generation,
      number: this.chain.nextCommit,
      bodyBytes,
      bodyChecksum,
      syncedFile: this.active,
      syncedOffset: this.activeEnd,
      previous: this.chain.lastChecksum,
      frameCount,
      timeMs,
    });
  }

  /** Writes a stamped commit at the end of the active file. */
  async write(parts: readonly Uint8Array[]): Promise<void> {
    const handle = await present(this.#activeFile.file.handle, 'the handle of the active file');
    await handle.write(parts, this.#activeFile.end);
  }

  async sync(): Promise<void> {
    const handle = await present(this.#activeFile.file.handle, 'the handle of the active file');
    await handle.sync();
  }

  /** The commit is synced: what follows is written behind it. */
  settle(bodyBytes: number, headerChecksum: number): void {
    const length = commitHeaderBytes + bodyBytes;
    const file = this.#activeFile;
    file.end += length;
    this.#resize(file, Math.max(file.bytes, file.end));
    this.chain.nextCommit++;
    this.chain.lastChecksum = headerChecksum;
  }

  /** Takes back a write that found no room, for good: it must not come back behind a later one. */
  async cutBack(): Promise<void> {
    const handle = await present(this.#activeFile.file.handle, 'the handle of the active file');
    const file = this.#activeFile;
    await handle.truncate(file.end);
    this.#resize(file, file.end);
    await handle.sync();
  }

  /** Gives the spare file's room back; `false` when there is none. */
  async dropSpare(): Promise<boolean> {
    if (this.#spareBytes === 0) return false;
    await this.#disk.remove(spareJournalName);
    this.#spareBytes = 0;
    await this.syncDirectory();
    return true;
  }

  /**
   * Removes the files before `first`, once nobody reads them. What they held must be elsewhere, durably, or dead. With
   * `keepsSpare` one of them stays as the spare file, unless there is one.
   */
  async removeBefore(first: number, keepsSpare: boolean): Promise<void> {
    assert(first <= this.active, 'the active file is never removed');
    while (this.#oldest < first) {
      const { number, bytes, file } = present(this.#files.get(this.#oldest), 'the oldest journal file');
      this.#files.delete(number);
      this.#oldest++;
      this.#bytes -= bytes;
      if (keepsSpare && this.#spareBytes === 0) {
        if (await this.#pool.giveAway(file, spareJournalName)) this.#spareBytes = bytes;
      } else await this.#pool.remove(file);
    }
  }

  /** Makes the spare file the unfinished one; answers its length, 0 when there is none. */
  async #takeSpare(): Promise<number> {
    const bytes = this.#spareBytes;
    if (bytes === 0) return 0;
    if (await this.#disk.isLinked(spareJournalName)) {
      // A snapshot has it, or somebody's copy by links: that is not to be written over.
      await this.dropSpare();
      return 0;
    }
    await this.#disk.rename(spareJournalName, unfinishedJournalName);
    // Only now: while there is a spare file, settling makes no other.
    this.#spareBytes = 0;
    return bytes;
  }

  #resize(file: JournalFile, bytes: number): void {
    this.#bytes += bytes - file.bytes;
    file.bytes = bytes;
  }

  /** All files as they stand, oldest first, each under its name until it is released. */
  holdAll(): HeldFile[] {
    return [...this.#files.values()].map(({ number, end, file }) => ({
      name: file.name,
      bytes: end,
      written: number === this.active,
      release: this.#pool.hold(file),
    }));
  }

  /** The file `number` for reading, which some index still leads to. */
  async lease(number: number): Promise<JournalLease> {
    const { file, body, end } = present(this.#files.get(number), `journal file ${number}`);
    return { ...(await this.#pool.lease(file)), name: file.name, body, end };
  }

  async syncDirectory(): Promise<void> {
    if (this.#canaries.skipDirectorySync) return;
    await this.#disk.syncDirectory();
  }

  /** Makes a file whole before it gets its name: a crash leaves no half of one. */
  async #makeFile(name: string, header: Buffer, reuses: boolean): Promise<DiskFile> {
    const handle = await this.#disk.open(unfinishedJournalName, reuses ? 'existing' : 'create');
    try {
      await handle.write([header], 0);
      await handle.sync();
      await this.#disk.rename(unfinishedJournalName, name);
    } catch (error) {
      await handle.close();
      if (error instanceof DiskError && error.code === 'full') await this.#disk.remove(unfinishedJournalName);
      throw error;
    }
    await this.syncDirectory();
    return handle;
  }
}
