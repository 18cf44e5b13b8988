/**
 * Goes through a journal file's commits from its header on, checks each whole, and hands its frames on.
 *
 *      header ✓ │ commit ✓ │ commit ✓ │ commit ✗ ·········
 *                                      └ end: what comes from here on is a torn tail or damage, which recovery tells
 *
 * Invariant: a commit's frames are handed on only after its header, its place in the chain, every frame and the
 * number of frames are found right. Nothing on the disk can make the scan throw, or read what is not there.
 */
import { checksum } from '@millrace/base';
import type { Canaries } from './canaries.js';
import {
  type CommitHeader,
  commitBodyBytesMax,
  commitHeaderAt,
  commitHeaderBytes,
  commitMagic,
  tornBytesMax,
} from './commit.js';
import type { FileWindow } from './file-window.js';
import { type FrameHead, frameFixedBytes, frameHeadAt, frameHeadBytesAt } from './frame.js';

/** What the next commit must be. */
export interface ScanState {
  readonly tag: number;
  readonly file: number;
  readonly canaries: Canaries;
  offset: number;
  /** Before this all was synced when the last good commit was written; the end of the header while there is none. */
  syncedOffset: number;
  generation: number;
  nextCommit: number;
  lastChecksum: number;
  newestMs: number;
}

export interface ScannedFrame {
  readonly head: FrameHead;
  readonly payload: Buffer;
  readonly offset: number;
}

/** Scans up to `limit`; afterwards `state.offset` is where the last good commit ends. */
export async function scanCommits(
  window: FileWindow,
  limit: number,
  state: ScanState,
  apply: (frame: ScannedFrame) => boolean,
): Promise<void> {
  while (state.offset + commitHeaderBytes <= limit) {
    const { offset } = state;
    if (!window.holds(offset, commitHeaderBytes) && !(await window.fill(offset, commitHeaderBytes))) return;
    const header = commitHeaderAt(window.bytes, window.at(offset));
    if (header === undefined || !isNext(header, state)) {
      if (state.canaries.acceptBeyondHole && (await skipHole(window, limit, state))) continue;
      return;
    }
    const length = commitHeaderBytes + header.bodyBytes;
    if (offset + length > limit) return;
    if (!window.holds(offset, length) && !(await window.fill(offset, length))) return;
    const { frames, whole } = framesOf(window, header, offset + commitHeaderBytes, state.tag);
    if (!whole && !state.canaries.acceptTornFrame) return;
    for (const frame of frames) if (!apply(frame)) return;
    state.syncedOffset = header.syncedOffset;
    state.offset += length;
    state.generation = header.generation;
    state.nextCommit++;
    state.lastChecksum = header.checksum;
    state.newestMs = Math.max(state.newestMs, header.timeMs);
  }
}

/** The place of the first whole commit header from `from` on, at its own place in `file`, that `counts`, if there is one. */
export async function laterCommit(
  window: FileWindow,
  from: number,
  limit: number,
  file: number,
  counts: (header: CommitHeader) => boolean,
): Promise<number | undefined> {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(commitMagic, 0);
  let offset = from;
  while (offset + commitHeaderBytes <= limit) {
    const length = Math.min(searchBytes, limit - offset);
    if (!window.holds(offset, length) && !(await window.fill(offset, length))) return undefined;
    const start = window.at(offset);
    const found = window.bytes.subarray(start, start + length).indexOf(magic);
    if (found < 0) {
      offset += Math.max(1, length - magic.length + 1);
      continue;
    }
    offset += found;
    if (offset + commitHeaderBytes > limit) return undefined;
    if (!window.holds(offset, commitHeaderBytes) && !(await window.fill(offset, commitHeaderBytes)))
      return undefined;
    const header = commitHeaderAt(window.bytes, window.at(offset));
    if (header?.file === file && header.offset === offset && counts(header)) return offset;
    offset++;
  }
  return undefined;
}

const searchBytes = 1024 * 1024;

/** The planted bug: goes on with the next whole commit, whatever is missing before it. */
async function skipHole(window: FileWindow, limit: number, state: ScanState): Promise<boolean> {
  const after = await laterCommit(window, state.offset + 1, limit, state.file, (header) =>
    isLater(header, state),
  );
  const header = after === undefined ? undefined : commitHeaderAt(window.bytes, window.at(after));
  if (header === undefined) return false;
  state.offset = header.offset;
  state.syncedOffset = header.syncedOffset;
  state.nextCommit = header.number;
  state.lastChecksum = header.previous;
  return true;
}

/** Whether a header is of a commit that comes after the one which is missing where the scan has ended. */
export function isLater(header: CommitHeader, state: ScanState): boolean {
  return (
    header.tag === state.tag && header.generation >= state.generation && header.number > state.nextCommit
  );
}

/** Whether it was written only after that one had been synced: then the disk has lost what it had. */
export function provesSynced(header: CommitHeader, state: ScanState): boolean {
  return isLater(header, state) && header.syncedOffset > state.offset;
}

function isNext(header: CommitHeader, state: ScanState): boolean {
  return (
    header.tag === state.tag &&
    header.file === state.file &&
    header.offset === state.offset &&
    header.syncedOffset <= state.offset &&
    header.syncedOffset >= state.syncedOffset &&
    state.offset - header.syncedOffset <= tornBytesMax &&
    header.number === state.nextCommit &&
    header.previous === state.lastChecksum &&
    header.generation >= state.generation &&
    header.bodyBytes <= commitBodyBytesMax
  );
}

/** The good frames at the beginning of a commit that is in the window, and whether they are the whole commit. */
function framesOf(
  window: FileWindow,
  header: CommitHeader,
  bodyAt: number,
  tag: number,
): { readonly frames: readonly ScannedFrame[]; readonly whole: boolean } {
  const frames: ScannedFrame[] = [];
  const { bytes } = window;
  const end = bodyAt + header.bodyBytes;
  const sum = Buffer.alloc(4);
  let sums = 0;
  let offset = bodyAt;
  while (offset < end) {
    const at = window.at(offset);
    const headBytes = offset + frameFixedBytes <= end ? frameHeadBytesAt(bytes, at) : undefined;
    const head =
      headBytes !== undefined && offset + headBytes <= end ? frameHeadAt(bytes, at, tag) : undefined;
    if (head === undefined || offset + head.length > end) return { frames, whole: false };
    const payload = head.payload(tag);
    if (payload === undefined || !head.isPaddedWithZeros()) return { frames, whole: false };
    frames.push({ head, payload, offset });
    sum.writeUInt32LE(head.checksum, 0);
    sums = checksum(sum, sums);
    offset += head.length;
  }
  return { frames, whole: frames.length === header.frameCount && sums === header.bodyChecksum };
}
