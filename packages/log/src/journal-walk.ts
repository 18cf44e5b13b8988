/**
 * Goes through one file of the journal that may be damaged, hands on every frame that is whole, and finds its feet again
 * behind what is not.
 *
 *      header ✓ │ commit ✓ │ commit ✗ ········· │ commit ✓ │ commit ✓ │ torn
 *                          └ frames that are whole └ a header at its own place: all before it was synced
 *
 * Invariant: a frame is handed on only if its checksums hold and its commit, or a later one, proves that it was synced;
 * in the order of the file. What a torn commit left is not: it was never acknowledged.
 */
import { checksum } from '@millrace/base';
import { commitBodyBytesMax, commitHeaderAt, commitHeaderBytes } from './commit.js';
import type { FileWindow } from './file-window.js';
import type { Findings } from './finding.js';
import { frameFixedBytes, frameHeadAt, frameHeadBytesAt } from './frame.js';
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
import { laterCommit, type ScannedFrame, type ScanState, scanCommits } from './journal-scan.js';

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
    lastOffset: file.headerBytes,
    generation: header?.generation ?? place.generation,
    nextCommit: header?.nextCommit ?? place.nextCommit,
    lastChecksum: header === undefined ? 0 : file.headerChecksum,
    newestMs: Math.max(place.newestMs, header?.createdMs ?? 0),
  };
  const take = (frame: ScannedFrame): boolean => {
    const wrong = options.frame(frame);
    if (wrong !== undefined)
      findings.damage('records', name, wrong, { offset: frame.offset, bytes: frame.head.length });
    return true;
  };
  let whole = header !== undefined && limit === (next?.previousEnd ?? limit);
  for (;;) {
    await scanCommits(window, limit, state, take);
    const from = state.offset;
    if (from >= limit) break;
    // Without a header nothing is known of the first commit, which then may be the very next.
    const before = from === 0 ? { ...state, nextCommit: state.nextCommit - 1 } : state;
    const later = await laterCommit(window, from === 0 ? 0 : from + 1, limit, number, before);
    const olderEnd = header === undefined ? size : olderBytesEnd(header, size);
    const isBegun = from > 0 && (await laterCommit(window, from, limit, number, undefined)) === from;
    if (later === undefined && from > 0 && from < olderEnd && !isBegun) {
      // What an older file held: frames that are whole, and none of this one's.
      whole &&= newest;
      break;
    }
    if (later === undefined && newest && limit - from <= commitHeaderBytes + commitBodyBytesMax && from > 0) {
      const bytes = limit - from;
      findings.note('torn', name, 'the end of a commit that was never acknowledged, as a crash leaves it', {
        offset: from,
        bytes,
      });
      break;
    }
    const to = later ?? limit;
    whole = false;
    const frames = await framesBetween(options, from, to, take);
    const kept = frames > 0 ? `; ${frames} frames between are whole` : '';
    if (from > 0 || header !== undefined)
      findings.damage('changed', name, `what was synced there is gone${kept}`, {
        offset: from,
        bytes: to - from,
      });
    if (later === undefined) break;
    adopt(window, later, state);
  }
  place.generation = state.generation;
  place.nextCommit = state.nextCommit;
  place.lastChecksum = state.lastChecksum;
  place.newestMs = state.newestMs;
  return whole;
}

/** Goes on with the commit at `offset`, whatever came before it. */
function adopt(window: FileWindow, offset: number, state: ScanState): void {
  const header = commitHeaderAt(window.bytes, window.at(offset));
  if (header === undefined) return;
  state.offset = offset;
  state.nextCommit = header.number;
  state.generation = header.generation;
  state.lastChecksum = header.previous;
}

/** Hands on the frames between `from` and `to` that are whole; answers how many there were. */
async function framesBetween(
  options: JournalWalkOptions,
  from: number,
  to: number,
  take: (frame: ScannedFrame) => boolean,
): Promise<number> {
  const { window, tag } = options;
  let whole = 0;
  let offset = Math.ceil(from / 8) * 8;
  while (offset + frameFixedBytes <= to) {
    if (!window.holds(offset, frameFixedBytes) && !(await window.fill(offset, frameFixedBytes))) break;
    const headBytes = frameHeadBytesAt(window.bytes, window.at(offset));
    if (headBytes === undefined || headBytes > to - offset) {
      offset += 8;
      continue;
    }
    const length = window.bytes.readUInt32LE(window.at(offset) + 8);
    const fits = length >= headBytes && length <= to - offset && length <= commitBodyBytesMax;
    const held = fits && (window.holds(offset, length) || (await window.fill(offset, length)));
    const head = held ? frameHeadAt(window.bytes, window.at(offset), tag) : undefined;
    const payload = head?.payload(tag);
    if (head === undefined || payload === undefined) {
      offset += 8;
      continue;
    }
    take({ head, payload, offset });
    whole++;
    offset += head.length;
  }
  return whole;
}

/** The tag of a store's checksums. */
export function tagOf(storeId: Uint8Array): number {
  return checksum(storeId);
}
