/**
 * Opens what a crash, or a clean close, has left: tells torn from damaged, and rebuilds the registry.
 *
 *      files    none ─▶ a new store
 *               manifest ─▶ chunks (their trailers), and the journal's first file: 7
 *               7 8 9 ─▶ headers: ours? one store? an unbroken row? ─▶ registry from 7's checkpoint
 *                        commits of 7, 8, 9 in order ─▶ applied
 *
 *      the first invalid commit, at X
 *        is before the end that the next file's header tells of this one          ─▶ damaged
 *        a later commit at its own place says that more than X was synced         ─▶ damaged
 *        more is behind X, and what was there when the file began, than commits on their way at once could be ─▶ damaged
 *        otherwise it was on its way, and so was all behind it: nothing of that was acknowledged ─▶ cut at X
 *
 * Invariant: what a crash leaves is never cut further than what was acknowledged; damage to the last commits, which were on
 * their way together, looks the same, and is. Nothing is served that is not synced: what is kept is synced before it is shown. A second crash at any instruction of a recovery leaves what the first one left, or what it made of it.
 */
import { checksum, present, type Random } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { isChunkName } from './chunk.js';
import { tornBytesMax } from './commit.js';
import type { Disk, DiskFile } from './disk.js';
import { FileWindow } from './file-window.js';
import { Journal, journalName, journalNumber, spareJournalName, unfinishedJournalName } from './journal.js';
import {
  decodeJournalHeader,
  isReadableVersion,
  type JournalHeader,
  journalHeaderBytes,
  journalHeaderChecksum,
  journalHeaderVersion,
  journalPreambleBytes,
  olderBytesEnd,
  storeIdBytes,
  windowVersionMin,
} from './journal-header.js';
import { laterCommit, provesSynced, type ScanState, scanCommits } from './journal-scan.js';
import { LogError } from './log-error.js';
import { type Manifest, manifestName, unfinishedManifestName } from './manifest.js';
import {
  checkJournalStart,
  openSettled,
  readManifest,
  refuseRemains,
  removeLeftovers,
  type Settled,
  type SettledOptions,
} from './manifest-recovery.js';
import { Registry } from './registry.js';
import { replay } from './replay.js';
import { reserveName, unfinishedReserveName } from './reserve.js';
import { unfinishedName } from './unfinished.js';

export interface RecoveryOptions extends SettledOptions {
  readonly random: Random;
  readonly nowMs: number;
}

/** What recovery found, for the log of the server and for tests. */
export interface RecoveryReport {
  readonly files: number;
  readonly chunks: number;
  readonly commits: number;
  /** The torn tail that was cut off, if there was one. */
  readonly cut: { readonly file: string; readonly offset: number; readonly bytes: number } | undefined;
}

export interface Recovered {
  readonly journal: Journal;
  readonly registry: Registry;
  readonly settled: Settled;
  readonly newestMs: number;
  readonly report: RecoveryReport;
}

const ownNames: readonly string[] = [
  reserveName,
  unfinishedReserveName,
  unfinishedJournalName,
  spareJournalName,
  manifestName,
  unfinishedManifestName,
];

/** A journal file whose header is good. Not open: there may be more of them than a process may open. */
interface Found {
  readonly number: number;
  readonly size: number;
  readonly header: JournalHeader;
  readonly headerBytes: number;
  readonly headerChecksum: number;
}

export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { disk } = options;
  const names = await disk.list();
  const manifest = await readManifest(disk, names);
  const numbers = journalNumbers(names, manifest);
  const window = new FileWindow(options.limits.readBytesMax);
  const found: Found[] = [];
  for (const number of numbers) {
    const header = async (handle: DiskFile): Promise<Found> =>
      readHeader(window, handle, number, numbers.length > 1);
    found.push(await withFile(disk, number, header));
  }
  const [oldest] = found;
  if (oldest === undefined) refuseRemains(names);
  for (const name of [unfinishedJournalName, spareJournalName]) {
    if (names.includes(name)) await disk.remove(name);
  }
  if (oldest !== undefined) return openStore(options, { manifest, names }, window, found, oldest);
  return newStore(options, names);
}

async function newStore(options: RecoveryOptions, names: readonly string[]): Promise<Recovered> {
  const { disk, limits, canaries, random, nowMs } = options;
  const registry = new Registry(limits);
  const storeId = random.bytes(storeIdBytes);
  const chain = { storeId, tag: checksum(storeId), generation: 1, nextCommit: 1, lastChecksum: 0 };
  const settled = await openSettled(options, undefined, names, storeId);
  const journal = new Journal(disk, settled.pool, canaries, chain);
  await journal.roll(registry, nowMs);
  const report = { files: 1, chunks: 0, commits: 0, cut: undefined };
  return { journal, registry, settled, newestMs: nowMs, report };
}

