/** The tail finds of each log what a list of its runs would, whatever was evicted and however batch numbers go round. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { LogIndex } from './log-index.js';
import { LogRuns } from './log-runs.js';
import { MemoryBudget } from './memory-budget.js';
import { Page } from './page.js';
import { RegisteredLog } from './registry.js';
import { Tail } from './tail.js';

const seed = Date.now();
const logCount = 5;

interface ModelRun {
  readonly first: number;
  readonly count: number;
  readonly arrivalMs: number;
}

it(`reads, and finds by arrival, what is left of each log (seed ${seed})`, () => {
  const section = fc.record({ log: fc.nat({ max: logCount }), count: fc.integer({ min: 1, max: 3 }) });
  const frame = fc.record({
    sections: fc.uniqueArray(section, { selector: ({ log }) => log, minLength: 1, maxLength: logCount }),
    laterMs: fc.nat({ max: 2 }),
    lookedAt: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 120 }), fc.nat({ max: 40_000 }), (frames, bytesMax) => {
      const tail = new Tail(new MemoryBudget(10 * bytesMax), bytesMax);
      const logs = Array.from({ length: logCount }, (_, i) => {
        return new RegisteredLog(`log-${i}`, i + 1, new LogIndex(4096, 100));
      });
      const model = logs.map((): ModelRun[] => []);
      let arrivalMs = 1000;
      for (const { sections, laterMs, lookedAt } of frames) {
        arrivalMs += laterMs;
        // The log behind the last one takes nothing: its records went to no log.
        const grown = sections.map(({ log }) => logs[log]);
        let stop = 0;
        const stops = Uint32Array.from(sections, ({ count }) => (stop += count));
        const positions = Float64Array.from(grown, (log) => log?.end ?? 0);
        const ends = Uint32Array.from({ length: stop }, (_, i) => i + 1);
        const order = sections.length > 1 ? Uint32Array.from(ends.keys()) : undefined;
        for (const [s, log] of grown.entries()) {
          const count = sections[s]?.count ?? 0;
          if (log === undefined) continue;
          model[logs.indexOf(log)]?.push({ first: log.end, count, arrivalMs });
          log.end += count;
        }
        tail.push(
          { payload: new Uint8Array(stop), ends, order },
          { logs: grown, positions, stops, arrivalMs },
        );
        if (!lookedAt) continue;
        for (const [i, log] of logs.entries()) assertAlike(tail, log, model[i] ?? []);
      }
      for (const [i, log] of logs.entries()) assertAlike(tail, log, model[i] ?? []);
      assert.ok(tail.bytes <= bytesMax);
    }),
    { seed, numRuns: 200 },
  );
});

/** What is left must be the newest of `runs`, all of them or the last few, and be found by position and by time. */
function assertAlike(tail: Tail, log: RegisteredLog, runs: readonly ModelRun[]): void {
  const first = tail.firstPosition(log);
  const left = first === undefined ? [] : runs.filter((run) => run.first >= first);
  assert.equal(log.runs.length, left.length);
  assert.equal(left[0]?.first, first);
  for (const run of left) {
    const page = new Page(1000, 1000);
    const from = run.first + run.count - 1;
    assert.equal(tail.read(log, from, page), log.end);
    const { positions, arrivalsMs } = page.finish();
    assert.deepEqual([positions[0], positions.length], [from, log.end - from]);
    assert.equal(arrivalsMs[0], run.arrivalMs);
    const sought = left.find((other) => other.arrivalMs >= run.arrivalMs)?.first;
    const known = left[0] !== undefined && left[0].arrivalMs < run.arrivalMs;
    assert.equal(tail.findArrival(log, run.arrivalMs), known ? sought : undefined);
  }
}

it(`keeps to what is alive while batch numbers go round (seed ${seed})`, () => {
  const step = fc.record({ pushes: fc.nat({ max: 20 }), evicts: fc.nat({ max: 20 }), looks: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const runs = new LogRuns();
      let next = 2 ** 32 - 100;
      let oldest = next;
      const number = (batch: number): number => batch >>> 0;
      for (const { pushes, evicts, looks } of steps) {
        for (let i = 0; i < pushes; i++, next++) runs.push(number(next), next % 7, number(oldest));
        for (let i = 0; i < evicts && oldest < next; i++) runs.evicted(number(oldest++));
        if (looks || oldest === next) {
          if (oldest !== next) runs.dropBefore(number(oldest));
          const held = Array.from({ length: runs.length }, (_, i) => [runs.batchOf(i), runs.sectionOf(i)]);
          const alive = Array.from({ length: next - oldest }, (_, i) => [
            number(oldest + i),
            (oldest + i) % 7,
          ]);
          assert.deepEqual(held, alive);
        }
      }
    }),
    { seed, numRuns: 300 },
  );
});
