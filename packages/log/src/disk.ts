/**
 * All that the log knows of files: one flat directory. `node-disk.ts` keeps it with the real one, `sim` with a
 * simulated one whose faults are seeded. Nothing else in this package touches the file system.
 *
 * The model that callers must assume: a write is lost, torn or reordered with others at a crash until `sync` of its
 * file has returned; a name that was made, renamed or removed is so for good only after `syncDirectory`; after a
 * failed `sync` nobody knows what is on the disk.
 */
export interface Disk {
  /** The names in the directory, in no order; without those of the lock, and those that the system puts there. */
  list(): Promise<readonly string[]>;
  /** Opens an existing file for reading and writing, or makes a new, empty one (`create`; it must not exist). */
  open(name: string, mode: 'existing' | 'create'): Promise<DiskFile>;
  remove(name: string): Promise<void>;
  /** Replaces `to` if it exists, at once for whoever opens it. */
  rename(from: string, to: string): Promise<void>;
  /** Whether somebody has given a file another name besides, by a hard link: then it must not be written over. */
  isLinked(name: string): Promise<boolean>;
  syncDirectory(): Promise<void>;
  /** Takes the directory for this process alone. Rejects with `DiskError` code `locked` when another has it. */
  lock(): Promise<DiskLock>;
}

/** A directory that is only looked at: nothing in it is changed, whatever is in it. */
export interface DiskView {
  /** As `Disk.list`. */
  list(): Promise<readonly string[]>;
  /** Opens an existing file for reading. */
  read(name: string): Promise<ReadableFile>;
}

export type ReadableFile = Pick<DiskFile, 'read' | 'size' | 'close'>;

export interface DiskLock {
  release(): Promise<void>;
}

export interface DiskFile {
  /** Fills `target` from `offset` on; answers how many bytes there were, fewer only at the end of the file. */
  read(target: Uint8Array, offset: number): Promise<number>;
  /** Writes all of `parts`, one after another, at `offset`. On failure any part of it may have been written. */
  write(parts: readonly Uint8Array[], offset: number): Promise<void>;
  /** Makes everything written so far durable, with the length (fdatasync). */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** What a disk can answer, as a closed set. `io` is everything that nobody can do anything about. */
export type DiskErrorCode = 'full' | 'locked' | 'missing' | 'exists' | 'denied' | 'io';

export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: DiskErrorCode;
  /** Whether the same call may succeed later with nothing else done. */
  readonly retryable: boolean;

  constructor(code: DiskErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'full';
  }
}