/**
 * The numbers of the journal files that are needed, in order; throws when there are foreign files, or a file is missing
 * in the row.
 */
function journalNumbers(names: readonly string[], manifest: Manifest | undefined): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const number = journalNumber(name);
    if (number !== undefined) {
      if (number >= (manifest?.journalFrom ?? 0)) numbers.push(number);
    } else if (name === unfinishedName) {
      throw new LogError(
        'foreign',
        'a snapshot or a repair was being made here and was never finished: remove it and make it again',
      );
    } else if (!ownNames.includes(name) && !isChunkName(name)) {
      throw new LogError('foreign', `${name} is no file of ours: is this the right directory?`);
    }
  }
  numbers.sort((a, b) => a - b);
  checkJournalStart(numbers, manifest);
  for (let i = 1; i < numbers.length; i++) {
    const expected = (numbers[i - 1] as number) + 1;
    if (numbers[i] !== expected) throw new LogError('damaged', `${journalName(expected)} is missing`);
  }
  return numbers;
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
  window.attach(handle, name, size);
  const headerBytes = await headerLength(window, size);
  const bytes = headerBytes === undefined ? undefined : Buffer.from(window.bytes.subarray(0, headerBytes));
  const version = bytes === undefined ? undefined : journalHeaderVersion(bytes);
  if (bytes === undefined || headerBytes === undefined || version === undefined) {
    // Whether it ever was ours, other files or the commits in it show.
    if (inRow || (await laterCommit(window, 0, size, number, () => true)) !== undefined)
      throw damaged(number, 0);
    throw new LogError('foreign', `${name} is no journal of ours`);
  }
  if (!isReadableVersion(version)) {
    throw new LogError('foreign', `${name} has format ${version}, which this version does not read`);
  }
  const header = decodeJournalHeader(bytes);
  if (header === undefined) throw damaged(number, 0);
  if (header.file !== number) {
    throw new LogError(
      'damaged',
      `${name} holds ${journalName(header.file)}: it was copied there, or swapped with it`,
    );
  }
  return { number, size, header, headerBytes, headerChecksum: journalHeaderChecksum(bytes) };
}

/** The length of the header, once the window holds all of it. */
async function headerLength(window: FileWindow, size: number): Promise<number | undefined> {
  if (size < journalPreambleBytes || !(await window.fill(0, journalPreambleBytes))) return undefined;
  const length = journalHeaderBytes(window.bytes);
  if (length === undefined || length > size || !(await window.fill(0, length))) return undefined;
  return length;
}

async function openStore(
  options: RecoveryOptions,
  directory: { readonly manifest: Manifest | undefined; readonly names: readonly string[] },
  window: FileWindow,
  found: readonly Found[],
  oldest: Found,
): Promise<Recovered> {
  const { limits, canaries, disk } = options;
  const { storeId } = oldest.header;
  for (const [i, file] of found.entries()) checkHeader(file, found[i - 1], storeId);
  const { manifest, names } = directory;
  const settled = await openSettled(options, manifest, names, storeId);
  const registry = new Registry(limits);
  registry.restore(oldest.header.logs, oldest.header.nextLog);
  const { state, torn } = await replayAll(options, window, found, registry);
  if (settled.chunks.chunks.length === 0) checkHeld(registry, oldest, names.some(isChunkName));
  registry.settle();
  const { tag, nextCommit, lastChecksum } = state;
  const generation = state.generation + 1;
  const journal = new Journal(disk, settled.pool, canaries, {
    storeId,
    tag,
    generation,
    nextCommit,
    lastChecksum,
  });
  for (const [i, file] of found.entries()) {
    const next = found[i + 1];
    if (next === undefined) break;
    const { number, headerBytes: body, size: bytes } = file;
    journal.adopt({ number, body, end: next.header.previousEnd, bytes });
  }
  const newest = found[found.length - 1] as Found;
  const { number, size, headerBytes } = newest;
  const handle = await disk.open(journalName(number), 'existing');
  const { offset } = state;
  try {
    await removeLeftovers(disk, manifest, names);
    await settleTail(disk, window, handle, state, size);
  } catch (error) {
    await handle.close();
    throw error;
  }
  const journalFile = { number, body: headerBytes, end: offset, bytes: offset };
  journal.adopt({ ...journalFile, handle, widens: newest.header.formatVersion >= windowVersionMin });
  const cut = torn ? { file: journalName(number), offset, bytes: size - offset } : undefined;
  const report = {
    files: found.length,
    chunks: settled.chunks.chunks.length,
    commits: nextCommit - oldest.header.nextCommit,
    cut,
  };
  return { journal, registry, settled, newestMs: newestIn(state, registry), report };
}

