import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readyShards, type ShardsHad, withShards } from './readiness.js';

const minuteMs = 60_000;

test('what was given fifteen minutes ago is ready, and what was brought is at once', () => {
  let had: ShardsHad = withShards(undefined, 0, 4);
  assert.equal(readyShards(had, 0), 4);
  had = withShards(had, minuteMs, 8);
  had = withShards(had, 6 * minuteMs, 8);
  had = withShards(had, 10 * minuteMs, 16);
  assert.deepEqual(
    [1, 15, 16, 24, 25].map((minute) => readyShards(had, minute * minuteMs)),
    [4, 4, 8, 8, 16],
  );
});

test('no more is kept than fifteen minutes hold, and what was before them', () => {
  let had: ShardsHad = withShards(undefined, 0, 1);
  for (let minute = 1; minute <= 1000; minute++) {
    had = withShards(had, minute * minuteMs, 1 + minute);
    assert.ok(had.length <= 17, `${had.length}`);
    assert.equal(readyShards(had, minute * minuteMs), Math.max(1, minute - 14));
  }
});

test('what was taken away is not ready fifteen minutes later', () => {
  const had = withShards(withShards(undefined, 0, 16), minuteMs, 4);
  assert.equal(readyShards(had, 20 * minuteMs), 4);
});
