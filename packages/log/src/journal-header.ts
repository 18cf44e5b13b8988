/**
 * The beginning of a journal file: who it belongs to, where the file before it ended, and every log as it stood then.
 * The checkpoint is what allows older files to be removed: replaying starts from the oldest file that is left.
 *
 *      header = magic:u32 "MRJL"               0
 *               checksum:u32                   4   of the header from byte 8 on
 *               formatVersion:u32              8   3; 2 has one commit on its way at a time; 1 has no reusedBytes either
 *               headerBytes:u32               12   of the whole header, a multiple of 8
 *               storeId:16 bytes              16   random, the same in all files of a store
 *               file:u32                      32   the number in the file's name
 *               generation:u32                36
 *               createdMs:u64                 40
 *               previousFile:u32              48 ┐
 *               previousChecksum:u32          52 ├ the file before, its last commit (or header) and its length;
 *               previousEnd:u64               56 ┘ zeros in the first file of a store
 *               nextCommit:u64                64
 *               nextLog:u32                   72   the next log gets this number; none is used twice
 *               logCount:u32                  76
 *               reusedBytes:u32               80   how long the file was when it began: it was an older one's
 *               zero:u32                      84
 *               log × logCount                88
 *      log    = number:u32 sealed:u16 idBytes:u16 first:u64 end:u64 lastArrivalMs:u64 id, padded to 8
 *
 * Invariant: the header is written and synced before the file gets its name, and the name is synced before the first
 * commit follows. So a journal file always begins with a whole header, and one that does not is damaged. Behind its
 * last commit, up to `reusedBytes`, there are bytes of an older file, which name that one and are never taken for its own.
 */
import { asBuffer, checksum } from '@millrace/base';
import { align8, readU64, writeU64 } from './integers.js';

export interface CheckpointLog {
  readonly number: number;
  readonly id: string;
  readonly sealed: boolean;
  readonly first: number;
  readonly end: number;
  readonly lastArrivalMs: number;
}

export interface JournalHeader {
  readonly formatVersion: number;
  readonly storeId: Uint8Array;
  readonly file: number;
  readonly generation: number;
  readonly createdMs: number;
  readonly previousFile: number;
  readonly previousChecksum: number;
  readonly previousEnd: number;
  readonly nextCommit: number;
  readonly nextLog: number;
  readonly reusedBytes: number;
  readonly logs: readonly CheckpointLog[];
}

const journalMagic = 0x4c4a524d;
export const journalFormatVersion = 3;
const journalFormatVersionMin = 1;
/** From this on several commits of a file may be on their way at once: earlier readers take what a crash leaves of it for damage. */
export const windowVersionMin = 3;
export const storeIdBytes = 16;
const fixedBytes = 88;
const logFixedBytes = 32;

/** The header's first bytes, which say how long it is. */
export const journalPreambleBytes = 16;

export function encodeJournalHeader(header: Omit<JournalHeader, 'formatVersion'>): Buffer {
  let length = fixedBytes;
  for (const log of header.logs) length += logFixedBytes + align8(log.id.length);
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(journalMagic, 0);
  bytes.writeUInt32LE(journalFormatVersion, 8);
  bytes.writeUInt32LE(length, 12);
  bytes.set(header.storeId, 16);
  bytes.writeUInt32LE(header.file, 32);
  bytes.writeUInt32LE(header.generation, 36);
  writeU64(bytes, header.createdMs, 40);
  bytes.writeUInt32LE(header.previousFile, 48);
  bytes.writeUInt32LE(header.previousChecksum, 52);
  writeU64(bytes, header.previousEnd, 56);
  writeU64(bytes, header.nextCommit, 64);
  bytes.writeUInt32LE(header.nextLog, 72);
  bytes.writeUInt32LE(header.logs.length, 76);
  bytes.writeUInt32LE(header.reusedBytes, 80);
  let at = fixedBytes;
  for (const log of header.logs) {
    bytes.writeUInt32LE(log.number, at);
    bytes.writeUInt16LE(log.sealed ? 1 : 0, at + 4);
    bytes.writeUInt16LE(log.id.length, at + 6);
    writeU64(bytes, log.first, at + 8);
    writeU64(bytes, log.end, at + 16);
    writeU64(bytes, log.lastArrivalMs, at + 24);
    bytes.write(log.id, at + logFixedBytes, 'latin1');
    at += logFixedBytes + align8(log.id.length);
  }
  bytes.writeUInt32LE(checksum(bytes.subarray(8)), 4);
  return bytes;
}

/** The whole length of the header that starts with `preamble`, or `undefined` when that is not the start of one. */
export function journalHeaderBytes(preamble: Buffer): number | undefined {
  if (preamble.length < journalPreambleBytes || preamble.readUInt32LE(0) !== journalMagic) return undefined;
  const length = preamble.readUInt32LE(12);
  return length >= fixedBytes && length % 8 === 0 ? length : undefined;
}

/** The format version of a header whose checksum holds, `undefined` when it does not. */
export function journalHeaderVersion(bytes: Buffer): number | undefined {
  return checksum(bytes.subarray(8)) === bytes.readUInt32LE(4) ? bytes.readUInt32LE(8) : undefined;
}

/** Up to where a file of `size` bytes may hold an older one's: a shorter one was cut since it began, at its end. */
export function olderBytesEnd(header: JournalHeader, size: number): number {
  return size < header.reusedBytes ? 0 : header.reusedBytes;
}

export function isReadableVersion(version: number): boolean {
  return version >= journalFormatVersionMin && version <= journalFormatVersion;
}

/** The checksum by which the first commit of the file names the header. */
export function journalHeaderChecksum(bytes: Buffer): number {
  return bytes.readUInt32LE(4);
}

/** Decodes a whole header of a readable version whose checksum holds; `undefined` when its parts do not add up. */
export function decodeJournalHeader(bytes: Buffer): JournalHeader | undefined {
  const logs: CheckpointLog[] = [];
  const logCount = bytes.readUInt32LE(76);
  let at = fixedBytes;
  for (let i = 0; i < logCount; i++) {
    if (at + logFixedBytes > bytes.length) return undefined;
    const idBytes = bytes.readUInt16LE(at + 6);
    const idAt = at + logFixedBytes;
    if (idAt + align8(idBytes) > bytes.length) return undefined;
    logs.push({
      number: bytes.readUInt32LE(at),
      sealed: bytes.readUInt16LE(at + 4) === 1,
      first: readU64(bytes, at + 8),
      end: readU64(bytes, at + 16),
      lastArrivalMs: readU64(bytes, at + 24),
      id: bytes.toString('latin1', idAt, idAt + idBytes),
    });
    at = idAt + align8(idBytes);
  }
  if (at !== bytes.length) return undefined;
  return {
    formatVersion: bytes.readUInt32LE(8),
    storeId: new Uint8Array(asBuffer(bytes).subarray(16, 16 + storeIdBytes)),
    file: bytes.readUInt32LE(32),
    generation: bytes.readUInt32LE(36),
    createdMs: readU64(bytes, 40),
    previousFile: bytes.readUInt32LE(48),
    previousChecksum: bytes.readUInt32LE(52),
    previousEnd: readU64(bytes, 56),
    nextCommit: readU64(bytes, 64),
    nextLog: bytes.readUInt32LE(72),
    // Zero in version 1.
    reusedBytes: bytes.readUInt32LE(80),
    logs,
  };
}
