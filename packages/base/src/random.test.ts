import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chance, pick, seededRandom, systemRandom } from './random.js';

test('the same seed gives the same sequence, another seed another', () => {
  const take = (seed: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 50 }, () => random.integer(1_000_000));
  };
  assert.deepEqual(take(7), take(7));
  assert.notDeepEqual(take(7), take(8));
});

test('both sources stay in their ranges and reach all of them', () => {
  for (const random of [seededRandom(1), systemRandom]) {
    const seen = new Set<number>();
    for (let i = 0; i < 2_000; i++) {
      const value = random.integer(10);
      assert.ok(Number.isInteger(value) && value >= 0 && value < 10);
      seen.add(value);
      const fraction = random.fraction();
      assert.ok(fraction >= 0 && fraction < 1);
    }
    assert.equal(seen.size, 10);
    assert.equal(random.bytes(33).length, 33);
  }
});

test('seeded fractions are spread evenly', () => {
  const random = seededRandom(3);
  const buckets = new Array<number>(16).fill(0);
  for (let i = 0; i < 160_000; i++) {
    const bucket = Math.floor(random.fraction() * 16);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets)
    assert.ok(Math.abs(count - 10_000) < 500, `a bucket holds ${count} of about 10000`);
});

test('chance and pick', () => {
  const random = seededRandom(9);
  assert.equal(chance(random, 0), false);
  assert.equal(chance(random, 1), true);
  assert.ok(['a', 'b'].includes(pick(random, ['a', 'b'])));
  assert.throws(() => pick(random, []), /nothing to pick/);
});
