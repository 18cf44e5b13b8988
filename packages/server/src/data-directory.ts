/**
 * The data directory of a server.
 *
 *      DIR/
 *        millrace.json    {"format":"millrace","version":1}: the directory is ours, and of which layout
 *        clock.json       where the clock stands, once somebody has moved it: see `clock/clock-file.ts`
 *        repair.json      of a directory that `millrace repair` has made: what was lost: see `upkeep/repair-note.ts`
 *        keys/            the master keys, unless they are elsewhere: see `keys/key-directory.ts`
 *        log/             the log engine's own
 *
 * The marker is written before anything else, whole or not at all, so that a directory with anything in it and no
 * marker is somebody else's and is left alone.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from './start-error.js';

const markerName = 'millrace.json';
const markerFormat = 'millrace';
export const layoutVersion = 1;
/** Where the log engine keeps its files. */
export const logFolder = 'log';
/** Where master keys are kept when nobody says where. */
export const keysFolder = 'keys';
/** All that a snapshot or a repair has written when its marker, which comes last, is not there yet. */
const ourNames = [logFolder, 'clock.json', 'repair.json'];
/** Written beside the marker and renamed to it. Each start has its own; one left by a crash does not matter. */
let drafts = 0;
const draftName = (): string => `${markerName}.${process.pid}.${drafts++}.new`;
const draftNames = /^millrace\.json\.\d+\.\d+\.new$/;

/** Makes `directory` ready and answers the log's directory in it. Throws `StartError`. */
export async function prepareDataDirectory(directory: string): Promise<string> {
  const absolute = path.resolve(directory);
  try {
    await makeDirectory(absolute);
    const names = await readdir(absolute);
    if (names.includes(markerName)) await checkMarker(absolute);
    else if (names.some((name) => !draftNames.test(name))) throw foreign(absolute, names);
    else await writeMarker(absolute);
    await checkWritable(absolute);
    const logs = path.join(absolute, logFolder);
    await makeDirectory(logs);
    await syncDirectory(absolute);
    return logs;
  } catch (error) {
    if (error instanceof StartError) throw error;
    const code = codeOf(error);
    throw new StartError(
      'unwritable',
      `The data directory ${absolute} cannot be used (${code ?? String(error)}): choose another with --data, or make it writable for this user.`,
      { cause: error },
    );
  }
}

/**
 * Makes `directory` and whatever is missing above it, each entry synced before the next is made: an entry that a
 * crash takes back takes along all that is acknowledged beneath it. Node's own recursive `mkdir` syncs nothing, and
 * it tries for ever where a file system answers ENOENT beneath a directory that is there, as /proc does.
 */
export async function makeDirectory(directory: string): Promise<void> {
  if (await isDirectory(directory)) return;
  const parent = path.dirname(directory);
  if (parent !== directory) await makeDirectory(parent);
  try {
    await mkdir(directory);
  } catch (error) {
    // Another server may have been faster.
    if (codeOf(error) !== 'EEXIST' || !(await isDirectory(directory))) throw error;
  }
  await syncDirectory(parent);
}

async function isDirectory(name: string): Promise<boolean> {
  try {
    return (await stat(name)).isDirectory();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Throws `StartError` when the marker of `directory` is none of ours, or of another layout. */
export async function checkMarker(directory: string): Promise<void> {
  const text = await readFile(path.join(directory, markerName), 'utf8');
  const marker = parseMarker(text);
  if (marker === undefined) throw foreign(directory);
  if (marker !== layoutVersion) {
    throw new StartError(
      'foreign',
      `The data directory ${directory} has layout version ${marker}, and this Millrace knows ${layoutVersion}: use the version that wrote it, or choose another directory with --data.`,
    );
  }
}

/** The layout version, or undefined when the text is no marker of ours. */
function parseMarker(text: string): number | undefined {
  let marker: unknown;
  try {
    marker = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof marker !== 'object' || marker === null) return undefined;
  const { format, version } = marker as { readonly format?: unknown; readonly version?: unknown };
  return format === markerFormat && typeof version === 'number' ? version : undefined;
}

/** Two servers may do this at once on a new directory: both write the same, and the log's lock decides later. */
export async function writeMarker(directory: string): Promise<void> {
  const draft = path.join(directory, draftName());
  const file = await open(draft, 'w');
  try {
    await file.writeFile(`${JSON.stringify({ format: markerFormat, version: layoutVersion })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path.join(directory, markerName));
  await syncDirectory(directory);
}

/** A directory of another user shows here, with a sentence, and not later in the log. */
async function checkWritable(directory: string): Promise<void> {
  const draft = path.join(directory, draftName());
  try {
    const file = await open(draft, 'w');
    await file.close();
    await rm(draft);
  } catch (error) {
    // On a full disk the server starts, so that streams can be deleted; the log keeps space back for that.
    if (codeOf(error) !== 'ENOSPC') throw error;
  }
}

/** Writes and syncs a file that is not there yet, for its owner's eyes alone. */
export async function writeNewFile(name: string, text: string): Promise<void> {
  const file = await open(name, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function foreign(directory: string, names: readonly string[] = []): StartError {
  if (names.includes(logFolder) && names.every((name) => ourNames.includes(name))) {
    return new StartError(
      'foreign',
      `The directory ${directory} is a snapshot or a repair that was never finished: remove it and make it again.`,
    );
  }
  return new StartError(
    'foreign',
    `The directory ${directory} holds files that are not Millrace's: choose an empty or new one with --data.`,
  );
}
