/** From any ring towards any number of shards: every round is legal, the ring stays covered, and the end is uniform. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashKeyMax } from '@millrace/wire';
import fc from 'fast-check';
import type { OpenShard } from './reshard-plan.js';
import { byHashKey, nextRound, shardsOnTheWay } from './reshard-plan.js';

const seed = Number(process.argv[2] ?? 20260102);
console.log(`# seed ${seed}`);

const size = hashKeyMax + 1n;

/** A ring cut at these keys. */
function ringOf(cuts: readonly bigint[]): OpenShard[] {
  const starts = [...new Set([0n, ...cuts])].sort((a, b) => (a < b ? -1 : 1));
  return starts.map((start, index) => ({
    index,
    range: { start, end: (starts[index + 1] ?? size) - 1n },
  }));
}

/** The ring after all rounds, and the most shards that were open at once; each step is held to what may be done. */
function carriedOut(from: readonly OpenShard[], target: number, stepsMax: number) {
  let open = [...from];
  let next = open.length;
  let most = open.length;
  for (let rounds = 0; ; rounds++) {
    assert.ok(rounds < 400, 'the rounds come to an end');
    const steps = nextRound(open, target, stepsMax);
    assert.ok(steps.length <= stepsMax);
    if (steps.length === 0) return { open: byHashKey(open), most };
    const touched = steps.flatMap((step) => step.parents);
    assert.equal(new Set(touched).size, touched.length, 'each shard is touched once');
    for (const { parents, ranges } of steps) {
      const of = byHashKey(open.filter((shard) => parents.includes(shard.index)));
      assert.deepEqual(
        of.map((shard) => shard.index),
        parents,
        'parents are open, the lower one first',
      );
      assert.equal(parents.length + ranges.length, 3, 'one becomes two, or two become one');
      assert.equal(ranges[0]?.start, of[0]?.range.start);
      assert.equal(ranges.at(-1)?.end, of.at(-1)?.range.end);
      const [first, second] = parents.length === 1 ? ranges : of.map((shard) => shard.range);
      assert.ok(first !== undefined && second !== undefined && first.end + 1n === second.start);
      for (const { start, end } of ranges) assert.ok(start <= end);
      open = open.filter((shard) => !parents.includes(shard.index));
      for (const range of ranges) open.push({ index: next++, range });
    }
    most = Math.max(most, open.length);
  }
}

test('a uniform ring is reached from every other, by splits and merges alone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: 1n, max: hashKeyMax }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 120 }),
      fc.constantFrom(1, 7, 256),
      (cuts, target, stepsMax) => {
        const from = ringOf(cuts);
        const { open, most } = carriedOut(from, target, stepsMax);
        assert.equal(open.length, target);
        const width = size / BigInt(target);
        const slack = (width >> 19n) + BigInt(target);
        for (const { range } of open) {
          const off = range.end - range.start + 1n - width;
          assert.ok(off >= -slack && off <= slack, `a shard is off by ${off} of ${width}`);
        }
        assert.ok(most <= Math.max(from.length, shardsOnTheWay(from, target)), `${most} were open at once`);
      },
    ),
    { seed, numRuns: 300 },
  );
});

test('doubling is one round of splits, halving one of merges, though thirds and sixths do not meet', () => {
  for (const count of [1, 3, 4, 7, 100, 1000]) {
    const width = size / BigInt(count);
    const from = ringOf(Array.from({ length: count }, (_, i) => width * BigInt(i)));
    const doubled = nextRound(from, count * 2, 5000);
    assert.equal(doubled.length, count);
    assert.ok(doubled.every((step) => step.parents.length === 1));
    const twice = carriedOut(from, count * 2, 5000).open.map(({ range }, index) => ({ index, range }));
    assert.deepEqual(nextRound(twice, count * 2, 5000), []);
    const halved = nextRound(twice, count, 5000);
    assert.equal(halved.length, count);
    assert.ok(halved.every((step) => step.parents.length === 2));
    assert.equal(carriedOut(twice, count, 5000).most, count * 2);
  }
});
