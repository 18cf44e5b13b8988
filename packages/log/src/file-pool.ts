/**
 * The files that are read, open or not: opened when first wanted, closed when too many are open, and removed only
 * once nobody reads them.
 *
 *      add ──▶ known ◀──lease/release──▶ in use          remove: no new leases, wait for the last one, close, unlink
 *                                                        giveAway: the same, but it gets another name
 *
 * Invariant: from the call of `lease` to its `release` the file is neither closed nor removed. At most `filesOpenMax`
 * files are open beside those in use and the pinned one, which is being written.
 */
import { assert } from '@millrace/base';
import type { Canaries } from './canaries.js';
import type { Disk, DiskFile } from './disk.js';

export interface PooledFile {
  readonly name: string;
  handle: Promise<DiskFile> | undefined;
  pinned: boolean;
  users: number;
  removed: boolean;
  /** How many keep its name; and whether it goes with the last of them. */
  holders: number;
  unlinkDue: boolean;
}

export interface FileLease {
  readonly file: DiskFile;
  release(): void;
}

export class FilePool {
  readonly #disk: Disk;
  readonly #filesOpenMax: number;
  readonly #canaries: Canaries;
  readonly #known = new Set<PooledFile>();
  /** Those that are open and not pinned, the least recently used first. */
  readonly #open = new Set<PooledFile>();
  /** Those who wait for a file to have no readers. */
  #unread: (() => void)[] = [];

  constructor(disk: Disk, filesOpenMax: number, canaries: Canaries) {
    this.#disk = disk;
    this.#filesOpenMax = filesOpenMax;
    this.#canaries = canaries;
  }

  /** Tells of a file; with a `handle` it is pinned until `unpin`. */
  add(name: string, handle?: DiskFile): PooledFile {
    const file: PooledFile = {
      name,
      handle: handle === undefined ? undefined : Promise.resolve(handle),
      pinned: handle !== undefined,
      users: 0,
      removed: false,
      holders: 0,
      unlinkDue: false,
    };
    this.#known.add(file);
    return file;
  }

  async unpin(file: PooledFile): Promise<void> {
    file.pinned = false;
    this.#open.add(file);
    await this.#closeIdle();
  }

  /** The file for reading, which must not have been removed: nothing may come between looking at that and calling. */
  async lease(file: PooledFile): Promise<FileLease> {
    assert(!file.removed, `${file.name} is read after its removal`);
    file.users++;
    const release = (): void => {
      file.users--;
      if (file.users > 0) return;
      for (const wake of this.#unread.splice(0)) wake();
    };
    try {
      return { file: await this.#handleOf(file), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Unlinks a file, once nobody reads it any more. Whoever asks for it must have been led elsewhere before. */
  async remove(file: PooledFile): Promise<void> {
    await this.#retire(file);
    if (file.holders > 0) file.unlinkDue = true;
    else await this.#disk.remove(file.name);
  }

  /**
   * Keeps the name of a file, which must not have been removed, until the answer is called: a removal meanwhile is done
   * for everybody else, and the name goes then.
   */
  hold(file: PooledFile): () => Promise<void> {
    assert(!file.removed, `${file.name} is held after its removal`);
    file.holders++;
    return async () => {
      file.holders--;
      if (file.holders === 0 && file.unlinkDue) await this.#disk.remove(file.name);
    };
  }

  /**
   * As `remove`, but it lives on under `name`, and may be written over: whoever links to it must know. `false`: somebody
   * holds its old name, and it was removed instead.
   */
  async giveAway(file: PooledFile, name: string): Promise<boolean> {
    await this.#retire(file);
    if (file.holders > 0) {
      file.unlinkDue = true;
      return false;
    }
    await this.#disk.rename(file.name, name);
    return true;
  }

  /** Closes all files once nobody reads them. */
  async close(): Promise<void> {
    for (const file of this.#known) {
      await this.#withoutReaders(file);
      await this.#closeFile(file);
    }
  }

  async #retire(file: PooledFile): Promise<void> {
    file.removed = true;
    if (!this.#canaries.referenceDroppedEarly) await this.#withoutReaders(file);
    await this.#closeFile(file);
    this.#known.delete(file);
  }

  async #withoutReaders(file: PooledFile): Promise<void> {
    while (file.users > 0) await new Promise<void>((resolve) => this.#unread.push(resolve));
  }

  async #handleOf(file: PooledFile): Promise<DiskFile> {
    if (!file.pinned) {
      this.#open.delete(file);
      this.#open.add(file);
    }
    file.handle ??= this.#disk.open(file.name, 'existing');
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
      if (this.#open.size <= this.#filesOpenMax) return;
      if (file.users > 0 || file.handle === undefined) continue;
      await this.#closeFile(file);
    }
  }

  /** Closes a file once: whoever comes second finds no handle. */
  async #closeFile(file: PooledFile): Promise<void> {
    const { handle } = file;
    file.handle = undefined;
    this.#open.delete(file);
    if (handle !== undefined) await (await handle).close();
  }
}
