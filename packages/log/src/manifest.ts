/**
 * The manifest: which chunks there are, and with which journal file the journal begins.
 *
 *      manifest = magic:u32 "MRMF"             0
 *                 checksum:u32                 4   of the manifest from byte 8 on
 *                 formatVersion:u32            8   1
 *                 chunkCount:u32              12
 *                 storeId:16 bytes            16
 *                 journalFrom:u32             32   the first journal file that is needed
 *                 nextChunk:u32               36   the next chunk gets this number
 *                 chunk × chunkCount          40   oldest first
 *      chunk    = number:u32 trailerChecksum:u32 bytes:u64 records:u64
 *
 * Invariant: a manifest is written and synced as `manifest.new` and then renamed: that is the one moment at which a
 * journal file stops mattering and a chunk begins to. Chunks that it does not name, and journal files before
 * `journalFrom`, are leftovers. The logs themselves are in the header of journal file `journalFrom`.
 *
 * A store without a manifest has no chunks, and its journal begins with the oldest file that there is.
 */
import { checksum } from '@millrace/base';
import type { Disk } from './disk.js';
import { readU64, writeU64 } from './integers.js';

export const manifestName = 'manifest';
/** A manifest on its way to become the manifest. */
export const unfinishedManifestName = 'manifest.new';

export interface ManifestChunk {
  readonly number: number;
  readonly trailerChecksum: number;
  readonly bytes: number;
  readonly records: number;
}

export interface Manifest {
  readonly storeId: Uint8Array;
  readonly journalFrom: number;
  readonly nextChunk: number;
  readonly chunks: readonly ManifestChunk[];
}

const manifestMagic = 0x464d524d;
export const manifestFormatVersion = 1;
const fixedBytes = 40;
const chunkBytes = 24;

function encodeManifest(manifest: Manifest): Buffer {
  const bytes = Buffer.alloc(fixedBytes + manifest.chunks.length * chunkBytes);
  bytes.writeUInt32LE(manifestMagic, 0);
  bytes.writeUInt32LE(manifestFormatVersion, 8);
  bytes.writeUInt32LE(manifest.chunks.length, 12);
  bytes.set(manifest.storeId, 16);
  bytes.writeUInt32LE(manifest.journalFrom, 32);
  bytes.writeUInt32LE(manifest.nextChunk, 36);
  let at = fixedBytes;
  for (const chunk of manifest.chunks) {
    bytes.writeUInt32LE(chunk.number, at);
    bytes.writeUInt32LE(chunk.trailerChecksum, at + 4);
    writeU64(bytes, chunk.bytes, at + 8);
    writeU64(bytes, chunk.records, at + 16);
    at += chunkBytes;
  }
  bytes.writeUInt32LE(checksum(bytes.subarray(8)), 4);
  return bytes;
}

/** The manifest, `undefined` when the bytes are none, whole; the version that it names when that is not ours. */
export function decodeManifest(bytes: Buffer): Manifest | { readonly version: number } | undefined {
  if (bytes.length < fixedBytes || bytes.readUInt32LE(0) !== manifestMagic) return undefined;
  if (checksum(bytes.subarray(8)) !== bytes.readUInt32LE(4)) return undefined;
  const version = bytes.readUInt32LE(8);
  if (version !== manifestFormatVersion) return { version };
  const count = bytes.readUInt32LE(12);
  if (bytes.length !== fixedBytes + count * chunkBytes) return undefined;
  const chunks: ManifestChunk[] = [];
  for (let at = fixedBytes; at < bytes.length; at += chunkBytes) {
    chunks.push({
      number: bytes.readUInt32LE(at),
      trailerChecksum: bytes.readUInt32LE(at + 4),
      bytes: readU64(bytes, at + 8),
      records: readU64(bytes, at + 16),
    });
  }
  return {
    storeId: new Uint8Array(bytes.subarray(16, 32)),
    journalFrom: bytes.readUInt32LE(32),
    nextChunk: bytes.readUInt32LE(36),
    chunks,
  };
}

/** Puts `manifest` in the place of the one that is there, if any; durable once `syncDirectory` has returned. */
export async function writeManifest(disk: Disk, manifest: Manifest): Promise<void> {
  const file = await disk.open(unfinishedManifestName, 'create');
  try {
    await file.write([encodeManifest(manifest)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(unfinishedManifestName, manifestName);
}
