import assert from 'node:assert/strict';
import { test } from 'node:test';
import { throughputFigures } from './figures.mjs';

const MiB = 1024 * 1024;

test('what goes in is held against 1 MiB a second of each shard, what comes out against 2', () => {
  const row = { records: 40_960, bytes: 20 * MiB, seconds: 1, serverMicros: 5, clientMicros: 20 };
  assert.deepEqual(throughputFigures(4, { path: 'into', ...row }), {
    perSecond: 40_960,
    mibPerSecond: 20,
    awsPerSecond: 8_192,
    awsMibPerSecond: 4,
    ratio: 5,
    perCoreSecond: 40_000,
  });
  assert.equal(throughputFigures(4, { path: 'out', ...row }).ratio, 2.5);
  assert.equal(throughputFigures(1, { path: 'out', ...row, seconds: 2 }).ratio, 5);
});
