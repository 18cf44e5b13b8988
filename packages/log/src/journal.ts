/**
 * The journal: numbered files in one flat directory, of which the newest is written.
 *
 *      journal-0000000007   header commit commit …        oldest: removed once it is settled or dead
 *      journal-0000000008   header commit commit …
 *      journal-0000000009   header commit ·······         active: the commits on their way are being written at its end
 *      journal.spare                                      a settled one that will be the next: its blocks are there
 *
 * Invariant: a file's `end` is what is synced of it; readers never look past it. All files but the active one end
 * where the next one's header says; a new one is begun only when no commit is on its way. A file is named durably before
 * its first commit. The oldest files stop mattering when a manifest says so, and are removed only then, so that the row
 * from there on is never broken.
 *
 * Each of several commits on their way has a *lane*: a descriptor of its own. The system tells of bytes that it could not
 * write once on each descriptor: with a shared one, the sync of one commit would be told of another's, and that one's
 * sync would succeed.
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

/** Where the next commit is stamped for: behind those that are on their way. */
interface JournalHead {
  offset: number;
  nextCommit: number;
  lastChecksum: number;
}

/** What a commit's header says of the frames behind it. */
interface CommitBody {
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
  readonly frameCount: number;
  readonly timeMs: number;
}

/** A journal file that is in order. */
interface AdoptedFile {
  readonly number: number;
  /** Length of the header: where the first commit is. */
  readonly body: number;
  /** The synced length. */
  readonly end: number;
  /** What it takes on the disk. */
  readonly bytes: number;
  /** Of the newest one. */
  readonly handle?: DiskFile;
  /** Whether its format lets several commits be on their way. */
  readonly widens?: boolean;
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
  /** Whether several commits may be on their way into it. */
  widens: boolean;
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
  #head: JournalHead = { offset: 0, nextCommit: 0, lastChecksum: 0 };
  /** The lanes beside the pooled handle, which is the first. */
  #lanes: DiskFile[] = [];
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

  /** Where the next commit goes in the active file: behind those that are on their way. */
  get headOffset(): number {
    return this.#head.offset;
  }

  /** Where the first frame is of the oldest commit that is not settled. */
  get nextBodyAt(): number {
    return this.#activeFile.end + commitHeaderBytes;
  }

  /** Whether several commits may be on their way into the active file. */
  get widens(): boolean {
    return this.#activeFile.widens;
  }

  get lanes(): number {
    return 1 + this.#lanes.length;
  }

  /** What synced commits have put into the active file. */
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
  adopt({ number, body, end, bytes, handle, widens = false }: AdoptedFile): void {
    assert(this.#active === undefined, 'the active file is adopted last');
    const pooled = this.#pool.add(journalName(number), handle);
    const file: JournalFile = { number, body, end, bytes, file: pooled, widens };
    this.#files.set(number, file);
    this.#bytes += bytes;
    if (this.#oldest === 0) this.#oldest = number;
    if (handle === undefined) return;
    this.#active = file;
    this.rewind();
  }

  /** What was stamped and is not settled never was: the next commit follows the last synced one. */
  rewind(): void {
    const { nextCommit, lastChecksum } = this.chain;
    this.#head = { offset: this.#activeFile.end, nextCommit, lastChecksum };
  }

  /**
   * Begins the next file with a checkpoint of `registry`, over the spare one if there is one. On failure the journal
   * goes on in the old file.
   */
  async roll(registry: Registry, timeMs: number): Promise<void> {
    const previous = this.#active;
    assert(previous === undefined || this.#head.offset === previous.end, 'a commit is on its way');
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
    this.chain.lastChecksum = journalHeaderChecksum(header);
    const [body, end] = [header.length, header.length];
    this.adopt({ number, body, end, bytes: Math.max(end, reusedBytes), handle, widens: true });
    await this.closeLanes();
    if (previous !== undefined) await this.#pool.unpin(previous.file);
  }

  /** Opens one more lane into the active file; one to which the system gives no more stays as narrow as it is. */
  async widen(): Promise<void> {
    const file = this.#activeFile;
    try {
      this.#lanes.push(await this.#disk.open(file.file.name, 'existing'));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      file.widens = false;
    }
  }

  /** Closes all lanes but the first, in which nothing may be on its way. */
  async closeLanes(): Promise<void> {
    for (const lane of this.#lanes.splice(0)) await lane.close();
  }

  /**
   * Fills in the header of a commit whose frames are behind it, for the place where it will be written: behind all that
   * was stamped before. Answers that place, and the header's checksum.
   */
  stamp(target: Buffer, body: CommitBody): { readonly offset: number; readonly headerChecksum: number } {
    const { offset, nextCommit, lastChecksum } = this.#head;
    const headerChecksum = writeCommitHeader(target, 0, {
      tag: this.chain.tag,
      generation: this.chain.generation,
      number: nextCommit,
      file: this.active,
      offset,
      syncedOffset: this.#activeFile.end,
      previous: lastChecksum,
      ...body,
    });
    this.#head = {
      offset: offset + commitHeaderBytes + body.bodyBytes,
      nextCommit: nextCommit + 1,
      lastChecksum: headerChecksum,
    };
    return { offset, headerChecksum };
  }

  /** Writes a stamped commit to its place. */
  async write(lane: number, parts: readonly Uint8Array[], offset: number): Promise<void> {
    await (await this.#lane(lane)).write(parts, offset);
  }

  /** Makes durable what was written in a lane. */
  async sync(lane: number): Promise<void> {
    await (await this.#lane(lane)).sync();
  }

  /** The oldest commit that was not is synced. */
  settle(bodyBytes: number, headerChecksum: number): void {
    const length = commitHeaderBytes + bodyBytes;
    const file = this.#activeFile;
    file.end += length;
    this.#resize(file, Math.max(file.bytes, file.end));
    this.chain.nextCommit++;
    this.chain.lastChecksum = headerChecksum;
  }

  /**
   * Takes back a write that found no room and all behind it, for good: they must not come back behind a later one. None
   * may be on its way any more.
   */
  async cutBack(): Promise<void> {
    const handle = await this.#lane(0);
    const file = this.#activeFile;
    await handle.truncate(file.end);
    this.#resize(file, file.end);
    await handle.sync();
    this.rewind();
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

  async #lane(lane: number): Promise<DiskFile> {
    if (lane > 0) return present(this.#lanes[lane - 1], `lane ${lane}`);
    return present(this.#activeFile.file.handle, 'the handle of the active file');
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
