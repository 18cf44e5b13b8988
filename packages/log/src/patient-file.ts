/**
 * Reads a file on a disk that fails in places: what cannot be read in one piece is read in small ones, and where none
 * comes back there are bytes that no checksum takes for right. Each such place is a finding.
 *
 *      read 1 MiB ✗ ──▶ │ 4 KiB ✓ │ 4 KiB ✗ 0xdb… │ 4 KiB ✓ │ …
 */
import { DiskError, type DiskView, type ReadableFile } from './disk.js';
import type { Findings } from './finding.js';

const pieceBytes = 4096;
const filling = 0xdb;

export async function openPatiently(view: DiskView, name: string, findings: Findings): Promise<ReadableFile> {
  const file = await view.read(name);
  const reported = new Set<number>();
  const readPieces = async (target: Uint8Array, offset: number): Promise<number> => {
    let read = 0;
    while (read < target.length) {
      const at = offset + read;
      const length = Math.min(pieceBytes - (at % pieceBytes), target.length - read);
      const piece = target.subarray(read, read + length);
      const got = await readOr(file, piece, at, (error) => {
        piece.fill(filling);
        if (reported.has(at - (at % pieceBytes))) return;
        reported.add(at - (at % pieceBytes));
        findings.damage('unreadable', name, `the disk does not give it back: ${error.message}`, {
          offset: at,
          bytes: length,
        });
      });
      read += got ?? length;
      if (got !== undefined && got < length) break;
    }
    return read;
  };
  return {
    size: () => file.size(),
    close: () => file.close(),
    read: async (target, offset) => (await readOr(file, target, offset)) ?? readPieces(target, offset),
  };
}

/** `undefined` when the disk failed, of which `failed` is told. Any other error is thrown. */
async function readOr(
  file: ReadableFile,
  target: Uint8Array,
  offset: number,
  failed: (error: DiskError) => void = () => {},
): Promise<number | undefined> {
  try {
    return await file.read(target, offset);
  } catch (error) {
    if (!(error instanceof DiskError && error.code === 'io')) throw error;
    failed(error);
    return undefined;
  }
}
