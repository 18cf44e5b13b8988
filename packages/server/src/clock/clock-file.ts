/**
 * Where the clock stands, in the data directory: a file of its own and not in the log, because the log is opened with
 * the clock that it says.
 *
 *      DIR/clock.json    {"format":"millrace-clock","version":1,"offsetMs":n}
 *                        {"format":"millrace-clock","version":1,"offsetMs":n,"heldMs":n}
 *
 * Without the file the clock is the machine's. It is written whole or not at all (a draft, synced, renamed, the
 * directory synced), and in one turn: a change of the clock is rare, and whoever made it may rely on it at once.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { ClockStanding } from '@millrace/base';
import { StartError } from '../start-error.js';

const fileName = 'clock.json';
const format = 'millrace-clock';
const version = 1;

/** Where the clock stood; undefined where nobody ever moved it. Throws `StartError`. */
export function readClock(directory: string): ClockStanding | undefined {
  const file = path.join(directory, fileName);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new StartError(
      'unwritable',
      `The clock's file ${file} cannot be read (${code ?? String(error)}).`,
      {
        cause: error,
      },
    );
  }
  const standing = parsed(text);
  if (standing !== undefined) return standing;
  throw new StartError(
    'damaged',
    `The clock's file ${file} is not what Millrace writes: restore it, or remove it to go on from the newest instant in the data.`,
  );
}

/** Writes where the clock stands. Throws the system's error, with nothing changed. */
export function writeClock(directory: string, { offsetMs, heldMs }: ClockStanding): void {
  const draft = path.join(directory, `${fileName}.new`);
  const file = openSync(draft, 'w', 0o644);
  try {
    writeSync(file, `${JSON.stringify({ format, version, offsetMs, heldMs })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path.join(directory, fileName));
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function parsed(text: string): ClockStanding | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { format: named, version: of, offsetMs, heldMs } = json as { readonly [name: string]: unknown };
  if (named !== format || of !== version) return undefined;
  if (!Number.isSafeInteger(offsetMs) || typeof offsetMs !== 'number') return undefined;
  if (heldMs === undefined) return { offsetMs, heldMs };
  return Number.isSafeInteger(heldMs) && typeof heldMs === 'number' && heldMs >= 0
    ? { offsetMs, heldMs }
    : undefined;
}
