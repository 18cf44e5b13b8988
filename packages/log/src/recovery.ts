/**
 * Opens what a crash, or a clean close, has left: tells torn from damaged, and rebuilds the registry.
 *
 *      files    none ─▶ a new store
 *               7 8 9 ─▶ headers: ours? one store? an unbroken row? ─▶ registry from 7's checkpoint
 *                        commits of 7, 8, 9 in order ─▶ applied
 *
 *      the first invalid commit, at X
 *        before where the next file's header says that this one ended  ─▶ damaged
 *        a later commit header, at its own place: it was written after all before it was synced    ─▶ damaged
 *        more behind X than one commit could be                                                    ─▶ damaged
 *        otherwise the tail of a commit that was never acknowledged                                ─▶ cut at X
 *
 * Invariant: nothing acknowledged is cut, and nothing is served that is not synced: what is kept is synced before it
 * is shown. A second crash at any instruction of a recovery leaves what the first one left, or what it made of it.
 */
import { checksum, type Random } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { commitBodyBytesMax, commitHeaderBytes } from './commit.js';
import type { Disk, DiskFile } from './disk.js';
import { FileWindow } from './file-window.js';
import { Journal, journalName, journalNumber, unfinishedJournalName } from './journal.js';
import {
  decodeJournalHeader,
  type JournalHeader,
  journalFormatVersion,
  journalHeaderBytes,
  journalHeaderChecksum,
  journalHeaderVersion,
  journalPreambleBytes,
  storeIdBytes,
} from './journal-header.js';
import { laterCommit, type ScanState, scanCommits } from './journal-scan.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import { Registry } from './registry.js';
import { replay } from './replay.js';
import { reserveName, unfinishedReserveName } from './reserve.js';

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly limits: NativeLimits;
  readonly canaries: Canaries;
  readonly random: Random;
  readonly nowMs: number;
}

/** What recovery found, for the log of the server and for tests. */
export interface RecoveryReport {
  readonly files: number;
  readonly commits: number;
  /** The torn tail that was cut off, if there was one. */
  readonly cut: { readonly file: string; readonly offset: number; readonly bytes: number } | undefined;
}

export interface Recovered {
  readonly journal: Journal;
  readonly registry: Registry;
  readonly newestMs: number;
  readonly report: RecoveryReport;
}

const ownNames: readonly string[] = [reserveName, unfinishedReserveName, unfinishedJournalName];

/** A journal file whose header is good. */
interface Found {
  readonly number: number;
  readonly handle: DiskFile;
  readonly size: number;
  readonly header: JournalHeader;
  readonly headerBytes: number;
  readonly headerChecksum: number;
}

export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { disk } = options;
  const names = await disk.list();
  const numbers = journalNumbers(names);
  if (names.includes(unfinishedJournalName)) await disk.remove(unfinishedJournalName);
  const window = new FileWindow(options.limits.readBytesMax);
  const found = await openAll(disk, window, numbers);
  const [oldest] = found;
  if (oldest === undefined) return newStore(options);
  try {
    return await replayAll(options, window, found, oldest);
  } catch (error) {
    for (const file of found) await file.handle.close();
    throw error;
  }
}

async function newStore(options: RecoveryOptions): Promise<Recovered> {
  const { disk, limits, canaries, random, nowMs } = options;
  const registry = new Registry(limits);
  const storeId = random.bytes(storeIdBytes);
  const chain = { storeId, tag: checksum(storeId), generation: 1, nextCommit: 1, lastChecksum: 0 };
  const journal = new Journal(disk, limits, canaries, chain);
  await journal.roll(registry, nowMs);
  return { journal, registry, newestMs: nowMs, report: { files: 1, commits: 0, cut: undefined } };
}

/** The numbers of the journal files, in order; throws when there are other files, or a file is missing in the row. */
function journalNumbers(names: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const number = journalNumber(name);
    if (number !== undefined) numbers.push(number);
    else if (!ownNames.includes(name)) {
      throw new LogError('foreign', `${name} is no file of ours: is this the right directory?`);
    }
  }
  numbers.sort((a, b) => a - b);
  for (let i = 1; i < numbers.length; i++) {
    const expected = (numbers[i - 1] as number) + 1;
    if (numbers[i] !== expected) throw new LogError('damaged', `${journalName(expected)} is missing`);
  }
  return numbers;
}

