/**
 * The files of a directory for a thread that has nothing else to do: each call is done when it returns, and costs
 * neither a promise's wait nor one of the few threads that the main one writes and syncs with.
 *
 * Invariant: the same as of `node-disk.ts`, whose errors it shares; but a file that is made is written from front to
 * back. Never for the main thread.
 *
 * Such a file goes past the system's cache (O_DIRECT) where that can be: what is settled will not be read again soon,
 * and a page of new memory for each four kilobytes costs several times the writing. Direct writes want whole pages
 * from page-aligned memory:
 *
 *      written  ─▶ │ staged: up to 1 MiB │ ─ full ─▶ file        sync: the last page is written with zeros behind,
 *                                                                and the file cut to its length
 */
import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { assert, mib } from '@millrace/base';
import type { Disk, DiskFile } from './disk.js';
import { asDiskError, fileMode } from './node-disk.js';

const pageBytes = 4096;
const stageBytes = mib;
const wasmPageBytes = 64 * 1024;

/** Opens and removes files of `directory`, which must be there. Of those that it makes, one is written at a time. */
export function blockingDisk(directory: string): Pick<Disk, 'open' | 'remove'> {
  const at = (name: string): string => join(directory, basename(name));
  const stage = pageAligned(stageBytes);
  return {
    async open(name, mode) {
      const path = at(name);
      return call(`open ${path}`, () =>
        mode === 'create' ? new MadeFile(path, stage) : new BlockingFile(path),
      );
    },
    async remove(name) {
      const path = at(name);
      call(`remove ${path}`, () => fs.unlinkSync(path));
    },
  };
}

class BlockingFile implements DiskFile {
  protected readonly path: string;
  protected descriptor: number;

  constructor(path: string, flags = fs.constants.O_RDWR) {
    this.path = path;
    this.descriptor = fs.openSync(path, flags, fileMode);
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    return call(`read ${this.path}`, () => {
      let read = 0;
      while (read < target.length) {
        const count = fs.readSync(this.descriptor, target, read, target.length - read, offset + read);
        if (count === 0) break;
        read += count;
      }
      return read;
    });
  }

  async write(parts: readonly Uint8Array[], offset: number): Promise<void> {
    call(`write ${this.path}`, () => {
      let at = offset;
      for (const part of parts) {
        this.writeAt(part, at);
        at += part.length;
      }
    });
  }

  async sync(): Promise<void> {
    call(`sync ${this.path}`, () => fs.fdatasyncSync(this.descriptor));
  }

  async truncate(length: number): Promise<void> {
    call(`truncate ${this.path}`, () => fs.ftruncateSync(this.descriptor, length));
  }

  async size(): Promise<number> {
    return call(`look at ${this.path}`, () => fs.fstatSync(this.descriptor).size);
  }

  async close(): Promise<void> {
    call(`close ${this.path}`, () => fs.closeSync(this.descriptor));
  }

  protected writeAt(bytes: Uint8Array, offset: number): void {
    for (let written = 0; written < bytes.length; ) {
      written += fs.writeSync(this.descriptor, bytes, written, bytes.length - written, offset + written);
    }
  }
}

/** A new file. Where the system lets it be written directly, it is staged. */
class MadeFile extends BlockingFile {
  /** Undefined when the file is written the ordinary way. */
  readonly #stage: Uint8Array | undefined;
  /** Where the stage goes in the file: a multiple of a page. */
  #stageAt = 0;
  #staged = 0;

  constructor(path: string, stage: Uint8Array | undefined) {
    super(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL);
    this.#stage = stage !== undefined && this.#goesDirect(stage) ? stage : undefined;
  }

  override async write(parts: readonly Uint8Array[], offset: number): Promise<void> {
    const stage = this.#stage;
    if (stage === undefined) return super.write(parts, offset);
    assert(offset === this.#stageAt + this.#staged, 'a file that is made is written from front to back');
    call(`write ${this.path}`, () => {
      for (const part of parts) this.#add(stage, part);
    });
  }

  override async sync(): Promise<void> {
    this.#flush();
    await super.sync();
  }

  override async close(): Promise<void> {
    try {
      this.#flush();
    } finally {
      await super.close();
    }
  }

  #add(stage: Uint8Array, bytes: Uint8Array): void {
    for (let added = 0; added < bytes.length; ) {
      const count = Math.min(bytes.length - added, stage.length - this.#staged);
      stage.set(bytes.subarray(added, added + count), this.#staged);
      added += count;
      this.#staged += count;
      if (this.#staged < stage.length) continue;
      this.writeAt(stage, this.#stageAt);
      this.#stageAt += stage.length;
      this.#staged = 0;
    }
  }

  /** Writes what is staged; the page that is not full stays, to be written again with what comes behind. */
  #flush(): void {
    const stage = this.#stage;
    const whole = Math.ceil(this.#staged / pageBytes) * pageBytes;
    if (stage === undefined || whole === 0) return;
    stage.fill(0, this.#staged, whole);
    call(`write ${this.path}`, () => {
      this.writeAt(stage.subarray(0, whole), this.#stageAt);
      fs.ftruncateSync(this.descriptor, this.#stageAt + this.#staged);
    });
    const kept = this.#staged % pageBytes;
    stage.copyWithin(0, this.#staged - kept, this.#staged);
    this.#stageAt += this.#staged - kept;
    this.#staged = kept;
  }

  /** Has the file written directly from now on; `false` when the system would rather not. */
  #goesDirect(stage: Uint8Array): boolean {
    let direct: number | undefined;
    try {
      direct = fs.openSync(this.path, fs.constants.O_RDWR | fs.constants.O_DIRECT);
      // Some systems say only at the first write that they cannot.
      fs.writeSync(direct, stage, 0, pageBytes, 0);
      fs.ftruncateSync(direct, 0);
      fs.closeSync(this.descriptor);
      this.descriptor = direct;
      return true;
    } catch {
      // Whatever it was: written the ordinary way, the file will do, or say what is wrong.
      if (direct !== undefined) fs.closeSync(direct);
      fs.ftruncateSync(this.descriptor, 0);
      return false;
    }
  }
}

/** What the compiler's library does not know without that of browsers. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

/**
 * Memory that begins at a page: buffers begin behind their allocator's notes, a WebAssembly memory does not. Undefined
 * where a process may not reserve the addresses that one takes, or the system has no direct writes.
 */
function pageAligned(bytes: number): Uint8Array | undefined {
  if (fs.constants.O_DIRECT === undefined) return undefined;
  const pages = bytes / wasmPageBytes;
  try {
    return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function call<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asDiskError(what, error);
  }
}
