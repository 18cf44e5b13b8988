/**
 * Goes through one file of the journal that may be damaged, hands on every frame that is whole, and finds its feet again
 * behind what is not.
 *
 *      header ✓ │ commit ✓ │ commit ✗ ········· │ commit ✓ │ commit ✓ │ torn
 *                          └ frames that are whole └ a header at its own place; it or a later one proves that more was synced
 *
 * Invariant: a frame is handed on only if its checksums hold and its commit, or a later one, proves that it was synced;
 * in the order of the file. What a torn commit left is not: nothing shows that it was acknowledged. Of all other bytes that are
 * damaged it is told what they held, by the heads in them, or how many records they can have held.
 */
import { checksum } from '@millrace/base';
import {
  commitBodyBytesMax,
  commitHeaderAt,
  commitHeaderBytes,
  commitMagic,
  tornBytesMax,
} from './commit.js';
import type { FileWindow } from './file-window.js';
import type { Findings } from './finding.js';
import { type FrameHead, frameFixedBytes, frameHeadAt, frameHeadBytesAt } from './frame.js';
import {
  decodeJournalHeader,
  isReadableVersion,
  type JournalHeader,
  journalHeaderBytes,
  journalHeaderChecksum,
  journalHeaderVersion,
  journalPreambleBytes,
  olderBytesEnd,
} from './journal-header.js';
import {
  isLater,
  laterCommit,
  provesSynced,
  type ScannedFrame,
  type ScanState,
  scanCommits,
} from './journal-scan.js';

/** A journal file and what its header says, if that is whole. */
export interface JournalFileFound {
  /** The name it has. */
  readonly name: string;
  /** The number it should have: its header's, or, where that is damaged, its name's. */
  readonly number: number;
  readonly size: number;
  readonly header: JournalHeader | undefined;
  readonly headerBytes: number;
  readonly headerChecksum: number;
  readonly newerVersion: number | undefined;
}

/** Reads the header of the file that `window` is attached to. */
export async function findJournalFile(
  window: FileWindow,
  name: string,
  number: number,
  size: number,
): Promise<JournalFileFound> {
  const found = { name, number, size, header: undefined, headerBytes: 0, headerChecksum: 0 };
  const unknown = { ...found, newerVersion: undefined };
  if (size < journalPreambleBytes || !(await window.fill(0, journalPreambleBytes))) return unknown;
  const headerBytes = journalHeaderBytes(window.bytes);
  if (headerBytes === undefined || headerBytes > size || !(await window.fill(0, headerBytes))) return unknown;
  const bytes = Buffer.from(window.bytes.subarray(0, headerBytes));
  const version = journalHeaderVersion(bytes);
  if (version === undefined) return unknown;
  if (!isReadableVersion(version)) return { ...found, newerVersion: version };
  const header = decodeJournalHeader(bytes);
  if (header === undefined) return unknown;
  const headerChecksum = journalHeaderChecksum(bytes);
  return { name, number: header.file, size, header, headerBytes, headerChecksum, newerVersion: undefined };
}

export interface JournalWalkOptions {
  readonly window: FileWindow;
  readonly file: JournalFileFound;
  /** The header of the file after it, which tells where this one ends. */
  readonly next: JournalHeader | undefined;
  /** Whether it is the newest: then it may end in a torn commit. */
  readonly newest: boolean;
  readonly tag: number;
  readonly findings: Findings;
  /** Takes in a frame; answers why it does not follow from what came before. */
  readonly frame: (frame: ScannedFrame) => string | undefined;
  /** Takes in the head of a frame whose payload is damaged; answers the same. */
  readonly frameLost?: (head: FrameHead) => string | undefined;
  /** Told of damaged bytes that nothing in them or around them explains: so many records they held at most. */
  readonly doubt?: (recordsMax: number) => void;
}

/** Where a walk has come to: what the next commit must be. */
export interface JournalPlace {
  generation: number;
  nextCommit: number;
  lastChecksum: number;
  newestMs: number;
}

