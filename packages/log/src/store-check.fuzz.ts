/**
 * Whatever is done to the files of a store, a look through it ends and names something, and what is salvaged is a store
 * that holds nothing but what the old one held.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LogError } from './log-error.js';
import { openNativeEngine } from './native-engine.js';
import { repairStore } from './repair.js';
import { checkStore } from './store-check.js';
import { EagerClock } from './testing/eager-clock.js';
import { fixtureDisk, viewOf } from './testing/fixture-disk.js';
import { fixtureLines } from './testing/format-fixture.js';
import { MemoryDisk } from './testing/memory-disk.js';

const { disk: whole, lines } = fixtureDisk();
const names = [...whole.names()].sort();
const records = new Set(lines);

/** One thing that happens to one file. */
const harm = fc.record({
  file: fc.nat(),
  kind: fc.constantFrom('write', 'cut', 'grow', 'remove', 'copy', 'garbage'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }),
  other: fc.nat(),
});

type Harm = typeof harm extends fc.Arbitrary<infer T> ? T : never;

function harmed(harms: readonly Harm[]): MemoryDisk {
  const left = new Map(names.map((name) => [name, whole.contents(name)]));
  for (const { file, kind, at, bytes, other } of harms) {
    const name = names[file % names.length] ?? '';
    const old = left.get(name) ?? Buffer.alloc(0);
    const place = Math.floor(at * old.length);
    if (kind === 'remove') left.delete(name);
    else if (kind === 'cut') left.set(name, old.subarray(0, place));
    else if (kind === 'grow') left.set(name, Buffer.concat([old, bytes]));
    else if (kind === 'copy') left.set(name, whole.contents(names[other % names.length] ?? ''));
    else if (kind === 'garbage') left.set(name, Buffer.from(bytes));
    else {
      const changed = Buffer.from(old);
      changed.set(bytes.subarray(0, changed.length - place), place);
      left.set(name, changed);
    }
  }
  const disk = new MemoryDisk();
  for (const [name, bytes] of left) disk.put(name, bytes);
  return disk;
}

test('a store that was harmed in any ways is looked through to its end, and salvaged or refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(harm, { minLength: 1, maxLength: 4 }), async (harms) => {
      const disk = harmed(harms);
      const report = await checkStore({ view: viewOf(disk) });
      assert.ok(report.logs.every(({ lost }) => lost.every(({ from, to }) => from < to)));
      const target = new MemoryDisk();
      try {
        await repairStore({ source: viewOf(disk), target });
      } catch (error) {
        assert.ok(error instanceof LogError && error.code === 'damaged', String(error));
        return;
      }
      const again = await checkStore({ view: viewOf(target), isKnownLost: () => true });
      assert.deepEqual(again.findings, []);
      const engine = await openNativeEngine({ disk: target, clock: new EagerClock() });
      const kept = (await fixtureLines(engine)).filter((line) => line.split(' ')[1] !== 'from');
      await engine.close();
      for (const line of kept) {
        const isKept = records.has(line) || line.startsWith('salvaged/') || line.startsWith('deleted ');
        assert.ok(isKept, `nobody ever put ${line}`);
      }
    }),
    { numRuns: 150 },
  );
});