/** Opens every file and reads its header. */
async function openAll(disk: Disk, window: FileWindow, numbers: readonly number[]): Promise<Found[]> {
  const found: Found[] = [];
  const opened: DiskFile[] = [];
  try {
    for (const number of numbers) {
      const handle = await disk.open(journalName(number), 'existing');
      opened.push(handle);
      found.push(await readHeader(window, handle, number, numbers.length > 1));
    }
    return found;
  } catch (error) {
    for (const handle of opened) await handle.close();
    throw error;
  }
}

/** The file with its header; throws when that is not whole, or not ours. */
async function readHeader(
  window: FileWindow,
  handle: DiskFile,
  number: number,
  inRow: boolean,
): Promise<Found> {
  const name = journalName(number);
  const size = await handle.size();
  window.attach(handle, number, size);
  const headerBytes = await headerLength(window, size);
  const bytes = headerBytes === undefined ? undefined : Buffer.from(window.bytes.subarray(0, headerBytes));
  const version = bytes === undefined ? undefined : journalHeaderVersion(bytes);
  if (bytes === undefined || headerBytes === undefined || version === undefined) {
    // Whether it ever was ours, other files or the commits in it show.
    if (inRow || (await laterCommit(window, 0, size, number, undefined)) !== undefined)
      throw damaged(number, 0);
    throw new LogError('foreign', `${name} is no journal of ours`);
  }
  if (version !== journalFormatVersion) {
    throw new LogError(
      'foreign',
      `${name} has format ${version}; this version reads ${journalFormatVersion}`,
    );
  }
  const header = decodeJournalHeader(bytes);
  if (header === undefined || header.file !== number) throw damaged(number, 0);
  return { number, handle, size, header, headerBytes, headerChecksum: journalHeaderChecksum(bytes) };
}

/** The length of the header, once the window holds all of it. */
async function headerLength(window: FileWindow, size: number): Promise<number | undefined> {
  if (size < journalPreambleBytes || !(await window.fill(0, journalPreambleBytes))) return undefined;
  const length = journalHeaderBytes(window.bytes);
  if (length === undefined || length > size || !(await window.fill(0, length))) return undefined;
  return length;
}

async function replayAll(
  options: RecoveryOptions,
  window: FileWindow,
  found: readonly Found[],
  oldest: Found,
): Promise<Recovered> {
  const { limits, canaries, disk } = options;
  const { storeId } = oldest.header;
  const tag = checksum(storeId);
  for (const [i, file] of found.entries()) checkHeader(file, found[i - 1], storeId);
  const registry = new Registry(limits);
  registry.restore(oldest.header.logs, oldest.header.nextLog);
  let newestMs = 0;
  let state = stateAt(oldest, tag, canaries);
  for (const [i, file] of found.entries()) {
    state = { ...stateAt(file, tag, canaries), newestMs: Math.max(state.newestMs, file.header.createdMs) };
    const next = found[i + 1];
    window.attach(file.handle, file.number, file.size);
    const limit = next === undefined ? file.size : Math.min(next.header.previousEnd, file.size);
    await scanCommits(window, limit, state, (frame) => replay(registry, frame, file.number));
    if (next !== undefined) checkEnd(file, state, next);
    newestMs = state.newestMs;
  }
  for (const log of registry.existing()) newestMs = Math.max(newestMs, log.lastArrivalMs);
  const newest = found[found.length - 1] as Found;
  const tornBytes = await tornTail(options, window, newest, state);
  checkHeld(registry, oldest);
  registry.settle();
  await settleTail(disk, window, newest, state, tornBytes);
  const tail = { file: journalName(newest.number), offset: state.offset, bytes: tornBytes };
  const cut = tornBytes > 0 ? tail : undefined;
  const generation = state.generation + 1;
  const chain = { storeId, tag, generation, nextCommit: state.nextCommit, lastChecksum: state.lastChecksum };
  const journal = new Journal(disk, limits, canaries, chain);
  for (const [i, file] of found.entries()) {
    const next = found[i + 1];
    if (next !== undefined) await file.handle.close();
    const end = next === undefined ? state.offset : next.header.previousEnd;
    journal.adopt(file.number, file.headerBytes, end, next === undefined ? file.handle : undefined);
  }
  const commits = state.nextCommit - oldest.header.nextCommit;
  return { journal, registry, newestMs, report: { files: found.length, commits, cut } };
}

