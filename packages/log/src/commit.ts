/**
 * A commit is what one write and one sync make durable: a header and frames.
 *
 *      commit = header frame*
 *      header = magic:u32 "MRCM"            0
 *               checksum:u32                4   of the header from byte 8 on
 *               tag:u32                     8   of the store: CRC-32 of its id
 *               generation:u32             12   rises with each opening of the store
 *               number:u64                 16   rises by one with each commit
 *               bodyBytes:u32              24   of the frames
 *               bodyChecksum:u32           28   of the frames' checksums, 4 bytes each
 *               file:u32                   32 ┐ the header's own place
 *               offset:u32                 36 ┘
 *               previous:u32               40   the checksum of the commit before, or of the file's header
 *               frameCount:u32             44
 *               timeMs:u64                 48   the clock at the commit, never before an earlier commit's
 *               syncedOffset:u32           56   all of the file before this was synced when the header was written; 0, as
 *               zero:u32                   60   journal version 2 has it, stands for the header's own offset
 *
 * Several commits may be on their way at once. From `syncedOffset` to its own place lie those that were when this one
 * set out:
 *
 *      │ synced, acknowledged │ on the way │ on the way │ header │
 *                             └ syncedOffset            └ offset
 *
 * Invariant: a valid header proves that all before its `syncedOffset` was synced, so an invalid commit at X < syncedOffset
 * is damage and not a torn tail. A header is valid only at its own place, in its own store, as the next of its chain; a
 * copy of an old one, inside a record or left behind by a cut, never is.
 */
import { checksum, mib } from '@millrace/base';
import { readU64, writeU64 } from './integers.js';

export interface CommitHeader {
  readonly checksum: number;
  readonly tag: number;
  readonly generation: number;
  readonly number: number;
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
  readonly file: number;
  readonly offset: number;
  readonly syncedOffset: number;
  readonly previous: number;
  readonly frameCount: number;
  readonly timeMs: number;
}

export const commitHeaderBytes = 64;
/** No body is longer: recovery takes a longer one for damage. */
export const commitBodyBytesMax = 64 * mib;
/** All commits on their way at once are not longer: recovery takes more than this behind a torn one for damage. */
export const tornBytesMax = commitHeaderBytes + commitBodyBytesMax;
export const commitMagic = 0x4d43524d;

/** Writes the header at `at` and answers its checksum, which the next commit names. */
export function writeCommitHeader(
  target: Buffer,
  at: number,
  header: Omit<CommitHeader, 'checksum'>,
): number {
  target.writeUInt32LE(commitMagic, at);
  target.writeUInt32LE(header.tag, at + 8);
  target.writeUInt32LE(header.generation, at + 12);
  writeU64(target, header.number, at + 16);
  target.writeUInt32LE(header.bodyBytes, at + 24);
  target.writeUInt32LE(header.bodyChecksum, at + 28);
  target.writeUInt32LE(header.file, at + 32);
  target.writeUInt32LE(header.offset, at + 36);
  target.writeUInt32LE(header.previous, at + 40);
  target.writeUInt32LE(header.frameCount, at + 44);
  writeU64(target, header.timeMs, at + 48);
  target.writeUInt32LE(header.syncedOffset, at + 56);
  target.fill(0, at + 60, at + commitHeaderBytes);
  const sum = checksum(target.subarray(at + 8, at + commitHeaderBytes));
  target.writeUInt32LE(sum, at + 4);
  return sum;
}

/** The header at `at`, or `undefined` when the bytes there are none or are damaged. */
export function commitHeaderAt(bytes: Buffer, at: number): CommitHeader | undefined {
  if (at + commitHeaderBytes > bytes.length || bytes.readUInt32LE(at) !== commitMagic) return undefined;
  const sum = bytes.readUInt32LE(at + 4);
  if (checksum(bytes.subarray(at + 8, at + commitHeaderBytes)) !== sum) return undefined;
  const offset = bytes.readUInt32LE(at + 36);
  return {
    checksum: sum,
    tag: bytes.readUInt32LE(at + 8),
    generation: bytes.readUInt32LE(at + 12),
    number: readU64(bytes, at + 16),
    bodyBytes: bytes.readUInt32LE(at + 24),
    bodyChecksum: bytes.readUInt32LE(at + 28),
    file: bytes.readUInt32LE(at + 32),
    offset,
    syncedOffset: bytes.readUInt32LE(at + 56) || offset,
    previous: bytes.readUInt32LE(at + 40),
    frameCount: bytes.readUInt32LE(at + 44),
    timeMs: readU64(bytes, at + 48),
  };
}
