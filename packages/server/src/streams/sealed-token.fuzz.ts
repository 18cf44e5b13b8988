/** No token but our own is ever accepted, and no bytes make opening one do anything but refuse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '@millrace/base';
import { AwsError } from '@millrace/wire';
import fc from 'fast-check';
import { TokenSealer } from './sealed-token.js';
import { openIterator, sealIterator, shardIteratorKind } from './shard-iterator.js';

const seed = Number(process.argv[2] ?? 20260102);
const runs = { seed, numRuns: 300 };
console.log(`# seed ${seed}`);

const secret = new Uint8Array(32).fill(7);
const sealer = new TokenSealer(secret, shardIteratorKind);
const others = [
  new TokenSealer(secret, 'another kind'),
  new TokenSealer(new Uint8Array(32).fill(8), shardIteratorKind),
];

const streamName = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,128}$/);
const iterator = fc.record({
  issuedMs: fc.integer({ min: 0, max: 2 ** 45 }),
  streamName,
  incarnation: fc.maxSafeNat(),
  shardIndex: fc.nat(),
  position: fc.maxSafeNat(),
});

test('what was sealed opens as it was, under its own secret, kind and context alone', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.string(), (payload, context, other) => {
      const token = sealer.seal(context, payload);
      const opened = sealer.open(context, token);
      assert.ok(opened !== undefined && equalBytes(opened, payload));
      if (other !== context) assert.equal(sealer.open(other, token), undefined);
      for (const foreign of others) assert.equal(foreign.open(context, token), undefined);
    }),
    runs,
  );
});

test('iterators are at most 512 characters and keep what they say', () => {
  fc.assert(
    fc.property(iterator, (each) => {
      const token = sealIterator(sealer, 'a/r', each);
      assert.ok(token.length <= 512);
      assert.deepEqual(openIterator(sealer, 'a/r', token, each.issuedMs, 300_000), { ...each });
    }),
    runs,
  );
});

test('random text is refused', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 600 }),
    fc.base64String({ maxLength: 600 }),
    fc.string({ unit: 'binary', maxLength: 600 }),
  );
  fc.assert(
    fc.property(text, (token) => refused(token)),
    runs,
  );
});

test('a token with any bit, byte, block or character changed is refused', () => {
  fc.assert(
    fc.property(
      iterator,
      fc.nat(),
      fc.nat(),
      fc.constantFrom('bit', 'cut', 'grow', 'swap', 'spell'),
      (each, a, b, how) => {
        const token = sealIterator(sealer, 'a/r', each);
        const bytes = Buffer.from(token, 'base64');
        let changed = token;
        if (how === 'bit') {
          bytes[a % bytes.length] = (bytes[a % bytes.length] ?? 0) ^ (1 << (b % 8));
          changed = bytes.toString('base64');
        } else if (how === 'cut') changed = bytes.subarray(0, a % bytes.length).toString('base64');
        else if (how === 'grow')
          changed = Buffer.concat([bytes, Buffer.alloc((b % 4) * 8 + 8)]).toString('base64');
        else if (how === 'swap') {
          const blocks = Math.floor((bytes.length - 8) / 16);
          const [from, to] = [8 + (a % blocks) * 16, 8 + (b % blocks) * 16];
          const block = Buffer.from(bytes.subarray(from, from + 16));
          bytes.copyWithin(from, to, to + 16);
          bytes.set(block, to);
          changed = bytes.toString('base64');
        } else changed = `${token.slice(0, a % token.length)} ${token.slice(a % token.length)}`;
        if (changed !== token) refused(changed);
      },
    ),
    runs,
  );
});

function refused(token: string): void {
  assert.throws(
    () => openIterator(sealer, 'a/r', token, 2 ** 46, 2 ** 47),
    (error) => error instanceof AwsError && error.message === 'Invalid ShardIterator.',
  );
}
