import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Body, BodyMemory, declaredLength } from './body.js';
import { ByteBudget } from './byte-budget.js';

const bytes = (length: number, value = 1): Buffer => Buffer.alloc(length, value);

test('one chunk is kept as it is', () => {
  const body = new Body(new ByteBudget(100), new BodyMemory(), 100, 10);
  const chunk = bytes(10);
  assert.equal(body.push(chunk), undefined);
  assert.equal(body.bytes(), chunk);
});

test('chunks come out in order, whatever length was declared', () => {
  for (const declared of [undefined, 300_000, 10, 1_000_000]) {
    const body = new Body(new ByteBudget(1_000_000), new BodyMemory(), 1_000_000, declared);
    const chunks = [1, 70_000, 0, 100_000, 65_536, 64_463].map((length, i) => bytes(length, i));
    for (const chunk of chunks) assert.equal(body.push(chunk), undefined);
    assert.ok(Buffer.concat(chunks).equals(body.bytes()), `declared ${declared}`);
  }
});

test('a body over its limit is refused, and takes nothing more from the budget', () => {
  const budget = new ByteBudget(1000);
  const body = new Body(budget, new BodyMemory(), 100, undefined);
  assert.equal(body.push(bytes(100)), undefined);
  assert.equal(body.push(bytes(1)), 'too-large');
  assert.equal(budget.taken, 100);
});

test('bodies together are bounded by the budget, and give back what they took, once', () => {
  const budget = new ByteBudget(150);
  const first = new Body(budget, new BodyMemory(), 100, undefined);
  const second = new Body(budget, new BodyMemory(), 100, undefined);
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
  const body = new Body(new ByteBudget(2 ** 30), new BodyMemory(), 2 ** 30, 2 ** 29);
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

test('memory comes back once its body is released, and only so much of it is kept', () => {
  const memory = new BodyMemory();
  const budget = new ByteBudget(2 ** 30);
  const fill = (length: number): Body => {
    const body = new Body(budget, memory, 2 ** 30, length);
    for (let left = length; left > 0; left -= 65_536) body.push(bytes(Math.min(left, 65_536)));
    return body;
  };
  const first = fill(300_000);
  const where = first.bytes().buffer;
  const second = fill(300_000);
  assert.notEqual(second.bytes().buffer, where, 'two at once have memory of their own');
  first.release();
  first.release();
  const third = fill(200_000);
  assert.equal(third.bytes().buffer, where);
  assert.equal(third.bytes().length, 200_000);
  const giants = [1, 2, 3, 4, 5, 6].map(() => fill(14_000_000));
  const held = new Set(giants.map((body) => body.bytes().buffer));
  for (const body of giants) body.release();
  const again = giants.map(() => fill(14_000_000));
  assert.equal(again.filter((body) => held.has(body.bytes().buffer)).length, 4, '64 MiB are kept');
});
