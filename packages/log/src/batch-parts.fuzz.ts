import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { batchParts, batchPartsMax } from './batch-parts.js';

const seed = Date.now();

it(`the parts of a batch are its records, in order, as many in each as fit (seed ${seed})`, () => {
  const record = fc.record({
    log: fc.nat({ max: 3 }),
    bytes: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 60 })),
  });
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 100 }),
      (records, bytesMax) => {
        let end = 0;
        const ends = Uint32Array.from(records, ({ bytes }) => (end += bytes));
        const batch = {
          logs: ['a', 'b', 'c', 'd'],
          logOf: Uint32Array.from(records, ({ log }) => log),
          ends,
          payload: Uint8Array.from({ length: end }, (_, i) => i % 251),
        };
        const parts = batchParts(batch, bytesMax);
        assert.ok(parts.length <= batchPartsMax(batch, bytesMax), `${parts.length} parts`);
        const together = parts.flatMap(({ logOf, ends: partEnds, payload }) => {
          assert.ok(payload.length <= bytesMax || partEnds.length === 1, `${payload.length} bytes in a part`);
          assert.equal(partEnds.at(-1), payload.length);
          return Array.from(partEnds, (to, i) => ({
            log: logOf[i],
            bytes: [...payload.subarray(i === 0 ? 0 : partEnds[i - 1], to)],
          }));
        });
        const expected = records.map(({ log }, i) => ({
          log,
          bytes: [...batch.payload.subarray(i === 0 ? 0 : ends[i - 1], ends[i])],
        }));
        assert.deepEqual(together, expected);
        for (const [i, { payload }] of parts.entries()) {
          const next = parts[i + 1];
          if (next !== undefined)
            assert.ok(payload.length + (next.ends[0] ?? 0) > bytesMax, 'the next record fitted');
        }
      },
    ),
    { seed, numRuns: 500 },
  );
});
