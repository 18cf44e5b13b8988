/** An on-demand stream under simulated loads, minute by minute and day by day: it grows enough, rests, and shrinks late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashKeyMax, uniformHashKeyRanges } from '@millrace/wire';
import fc from 'fast-check';
import { dayMs } from './limits.js';
import { highest, type Peaks, withPeak } from './load.js';
import { byHashKey, halvesOf, type OpenShard } from './reshard-plan.js';
import { scalePlan } from './scale-plan.js';

const seed = Number(process.argv[2] ?? 20260102);
console.log(`# seed ${seed}`);

const minuteMs = 60_000;

class Simulated {
  open: readonly OpenShard[] = uniformHashKeyRanges(4).map((range, index) => ({ index, range }));
  nowMs = 1000 * dayMs;
  #load: Peaks = [];
  #shards: Peaks = withPeak([], this.nowMs, 4);
  #next = 4;

  /** One look after `ms` of a load, spread over the ring but for what one hash key takes. Whether anything changed. */
  look(ms: number, spreadUnits: number, hotUnits = 0): boolean {
    this.nowMs += ms;
    const units = new Map(
      this.open.map((shard) => [shard.index, this.#unitsOf(shard, spreadUnits, hotUnits)]),
    );
    this.#load = withPeak(this.#load, this.nowMs, spreadUnits + hotUnits);
    const keptShards = highest(withPeak(this.#shards, this.nowMs, 0));
    const plan = scalePlan({
      open: this.open,
      units,
      peakUnits: highest(this.#load),
      warmMibps: 0,
      keptShards,
    });
    if (plan.halve.length > 0)
      this.#shards = withPeak(this.#shards, this.nowMs, this.open.length + plan.halve.length);
    assert.ok(plan.halve.length === 0 || plan.merge.length === 0);
    for (const index of plan.halve) this.#halve(index);
    for (const index of plan.merge) this.#merge(index);
    this.open = byHashKey(this.open);
    return plan.halve.length + plan.merge.length > 0;
  }

  #unitsOf({ range }: OpenShard, spreadUnits: number, hotUnits: number): number {
    const share = Number(((range.end - range.start + 1n) * 1_000_000_000n) / (hashKeyMax + 1n)) / 1e9;
    return share * spreadUnits + (range.start === 0n ? hotUnits : 0);
  }

  #halve(index: number): void {
    const shard = this.open.find((each) => each.index === index);
    const halves = shard === undefined ? undefined : halvesOf(shard.range);
    assert.ok(halves !== undefined, `${index} is open`);
    const children = halves.map((range) => ({ index: this.#next++, range }));
    this.open = [...this.open.filter((each) => each !== shard), ...children];
  }

  #merge(index: number): void {
    const low = this.open.find((each) => each.index === index);
    const high = this.open.find((each) => each.range.start === (low?.range.end ?? -2n) + 1n);
    assert.ok(low !== undefined && high !== undefined, `${index} and its neighbour are open`);
    const merged = { index: this.#next++, range: { start: low.range.start, end: high.range.end } };
    this.open = [...this.open.filter((each) => each !== low && each !== high), merged];
  }
}

/** Looks every minute until nothing changes; AWS follows within fifteen. */
function rested(stream: Simulated, spreadUnits: number, hotUnits = 0): void {
  let minutes = 0;
  while (stream.look(minuteMs, spreadUnits, hotUnits))
    assert.ok(++minutes < 15, 'fifteen minutes are enough');
  for (let more = 0; more < 5; more++) assert.ok(!stream.look(minuteMs, spreadUnits, hotUnits), 'it rests');
}

test('under any even load a stream has twice what it takes, keeps it a month, and gives it back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 60, noNaN: true }), { minLength: 1, maxLength: 5 }),
      (loads) => {
        const stream = new Simulated();
        let most = 0;
        for (const load of loads) {
          rested(stream, load);
          most = Math.max(most, load);
          const wanted = Math.max(4, Math.ceil(2 * most));
          const { length } = stream.open;
          assert.ok(length >= wanted && length <= 2 * wanted, `${length} shards for ${most} units`);
        }
        const grown = stream.open.length;
        for (let day = 0; day < 29; day++) stream.look(dayMs, 0);
        assert.equal(stream.open.length, grown, 'a month is not over');
        stream.look(2 * dayMs, 0);
        rested(stream, 0);
        assert.equal(stream.open.length, 4);
      },
    ),
    { seed, numRuns: 100 },
  );
});

test('one hot key has its shard halved, and not without end', () => {
  for (const hotUnits of [0.6, 1, 3]) {
    const stream = new Simulated();
    rested(stream, 1, hotUnits);
    assert.ok(stream.open.length > 4 && stream.open.length <= 2 * Math.max(4, Math.ceil(2 * (1 + hotUnits))));
  }
});
