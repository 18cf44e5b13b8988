/**
 * A sealed group: records of one put for one shard, encrypted together, as the shard's log keeps them. Each is a record
 * of the log still, with a position of its own:
 *
 *      sealed record = mark (u16: 0x8001) · index in the group (u16) · [group head, if the index is 0] · ciphertext
 *      group head    = records (u16) · fingerprint of the master key (8) · salt (16) · counter (u64) · tag (16)
 *
 *      log    │ 0 head c0 │ 1 c1 │ 2 c2 │ 0 head c3 │ 1 c4 │        c0 c1 c2 is one AES-256-GCM ciphertext, as long as
 *              position 40    41     42       43       44           the stored records (`stored-record.ts`) it was made of
 *
 * Integers are little-endian. A stored record begins with the length of its key, 1,024 at the most; so the mark's
 * highest bit tells the two apart, and a log may hold both.
 *
 * Key: the master key's data key of the salt. Nonce: four zero bytes and the counter. The associated data is
 *
 *      log id · 0 · group head without the tag · length of each record (u32)
 *
 * so that a group opens in its own shard alone, whole, and in the pieces it was put in. Positions are not in it: the log
 * gives them later. The positions of a group follow each other without a gap (the contract of `append`).
 */
import { fingerprintBytes, saltBytes } from '../../keys/master-keys.js';

const sealedMark = 0x8001;
/** In the second byte of a record: that of the mark, which no key's length has. */
const sealedBit = 0x80;
const tagBytes = 16;
export const memberHeadBytes = 4;
const fingerprintAt = 2;
const saltAt = fingerprintAt + fingerprintBytes;
const counterAt = saltAt + saltBytes;
const tagAt = counterAt + 8;
export const groupHeadBytes = tagAt + tagBytes;

/** What has been sealed under one data key is opened with this nonce, and nothing else ever is. */
export interface GroupHead {
  readonly records: number;
  readonly fingerprint: string;
  readonly salt: Uint8Array;
  readonly counter: number;
}

export function isSealed(buffer: Uint8Array, start: number): boolean {
  return ((buffer[start + 1] ?? 0) & sealedBit) !== 0;
}

/** Which of its group's records this is; undefined when it is sealed in no way that we know. */
export function groupIndexOf(buffer: Uint8Array, start: number, end: number): number | undefined {
  if (end - start < memberHeadBytes || u16(buffer, start) !== sealedMark) return undefined;
  return u16(buffer, start + 2);
}

export function writeMemberHead(target: Buffer, at: number, index: number): void {
  target.writeUInt16LE(sealedMark, at);
  target.writeUInt16LE(index, at + 2);
}

/** Writes a head at `target[at]`, but for the tag; answers the bytes that are authenticated. */
export function writeGroupHead(target: Buffer, at: number, head: GroupHead): Uint8Array {
  target.writeUInt16LE(head.records, at);
  target.write(head.fingerprint, at + fingerprintAt, 'hex');
  target.set(head.salt, at + saltAt);
  target.writeBigUInt64LE(BigInt(head.counter), at + counterAt);
  return target.subarray(at, at + tagAt);
}

export function writeTag(target: Buffer, at: number, tag: Uint8Array): void {
  target.set(tag, at + tagAt);
}

export interface ReadHead extends GroupHead {
  readonly authenticated: Uint8Array;
  readonly tag: Uint8Array;
}

/** The head in `buffer` from `at` on, which may be any bytes; undefined when it is none. */
export function readGroupHead(buffer: Buffer, at: number, end: number): ReadHead | undefined {
  if (end - at < groupHeadBytes) return undefined;
  const records = buffer.readUInt16LE(at);
  const counter = Number(buffer.readBigUInt64LE(at + counterAt));
  if (records === 0 || !Number.isSafeInteger(counter)) return undefined;
  return {
    records,
    fingerprint: buffer.toString('hex', at + fingerprintAt, at + saltAt),
    salt: buffer.subarray(at + saltAt, at + counterAt),
    counter,
    authenticated: buffer.subarray(at, at + tagAt),
    tag: buffer.subarray(at + tagAt, at + groupHeadBytes),
  };
}

export function nonceOf(counter: number): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(BigInt(counter), 4);
  return nonce;
}

export function associatedData(log: string, head: Uint8Array, lengths: Uint32Array): Uint8Array {
  const data = Buffer.alloc(log.length + 1 + head.length + lengths.length * 4);
  data.write(log, 0, 'latin1');
  data.set(head, log.length + 1);
  for (let i = 0, at = log.length + 1 + head.length; i < lengths.length; i++, at += 4) {
    data.writeUInt32LE(lengths[i] ?? 0, at);
  }
  return data;
}

function u16(buffer: Uint8Array, at: number): number {
  return (buffer[at] ?? 0) | ((buffer[at + 1] ?? 0) << 8);
}
