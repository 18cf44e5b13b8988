import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { hashKeyFromWords } from './hash-key.js';
import { md5 } from './md5.js';

function digest(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const words = new Uint32Array(6);
  md5(bytes, start, end, words, 1);
  assert.equal(words[0], 0);
  assert.equal(words[5], 0);
  return hashKeyFromWords(words, 1).toString(16).padStart(32, '0');
}

test("the digests of RFC 1321's own test suite", () => {
  const suite = new Map([
    ['', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['a', '0cc175b9c0f1b6a831c399e269772661'],
    ['abc', '900150983cd24fb0d6963f7d28e17f72'],
    ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
    ['abcdefghijklmnopqrstuvwxyz', 'c3fcd3d76192e4007dfb496cca67e13b'],
    [
      '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
      '57edf4a22be3c955ac49da2e2107b67a',
    ],
  ]);
  for (const [text, expected] of suite) assert.equal(digest(Buffer.from(text)), expected);
});

test('every length up to three blocks, and some beyond, at any offset, as OpenSSL has it', () => {
  const lengths = [...Array.from({ length: 193 }, (_, length) => length), 1000, 4096, 65_537];
  for (const length of lengths) {
    const bytes = Buffer.alloc(length + 3, 0xee);
    for (let at = 0; at < length; at++) bytes[at + 2] = (at * 131 + length) & 0xff;
    const expected = createHash('md5')
      .update(bytes.subarray(2, length + 2))
      .digest('hex');
    assert.equal(digest(bytes, 2, length + 2), expected, `${length} bytes`);
  }
});
