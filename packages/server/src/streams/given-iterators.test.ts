/** A remembered iterator opens as a sealed one does: to the same, for the same, for as long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwsError } from '@millrace/wire';
import { GivenIterators } from './given-iterators.js';
import { TokenSealer } from './sealed-token.js';
import { openIterator, type ShardIterator, shardIteratorKind } from './shard-iterator.js';

const sealer = new TokenSealer(new Uint8Array(32).fill(7), shardIteratorKind);
const lifeMs = 300_000;

const iteratorAt = (position: number): ShardIterator => ({
  issuedMs: 1_000_000,
  streamName: 's',
  incarnation: 3,
  shardIndex: 2,
  position,
});

/** What either way of opening comes to: an iterator, or the error of the answer. */
function outcome(open: () => ShardIterator): unknown {
  try {
    return open();
  } catch (error) {
    assert.ok(error instanceof AwsError);
    return [error.code, error.message];
  }
}

test('remembered or not, an iterator opens alike: fresh, at its last instant, too old, elsewhere, forged', () => {
  const given = new GivenIterators(sealer);
  const token = given.seal('a/r', iteratorAt(5));
  const forged = `${token.slice(0, -5)}AAAA=`;
  for (const text of [token, forged]) {
    for (const context of ['a/r', 'b/r']) {
      for (const nowMs of [0, 1_000_000, 1_000_000 + lifeMs, 1_000_001 + lifeMs]) {
        const known = outcome(() => given.open(context, text, nowMs, lifeMs));
        assert.deepEqual(
          known,
          outcome(() => openIterator(sealer, context, text, nowMs, lifeMs)),
        );
      }
    }
  }
});

test('one that was given out long before others opens too', () => {
  const given = new GivenIterators(sealer);
  const tokens = Array.from({ length: 3000 }, (_, position) => given.seal('a/r', iteratorAt(position)));
  for (const [position, token] of tokens.entries()) {
    assert.deepEqual(given.open('a/r', token, 1_000_000, lifeMs), iteratorAt(position));
  }
});