function stateAt(file: Found, tag: number, canaries: Canaries): ScanState {
  const { header } = file;
  return {
    tag,
    file: file.number,
    canaries,
    offset: file.headerBytes,
    lastOffset: file.headerBytes,
    generation: header.generation,
    nextCommit: header.nextCommit,
    lastChecksum: file.headerChecksum,
    newestMs: header.createdMs,
  };
}

function checkHeader(file: Found, previous: Found | undefined, storeId: Uint8Array): void {
  if (Buffer.compare(file.header.storeId, storeId) !== 0) {
    throw new LogError('foreign', `${journalName(file.number)} belongs to another store`);
  }
  if (previous !== undefined && file.header.previousFile !== previous.number) throw damaged(file.number, 0);
}

/** All that a file that is not the newest ever held is known to have been synced. */
function checkEnd(file: Found, state: ScanState, next: Found): void {
  if (state.offset < next.header.previousEnd) throw damaged(file.number, state.offset);
  const { previousChecksum, nextCommit } = next.header;
  if (state.lastChecksum !== previousChecksum || state.nextCommit !== nextCommit)
    throw damaged(next.number, 0);
}

/** A log's records from its first on must be in the files: when the oldest ones are not, a file is gone. */
function checkHeld(registry: Registry, oldest: Found): void {
  for (const log of registry.existing()) {
    const held = log.index.firstPosition;
    if (log.first < log.end && (held === undefined || held > log.first)) {
      throw new LogError(
        'damaged',
        `${journalName(oldest.number - 1)} is missing: it held records of ${log.id}`,
      );
    }
  }
}

/** How many bytes of the newest file are a torn tail; throws when they, or what is before them, is damage. */
async function tornTail(
  options: RecoveryOptions,
  window: FileWindow,
  newest: Found,
  state: ScanState,
): Promise<number> {
  const { number, size } = newest;
  const { offset } = state;
  const bytes = size - offset;
  if (bytes === 0) return 0;
  if (options.canaries.refuseHealthyTail) throw damaged(number, offset);
  if (bytes > commitHeaderBytes + commitBodyBytesMax) throw damaged(number, offset);
  if ((await laterCommit(window, offset + 1, size, number, state)) !== undefined)
    throw damaged(number, offset);
  return bytes;
}

/**
 * Cuts a torn tail off the newest file, and makes what is left durable. Only the last commit can be unsynced, but
 * then a sync may have failed: the system shows the bytes, has dropped them, and takes the next sync for done. They
 * are written again; over themselves, so that a crash on the way changes nothing.
 */
async function settleTail(
  disk: Disk,
  window: FileWindow,
  newest: Found,
  state: ScanState,
  tornBytes: number,
): Promise<void> {
  const { offset, lastOffset } = state;
  if (tornBytes > 0) await newest.handle.truncate(offset);
  await rewrite(window, newest, lastOffset, offset - lastOffset);
  await newest.handle.sync();
  await disk.syncDirectory();
}

async function rewrite(
  window: FileWindow,
  { handle, number }: Found,
  offset: number,
  length: number,
): Promise<void> {
  if (length === 0) return;
  if (!window.holds(offset, length) && !(await window.fill(offset, length))) throw damaged(number, offset);
  const start = window.at(offset);
  await handle.write([window.bytes.subarray(start, start + length)], offset);
}

function damaged(file: number, offset: number): LogError {
  return new LogError(
    'damaged',
    `${journalName(file)} is damaged at offset ${offset}: what was synced there is gone`,
  );
}
