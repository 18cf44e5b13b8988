/**
 * The end of a chunk file: whose it is, and where its tables are.
 *
 *      chunk   = block* table trailer
 *      trailer = magic:u32 "MRCT"              0
 *                checksum:u32                  4   of the trailer from byte 8 on
 *                formatVersion:u32             8   1
 *                chunk:u32                    12   the number in the file's name
 *                storeId:16 bytes             16
 *                blocksEnd:u64                32   where the tables begin
 *                blockCount:u32               40
 *                logCount:u32                 44
 *                records:u64                  48
 *                tablesChecksum:u32           56   of all pages
 *                zero:u32                     60
 *
 * Invariant: the manifest names a chunk by its number, its length and its trailer's checksum; a file that is not that
 * very one is not taken for it. What the trailer covers is synced before any manifest names it.
 */
import { checksum } from '@millrace/base';
import { readU64, writeU64 } from './integers.js';

export interface ChunkTrailer {
  readonly checksum: number;
  readonly chunk: number;
  readonly storeId: Uint8Array;
  readonly blocksEnd: number;
  readonly blockCount: number;
  readonly logCount: number;
  readonly records: number;
  readonly tablesChecksum: number;
}

export const chunkTrailerBytes = 64;
const trailerMagic = 0x5443524d;
export const chunkFormatVersion = 1;

export function encodeChunkTrailer(trailer: Omit<ChunkTrailer, 'checksum'>): Buffer {
  const bytes = Buffer.alloc(chunkTrailerBytes);
  bytes.writeUInt32LE(trailerMagic, 0);
  bytes.writeUInt32LE(chunkFormatVersion, 8);
  bytes.writeUInt32LE(trailer.chunk, 12);
  bytes.set(trailer.storeId, 16);
  writeU64(bytes, trailer.blocksEnd, 32);
  bytes.writeUInt32LE(trailer.blockCount, 40);
  bytes.writeUInt32LE(trailer.logCount, 44);
  writeU64(bytes, trailer.records, 48);
  bytes.writeUInt32LE(trailer.tablesChecksum, 56);
  bytes.writeUInt32LE(checksum(bytes.subarray(8)), 4);
  return bytes;
}

/** The trailer, `undefined` when the bytes are none of our version, whole. */
export function decodeChunkTrailer(bytes: Buffer): ChunkTrailer | undefined {
  const sum = bytes.readUInt32LE(4);
  if (bytes.readUInt32LE(0) !== trailerMagic || checksum(bytes.subarray(8)) !== sum) return undefined;
  if (bytes.readUInt32LE(8) !== chunkFormatVersion) return undefined;
  return {
    checksum: sum,
    chunk: bytes.readUInt32LE(12),
    storeId: new Uint8Array(bytes.subarray(16, 32)),
    blocksEnd: readU64(bytes, 32),
    blockCount: bytes.readUInt32LE(40),
    logCount: bytes.readUInt32LE(44),
    records: readU64(bytes, 48),
    tablesChecksum: bytes.readUInt32LE(56),
  };
}
