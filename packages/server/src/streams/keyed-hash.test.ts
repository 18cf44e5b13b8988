import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyedHash, KeyStream, keyBytes } from './keyed-hash.js';

const seed = Number(process.argv[2] ?? 20261121);
const runs = { seed, numRuns: 200 };
console.log(`# seed ${seed}`);

const key = fc.uint8Array({ minLength: keyBytes, maxLength: keyBytes });
const start = fc.uint8Array({ minLength: 16, maxLength: 16 });

test("the digest is that of OpenSSL's HMAC", () => {
  fc.assert(
    fc.property(key, fc.uint8Array(), fc.uint8Array({ maxLength: 300 }), (bytes, head, message) => {
      const expected = createHmac('sha256', bytes).update(head).update(message).digest();
      const keyed = new KeyedHash(bytes);
      assert.deepEqual(keyed.digest(head, message), expected);
      assert.deepEqual(keyed.digest(head, message), expected, 'a second digest by the same key');
    }),
    runs,
  );
});

test('a stream applied twice gives the bytes back, and is another for every key, start and block', () => {
  fc.assert(
    fc.property(key, start, fc.uint8Array({ maxLength: 300 }), (bytes, from, plain) => {
      const stream = new KeyStream(bytes);
      assert.deepEqual(stream.apply(from, stream.apply(from, plain)), Buffer.from(plain));
    }),
    runs,
  );
  const zeros = new Uint8Array(192);
  const at = (keyByte: number, startByte: number): Buffer =>
    new KeyStream(new Uint8Array(keyBytes).fill(keyByte)).apply(new Uint8Array(16).fill(startByte), zeros);
  const blocks = [at(1, 1), at(2, 1), at(1, 2)].flatMap((stream) =>
    [0, 64, 128].map((from) => stream.subarray(from, from + 64).toString('hex')),
  );
  assert.equal(new Set(blocks).size, blocks.length);
});
