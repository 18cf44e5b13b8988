/**
 * A copy of a data directory, of a running server or of one that is stopped: `DIR2` is then a data directory like any
 * other.
 *
 *      DIR2/log/…  linked where it can be, synced ─▶ clock.json, repair.json ─▶ millrace.json, which comes last
 *
 * Invariant: without `millrace.json` no server takes the directory for whole, and what is in `log` says the same of itself.
 */
import path from 'node:path';
import {
  LogError,
  type NativeEngine,
  nodeDisk,
  nodeSnapshotTarget,
  openNativeEngine,
  type SnapshotProgress,
} from '@millrace/log';
import { logFolder } from '../data-directory.js';
import { StartError } from '../start-error.js';
import { asStartError } from './check-directory.js';
import { finishNewDirectory, lyingDirectory, makeNewDirectory } from './directory-files.js';
import { noClock } from './no-clock.js';

export interface Snapshot {
  readonly to: string;
  readonly files: number;
  readonly bytes: number;
  /** Of these, what takes no space of its own as long as the original has it too. */
  readonly bytesLinked: number;
}

/** Copies what `engine`, which has `dataDir`, holds at this call. Rejects with `StartError`. */
export async function snapshotEngine(
  engine: NativeEngine,
  dataDir: string,
  to: string,
  progress?: (progress: SnapshotProgress) => void,
): Promise<Snapshot> {
  const source = path.resolve(dataDir);
  const target = path.resolve(to);
  const logs = await makeNewDirectory(target, source);
  return asStartError(async () => {
    try {
      const made = await engine.snapshot(
        await nodeSnapshotTarget(path.join(source, logFolder), logs),
        progress,
      );
      await finishNewDirectory(target, source, undefined);
      return { to: target, ...made };
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      throw new StartError(
        'unwritable',
        `The snapshot was not finished: ${error.message}. Remove ${target} before another try.`,
        { cause: error },
      );
    }
  });
}

/** Copies a directory that no server has: it is opened for it, as a start would. Rejects with `StartError`. */
export async function snapshotStopped(
  dataDir: string,
  to: string,
  progress?: (progress: SnapshotProgress) => void,
): Promise<Snapshot> {
  const directory = await lyingDirectory(dataDir);
  const [problem] = directory.problems;
  if (problem !== undefined)
    throw new StartError(
      'damaged',
      `A snapshot is made of a sound directory, and in ${directory.path} ${problem}.`,
    );
  let engine: NativeEngine;
  try {
    engine = await openNativeEngine({ disk: await nodeDisk(directory.logs), clock: noClock });
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    throw new StartError(
      'damaged',
      `No snapshot of ${directory.path} was made: ${error.message}. See millrace check --data ${directory.path}.`,
      { cause: error },
    );
  }
  try {
    return await snapshotEngine(engine, directory.path, to, progress);
  } finally {
    await engine.close();
  }
}
