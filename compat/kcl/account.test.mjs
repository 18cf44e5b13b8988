import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from './account.mjs';

/** An account of three rounds of one key, of which `rounds` came, each at a place of its own. */
function accountOf(rounds) {
  const account = new Account();
  for (const round of [0, 1, 2]) account.put('k', round);
  for (const [i, round] of rounds.entries()) account.came(line(round, i));
  return account;
}

const line = (round, place) => ({
  key: 'k',
  data: Buffer.from(`${round} `).toString('base64'),
  bytes: 2,
  sequence: String(place),
  sub: 0,
});

test('it holds when every record has come, in its order', () => {
  accountOf([0, 1, 2]).check({ strict: true });
});

test('a record that never came, came too early, or was never put is found', () => {
  assert.throws(() => accountOf([0, 2]).check(), /never came/);
  assert.throws(() => accountOf([0, 2, 1]).check(), /k: round 1 came after round 2/);
  assert.throws(() => accountOf([0, 1, 2, 3]).check(), /round 3 came and was not put/);
});

test('a record that comes again is allowed where someone began anew, and nowhere else', () => {
  const account = accountOf([0, 1, 2]);
  account.came(line(1, 1));
  account.check();
  assert.throws(() => account.check({ strict: true }), /came twice/);
});

test('a round that is there twice is allowed where the answer to its put was lost', () => {
  const account = accountOf([0, 1, 1, 2]);
  account.check({ twice: true });
  assert.throws(() => account.check(), /round 1 came after round 1/);
});

test('what came from two shards at once has the order of each shard', () => {
  const account = accountOf([]);
  for (const [round, shard] of [
    [1, 'child'],
    [0, 'parent'],
    [2, 'child'],
  ])
    account.came({ ...line(round, round), shard });
  account.check({ withinShard: true });
  assert.throws(() => account.check(), /round 0 came after round 1/);
  account.put('k', 3);
  account.came({ ...line(3, 3), shard: 'child' });
  account.put('k', 4);
  account.came({ ...line(4, 4), shard: 'parent' });
  account.check({ withinShard: true });
});

test('an account of the same puts begins with nothing', () => {
  const account = accountOf([0, 1, 2]);
  assert.deepEqual([account.acknowledged, account.recordsOfKeys().get('k')], [3, 3]);
  assert.equal(account.ofPuts().missing.length, 3);
});
