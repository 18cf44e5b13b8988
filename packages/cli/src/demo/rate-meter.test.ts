import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateMeter } from './rate-meter.js';

test('a steady flow shows its rate, and nothing once it has stopped', () => {
  const meter = new RateMeter(1_000_000);
  for (let ms = 0; ms < 10_000; ms += 100) meter.add(50, 1_000_000 + ms);
  assert.equal(meter.perSecond(1_010_000), 500);
  assert.deepEqual(meter.history(1_010_000, 3), [500, 500, 500]);
  assert.equal(meter.history(1_010_000, 100).length, 20);
  assert.equal(meter.perSecond(1_013_000), 0);
});

test('before the first slot is over there is no rate', () => {
  const meter = new RateMeter(0);
  meter.add(1_000, 10);
  assert.equal(meter.perSecond(20), 0);
  assert.equal(meter.perSecond(500), 2_000);
});

test('a pause longer than the history leaves nothing old behind', () => {
  const meter = new RateMeter(0);
  for (let ms = 0; ms < 60_000; ms += 500) meter.add(1, ms);
  assert.deepEqual(new Set(meter.history(600_000, 200)), new Set([0]));
  assert.equal(meter.history(600_000, 200).length, 119);
});
