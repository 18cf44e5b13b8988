import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  parseSequenceNumber,
  sequenceNumber,
  sequenceNumberDigits,
  startingSequenceNumber,
} from './sequence-number.js';
import { SequenceNumberWriter } from './sequence-number-writer.js';

const seed = Date.now();
const time = fc.integer({ min: 0, max: 8_000_000_000_000 });
const shard = fc.record({ index: fc.integer({ min: 0, max: 2 ** 31 - 1 }), createdMs: time });
const position = fc.oneof(
  fc.integer({ min: 0, max: 1000 }),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }),
);

test(`a number gives back what it was made of (seed ${seed})`, () => {
  fc.assert(
    fc.property(shard, position, time, (of, at, arrivalMs) => {
      const text = sequenceNumber(of, at, arrivalMs);
      assert.equal(text.length, sequenceNumberDigits);
      assert.deepEqual(parseSequenceNumber(text), {
        shardIndex: of.index,
        shardCreatedS: Math.floor(of.createdMs / 1000),
        position: at,
        arrivalS: Math.floor(arrivalMs / 1000),
      });
    }),
    { seed, numRuns: 1000 },
  );
});

test(`numbers of one shard rise with the position, whatever the clock says (seed ${seed})`, () => {
  fc.assert(
    fc.property(shard, position, position, time, time, (of, a, b, aMs, bMs) => {
      fc.pre(a !== b);
      const first = sequenceNumber(of, Math.min(a, b), aMs);
      const second = sequenceNumber(of, Math.max(a, b), bMs);
      assert.ok(first < second && startingSequenceNumber(of) < first);
    }),
    { seed, numRuns: 1000 },
  );
});

test(`the writer writes what the definition says, however it is led (seed ${seed})`, () => {
  const step = fc.record({
    other: fc.option(shard, { nil: undefined }),
    steps: fc.oneof(
      fc.constant(1),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: -50, max: 30_000_000 }),
    ),
    ms: fc.oneof(
      fc.constant(0),
      fc.integer({ min: -5000, max: 5000 }),
      fc.integer({ min: 0, max: 20_000_000_000 }),
    ),
  });
  fc.assert(
    fc.property(shard, position, time, fc.array(step, { maxLength: 50 }), (of, first, firstMs, steps) => {
      const writer = new SequenceNumberWriter();
      let written = of;
      const target = Buffer.alloc(sequenceNumberDigits + 4, 0x2e);
      let at = first;
      let ms = firstMs;
      for (const next of steps) {
        at = Math.min(Number.MAX_SAFE_INTEGER - 1, Math.max(0, at + next.steps));
        ms = Math.max(0, ms + next.ms);
        written = next.other ?? written;
        assert.equal(writer.write(target, 2, written, at, ms), sequenceNumberDigits + 2);
        assert.equal(target.toString('latin1'), `..${sequenceNumber(written, at, ms)}..`);
      }
    }),
    { seed, numRuns: 500 },
  );
});
