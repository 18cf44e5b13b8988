/**
 * A directory of the real file system as a `Disk`. This file, `blocking-disk.ts` and `node-lock.ts` are the only ones of
 * the package that touch the operating system.
 *
 * Invariant: every failure is a `DiskError` with a code of the closed set and the system's error as its cause. A
 * write or read that the system does only in part is continued until it is whole.
 *
 * The callback API of `node:fs` is used because it costs half of what file handles' promises do.
 */
import * as fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { asBuffer } from '@millrace/base';
import {
  type Disk,
  DiskError,
  type DiskErrorCode,
  type DiskFile,
  type DiskLock,
  type DiskView,
} from './disk.js';
import { askLockHolder, type Introduction, isLockName, takeLock } from './node-lock.js';
import type { SnapshotTarget } from './snapshot.js';

/** Of files that are made: for the owner alone. */
export const fileMode = 0o600;
const directoryMode = 0o700;
/** Some systems refuse longer lists of parts, or silently write only so many. */
const partsMax = 1024;
/**
 * Up to this a write is done on the calling thread: it copies into the page cache in some microseconds, where the way
 * to a thread and back waits twice for a processor. On two busy cores that was a millisecond of a put's 99th
 * percentile. It is only the sync that waits for the disk.
 */
const writtenHereMax = 64 * 1024;

/**
 * Opens `directory`, made if it is missing, for one engine. While that holds the lock, whoever asks for the holder is told
 * the `introduction`.
 */
export async function nodeDisk(directory: string, introduction: Introduction = () => ''): Promise<Disk> {
  const path = resolve(directory);
  await makeDirectory(path);
  return new NodeDisk(path, introduction);
}

/** What the process that has `directory` says of itself; undefined when none has it. Throws `DiskError`. */
export async function lockHolder(directory: string): Promise<string | undefined> {
  const path = resolve(directory);
  try {
    return await askLockHolder(path);
  } catch (error) {
    throw asDiskError(`look at the lock of ${path}`, error);
  }
}

/** `directory`, which must be there, for looking only: nothing in it is made, changed or locked. */
export function nodeDiskView(directory: string): DiskView {
  const path = resolve(directory);
  return {
    list: () => listFiles(path),
    read: (name) => openFile(join(path, basename(name)), fs.constants.O_RDONLY),
  };
}

/**
 * `directory`, which must be empty, for a snapshot of the store in `source`. Links are tried for what never changes; a
 * file system that has none, or is another one, has it copied.
 */
export async function nodeSnapshotTarget(source: string, directory: string): Promise<SnapshotTarget> {
  const disk = await nodeDisk(directory);
  const [from, to] = [resolve(source), resolve(directory)];
  return {
    disk,
    link: async (name) => {
      try {
        await call<void>(`link ${join(to, name)}`, (done) => fs.link(join(from, name), join(to, name), done));
        return true;
      } catch (error) {
        const { code } = (error as DiskError).cause as NodeJS.ErrnoException;
        if (unlinkableCodes.includes(code ?? '')) return false;
        throw error;
      }
    },
  };
}

/** What file systems answer that do not link, or not there, or not so often. */
const unlinkableCodes = ['EXDEV', 'EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK', 'EACCES'];

class NodeDisk implements Disk {
  readonly #path: string;
  readonly #introduction: Introduction;

  constructor(path: string, introduction: Introduction) {
    this.#path = path;
    this.#introduction = introduction;
  }

