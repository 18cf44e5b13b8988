/**
 * The journal: numbered files in one flat directory, of which the newest is written.
 *
 *      journal-0000000007   header commit commit …        oldest: removed once it is settled or dead
 *      journal-0000000008   header commit commit …
 *      journal-0000000009   header commit ·······         active: at most one commit is being written at its end
 *
 * Invariant: a file's `end` is what is synced of it; readers never look past it. All files but the active one end
 * where the next one's header says. A file is named durably before its first commit. The oldest files stop mattering
 * when a manifest says so, and are removed only then, so that the row from there on is never broken.
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

const journalNamePattern = /^journal-(\d{10})$/;

/** A file on its way to become the next journal file. */
export const unfinishedJournalName = 'journal.new';

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
    return this.#bytes;
  }

  get #activeFile(): JournalFile {
    return present(this.#active, 'the active journal file');
  }

  /** Takes over a file that recovery found in order; the newest comes last, with its open handle. */
  adopt(number: number, body: number, end: number, handle: DiskFile | undefined): void {
    assert(this.#active === undefined, 'the active file is adopted last');
    const file: JournalFile = { number, body, end, file: this.#pool.add(journalName(number), handle) };
    this.#files.set(number, file);
    this.#bytes += end;
    if (this.#oldest === 0) this.#oldest = number;
    if (handle !== undefined) this.#active = file;
  }

  /** Begins the next file with a checkpoint of `registry`. On failure the journal goes on in the old file. */
  async roll(registry: Registry, timeMs: number): Promise<void> {
    const previous = this.#active;
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
      logs: registry.checkpoint(),
    });
    const handle = await this.#makeFile(journalName(number), header);
    this.#active = undefined;
    this.adopt(number, header.length, header.length, handle);
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
    this.#activeFile.end += length;
    this.#bytes += length;
    this.chain.nextCommit++;
    this.chain.lastChecksum = headerChecksum;
  }

  /** Takes back a write that found no room, for good: it must not come back behind a later one. */
  async cutBack(): Promise<void> {
    const handle = await present(this.#activeFile.file.handle, 'the handle of the active file');
    await handle.truncate(this.#activeFile.end);
    await handle.sync();
  }

  /** Removes the files before `first`, once nobody reads them. What they held must be elsewhere, durably, or dead. */
  async removeBefore(first: number): Promise<void> {
    assert(first <= this.active, 'the active file is never removed');
    while (this.#oldest < first) {
      const { number, end, file } = present(this.#files.get(this.#oldest), 'the oldest journal file');
      this.#files.delete(number);
      this.#oldest++;
      this.#bytes -= end;
      await this.#pool.remove(file);
    }
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
  async #makeFile(name: string, header: Buffer): Promise<DiskFile> {
    const handle = await this.#disk.open(unfinishedJournalName, 'create');
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
