import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Body, declaredLength } from './body.js';
import { ByteBudget } from './byte-budget.js';

const bytes = (length: number, value = 1): Buffer => Buffer.alloc(length, value);

test('one chunk is kept as it is', () => {
  const body = new Body(new ByteBudget(100), 100, 10);
  const chunk = bytes(10);
  assert.equal(body.push(chunk), undefined);
  assert.equal(body.bytes(), chunk);
});

test('chunks come out in order, whatever length was declared', () => {
  for (const declared of [undefined, 300_000, 10, 1_000_000]) {
    const body = new Body(new ByteBudget(1_000_000), 1_000_000, declared);
    const chunks = [1, 70_000, 0, 100_000, 65_536, 64_463].map((length, i) => bytes(length, i));
    for (const chunk of chunks) assert.equal(body.push(chunk), undefined);
    assert.ok(Buffer.concat(chunks).equals(body.bytes()), `declared ${declared}`);
  }
});

test('a body over its limit is refused, and takes nothing more from the budget', () => {
  const budget = new ByteBudget(1000);
  const body = new Body(budget, 100, undefined);
  assert.equal(body.push(bytes(100)), undefined);
  assert.equal(body.push(bytes(1)), 'too-large');
  assert.equal(budget.taken, 100);
});

test('bodies together are bounded by the budget, and give back what they took, once', () => {
  const budget = new ByteBudget(150);
  const first = new Body(budget, 100, undefined);
  const second = new Body(budget, 100, undefined);
  assert.equal(first.push(bytes(100)), undefined);
  assert.equal(second.push(bytes(51)), 'no-memory');
  first.release();
  first.release();
  assert.equal(budget.taken, 0);
  assert.equal(second.push(bytes(51)), undefined);
  second.release();
  assert.equal(budget.taken, 0);
});

test('a declared length allocates nothing until the client has sent its share', () => {
  const body = new Body(new ByteBudget(2 ** 30), 2 ** 30, 2 ** 29);
  body.push(bytes(1));
  body.push(bytes(1));
  assert.ok(body.bytes().buffer.byteLength <= 2 ** 16);
});

test('a content length is a plain number or none', () => {
  assert.equal(declaredLength(undefined), undefined);
  assert.equal(declaredLength('12'), 12);
  for (const bad of ['', '-1', '1e3', '0x10', '1 ', '9'.repeat(16)])
    assert.ok(Number.isNaN(declaredLength(bad)), bad);
});
