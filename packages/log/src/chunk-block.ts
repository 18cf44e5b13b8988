/**
 * A block: records of one log, as they lie in a chunk.
 *
 *      block  = header run × runCount end:u32 × recordCount, padded to 8, payload, padded to 8
 *      header = magic:u32 "MRBK"               0
 *               checksum:u32                   4   of the header from byte 8 on
 *               chunk:u32                      8 ┐ a block is valid only at its own place
 *               log:u32                       12 │
 *               offset:u64                    16 ┘
 *               length:u32                    24   of the whole block
 *               bodyChecksum:u32              28   of all behind the header
 *               runCount:u32                  32
 *               recordCount:u32               36
 *               payloadBytes:u32              40   without the padding
 *               zero, to 64
 *      run    = position:u64 arrivalMs:u64 count:u32 zero:u32
 *
 * Invariant: runs rise in position and do not overlap, arrival times do not fall. Checksums are CRC-32 seeded with
 * the store's tag. The body does not name the chunk, so that rewriting copies it as it is.
 */
import { checksum } from '@millrace/base';
import type { Position } from './contract.js';
import { align8, readU64, setU64, wordBytes, writeU64 } from './integers.js';
import type { Run } from './run.js';

export const blockHeaderBytes = 64;
const blockMagic = 0x4b42524d;
const runBytes = 24;

export interface BlockShape {
  readonly runCount: number;
  readonly recordCount: number;
  readonly payloadBytes: number;
}

/** Where the parts of a block are, from its start on. */
export interface BlockLayout {
  readonly endsAt: number;
  readonly payloadAt: number;
  readonly length: number;
}

export function blockLayout(shape: BlockShape): BlockLayout {
  const endsAt = blockHeaderBytes + shape.runCount * runBytes;
  const payloadAt = align8(endsAt + shape.recordCount * 4);
  return { endsAt, payloadAt, length: payloadAt + align8(shape.payloadBytes) };
}

/** Writes one run of the block at byte `at` of `words`. */
export function writeRun(
  words: Uint32Array,
  at: number,
  run: number,
  position: Position,
  arrivalMs: number,
  count: number,
): void {
  const start = (at + blockHeaderBytes + run * runBytes) / wordBytes;
  setU64(words, position, start);
  setU64(words, arrivalMs, start + 2);
  words[start + 4] = count;
  words[start + 5] = 0;
}

/** Writes the header of a block whose body is at `at` in `target` already, checksum included. */
export function sealBlock(target: Buffer, at: number, log: number, shape: BlockShape, tag: number): void {
  const { length } = blockLayout(shape);
  target.fill(0, at, at + blockHeaderBytes);
  target.writeUInt32LE(blockMagic, at);
  target.writeUInt32LE(log, at + 12);
  target.writeUInt32LE(length, at + 24);
  target.writeUInt32LE(checksum(target.subarray(at + blockHeaderBytes, at + length), tag), at + 28);
  target.writeUInt32LE(shape.runCount, at + 32);
  target.writeUInt32LE(shape.recordCount, at + 36);
  target.writeUInt32LE(shape.payloadBytes, at + 40);
}

/** Tells a sealed block where it will stand. */
export function placeBlock(target: Buffer, at: number, chunk: number, offset: number, tag: number): void {
  target.writeUInt32LE(chunk, at + 8);
  writeU64(target, offset, at + 16);
  target.writeUInt32LE(checksum(target.subarray(at + 8, at + blockHeaderBytes), tag), at + 4);
}

/** What a block that is known to be whole consists of. */
export function blockShapeAt(bytes: Buffer, at: number): BlockShape {
  return {
    runCount: bytes.readUInt32LE(at + 32),
    recordCount: bytes.readUInt32LE(at + 36),
    payloadBytes: bytes.readUInt32LE(at + 40),
  };
}

/** What a block must be: its place, as the chunk's table tells it. */
export interface BlockPlace {
  readonly chunk: number;
  readonly log: number;
  readonly offset: number;
  readonly length: number;
}

/** What the header at `at` says of its place; `undefined` when no block's header is there, whole. */
export function blockPlaceAt(bytes: Buffer, at: number, tag: number): BlockPlace | undefined {
  if (bytes.readUInt32LE(at) !== blockMagic) return undefined;
  if (checksum(bytes.subarray(at + 8, at + blockHeaderBytes), tag) !== bytes.readUInt32LE(at + 4)) {
    return undefined;
  }
  return {
    chunk: bytes.readUInt32LE(at + 8),
    log: bytes.readUInt32LE(at + 12),
    offset: readU64(bytes, at + 16),
    length: bytes.readUInt32LE(at + 24),
  };
}

/** The runs of the block whose bytes are at `at`, all of them; `undefined` when it is not the right one, whole. */
export function runsOfBlock(bytes: Buffer, at: number, place: BlockPlace, tag: number): Run[] | undefined {
  const { length } = place;
  if (length < blockHeaderBytes || bytes.readUInt32LE(at) !== blockMagic) return undefined;
  if (checksum(bytes.subarray(at + 8, at + blockHeaderBytes), tag) !== bytes.readUInt32LE(at + 4)) {
    return undefined;
  }
  const isThere =
    bytes.readUInt32LE(at + 8) === place.chunk &&
    bytes.readUInt32LE(at + 12) === place.log &&
    readU64(bytes, at + 16) === place.offset &&
    bytes.readUInt32LE(at + 24) === length;
  if (!isThere) return undefined;
  const body = bytes.subarray(at + blockHeaderBytes, at + length);
  if (checksum(body, tag) !== bytes.readUInt32LE(at + 28)) return undefined;
  const shape = blockShapeAt(bytes, at);
  const { runCount, recordCount, payloadBytes } = shape;
  const layout = blockLayout(shape);
  if (layout.length !== length) return undefined;
  const payloadAt = at + layout.payloadAt;
  const batch = {
    payload: bytes.subarray(payloadAt, payloadAt + payloadBytes),
    ends: new Uint32Array(bytes.buffer, bytes.byteOffset + at + layout.endsAt, recordCount),
    order: undefined,
  };
  const runs: Run[] = [];
  let orderStart = 0;
  for (let r = 0; r < runCount; r++) {
    const start = at + blockHeaderBytes + r * runBytes;
    const count = bytes.readUInt32LE(start + 16);
    const firstPosition = readU64(bytes, start);
    runs.push({ batch, firstPosition, count, arrivalMs: readU64(bytes, start + 8), orderStart });
    orderStart += count;
  }
  return orderStart === recordCount ? runs : undefined;
}
