import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  compareHashKeys,
  findHashKeyRange,
  hashKeyMax,
  hashKeyToWords,
  hashKeyWords,
  parseHashKey,
  parseHashKeyBytes,
  partitionKeyHash,
  uniformHashKeyRanges,
} from './hash-key.js';

test('a partition key hashes to the MD5 of its UTF-8, read as one big number', () => {
  assert.equal(partitionKeyHash('a'), 0x0cc175b9c0f1b6a831c399e269772661n);
  assert.equal(partitionKeyHash('é'), BigInt(`0x${createHash('md5').update('é', 'utf8').digest('hex')}`));
});

test('the ring is divided as AWS divides it: floor(2^128 / n) each, the last up to the end', () => {
  // Printed by AWS for streams of two and three shards (kinesalite's tests).
  assert.deepEqual(uniformHashKeyRanges(2), [
    { start: 0n, end: 170141183460469231731687303715884105727n },
    { start: 170141183460469231731687303715884105728n, end: 340282366920938463463374607431768211455n },
  ]);
  assert.deepEqual(uniformHashKeyRanges(3), [
    { start: 0n, end: 113427455640312821154458202477256070484n },
    { start: 113427455640312821154458202477256070485n, end: 226854911280625642308916404954512140969n },
    { start: 226854911280625642308916404954512140970n, end: 340282366920938463463374607431768211455n },
  ]);
});

test('the ranges of any count touch, and cover the ring', () => {
  for (const count of [1, 2, 3, 4, 7, 100, 1000, 9999]) {
    let next = 0n;
    for (const range of uniformHashKeyRanges(count)) {
      assert.equal(range.start, next);
      assert.ok(range.end >= range.start);
      next = range.end + 1n;
    }
    assert.equal(next, hashKeyMax + 1n);
  }
});

test('an explicit hash key is decimal, without leading zeros, below 2^128', () => {
  const cases = new Map<string, bigint | undefined>([
    ['0', 0n],
    ['10', 10n],
    ['340282366920938463463374607431768211455', hashKeyMax],
    ['340282366920938463463374607431768211456', undefined],
    ['999999999999999999999999999999999999999', undefined],
    ['1000000000000000000000000000000000000000', undefined],
    ['00', undefined],
    ['01', undefined],
    ['', undefined],
    ['-1', undefined],
    ['1e3', undefined],
    [' 1', undefined],
    ['1\n', undefined],
    ['١', undefined],
  ]);
  for (const [text, expected] of cases) {
    assert.equal(parseHashKey(text), expected, JSON.stringify(text));
    const bytes = Buffer.from(text);
    const words = new Uint32Array(hashKeyWords);
    assert.equal(
      parseHashKeyBytes(bytes, 0, bytes.length, words, 0),
      expected !== undefined,
      JSON.stringify(text),
    );
    if (expected === undefined) continue;
    const direct = new Uint32Array(hashKeyWords);
    hashKeyToWords(expected, direct, 0);
    assert.deepEqual(words, direct);
  }
});

test('each end of each range is found in that range', () => {
  for (const count of [1, 2, 3, 5, 64, 1000]) {
    const ranges = uniformHashKeyRanges(count);
    const starts = new Uint32Array(count * hashKeyWords);
    ranges.forEach((range, index) => {
      hashKeyToWords(range.start, starts, index * hashKeyWords);
    });
    const key = new Uint32Array(hashKeyWords);
    ranges.forEach((range, index) => {
      for (const edge of [range.start, range.end]) {
        hashKeyToWords(edge, key, 0);
        assert.equal(findHashKeyRange(starts, key, 0), index);
      }
    });
  }
});

test('words compare from the most significant on, without a sign', () => {
  const words = Uint32Array.of(0, 0, 0, 0xffffffff, 0, 0, 1, 0, 0xffffffff, 0, 0, 0);
  assert.ok(compareHashKeys(words, 0, words, 4) < 0);
  assert.ok(compareHashKeys(words, 8, words, 4) > 0);
  assert.equal(compareHashKeys(words, 4, words, 4), 0);
});
