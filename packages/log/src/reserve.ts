/**
 * Space kept back, so that a stream can always be deleted: a file of real bytes that is given up when the disk is
 * full and a command that makes room needs it, and made again before any more data is taken.
 *
 *      held ──giveUp()──▶ given up ──restore()──▶ held
 *                             └── still no room ──▶ given up
 *
 * Invariant: while it is given up, no unprivileged append is written. It has its name only once its bytes are synced,
 * so that what a crash leaves is real space or none.
 */
import { kib, type Random } from '@millrace/base';
import { type Disk, DiskError } from './disk.js';

export const reserveName = 'reserve';
/** A reserve that is not yet known to be whole. */
export const unfinishedReserveName = 'reserve.new';

/** Longer than what file systems compress at a time, so that repeating the block saves them nothing. */
const blockBytes = 256 * kib;

export class Reserve {
  readonly #disk: Disk;
  readonly #random: Random;
  readonly #bytes: number;
  readonly #syncDirectory: () => Promise<void>;
  #block: Uint8Array | undefined;
  #held = false;

  constructor(disk: Disk, random: Random, bytes: number, syncDirectory: () => Promise<void>) {
    this.#disk = disk;
    this.#random = random;
    this.#bytes = bytes;
    this.#syncDirectory = syncDirectory;
  }

  get held(): boolean {
    return this.#held || this.#bytes === 0;
  }

  /** Whether giving it up would free nothing. */
  get spent(): boolean {
    return !this.#held || this.#bytes === 0;
  }

  /** Finds the reserve of an earlier run, or makes it if there is room. */
  async open(names: readonly string[]): Promise<void> {
    if (names.includes(unfinishedReserveName)) await this.#remove(unfinishedReserveName);
    if (names.includes(reserveName)) {
      const file = await this.#disk.open(reserveName, 'existing');
      const size = await file.size();
      await file.close();
      this.#held = size === this.#bytes;
      if (this.#held) return;
      await this.#remove(reserveName);
    }
    await this.restore();
  }

  /** Frees the space. */
  async giveUp(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    await this.#remove(reserveName);
  }

  /** Takes the space again; `false` when there is not enough. */
  async restore(): Promise<boolean> {
    if (this.held) return true;
    try {
      const file = await this.#disk.open(unfinishedReserveName, 'create');
      try {
        await file.write(this.#filling(), 0);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#disk.rename(unfinishedReserveName, reserveName);
    } catch (error) {
      if (!(error instanceof DiskError && error.code === 'full')) throw error;
      if ((await this.#disk.list()).includes(unfinishedReserveName))
        await this.#remove(unfinishedReserveName);
      return false;
    }
    await this.#syncDirectory();
    this.#held = true;
    return true;
  }

  /** Random bytes: a file system that compresses must not keep less than they are. */
  #filling(): Uint8Array[] {
    this.#block ??= this.#random.bytes(Math.min(blockBytes, this.#bytes));
    const parts: Uint8Array[] = [];
    for (let left = this.#bytes; left > 0; left -= this.#block.length) {
      parts.push(left < this.#block.length ? this.#block.subarray(0, left) : this.#block);
    }
    return parts;
  }

  async #remove(name: string): Promise<void> {
    await this.#disk.remove(name);
    await this.#syncDirectory();
  }
}
