import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NumberSet, windowNumbersMax } from './number-set.js';

test('numbers in order need no bits', () => {
  const set = new NumberSet();
  for (let n = 1; n <= 100_000; n++) assert.equal(set.add(n), 'added');
  assert.deepEqual(set.state(), { through: 100_000, beyond: [] });
  assert.equal(set.size, 100_000);
});

test('a repeated number is told from a new one, before and after the gap closes', () => {
  const set = new NumberSet();
  assert.deepEqual(
    [1, 2, 5, 4].map((n) => set.add(n)),
    ['added', 'added', 'added', 'added'],
  );
  assert.deepEqual(
    [1, 5, 4].map((n) => set.add(n)),
    ['present', 'present', 'present'],
  );
  assert.deepEqual(set.state(), { through: 2, beyond: [4, 5] });
  assert.deepEqual(set.missing(7, 10), [3, 6, 7]);
  assert.deepEqual(set.missing(7, 2), [3, 6]);
  set.add(3);
  assert.deepEqual(set.state(), { through: 5, beyond: [] });
  assert.equal(set.add(4), 'present');
  assert.equal(set.highest, 5);
});

test('a number too far ahead is refused, not remembered', () => {
  const set = new NumberSet({ through: 10, beyond: [] });
  assert.equal(set.add(10 + windowNumbersMax), 'added');
  assert.equal(set.add(11 + windowNumbersMax), 'beyond');
  assert.equal(set.has(11 + windowNumbersMax), false);
  assert.equal(set.add(Number.MAX_SAFE_INTEGER), 'beyond');
  assert.equal(set.has(Number.MAX_SAFE_INTEGER), false);
  assert.equal(set.size, 11);
});
