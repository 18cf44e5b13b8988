/** Random commands, restarts and unknown outcomes: what a restart folds to is what was answered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdjustableClock, SystemClock, seededRandom } from '@millrace/base';
import { openMemoryEngine } from '@millrace/log';
import fc from 'fast-check';
import { openCatalog } from './catalog.js';
import { counterFold } from './counter-fold.js';

const seed = Number(process.argv[2] ?? 20260102);
console.log(`# seed ${seed}`);

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ name: fc.constantFrom('a', 'b', 'c'), by: fc.integer({ min: -5, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
);

test('snapshots and replay fold to what straight replay does, and to what the authors were told', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 120 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.constantFrom('appended', 'lost', 'kept'), { maxLength: 200 }),
      async (steps, commandsBetweenSnapshots, fates) => {
        const clock = new AdjustableClock({ now: () => 1_000_000, schedule: new SystemClock().schedule });
        clock.hold();
        const engine = openMemoryEngine({ clock });
        const append = engine.append.bind(engine);
        let appends = 0;
        engine.append = async (batch) => {
          const fate = fates[appends++] ?? 'appended';
          if (fate === 'lost') return [{ kind: 'unknown' }];
          const outcomes = await append(batch);
          return fate === 'kept' ? [{ kind: 'unknown' }] : outcomes;
        };
        const open = async () => {
          const fold = counterFold();
          const limits = { commandsBetweenSnapshots, snapshotPartChars: 64, attemptsMax: 300 };
          const catalog = await openCatalog({ engine, random: seededRandom(appends), folds: [fold], limits });
          return { fold, catalog };
        };
        const told = new Map<string, number>();
        let under = await open();
        for (const each of steps) {
          clock.advance(1);
          if (each === 'restart') {
            await under.catalog.close();
            const before = [...under.fold.view.counts];
            under = await open();
            assert.deepEqual([...under.fold.view.counts], before);
            continue;
          }
          const expected = (told.get(each.name) ?? 0) + each.by;
          const outcome = await under.catalog.submit(under.fold, each);
          assert.equal(outcome, expected < 0 ? 'refused' : expected);
          if (expected >= 0) told.set(each.name, expected);
        }
        await under.catalog.close();
        const { fold } = await open();
        assert.deepEqual(
          [...fold.view.counts],
          [...told].sort(([a], [b]) => (a < b ? -1 : 1)),
        );
      },
    ),
    { seed, numRuns: 150 },
  );
});
