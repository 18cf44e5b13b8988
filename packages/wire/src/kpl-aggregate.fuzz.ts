import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { aggregate, userRecords } from './kpl-aggregate.js';

const seed = Date.now();

const record = fc.record(
  {
    partitionKey: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    explicitHashKey: fc.option(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(String), { nil: undefined }),
    data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);
const records = fc.array(record, { minLength: 1, maxLength: 40 });

test(`what is packed comes out again (seed ${seed})`, () => {
  fc.assert(
    fc.property(records, (packed) => {
      const taken = userRecords(aggregate(packed));
      assert.deepEqual(
        taken?.map((each) => ({ ...each, data: Buffer.from(each.data) })),
        packed,
      );
    }),
    { seed, numRuns: 300 },
  );
});

test(`a message of anything, rightly sealed, is records or none, and never an accident (seed ${seed})`, () => {
  const sealed = (message: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, createHash('md5').update(message).digest()]);
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(records, flips, fc.nat(), (packed, changes, cut) => {
      const message = Buffer.from(aggregate(packed)).subarray(4, -16);
      for (const [at, value] of changes) message[at % message.length] = value;
      const taken = userRecords(sealed(message.subarray(0, message.length - (cut % 3))));
      for (const each of taken ?? []) {
        assert.equal(typeof each.partitionKey, 'string');
        assert.ok(each.data instanceof Uint8Array);
      }
    }),
    { seed, numRuns: 1000 },
  );
});
