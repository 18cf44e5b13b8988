/**
 * The journal: numbered files in one flat directory, of which the newest is written.
 *
 *      journal-0000000007   header commit commit …        oldest: removed when no log has records in it
 *      journal-0000000008   header commit commit …
 *      journal-0000000009   header commit ·······         active: at most one commit is being written at its end
 *
 * Invariant: a file's `end` is what is synced of it; readers never look past it. All files but the active one end
 * where the next one's header says. A file is named durably before its first commit, and files are removed oldest
 * first, each removal made durable before the next, so that what a crash leaves is always an unbroken row.
 *
 * One writer (`group-commit.ts`); any number of readers, who hold a lease on the file they read.
 */
import { assert, present } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { commitHeaderBytes, writeCommitHeader } from './commit.js';
import { type Disk, DiskError, type DiskFile } from './disk.js';
import { encodeJournalHeader, journalHeaderChecksum } from './journal-header.js';
import type { NativeLimits } from './limits.js';
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
  handle: Promise<DiskFile> | undefined;
  users: number;
  removed: boolean;
}

export interface FileLease {
  readonly file: DiskFile;
  readonly end: number;
  release(): void;
}

export class Journal {
  readonly #disk: Disk;
  readonly #limits: NativeLimits;
  readonly #canaries: Canaries;
  readonly chain: JournalChain;
  readonly #files = new Map<number, JournalFile>();
  /** Files besides the active one that are open, the least recently used first. */
  readonly #open = new Set<JournalFile>();
  #active: JournalFile | undefined;
  #oldest = 0;
  #bytes = 0;
  /** Those who wait for a file to have no readers. */
  #unread: (() => void)[] = [];

  constructor(disk: Disk, limits: NativeLimits, canaries: Canaries, chain: JournalChain) {
    this.#disk = disk;
    this.#limits = limits;
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
    const file: JournalFile = {
      number,
      body,
      end,
      handle: handle === undefined ? undefined : Promise.resolve(handle),
      users: 0,
      removed: false,
    };
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
    if (previous !== undefined) this.#open.add(previous);
    this.adopt(number, header.length, header.length, handle);
    this.chain.lastChecksum = journalHeaderChecksum(header);
    await this.#closeIdle();
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
    const handle = await present(this.#activeFile.handle, 'the handle of the active file');
    await handle.write(parts, this.#activeFile.end);
  }

  async sync(): Promise<void> {
    const handle = await present(this.#activeFile.handle, 'the handle of the active file');
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
    const handle = await present(this.#activeFile.handle, 'the handle of the active file');
    await handle.truncate(this.#activeFile.end);
    await handle.sync();
  }

  /** Removes the oldest file, once nobody reads it any more. */
  async removeOldest(): Promise<void> {
    const file = present(this.#files.get(this.#oldest), 'the oldest journal file');
    assert(file !== this.#active, 'the active file is never removed');
    file.removed = true;
    await this.#withoutReaders(file);
    await this.#closeFile(file);
    this.#files.delete(file.number);
    this.#oldest++;
    this.#bytes -= file.end;
    await this.#disk.remove(journalName(file.number));
    await this.syncDirectory();
  }

  /**
   * The file `number`, which some index still leads to, for reading. It is neither closed nor removed until the lease
   * is released, from the very call on: nothing may come between looking at the index and calling.
   */
  async lease(number: number): Promise<FileLease> {
    const file = present(this.#files.get(number), `journal file ${number}`);
    assert(!file.removed, `${journalName(number)} is read after its removal`);
    file.users++;
    const { end } = file;
    const release = (): void => {
      file.users--;
      if (file.users > 0) return;
      for (const wake of this.#unread.splice(0)) wake();
    };
    try {
      const handle = await this.#handleOf(file);
      return { file: handle, end, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async syncDirectory(): Promise<void> {
    if (this.#canaries.skipDirectorySync) return;
    await this.#disk.syncDirectory();
  }

  /** Closes all files once nobody reads them. */
  async close(): Promise<void> {
    for (const file of this.#files.values()) {
      await this.#withoutReaders(file);
      await this.#closeFile(file);
    }
  }

  async #withoutReaders(file: JournalFile): Promise<void> {
    while (file.users > 0) await new Promise<void>((resolve) => this.#unread.push(resolve));
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

  async #handleOf(file: JournalFile): Promise<DiskFile> {
    if (file !== this.#active) {
      this.#open.delete(file);
      this.#open.add(file);
    }
    file.handle ??= this.#disk.open(journalName(file.number), 'existing');
    try {
      const handle = await file.handle;
      await this.#closeIdle();
      return handle;
    } catch (error) {
      file.handle = undefined;
      throw error;
    }
  }

  async #closeIdle(): Promise<void> {
    for (const file of this.#open) {
      if (this.#open.size <= this.#limits.filesOpenMax) return;
      if (file.users > 0 || file.handle === undefined) continue;
      await this.#closeFile(file);
    }
  }

  /** Closes a file once: whoever comes second finds no handle. */
  async #closeFile(file: JournalFile): Promise<void> {
    const { handle } = file;
    file.handle = undefined;
    this.#open.delete(file);
    if (handle !== undefined) await (await handle).close();
  }
}
