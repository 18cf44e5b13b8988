/**
 * A Kinesis record as the log keeps it:
 *
 *      stored record = key-length (u16, little-endian) · partition key (UTF-8) · data
 *
 * A key that a client gives has at least one character: a length of 0 means that none was given, which streams of
 * strategy AUTO allow, and readers are then told of none. Sequence number and arrival time are not in it: both follow from the shard, the position and the arrival that the
 * log itself keeps. AWS's measure of a record, key and data together, is its length less the header.
 */
import { asBuffer, assert } from '@millrace/base';

export const storedHeaderBytes = 2;
/** A partition key has at most 256 characters; UTF-8 takes at most 4 bytes for each. */
export const keyBytesMax = 1024;

/** A record as readers want it. */
export interface KinesisRecord {
  readonly partitionKey: string;
  /** Over the memory of the stored record. */
  readonly data: Uint8Array;
}

/** Where the data begins in the stored record that begins at `start`; the key is between header and data. */
export function storedDataStart(buffer: Uint8Array, start: number): number {
  return start + storedHeaderBytes + ((buffer[start] ?? 0) | ((buffer[start + 1] ?? 0) << 8));
}

/** Writes header and room for a key of `keyBytes` bytes at `target[at]`; answers where the key goes. */
export function writeStoredHeader(target: Uint8Array, at: number, keyBytes: number): number {
  assert(keyBytes <= keyBytesMax, `a partition key of ${keyBytes} bytes`);
  target[at] = keyBytes & 0xff;
  target[at + 1] = keyBytes >>> 8;
  return at + storedHeaderBytes;
}

export function encodeStoredRecord(partitionKey: string, data: Uint8Array): Uint8Array {
  const keyBytes = Buffer.byteLength(partitionKey, 'utf8');
  const stored = Buffer.allocUnsafe(storedHeaderBytes + keyBytes + data.length);
  const keyAt = writeStoredHeader(stored, 0, keyBytes);
  stored.write(partitionKey, keyAt, 'utf8');
  stored.set(data, keyAt + keyBytes);
  return stored;
}

export function decodeStoredRecord(stored: Uint8Array): KinesisRecord {
  const dataAt = storedDataStart(stored, 0);
  assert(dataAt <= stored.length, 'a stored record shorter than its header says');
  return {
    partitionKey: asBuffer(stored).toString('utf8', storedHeaderBytes, dataAt),
    data: stored.subarray(dataAt),
  };
}