  list(): Promise<readonly string[]> {
    return listFiles(this.#path);
  }

  open(name: string, mode: 'existing' | 'create'): Promise<DiskFile> {
    const flags = fs.constants.O_RDWR | (mode === 'create' ? fs.constants.O_CREAT | fs.constants.O_EXCL : 0);
    return openFile(this.#at(name), flags);
  }

  async remove(name: string): Promise<void> {
    const path = this.#at(name);
    await call<void>(`remove ${path}`, (done) => fs.unlink(path, done));
  }

  async rename(from: string, to: string): Promise<void> {
    const path = this.#at(from);
    await call<void>(`rename ${path}`, (done) => fs.rename(path, this.#at(to), done));
  }

  async isLinked(name: string): Promise<boolean> {
    const path = this.#at(name);
    const stats = await call<fs.Stats>(`look at ${path}`, (done) => fs.stat(path, done));
    return stats.nlink > 1;
  }

  syncDirectory(): Promise<void> {
    return syncDirectory(this.#path);
  }

  async lock(): Promise<DiskLock> {
    try {
      return await takeLock(this.#path, this.#introduction);
    } catch (error) {
      throw asDiskError(`lock ${this.#path}`, error);
    }
  }

  #at(name: string): string {
    return join(this.#path, basename(name));
  }
}

class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    let read = 0;
    while (read < target.length) {
      const at = read;
      const count = await call<number>(`read ${this.#path}`, (done) =>
        fs.read(this.#descriptor, target, at, target.length - at, offset + at, done),
      );
      if (count === 0) break;
      read += count;
    }
    return read;
  }

  async write(parts: readonly Uint8Array[], offset: number): Promise<void> {
    let at = offset;
    for (let i = 0; i < parts.length; i += partsMax) {
      at = await this.#writeSome(parts.slice(i, i + partsMax), at);
    }
  }

  sync(): Promise<void> {
    return call<void>(`sync ${this.#path}`, (done) => fs.fdatasync(this.#descriptor, done));
  }

  truncate(length: number): Promise<void> {
    return call<void>(`truncate ${this.#path}`, (done) => fs.ftruncate(this.#descriptor, length, done));
  }

  async size(): Promise<number> {
    const stats = await call<fs.Stats>(`look at ${this.#path}`, (done) => fs.fstat(this.#descriptor, done));
    return stats.size;
  }

  close(): Promise<void> {
    return call<void>(`close ${this.#path}`, (done) => fs.close(this.#descriptor, done));
  }

  async #writeSome(parts: Uint8Array[], offset: number): Promise<number> {
    let at = offset;
    let left = parts;
    while (left.length > 0) {
      const batch = left;
      const position = at;
      const written =
        size(batch) <= writtenHereMax
          ? this.#writeHere(batch, position)
          : await call<number>(`write ${this.#path}`, (done) =>
              fs.writev(this.#descriptor, batch, position, done),
            );
      at += written;
      left = rest(batch, written);
    }
    return at;
  }

  #writeHere(parts: readonly Uint8Array[], position: number): number {
    try {
      return fs.writevSync(this.#descriptor, parts, position);
    } catch (error) {
      throw asDiskError(`write ${this.#path}`, error);
    }
  }
}

function size(parts: readonly Uint8Array[]): number {
  return parts.reduce((bytes, part) => bytes + part.length, 0);
}

/** What is left of `parts` after their first `written` bytes. */
function rest(parts: readonly Uint8Array[], written: number): Uint8Array[] {
  let skipped = 0;
  let first = 0;
  for (let part = parts[first]; part !== undefined && skipped + part.length <= written; part = parts[first]) {
    skipped += part.length;
    first++;
  }
  const left = parts.slice(first);
  if (left[0] !== undefined && written > skipped) left[0] = asBuffer(left[0]).subarray(written - skipped);
  return left;
}

async function listFiles(path: string): Promise<readonly string[]> {
  const names = await call<string[]>(`list ${path}`, (done) => fs.readdir(path, done));
  return names.filter((name) => !isLockName(name) && !isSystemName(name));
}

async function openFile(path: string, flags: number): Promise<NodeFile> {
  const descriptor = await call<number>(`open ${path}`, (done) => fs.open(path, flags, fileMode, done));
  return new NodeFile(path, descriptor);
}

/** What file systems and desktops put into directories of their own accord. */
function isSystemName(name: string): boolean {
  return name === 'lost+found' || name.startsWith('.');
}

async function makeDirectory(path: string): Promise<void> {
  const made = await call<string | undefined>(`make ${path}`, (done) =>
    fs.mkdir(path, { recursive: true, mode: directoryMode }, done),
  );
  if (made !== undefined) await syncDirectory(dirname(made));
  const stats = await call<fs.Stats>(`look at ${path}`, (done) => fs.stat(path, done));
  if (!stats.isDirectory()) throw new DiskError('io', `${path} is not a directory`);
  await call<void>(`use ${path}`, (done) => fs.access(path, fs.constants.R_OK | fs.constants.W_OK, done));
}

async function syncDirectory(path: string): Promise<void> {
  // Windows neither opens directories nor needs it: NTFS journals its names.
  if (process.platform === 'win32') return;
  const descriptor = await call<number>(`open ${path}`, (done) => fs.open(path, fs.constants.O_RDONLY, done));
  try {
    await call<void>(`sync ${path}`, (done) => fs.fsync(descriptor, done));
  } finally {
    await call<void>(`close ${path}`, (done) => fs.close(descriptor, done));
  }
}

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

function call<T>(what: string, start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error === null) resolve(value as T);
      else reject(asDiskError(what, error));
    });
  });
}

const codes: Readonly<Record<string, DiskErrorCode>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  ENOENT: 'missing',
  EEXIST: 'exists',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
};

/** What the system said when `what` was to be done, as what a disk says. */
export function asDiskError(what: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new DiskError(codes[code ?? ''] ?? 'io', `cannot ${what}: ${message}`, { cause: error });
}
