/** A disk in memory without faults, for tests: what is written stays, whoever opens it next. */
import { type Disk, DiskError, type DiskFile, type DiskLock } from '../disk.js';

class MemoryFile implements DiskFile {
  bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes);
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    const part = this.bytes.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  async write(parts: readonly Uint8Array[], offset: number): Promise<void> {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (offset + length > this.bytes.length) await this.truncate(offset + length);
    let at = offset;
    for (const part of parts) {
      this.bytes.set(part, at);
      at += part.length;
    }
  }

  async sync(): Promise<void> {}

  async truncate(length: number): Promise<void> {
    const bytes = Buffer.alloc(length);
    this.bytes.copy(bytes);
    this.bytes = bytes;
  }

  async size(): Promise<number> {
    return this.bytes.length;
  }

  async close(): Promise<void> {}
}

export class MemoryDisk implements Disk {
  readonly #files = new Map<string, MemoryFile>();
  #locked = false;

  names(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** A copy of what a file holds. */
  contents(name: string): Buffer {
    return Buffer.from(this.#file(name).bytes);
  }

  /** Makes or replaces a file. */
  put(name: string, bytes: Uint8Array): void {
    this.#files.set(name, new MemoryFile(bytes));
  }

  /** A disk with the same files and no lock: what the next process finds after a crash of this one. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk();
    for (const [name, file] of this.#files) copy.put(name, file.bytes);
    return copy;
  }

  async list(): Promise<readonly string[]> {
    return [...this.#files.keys()];
  }

  async open(name: string, mode: 'existing' | 'create'): Promise<DiskFile> {
    if (mode === 'existing') return this.#file(name);
    if (this.#files.has(name)) throw new DiskError('exists', `${name} exists`);
    this.put(name, Buffer.alloc(0));
    return this.#file(name);
  }

  async remove(name: string): Promise<void> {
    this.#file(name);
    this.#files.delete(name);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#files.set(to, this.#file(from));
    this.#files.delete(from);
  }

  async isLinked(): Promise<boolean> {
    return false;
  }

  async syncDirectory(): Promise<void> {}

  async lock(): Promise<DiskLock> {
    if (this.#locked) throw new DiskError('locked', 'another process uses the disk');
    this.#locked = true;
    return {
      release: async () => {
        this.#locked = false;
      },
    };
  }

  #file(name: string): MemoryFile {
    const file = this.#files.get(name);
    if (file === undefined) throw new DiskError('missing', `${name} is missing`);
    return file;
  }
}
