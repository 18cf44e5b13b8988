import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kib, mib } from '@millrace/base';
import { PayloadMemory } from './payload-memory.js';

test('memory that is much longer than needed is left for those that need it', () => {
  const payloads = new PayloadMemory();
  const long = payloads.take(mib);
  payloads.give(long);
  assert.notEqual(payloads.take(700 * kib), long);
  assert.notEqual(payloads.take(mib + 1), long);
  assert.equal(payloads.take(mib - 1), long);
  assert.equal(payloads.freeBytes, 0);
});

test('what Node shares among small payloads is never given out', () => {
  const payloads = new PayloadMemory();
  const small = Buffer.allocUnsafe(100);
  payloads.lend(small);
  payloads.done(small.buffer);
  payloads.done(small.buffer);
  assert.equal(payloads.freeBytes, 0);
});

test('so much is kept and no more', () => {
  const payloads = new PayloadMemory();
  for (let i = 0; i < 100; i++) payloads.give(new ArrayBuffer(mib));
  assert.equal(payloads.freeBytes, 16 * mib);
  for (let i = 0; i < 100; i++) payloads.give(new ArrayBuffer(64 * kib));
  assert.equal(payloads.freeBytes, 64 * 64 * kib);
});
