/** The map against a plain one, through random changes; and that old maps stay what they were. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OrderedMap } from './ordered-map.js';

const seed = Number(process.argv[2] ?? 20260102);
console.log(`# seed ${seed}`);

const key = fc.stringMatching(/^[a-e/]{0,3}$/);
const change = fc.record({ key, value: fc.option(fc.nat(), { nil: undefined }) });

test('an ordered map holds what a plain one does, in order, and changes nothing that was', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), key, (changes, from) => {
      const plain = new Map<string, number>();
      let map = OrderedMap.empty<number>();
      const versions: [OrderedMap<number>, string][] = [];
      for (const { key: at, value } of changes) {
        if (value === undefined) plain.delete(at);
        else plain.set(at, value);
        map = value === undefined ? map.delete(at) : map.set(at, value);
        versions.push([map, JSON.stringify(sorted(plain))]);
      }
      for (const [version, expected] of versions) assert.equal(JSON.stringify([...version]), expected);
      assert.equal(map.size, plain.size);
      for (const [at, value] of plain) assert.equal(map.get(at), value);
      assert.deepEqual(
        [...map.startingAt(from)],
        sorted(plain).filter(([at]) => at >= from),
      );
    }),
    { seed, numRuns: 200 },
  );
});

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

test('ten thousand keys in order make a tree that is no deeper than it need be', () => {
  let map = OrderedMap.empty<number>();
  for (let i = 0; i < 10_000; i++) map = map.set(String(i).padStart(5, '0'), i);
  assert.equal(map.size, 10_000);
  assert.ok(map.height <= 17, `a height of ${map.height}`);
  for (let i = 0; i < 10_000; i += 2) map = map.delete(String(i).padStart(5, '0'));
  assert.ok(map.height <= 16, `a height of ${map.height}`);
  assert.deepEqual([...map].length, 5000);
});
