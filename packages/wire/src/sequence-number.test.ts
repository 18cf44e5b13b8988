import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  endingSequenceNumber,
  parseSequenceNumber,
  sequenceNumber,
  shardIdOf,
  startingSequenceNumber,
} from './sequence-number.js';

const shard = { index: 23, createdMs: 1_700_000_000_999 };

test('numbers that AWS gave out decode, and are made again from what they say', () => {
  // The first two stand in AWS's API reference (PutRecords, 2014), the others in a blog post and a public issue.
  const given = new Map([
    [
      '49543463076570308322303623326179887152428262250726293522',
      { shard: 1, created: '2014-09-22T16:39:41.000Z' },
    ],
    [
      '49543463076548007577105092703039560359975228518395019266',
      { shard: 0, created: '2014-09-22T16:39:41.000Z' },
    ],
    [
      '49590338271490256608559692538361571095921575989136588898',
      { shard: 6, created: '2018-11-21T04:57:38.000Z' },
    ],
    [
      '49629634598228923384296766558693603250810567226740965378',
      { shard: 0, created: '2022-05-18T21:07:03.000Z' },
    ],
  ]);
  for (const [text, expected] of given) {
    const parsed = parseSequenceNumber(text);
    assert.ok(parsed !== undefined, text);
    assert.equal(parsed.shardIndex, expected.shard);
    assert.equal(new Date(parsed.shardCreatedS * 1000).toISOString(), expected.created);
    assert.ok(parsed.arrivalS > parsed.shardCreatedS);
    const identity = { index: parsed.shardIndex, createdMs: parsed.shardCreatedS * 1000 };
    assert.equal(sequenceNumber(identity, parsed.position, parsed.arrivalS * 1000), text);
  }
});

test('the fields stand where the layout says', () => {
  const text = sequenceNumber(shard, 0x1234, 1_720_000_000_500);
  const hex = BigInt(text).toString(16);
  assert.equal(text.length, 56);
  assert.equal(hex, `206553f1007${'1235'.padStart(16, '0')}000${(1_720_000_000).toString(16)}000000172`);
});

test('start and end of a shard enclose all of its records', () => {
  const start = startingSequenceNumber(shard);
  const end = endingSequenceNumber(shard, 1_700_000_005_000);
  assert.ok(BigInt(start) < BigInt(sequenceNumber(shard, 0, shard.createdMs)));
  assert.ok(BigInt(sequenceNumber(shard, Number.MAX_SAFE_INTEGER - 1, 2e12)) < BigInt(end));
  assert.equal(parseSequenceNumber(start)?.position, -1);
  assert.equal(parseSequenceNumber(end)?.position, Number.POSITIVE_INFINITY);
});

test('what no shard of ours can have given out is no sequence number', () => {
  const good = BigInt(sequenceNumber(shard, 41, 1_720_000_000_000));
  const odd = [
    '',
    '0',
    '5',
    'x'.repeat(56),
    `0${'1'.repeat(55)}`,
    '9'.repeat(56),
    (good ^ 1n).toString(), // version 3
    (good | (1n << 72n)).toString(), // the digits that are zero
    (good ^ (1n << 144n)).toString(), // the two shard indexes disagree
    (good | (1n << 35n) | (1n << 143n)).toString(), // a shard index of 2^31 or more
    (good | (1n << 142n)).toString(), // a position that no log has
    '49545115243490985018280067714973144582180062593244200961', // version 1, of 2014
  ];
  for (const text of odd) assert.equal(parseSequenceNumber(text), undefined, text);
  assert.ok(parseSequenceNumber(good.toString()) !== undefined);
});

test('a shard id has twelve digits', () => {
  assert.equal(shardIdOf(7), 'shardId-000000000007');
  assert.equal(shardIdOf(2 ** 31 - 1), 'shardId-002147483647');
});
