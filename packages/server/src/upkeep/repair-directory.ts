/**
 * Salvages a damaged data directory into a new one, which a server opens, and says what is gone. The old one is only
 * read. The marker that makes the new one a data directory comes last; until then it says that it was never finished.
 */
import path from 'node:path';
import { type Clock, SystemClock } from '@millrace/base';
import { LogError, nodeDisk, nodeDiskView, openNativeEngine } from '@millrace/log';
import { repairStore } from '@millrace/log/upkeep';
import { catalogLog } from '../catalog/catalog.js';
import { StartError } from '../start-error.js';
import { asStartError, checkDirectory, type UpkeepProgress } from './check-directory.js';
import { finishNewDirectory, lyingDirectory, makeNewDirectory, refuseHeld } from './directory-files.js';
import type { DirectoryReport } from './directory-report.js';
import { mendCatalog, nameOfLog } from './mend-catalog.js';
import { noClock } from './no-clock.js';
import { encodeRepairNote, lostOf } from './repair-note.js';

export interface RepairReport {
  /** The old directory, with what is gone of it. */
  readonly before: DirectoryReport;
  /** The new one, looked through once more. */
  readonly after: DirectoryReport;
  /** What was done to the catalog, in sentences. */
  readonly mended: readonly string[];
}

export interface RepairDirectoryOptions {
  readonly dataDir: string;
  /** Missing or empty. */
  readonly to: string;
  readonly clock?: Clock;
  readonly progress?: (step: 'look' | 'salvage' | 'verify', progress: UpkeepProgress) => void;
}

/** Rejects with `StartError` when there is nothing to salvage, a server has it, or `to` cannot be made. */
export async function repairDirectory(options: RepairDirectoryOptions): Promise<RepairReport> {
  const { dataDir, to, clock = new SystemClock(), progress = () => {} } = options;
  const before = await checkDirectory(dataDir, (step) => progress('look', step));
  const directory = await lyingDirectory(dataDir);
  const target = path.resolve(to);
  const logs = await makeNewDirectory(target, directory.path);
  return asStartError(() =>
    withLogErrors(async () => {
      const store = await repairStore({
        source: nodeDiskView(directory.logs),
        target: await nodeDisk(logs),
        nameOf: nameOfLog,
        progress: (step) => progress('salvage', step),
      });
      await refuseHeld(directory.path);
      const engine = await openNativeEngine({ disk: await nodeDisk(logs), clock: noClock });
      let mended: readonly string[];
      try {
        const catalog = store.logs.find(({ id }) => id === catalogLog);
        const catalogLost = catalog === undefined || catalog.lost.length > 0;
        mended = await mendCatalog({ engine, nowMs: engine.newestArrivalMs, catalogLost });
      } finally {
        await engine.close();
      }
      const lost = [...directory.knownLost, ...lostOf(store)];
      await finishNewDirectory(target, directory.path, encodeRepairNote(directory.path, clock.now(), lost));
      const after = await checkDirectory(target, (step) => progress('verify', step));
      return { before, after, mended };
    }),
  );
}

async function withLogErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    throw new StartError('damaged', `The repair did not come to its end: ${error.message}.`, {
      cause: error,
    });
  }
}
