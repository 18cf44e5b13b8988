import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareHashKeys,
  hashKeyFromWords,
  hashKeyMax,
  hashKeyToWords,
  hashKeyWords,
  parseHashKey,
  parseHashKeyBytes,
} from './hash-key.js';

const seed = Date.now();
const key = fc.bigInt({ min: 0n, max: hashKeyMax });

test(`words, text and number say the same key (seed ${seed})`, () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const words = new Uint32Array(2 * hashKeyWords);
      hashKeyToWords(a, words, 0);
      hashKeyToWords(b, words, hashKeyWords);
      assert.equal(hashKeyFromWords(words, 0), a);
      assert.equal(Math.sign(compareHashKeys(words, 0, words, hashKeyWords)), a < b ? -1 : a > b ? 1 : 0);
      const text = Buffer.from(a.toString());
      assert.ok(parseHashKeyBytes(text, 0, text.length, words, hashKeyWords));
      assert.equal(hashKeyFromWords(words, hashKeyWords), a);
    }),
    { seed, numRuns: 1000 },
  );
});

test(`digits or not, text and bytes are parsed alike (seed ${seed})`, () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 41 });
  const odd = fc.string({ unit: fc.constantFrom(...'0123456789/:+- '), maxLength: 12 });
  fc.assert(
    fc.property(fc.oneof(digits, odd), (text) => {
      const words = new Uint32Array(hashKeyWords);
      const bytes = Buffer.from(text);
      const parsed = parseHashKeyBytes(bytes, 0, bytes.length, words, 0);
      assert.equal(parsed ? hashKeyFromWords(words, 0) : undefined, parseHashKey(text));
    }),
    { seed, numRuns: 2000 },
  );
});
