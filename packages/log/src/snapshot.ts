/**
 * A copy of a store as it stands at one moment, while it goes on: everything that was synced by then, and nothing later.
 *
 *      in one turn   which chunks, which journal files, where each ends; all are held under their names
 *      then          chunks and journal files that are written no more ─▶ linked, or copied on another file system
 *                    the newest journal file ─▶ copied up to where it ended
 *                    manifest of just these ─▶ written, all of it synced, `unfinished` removed
 *
 * Invariant: what is linked never changes again, in the store or in the copy: both only ever remove their own names. A
 * copy that was cut off holds `unfinished`, and is refused by whoever would open it. Puts, settling and removals go on:
 * a file that is removed meanwhile keeps its name until it is copied, and nobody waits for that.
 */
import type { Disk, DiskFile } from './disk.js';
import { LogError } from './log-error.js';
import { type Manifest, writeManifest } from './manifest.js';
import { beginMaking, endMaking } from './unfinished.js';

/** Where a snapshot goes. */
export interface SnapshotTarget {
  /** An empty directory. */
  readonly disk: Disk;
  /** Gives the store's file `name` the same name here too, without a copy; `false` when that is not possible. */
  link(name: string): Promise<boolean>;
}

/** A file of the store that keeps its name until it is released. */
export interface HeldFile {
  readonly name: string;
  /** What belongs to the snapshot: no more than this of it. */
  readonly bytes: number;
  /** Whether the file is longer already, or will be. */
  readonly written: boolean;
  release(): Promise<void>;
}

export interface SnapshotProgress {
  readonly file: string;
  readonly bytesDone: number;
  readonly bytesAll: number;
}

export interface SnapshotResult {
  readonly files: number;
  readonly bytes: number;
  /** Of these, what takes no space of its own. */
  readonly bytesLinked: number;
}

export interface SnapshotOptions {
  readonly source: Disk;
  readonly target: SnapshotTarget;
  readonly manifest: Manifest;
  readonly files: readonly HeldFile[];
  readonly sliceBytes: number;
  readonly signal: AbortSignal;
  readonly progress?: ((progress: SnapshotProgress) => void) | undefined;
}

/** Makes the snapshot of `files`, and lets go of each. Rejects with `LogError` or `DiskError`. */
export async function makeSnapshot(options: SnapshotOptions): Promise<SnapshotResult> {
  const { target, files, manifest, signal, progress } = options;
  const bytesAll = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const left = [...files];
  let bytesDone = 0;
  let bytesLinked = 0;
  try {
    await beginMaking(target.disk, 'a snapshot is being made here');
    for (const file of files) {
      assertGoesOn(signal);
      const linked = !file.written && (await target.link(file.name));
      if (linked) bytesLinked += file.bytes;
      else
        await copy(options, file, (bytes) =>
          progress?.({ file: file.name, bytesDone: bytesDone + bytes, bytesAll }),
        );
      bytesDone += file.bytes;
      progress?.({ file: file.name, bytesDone, bytesAll });
      left.shift();
      await file.release();
    }
    await target.disk.syncDirectory();
    await writeManifest(target.disk, manifest);
    await endMaking(target.disk);
  } finally {
    for (const file of left) await file.release();
  }
  return { files: files.length + 1, bytes: bytesAll, bytesLinked };
}

async function copy(
  options: SnapshotOptions,
  { name, bytes }: HeldFile,
  progress: (bytes: number) => void,
): Promise<void> {
  const { source, target, sliceBytes } = options;
  const from = await source.open(name, 'existing');
  try {
    const to = await target.disk.open(name, 'create');
    try {
      await copySlices(from, to, name, bytes, sliceBytes, options.signal, progress);
      await to.sync();
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

async function copySlices(
  from: DiskFile,
  to: DiskFile,
  name: string,
  bytes: number,
  sliceBytes: number,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<void> {
  const slice = Buffer.allocUnsafeSlow(Math.min(sliceBytes, bytes));
  for (let offset = 0; offset < bytes; offset += slice.length) {
    assertGoesOn(signal);
    const part = slice.subarray(0, Math.min(slice.length, bytes - offset));
    const read = await from.read(part, offset);
    if (read < part.length)
      throw new LogError('damaged', `${name} ends at ${offset + read}, before what was synced`);
    await to.write([part], offset);
    progress(offset + part.length);
  }
}

function assertGoesOn(signal: AbortSignal): void {
  if (signal.aborted) throw new LogError('closed', 'the log was closed before the snapshot was done');
}
