/**
 * The ring that Kinesis spreads records over: hash keys are integers in [0, 2^128), a partition key's is the MD5 of
 * its UTF-8 bytes, and each open shard owns one range of them, both ends included.
 *
 *      0 ├── shard 0 ──┤├── shard 1 ──┤ … ├── shard n − 1 ──┤ 2^128 − 1
 *
 * Two forms. Control (ranges, splits, merges) uses `bigint`: a handful of numbers, plainly right. The hot paths use
 * four unsigned 32-bit words, most significant first, in a `Uint32Array` that holds many keys one after another: no
 * allocation a record.
 */
import { asBuffer, assert } from '@millrace/base';
import { md5 } from './md5.js';

/** Words a hash key takes in a `Uint32Array`. */
export const hashKeyWords = 4;

export const hashKeyMax = 2n ** 128n - 1n;

/** 2^128 has 39 digits. */
const digitsMax = 39;

/** A range of hash keys, both ends included. */
export interface HashKeyRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** The ranges of a new stream's `count` shards: floor(2^128 / count) · i each, the last one up to the end. */
export function uniformHashKeyRanges(count: number): readonly HashKeyRange[] {
  assert(Number.isSafeInteger(count) && count > 0, 'a stream has at least one shard');
  const width = (hashKeyMax + 1n) / BigInt(count);
  return Array.from({ length: count }, (_, index) => ({
    start: width * BigInt(index),
    end: index === count - 1 ? hashKeyMax : width * BigInt(index + 1) - 1n,
  }));
}

/**
 * The hash key that `text` spells in decimal, or undefined when it spells none: AWS's pattern is `0|([1-9]\d{0,38})`,
 * and what passes it may still be 2^128 or more.
 */
export function parseHashKey(text: string): bigint | undefined {
  if (!/^(?:0|[1-9][0-9]{0,38})$/.test(text)) return undefined;
  const key = BigInt(text);
  return key <= hashKeyMax ? key : undefined;
}

export function hashKeyToWords(key: bigint, target: Uint32Array, at: number): void {
  assert(key >= 0n && key <= hashKeyMax, 'a hash key has 128 bits');
  target[at] = Number(key >> 96n);
  target[at + 1] = Number((key >> 64n) & 0xffffffffn);
  target[at + 2] = Number((key >> 32n) & 0xffffffffn);
  target[at + 3] = Number(key & 0xffffffffn);
}

export function hashKeyFromWords(words: Uint32Array, at: number): bigint {
  let key = 0n;
  for (let word = 0; word < hashKeyWords; word++) key = (key << 32n) | BigInt(words[at + word] ?? 0);
  return key;
}

/** Negative, zero or positive, as the key at `a[aAt]` is below, equal to or above the one at `b[bAt]`. */
export function compareHashKeys(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  for (let word = 0; word < hashKeyWords; word++) {
    const difference = (a[aAt + word] ?? 0) - (b[bAt + word] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Which range holds the key at `keys[at]`, by binary search: `starts` has the first key of each range, rising, the
 * first of them 0, four words each.
 */
export function findHashKeyRange(starts: Uint32Array, keys: Uint32Array, at: number): number {
  let low = 0;
  let high = starts.length / hashKeyWords - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (compareHashKeys(starts, middle * hashKeyWords, keys, at) <= 0) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The hash key of a partition key, as four words at `target[at]`. */
export function hashPartitionKey(key: string, target: Uint32Array, at: number): void {
  const bytes = asBuffer(Buffer.from(key, 'utf8'));
  md5(bytes, 0, bytes.length, target, at);
}

/** The hash key of a partition key. */
export function partitionKeyHash(key: string): bigint {
  const words = new Uint32Array(hashKeyWords);
  hashPartitionKey(key, words, 0);
  return hashKeyFromWords(words, 0);
}

/**
 * Parses the decimal digits `bytes[start .. end)` into four words at `target[at]`. False, with `target` in no
 * particular state, when they are not a hash key in AWS's pattern and range.
 */
export function parseHashKeyBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint32Array,
  at: number,
): boolean {
  const length = end - start;
  if (length < 1 || length > digitsMax || (bytes[start] === 0x30 && length > 1)) return false;
  let w0 = 0;
  let w1 = 0;
  let w2 = 0;
  let w3 = 0;
  // Six digits at a time: 2^32 · 10^6 plus a carry stays below 2^53.
  for (let from = start; from < end; ) {
    const to = Math.min(end, from + 6);
    let scale = 1;
    let chunk = 0;
    for (; from < to; from++) {
      const digit = (bytes[from] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) return false;
      chunk = chunk * 10 + digit;
      scale *= 10;
    }
    const t3 = w3 * scale + chunk;
    w3 = t3 >>> 0;
    const t2 = w2 * scale + (t3 - w3) / 0x100000000;
    w2 = t2 >>> 0;
    const t1 = w1 * scale + (t2 - w2) / 0x100000000;
    w1 = t1 >>> 0;
    const t0 = w0 * scale + (t1 - w1) / 0x100000000;
    w0 = t0 >>> 0;
    if (t0 !== w0) return false;
  }
  target[at] = w0;
  target[at + 1] = w1;
  target[at + 2] = w2;
  target[at + 3] = w3;
  return true;
}
