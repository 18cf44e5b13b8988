import assert from 'node:assert/strict';
import { test } from 'node:test';
import { momentMs, spanMs } from './moment.js';
import { UsageError } from './usage-error.js';

test('spans', () => {
  for (const [text, ms] of [
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['250ms', 250],
    ['7', 7_000],
  ] as const) {
    assert.equal(spanMs(text), ms, text);
  }
  for (const text of ['', 'm', '5 m', '-5m', '5y', '1e3s']) assert.equal(spanMs(text), undefined, text);
});

test('moments: a date, seconds or milliseconds since 1970, or how long ago', () => {
  const nowMs = Date.UTC(2026, 10, 21, 12);
  for (const [text, ms] of [
    ['2026-11-21T11:00:00Z', Date.UTC(2026, 10, 21, 11)],
    ['2026-11-21T11:00:00.250+01:00', Date.UTC(2026, 10, 21, 10, 0, 0, 250)],
    ['2026-11-21', Date.UTC(2026, 10, 21)],
    ['1795262400', 1_795_262_400_000],
    ['1795262400123', 1_795_262_400_123],
    ['5m', nowMs - 300_000],
  ] as const) {
    assert.equal(momentMs(text, nowMs, '--from'), ms, text);
  }
  for (const text of ['yesterday', '11:00', '5', '21.11.2026', '2026-13-01']) {
    assert.throws(() => momentMs(text, nowMs, '--from'), UsageError, text);
  }
});
