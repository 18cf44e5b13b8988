import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NumberSet } from './number-set.js';

const seed = Date.now();

test(`a number set is a set, whatever the order, through any save (seed ${seed})`, () => {
  // Steps near the window's page size, so that it moves on and grows.
  const number = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70_000 }));
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 40_000 }),
      fc.array(fc.tuple(number, fc.boolean()), { maxLength: 200 }),
      (through, steps) => {
        let set = new NumberSet({ through, beyond: [] });
        const model = new Set<number>();
        const has = (n: number): boolean => n <= through || model.has(n);
        for (const [n, saved] of steps) {
          assert.equal(set.add(n), has(n) ? 'present' : 'added');
          if (n > through) model.add(n);
          if (saved) set = new NumberSet(JSON.parse(JSON.stringify(set.state())));
          assert.equal(set.size, through + model.size);
          assert.ok(!set.has(set.through + 1));
        }
        for (let n = 1; n <= 100; n++) assert.equal(set.has(n), has(n));
        for (const n of model) assert.ok(set.has(n) && has(n));
        assert.equal(set.highest, Math.max(through, ...model));
      },
    ),
    { seed, numRuns: 200 },
  );
});
