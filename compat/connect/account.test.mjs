import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from './account.mjs';

/** An account of three records of one key, of which `numbers` came at `places` of one shard, in this order. */
function accountOf(numbers, places = numbers.map((_, i) => i)) {
  const account = new Account();
  for (let i = 0; i < 3; i++) account.feed('k');
  for (const [i, number] of numbers.entries()) {
    account.came({ shard: 's', sequence: String(places[i]), key: 'k', data: { key: 'k', number } });
  }
  return account;
}

test('it holds when every record has come, in its order', () => {
  accountOf([0, 1, 2]).check();
});

test('a record that never came, is in the wrong place, was read too late, or was never fed is found', () => {
  assert.throws(() => accountOf([0, 2]).check(), /never came/);
  assert.throws(() => accountOf([0, 2, 1]).check(), /k: number 1 is after number 2/);
  assert.throws(() => accountOf([0, 2, 1], [0, 2, 1]).check(), /s: 1 was read too late/);
  assert.throws(() => accountOf([0, 1, 2, 3]).check(), /number 3 came and was not fed/);
  const other = accountOf([0, 1, 2]);
  other.came({ shard: 's', sequence: '3', key: 'other', data: { key: 'k', number: 0 } });
  assert.throws(() => other.check(), /under another key/);
});

test('a record that was put or read twice is found where that may not happen', () => {
  const put = accountOf([0, 1, 0, 1, 2]);
  put.check({ putAgain: true });
  assert.throws(() => put.check(), /k: number 0 is after number 1/);
  const read = accountOf([0, 1, 2, 2], [0, 1, 2, 2]);
  read.check({ readAgain: true });
  assert.throws(() => read.check(), /read twice/);
});
