/**
 * Looks a whole data directory through, and changes nothing of it, not even by a lock: it may lie on a disk that takes
 * no writes any more. So it is refused while a server has it, and when one was faster, that is told from what it did.
 */

import { DiskError, nodeDiskView } from '@millrace/log';
import { checkStore, type Finding, type WalkProgress } from '@millrace/log/upkeep';
import { catalogLog } from '../catalog/catalog.js';
import { CatalogError } from '../catalog/catalog-error.js';
import { type FoundRecord, foldSalvaged } from '../catalog/salvaged-catalog.js';
import { StartError } from '../start-error.js';
import { streamsFold } from '../streams/open-streams.js';
import { lyingDirectory, printOf, refuseHeld } from './directory-files.js';
import { type DirectoryReport, directoryReport } from './directory-report.js';
import { isNoted } from './repair-note.js';

export type UpkeepProgress = WalkProgress;

/** A catalog of more is not read for names. Its snapshots keep it far smaller. */
const catalogBytesMax = 512 * 1024 * 1024;

/** Rejects with `StartError` when there is nothing to look at, or a server has it. */
export async function checkDirectory(
  dataDir: string,
  progress?: (progress: UpkeepProgress) => void,
): Promise<DirectoryReport> {
  const directory = await lyingDirectory(dataDir);
  const before = await printOf(directory.logs);
  const records: FoundRecord[] = [];
  let catalogBytes = 0;
  const record = (position: number, arrivalMs: number, bytes: Uint8Array): void => {
    catalogBytes += bytes.length;
    if (catalogBytes <= catalogBytesMax) records.push({ position, arrivalMs, bytes });
  };
  const known = directory.knownLost;
  const store = await asStartError(() =>
    checkStore({
      view: nodeDiskView(directory.logs),
      ...(progress === undefined ? {} : { progress }),
      wanted: { log: catalogLog, record },
      isKnownLost: (log, range) => isNoted(known, log, range),
    }),
  );
  await refuseHeld(directory.path);
  if ((await printOf(directory.logs)) !== before) {
    throw new StartError(
      'locked',
      `Something has changed ${directory.path} while it was looked at: stop what uses it, and check again.`,
    );
  }
  const fold = streamsFold();
  const problems = directory.problems.map((message) => outside(message));
  const first = store.logs.find(({ id }) => id === catalogLog)?.first ?? 0;
  try {
    const alive = records.filter(({ position }) => position >= first);
    const catalog = foldSalvaged(alive, [fold]);
    for (const message of catalog.problems) problems.push({ ...outside(message), log: catalogLog });
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error;
    problems.push({ ...outside(error.message), kind: 'newer' });
  }
  const lostBefore = known.reduce((sum, { from, to, atMost }) => sum + (atMost ? 0 : to - from), 0);
  return directoryReport(directory.path, store, fold.view, problems, lostBefore);
}

function outside(message: string): Finding {
  return {
    severity: 'damage',
    kind: 'changed',
    file: '',
    offset: undefined,
    bytes: undefined,
    log: undefined,
    message,
  };
}

/** What the file system refuses altogether. */
export async function asStartError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    throw new StartError('unwritable', `The files cannot be used: ${error.message}.`, { cause: error });
  }
}