/** Walks the file from its header to its end, and moves `place` along; answers whether all of it is whole. */
export async function walkJournal(options: JournalWalkOptions, place: JournalPlace): Promise<boolean> {
  const { window, file, next, newest, tag, findings } = options;
  const { name, number, size, header } = file;
  const limit = next === undefined ? size : Math.min(size, next.previousEnd);
  if (next !== undefined && size < next.previousEnd) {
    findings.damage('cut', name, `it has ${size} bytes, and the file after it says ${next.previousEnd}`, {
      offset: size,
      bytes: next.previousEnd - size,
    });
  }
  const state: ScanState = {
    tag,
    file: number,
    canaries: {},
    offset: file.headerBytes,
    syncedOffset: file.headerBytes,
    generation: header?.generation ?? place.generation,
    nextCommit: header?.nextCommit ?? place.nextCommit,
    lastChecksum: header === undefined ? 0 : file.headerChecksum,
    newestMs: Math.max(place.newestMs, header?.createdMs ?? 0),
  };
  const take = (frame: ScannedFrame): boolean => {
    const wrong = options.frame(frame);
    if (wrong !== undefined)
      findings.damage('records', name, wrong, { offset: frame.offset, bytes: frame.head.length });
    return wrong === undefined;
  };
  let whole = header !== undefined && limit === (next?.previousEnd ?? limit);
  for (;;) {
    await scanCommits(window, limit, state, (frame) => {
      take(frame);
      return true;
    });
    const from = state.offset;
    if (from >= limit) break;
    // Without a header nothing is known of the first commit, which then may be the very next.
    const before = from === 0 ? { ...state, nextCommit: state.nextCommit - 1 } : state;
    const search = from === 0 ? 0 : from + 1;
    const following = await laterCommit(window, search, limit, number, (found) => isLater(found, before));
    // In the newest file what follows may have been on its way together with what is missing.
    const isProven =
      !newest ||
      (await laterCommit(window, search, limit, number, (found) => provesSynced(found, before))) !==
        undefined;
    const later = isProven ? following : undefined;
    const olderEnd = header === undefined ? size : olderBytesEnd(header, size);
    const isBegun =
      from > 0 &&
      (following !== undefined || (await laterCommit(window, from, limit, number, () => true)) === from);
    if (later === undefined && from > 0 && from < olderEnd && !isBegun) {
      // What an older file held: frames that are whole, and none of this one's.
      whole &&= newest;
      break;
    }
    if (later === undefined && newest && limit - Math.max(from, olderEnd) <= tornBytesMax && from > 0) {
      const bytes = limit - from;
      findings.note(
        'torn',
        name,
        'the last commits are not whole, as a crash leaves those that were not acknowledged yet; damage to them looks the same',
        {
          offset: from,
          bytes,
        },
      );
      break;
    }
    const to = later ?? limit;
    whole = false;
    // A file's header holds no records: where it says that it ends, and a commit begins there, none are in doubt.
    const start = from === 0 ? await headerEnd(window, to) : from;
    const frames = await framesBetween(options, start, to, take);
    const kept = frames > 0 ? `; ${frames} frames between are whole` : '';
    if (from > 0 || header !== undefined)
      findings.damage('changed', name, `what was synced there is gone${kept}`, {
        offset: from,
        bytes: to - from,
      });
    if (later === undefined) break;
    await adopt(window, later, state);
  }
  place.generation = state.generation;
  place.nextCommit = state.nextCommit;
  place.lastChecksum = state.lastChecksum;
  place.newestMs = state.newestMs;
  return whole;
}

/** Goes on with the commit at `offset`, whatever came before it. */
async function adopt(window: FileWindow, offset: number, state: ScanState): Promise<void> {
  if (!window.holds(offset, commitHeaderBytes)) await window.fill(offset, commitHeaderBytes);
  const header = commitHeaderAt(window.bytes, window.at(offset));
  if (header === undefined) return;
  state.offset = offset;
  state.syncedOffset = header.syncedOffset;
  state.nextCommit = header.number;
  state.generation = header.generation;
  state.lastChecksum = header.previous;
}

/** Where the damaged header of a file says that it ends, if it does so by `to`; else the beginning of the file. */
async function headerEnd(window: FileWindow, to: number): Promise<number> {
  if (to < journalPreambleBytes || !(await window.fill(0, journalPreambleBytes))) return 0;
  const bytes = journalHeaderBytes(window.bytes) ?? 0;
  return bytes <= to ? bytes : 0;
}

/**
 * Hands on the frames between `from` and `to` that are whole, and the heads of those whose payload is not; answers how many
 * are whole. What is between these, and no header of a commit, may have been frames whose heads are gone.
 */
async function framesBetween(
  options: JournalWalkOptions,
  from: number,
  to: number,
  take: (frame: ScannedFrame) => boolean,
): Promise<number> {
  const { window, file, tag, frameLost = () => undefined, doubt = () => {} } = options;
  let whole = 0;
  let offset = Math.ceil(from / 8) * 8;
  let explainedTo = from;
  const explain = (begin: number, end: number): void => {
    // So much is the header of a commit, which is damaged: no frame with a record is as short.
    const bytes = begin - explainedTo;
    if (bytes > commitHeaderBytes) doubt(Math.floor(bytes / recordBytesMin));
    explainedTo = end;
  };
  while (offset + frameFixedBytes <= to) {
    if (!window.holds(offset, frameFixedBytes) && !(await window.fill(offset, frameFixedBytes))) break;
    if (await isCommitHeader(window, offset, to, file.number)) {
      explain(offset, offset + commitHeaderBytes);
      offset += commitHeaderBytes;
      continue;
    }
    const headBytes = frameHeadBytesAt(window.bytes, window.at(offset));
    if (headBytes === undefined || headBytes > to - offset) {
      offset += 8;
      continue;
    }
    const length = window.bytes.readUInt32LE(window.at(offset) + 8);
    const fits = length >= headBytes && length <= to - offset && length <= commitBodyBytesMax;
    const held = fits && (window.holds(offset, length) || (await window.fill(offset, length)));
    const head = held ? frameHeadAt(window.bytes, window.at(offset), tag) : undefined;
    if (head === undefined) {
      offset += 8;
      continue;
    }
    const payload = head.payload(tag);
    if (payload !== undefined) whole++;
    // Before the frame is handed on: where its logs stand is certain again behind it.
    explain(offset, offset);
    const follows = payload === undefined ? frameLost(head) === undefined : take({ head, payload, offset });
    // One that does not follow is an old one's copy, inside of what is gone.
    offset += payload === undefined && !follows ? 8 : head.length;
    if (follows) explainedTo = offset;
  }
  explain(to, to);
  return whole;
}

/** A record takes at least so much of a frame: its end in the table. */
const recordBytesMin = 4;

async function isCommitHeader(
  window: FileWindow,
  offset: number,
  to: number,
  file: number,
): Promise<boolean> {
  if (window.bytes.readUInt32LE(window.at(offset)) !== commitMagic || offset + commitHeaderBytes > to)
    return false;
  if (!window.holds(offset, commitHeaderBytes) && !(await window.fill(offset, commitHeaderBytes)))
    return false;
  const header = commitHeaderAt(window.bytes, window.at(offset));
  return header?.file === file && header.offset === offset;
}

/** The tag of a store's checksums. */
export function tagOf(storeId: Uint8Array): number {
  return checksum(storeId);
}
