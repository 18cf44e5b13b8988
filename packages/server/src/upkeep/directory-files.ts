/**
 * The files of data directories that nobody serves: what upkeep looks at, and what it makes. Nothing that exists is
 * ever written over.
 */
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { DiskError, lockHolder } from '@millrace/log';
import {
  checkMarker,
  logFolder,
  makeDirectory,
  syncDirectory,
  writeMarker,
  writeNewFile,
} from '../data-directory.js';
import { StartError } from '../start-error.js';
import { parseIntroduction } from './introduction.js';
import { type LostPositions, parseRepairNote, repairNoteName } from './repair-note.js';

const markerName = 'millrace.json';
const clockName = 'clock.json';

/** A data directory as it lies there. */
export interface LyingDirectory {
  readonly path: string;
  readonly logs: string;
  /** What is wrong outside of the log, in sentences. */
  readonly problems: readonly string[];
  readonly knownLost: readonly LostPositions[];
}

/** Looks at `directory`, which must hold a log that no process has. Throws `StartError`. */
export async function lyingDirectory(directory: string): Promise<LyingDirectory> {
  const absolute = path.resolve(directory);
  const names = await namesIn(absolute);
  const logs = path.join(absolute, logFolder);
  if (!names.includes(logFolder)) {
    throw noData(absolute);
  }
  await refuseHeld(absolute);
  const problems: string[] = [];
  if (names.includes(markerName)) {
    try {
      await checkMarker(absolute);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      problems.push(`${markerName} is not what was written`);
    }
  } else problems.push(`${markerName} is missing: a server will not take the directory for its own`);
  let knownLost: readonly LostPositions[] = [];
  if (names.includes(repairNoteName)) {
    const note = parseRepairNote(await readFile(path.join(absolute, repairNoteName), 'utf8'));
    if (note === undefined) problems.push(`${repairNoteName} is not what a repair writes`);
    knownLost = note ?? [];
  }
  return { path: absolute, logs, problems, knownLost };
}

/** What the process that has `directory` says of itself; undefined when none has it. Rejects with `StartError`. */
export async function holderOf(directory: string): Promise<string | undefined> {
  try {
    return await lockHolder(path.join(directory, logFolder));
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    if (error.code === 'missing') {
      // Which of the two is missing, the folder or the one that it should be in, `namesIn` says.
      await namesIn(directory);
      throw noData(directory);
    }
    throw new StartError('unwritable', `The directory ${directory} cannot be looked at: ${error.message}.`, {
      cause: error,
    });
  }
}

/** Throws `StartError` code `locked` when a process has the directory. */
export async function refuseHeld(directory: string): Promise<void> {
  const said = await holderOf(directory);
  if (said === undefined) return;
  const { endpoint } = parseIntroduction(said) ?? {};
  const who = endpoint === undefined ? 'Another process' : `The server at ${endpoint}`;
  throw new StartError(
    'locked',
    `${who} has the data directory ${directory}, and what it writes cannot be told from damage: take a snapshot of it (millrace snapshot) and look at that, or stop it first.`,
  );
}

/** Names and sizes of all files of the log: whoever opens it changes some. */
export async function printOf(logs: string): Promise<string> {
  const lines: string[] = [];
  for (const name of (await readdir(logs)).sort()) {
    const { size, mtimeMs } = await stat(path.join(logs, name));
    lines.push(`${name} ${size} ${mtimeMs}`);
  }
  return lines.join('\n');
}

/** Makes `directory`, which must be missing or empty, and in it the folder of the log; answers that. */
export async function makeNewDirectory(directory: string, apartFrom: string): Promise<string> {
  const absolute = path.resolve(directory);
  if (`${absolute}${path.sep}`.startsWith(`${path.resolve(apartFrom)}${path.sep}`)) {
    throw new StartError('unwritable', `${absolute} lies in ${apartFrom}: choose a place outside of it.`);
  }
  try {
    await makeDirectory(absolute);
    const names = await readdir(absolute);
    if (names.length > 0) {
      throw new StartError(
        'foreign',
        `${absolute} is not empty: choose a new directory, nothing is written over.`,
      );
    }
    const logs = path.join(absolute, logFolder);
    await mkdir(logs, { mode: 0o700 });
    await syncDirectory(absolute);
    return logs;
  } catch (error) {
    if (error instanceof StartError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError('unwritable', `${absolute} cannot be made (${code ?? String(error)}).`, {
      cause: error,
    });
  }
}

/** The last step of a directory that was made: notes first, then the marker that makes it one of ours. */
export async function finishNewDirectory(
  directory: string,
  source: string,
  note: string | undefined,
): Promise<void> {
  const clock = await readIfThere(path.join(source, clockName));
  if (clock !== undefined) await writeNewFile(path.join(directory, clockName), clock);
  // What was lost once stays lost in a copy.
  const kept = note ?? (await readIfThere(path.join(source, repairNoteName)));
  if (kept !== undefined) await writeNewFile(path.join(directory, repairNoteName), kept);
  await syncDirectory(directory);
  await writeMarker(directory);
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'it is not there' : (code ?? String(error));
    throw new StartError('unwritable', `The directory ${directory} cannot be looked at (${why}).`, {
      cause: error,
    });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function noData(directory: string): StartError {
  return new StartError(
    'foreign',
    `There is no data of Millrace in ${directory}: it has no folder ${logFolder}.`,
  );
}
