/** The native engine's bounds, each with what happens when it is reached. */
import { assert, kib, mib } from '@millrace/base';
import { commitBodyBytesMax } from './commit.js';

export interface NativeLimits {
  /** A journal file at this length is followed by a new one. */
  readonly journalFileBytesMax: number;
  /** Frames beyond this wait for the next commit. One call must fit: a larger one is the caller's bug. */
  readonly commitBytesMax: number;
  /**
   * Commits on their way to the disk at once. Each holds one of the few threads that Node gives to files (four) while it is
   * synced: one is left for those who read. 1 is one after another.
   */
  readonly commitsInFlightMax: number;
  /** All of them together, unless it is one alone: the next one waits for room. What a crash leaves unproven is no more. */
  readonly commitsInFlightBytesMax: number;
  /** So much must wait for a commit to set out beside others: small ones are better gathered while another is synced. */
  readonly commitBesideBytesMin: number;
  /** Appends with a payload up to this share a frame with others of their commit. */
  readonly gatheredPayloadBytesMax: number;
  /** A longer batch has several frames, as many records in each as fit: a frame is read and checked in one go. */
  readonly framePayloadBytesMax: number;
  /**
   * Of an append that is longer, so much is checksummed or copied in one turn, a quarter of a millisecond, where the engine
   * was told how to have others take theirs (`inSlices`).
   */
  readonly appendSliceBytes: number;
  /** Appends beyond these bytes or this number wait unprepared, in order, until a commit has taken others. */
  readonly queueBytesMax: number;
  readonly queueRequestsMax: number;
  /** Calls beyond this number that wait for the queue are answered with `LogError` code `busy`. */
  readonly waitingRequestsMax: number;
  /**
   * What is kept in memory so as not to be read again, all of it: recent batches, pages of tables, windows onto files.
   * Beyond this the oldest batches give way, then the tables. See `memory-budget.ts`.
   */
  readonly memoryBytesMax: number;
  /** Recent batches kept of that; beyond this the oldest are read from the disk again. All of it unless given. */
  readonly tailBytesMax: number;
  /** A frame of the journal that is at least so long is kept for other readers, where there is memory. See `frame-cache.ts`. */
  readonly keptFrameBytesMin: number;
  /** A log's index gets an entry for every so many bytes of journal, more or less. */
  readonly indexSpacingBytes: number;
  /** A log's index at this number of entries is thinned: its spacing doubles. */
  readonly indexEntriesMax: number;
  /** One read from a file, unless a frame is larger. */
  readonly readBytesMax: number;
  /** Reads from files at the same time; more wait, and beyond `readsWaitingMax` are answered `busy`. */
  readonly readsMax: number;
  readonly readsWaitingMax: number;
  /** A read that has gone through this much journal returns what it has found. */
  readonly readScanBytesMax: number;
  /** Files kept open for reading, beside those in use. */
  readonly filesOpenMax: number;
  /** Calls of `waitFor` that wait; one more is answered `busy`. */
  readonly waitersMax: number;
  /** Space kept back for the commands that make room on a full disk; 0 keeps none. */
  readonly reserveBytes: number;
  /** A newest file with nothing alive in it is left for a new one, and removed, once it is longer than this. */
  readonly deadBytesMax: number;
  /** The newest of the files that are not written any more stay unsettled, so many of them. */
  readonly journalFilesKept: number;
  /**
   * Journal files that wait to be settled; the next one is begun only when one of them is. It does not hold once settling has
   * stopped (`settling().trouble`), or finds no room: the journal then grows until the next opening.
   */
  readonly unsettledFilesMax: number;
  /** Settling sorts so many bytes of journal at a time in memory: a log's records lie together in parts of that. */
  readonly settlingBytesMax: number;
  /** What settling reads or writes at a time, before others have their turn. */
  readonly settlingSliceBytes: number;
  /** A chunk is synced whenever so much of it was written, so that the system never has to write all of it at once. */
  readonly settlingSyncBytes: number;
  /** A block of a chunk is closed before it is longer, unless one record is. */
  readonly blockBytesMax: number;
  /** Pages of chunks' tables kept in memory, over all chunks. An eighth of `memoryBytesMax` unless given. */
  readonly tableCacheBytesMax: number;
}

export const nativeLimitsDefault: NativeLimits = {
  journalFileBytesMax: 128 * mib,
  commitBytesMax: 32 * mib,
  commitsInFlightMax: 3,
  commitsInFlightBytesMax: 8 * mib,
  commitBesideBytesMin: 48 * kib,
  gatheredPayloadBytesMax: 4 * kib,
  framePayloadBytesMax: 1 * mib,
  appendSliceBytes: 1 * mib,
  queueBytesMax: 64 * mib,
  queueRequestsMax: 16_384,
  waitingRequestsMax: 65_536,
  memoryBytesMax: 96 * mib,
  tailBytesMax: 96 * mib,
  keptFrameBytesMin: 64 * kib,
  indexSpacingBytes: 4 * kib,
  indexEntriesMax: 65_536,
  readBytesMax: 1 * mib,
  readsMax: 8,
  readsWaitingMax: 65_536,
  readScanBytesMax: 64 * mib,
  filesOpenMax: 256,
  waitersMax: 100_000,
  reserveBytes: 4 * mib,
  deadBytesMax: 1 * mib,
  journalFilesKept: 0,
  unsettledFilesMax: 8,
  settlingBytesMax: 32 * mib,
  settlingSliceBytes: 1 * mib,
  settlingSyncBytes: 8 * mib,
  blockBytesMax: 64 * kib,
  tableCacheBytesMax: 12 * mib,
};

export function nativeLimits(given: Partial<NativeLimits> = {}): NativeLimits {
  const { memoryBytesMax = nativeLimitsDefault.memoryBytesMax } = given;
  const parts = { tailBytesMax: memoryBytesMax, tableCacheBytesMax: Math.floor(memoryBytesMax / 8) };
  const limits = { ...nativeLimitsDefault, ...parts, ...given };
  for (const [name, value] of Object.entries(limits)) {
    assert(Number.isSafeInteger(value) && value >= 0, `${name} is ${value}, not a whole number`);
  }
  assert(limits.commitBytesMax <= commitBodyBytesMax, `commitBytesMax is at most ${commitBodyBytesMax}`);
  assert(
    limits.journalFilesKept < limits.unsettledFilesMax,
    'a new journal file would wait for ever: journalFilesKept must be below unsettledFilesMax',
  );
  assert(limits.appendSliceBytes >= 1, 'an append in slices of nothing never ends');
  assert(limits.commitsInFlightMax >= 1, 'with no commit in flight nothing is ever written');
  assert(
    limits.commitsInFlightBytesMax <= commitBodyBytesMax,
    `commitsInFlightBytesMax is at most ${commitBodyBytesMax}: recovery takes more for damage`,
  );
  assert(limits.indexEntriesMax >= 2, 'an index needs two entries to be thinned');
  assert(
    limits.journalFileBytesMax + limits.commitBytesMax < 2 ** 32,
    'an offset in a journal file has 32 bits: journalFileBytesMax + commitBytesMax must be below 4 GiB',
  );
  return limits;
}