/** Applies the commits of every file; answers where the last good one ends, and whether there is a torn tail behind it. */
async function replayAll(
  options: RecoveryOptions,
  window: FileWindow,
  found: readonly Found[],
  registry: Registry,
): Promise<{ readonly state: ScanState; readonly torn: boolean }> {
  const storeTag = checksum((found[0] as Found).header.storeId);
  let newestMs = 0;
  let state: ScanState | undefined;
  let torn = false;
  for (const [i, file] of found.entries()) {
    const next = found[i + 1];
    const scan = stateAt(file, storeTag, options.canaries);
    await withFile(options.disk, file.number, async (handle) => {
      window.attach(handle, journalName(file.number), file.size);
      const limit = next === undefined ? file.size : Math.min(next.header.previousEnd, file.size);
      await scanCommits(window, limit, scan, (frame) => replay(registry, frame, file.number));
      if (next === undefined) torn = await checkTornTail(options, window, file, scan);
      else checkEnd(file, scan, next);
    });
    newestMs = Math.max(newestMs, scan.newestMs);
    state = scan;
  }
  return { state: { ...present(state, 'the newest file'), newestMs }, torn };
}

function newestIn(state: ScanState, registry: Registry): number {
  let newestMs = state.newestMs;
  for (const log of registry.existing()) newestMs = Math.max(newestMs, log.lastArrivalMs);
  return newestMs;
}

function stateAt(file: Found, tag: number, canaries: Canaries): ScanState {
  const { header } = file;
  return {
    tag,
    file: file.number,
    canaries,
    offset: file.headerBytes,
    syncedOffset: file.headerBytes,
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

/** Without chunks a log's records from its first on must be in the journal: when the oldest ones are not, a file is gone. */
function checkHeld(registry: Registry, oldest: Found, wasSettled: boolean): void {
  const gone = wasSettled ? manifestName : journalName(oldest.number - 1);
  for (const log of registry.existing()) {
    const held = log.index.firstPosition;
    if (log.first < log.end && (held === undefined || held > log.first)) {
      throw new LogError('damaged', `${gone} is missing: it held records of ${log.id}`);
    }
  }
}

/**
 * Throws when what is behind the last good commit of the newest file is more than torn ones leave. Answers whether
 * there are any: what is there may be an older file's.
 */
async function checkTornTail(
  options: RecoveryOptions,
  window: FileWindow,
  newest: Found,
  state: ScanState,
): Promise<boolean> {
  const { number, size, header } = newest;
  const { offset } = state;
  if (offset === size) return false;
  // What was in the file when it began says nothing of how much was written to it since.
  const ownFrom = Math.max(offset, olderBytesEnd(header, size));
  const tooMuch = size - ownFrom > tornBytesMax;
  if (tooMuch || options.canaries.refuseHealthyTail) throw damaged(number, offset);
  let torn = ownFrom === offset;
  const proof = await laterCommit(window, offset, size, number, (found) => {
    torn = true;
    return provesSynced(found, state);
  });
  if (proof !== undefined) throw damaged(number, offset);
  return torn;
}

/**
 * Cuts a torn tail off the newest file, and makes what is left durable. Only what the last commit does not say was synced
 * can be unsynced, but then a sync may have failed: the system shows the bytes, has dropped them, and takes the next sync
 * for done. They are written again; over themselves, so that a crash on the way changes nothing.
 */
async function settleTail(
  disk: Disk,
  window: FileWindow,
  handle: DiskFile,
  state: ScanState,
  size: number,
): Promise<void> {
  const { file, offset, syncedOffset } = state;
  window.attach(handle, journalName(file), offset);
  if (size > offset) await handle.truncate(offset);
  const length = offset - syncedOffset;
  if (length > 0) {
    const held = window.holds(syncedOffset, length) || (await window.fill(syncedOffset, length));
    if (!held) throw damaged(file, syncedOffset);
    const start = window.at(syncedOffset);
    await handle.write([window.bytes.subarray(start, start + length)], syncedOffset);
  }
  await handle.sync();
  await disk.syncDirectory();
}

async function withFile<T>(disk: Disk, number: number, use: (handle: DiskFile) => Promise<T>): Promise<T> {
  const handle = await disk.open(journalName(number), 'existing');
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

function damaged(file: number, offset: number): LogError {
  return new LogError(
    'damaged',
    `${journalName(file)} is damaged at offset ${offset}: what was synced there is gone`,
  );
}
