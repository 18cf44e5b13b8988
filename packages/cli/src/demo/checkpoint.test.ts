import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAcknowledged, encodeAcknowledged } from './acknowledgements.js';
import type { Checkpoint } from './checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';

const checkpoint: Checkpoint = {
  format: 1,
  series: 'k3v9x2',
  streamCreatedMs: 1_700_000_000_000,
  savedMs: 1_700_000_001_000,
  clean: false,
  runs: 3,
  crashes: 2,
  ledger: 7,
  shards: {
    'shardId-000000000000': { position: '4954', events: 12 },
    'shardId-000000000001': { position: 'SHARD_END', events: 0 },
  },
  counted: { through: 10, beyond: [12, 12, 15, 20] },
  acknowledged: { through: 20, beyond: [] },
  duplicates: 1,
  foreign: 2,
  lost: 0,
  airports: { ORD: { flights: 9, delayMinutes: -4, late: 1 } },
};

test('a checkpoint comes back as it was saved', () => {
  assert.deepEqual(decodeCheckpoint(encodeCheckpoint(checkpoint)), checkpoint);
});

test('a checkpoint that is none is refused by the name of what is wrong', () => {
  const broken = (change: object): string => JSON.stringify({ ...checkpoint, ...change });
  for (const [text, complaint] of [
    ['[]', /no object/],
    ['{}', /format/],
    [broken({ format: 2 }), /format is 2/],
    [broken({ runs: -1 }), /runs is negative/],
    [broken({ lost: '0' }), /lost is no whole number/],
    [broken({ shards: { a: {} } }), /position of a/],
    [broken({ counted: { through: 5, beyond: [6, 7] } }), /does not rise/],
    [broken({ counted: { through: 5, beyond: [9, 8] } }), /does not rise/],
    [broken({ counted: { through: 5, beyond: [9] } }), /no pairs/],
    [broken({ airports: { ORD: { flights: 1, delayMinutes: 0.5, late: 0 } } }), /ORD delayMinutes/],
  ] as const) {
    assert.throws(() => decodeCheckpoint(text), complaint);
  }
  assert.throws(() => decodeCheckpoint(encodeCheckpoint(checkpoint).slice(0, -9)), SyntaxError);
});

test('a ledger keeps ranges, and a line that was cut off says nothing', () => {
  const text = encodeAcknowledged([1, 2, 3, 7]) + encodeAcknowledged([8]) + encodeAcknowledged([10, 11]);
  assert.equal(text, '1-3,7-7\n8-8\n10-11\n');
  assert.deepEqual(decodeAcknowledged(text), [
    [1, 3],
    [7, 7],
    [8, 8],
    [10, 11],
  ]);
  for (let cut = 8; cut < 12; cut++) assert.deepEqual(decodeAcknowledged(text.slice(0, cut)).length, 2);
  assert.throws(() => decodeAcknowledged('3-1\n'), /no range/);
  assert.throws(() => decodeAcknowledged('x\n'), /no range/);
});
