/** GetShardIterator and GetRecords: where reading begins, how it goes on, and how it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSequenceNumber } from '@millrace/wire';
import { account, readRecord, startMs, testStreams } from '../streams-fixture.js';
import { deleteStream } from './delete-stream.js';
import { putRecords } from './put-records.js';
import { splitShard } from './split-shard.js';

const minute = 60_000;
const upper = '340282366920938463463374607431768211455';
const of = `in stream s under account ${account}`;

test('every type of iterator begins where it says', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const put: string[] = [];
  for (const data of ['0', '1', '2', '3', '4']) {
    const { Records } = await under.put('s', [{ key: 'a', data }]);
    put.push(Records[0]?.SequenceNumber ?? '');
    under.clock.advance(1000);
  }
  const from = async (
    type: 'LATEST' | 'AT_TIMESTAMP' | 'TRIM_HORIZON' | 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER',
    more = {},
  ) =>
    (await under.read(await under.iterator('s', 0, type, more))).Records.map(
      (each) => readRecord(each).data,
    ).join('');
  assert.equal(await from('TRIM_HORIZON'), '01234');
  assert.equal(await from('LATEST'), '');
  assert.equal(await from('AT_SEQUENCE_NUMBER', { StartingSequenceNumber: put[2] }), '234');
  assert.equal(await from('AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: put[2] }), '34');
  assert.equal(await from('AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: put[4] }), '');
  assert.equal(await from('AT_TIMESTAMP', { Timestamp: startMs + 3000 }), '34');
  assert.equal(await from('AT_TIMESTAMP', { Timestamp: startMs + 3001 }), '4');
  assert.equal(await from('AT_TIMESTAMP', { Timestamp: 0 }), '01234');
  assert.equal(await from('AT_TIMESTAMP', { Timestamp: under.clock.now() }), '');
  const start = (await under.describe('s')).Shards[0]?.SequenceNumberRange.StartingSequenceNumber ?? '';
  assert.equal(await from('AT_SEQUENCE_NUMBER', { StartingSequenceNumber: start }), '01234');
  assert.equal(await from('AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: start }), '01234');
  await under.close();
});

test('an iterator at the tip sees what is put after it, once, and keeps moving while there is nothing', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  await under.put('s', [{ key: 'a', data: 'before' }]);
  let iterator = await under.iterator('s', 0, 'LATEST');
  for (let i = 0; i < 3; i++) {
    const empty = await under.read(iterator);
    assert.deepEqual([empty.Records.length, empty.MillisBehindLatest, empty.ChildShards], [0, 0, undefined]);
    iterator = empty.NextShardIterator ?? '';
    under.clock.advance(4 * minute);
  }
  await under.put('s', [{ key: 'a', data: 'after' }]);
  const page = await under.read(iterator);
  assert.deepEqual(
    page.Records.map((each) => readRecord(each).data),
    ['after'],
  );
  assert.equal((await under.read(page.NextShardIterator ?? '')).Records.length, 0);
  await under.close();
});

test('MillisBehindLatest is the age of the last record returned, and 0 at the tip', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  for (let i = 0; i < 3; i++) {
    await under.put('s', [{ key: 'a', data: `${i}` }]);
    under.clock.advance(1000);
  }
  const first = await under.read(await under.iterator('s', 0), 1);
  assert.equal(first.MillisBehindLatest, 3000);
  const second = await under.read(first.NextShardIterator ?? '', 1);
  assert.equal(second.MillisBehindLatest, 2000);
  assert.equal((await under.read(second.NextShardIterator ?? '', 1)).MillisBehindLatest, 0);
  await under.close();
});

test('a page has at most Limit records and 10 MiB', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const big = Array.from({ length: 10 }, () => ({ Data: new Uint8Array(1_000_000), PartitionKey: 'k' }));
  for (let i = 0; i < 2; i++) await under.call(putRecords, { StreamName: 's', Records: big });
  const page = await under.read(await under.iterator('s', 0));
  assert.equal(page.Records.length, 10);
  assert.equal((await under.read(page.NextShardIterator ?? '', 3)).Records.length, 3);
  await under.close();
});

test('a closed shard ends with its children and no iterator, as KCL demands', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  await under.put('s', [{ key: 'a', data: 'one' }]);
  const tip = await under.iterator('s', 0, 'LATEST');
  await under.call(splitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1000' });
  await under.active('s');
  const children = [
    {
      ShardId: 'shardId-000000000001',
      ParentShards: ['shardId-000000000000'],
      HashKeyRange: { StartingHashKey: '0', EndingHashKey: '999' },
    },
    {
      ShardId: 'shardId-000000000002',
      ParentShards: ['shardId-000000000000'],
      HashKeyRange: { StartingHashKey: '1000', EndingHashKey: upper },
    },
  ];
  const { Shards } = await under.describe('s');
  const ending = Shards[0]?.SequenceNumberRange.EndingSequenceNumber ?? '';
  assert.equal(parseSequenceNumber(ending)?.position, Number.POSITIVE_INFINITY);
  for (const iterator of [
    tip,
    await under.iterator('s', 0, 'LATEST'),
    await under.iterator('s', 0, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: ending }),
  ]) {
    const page = await under.read(iterator);
    assert.deepEqual(
      [page.Records.length, page.NextShardIterator, page.ChildShards],
      [0, undefined, children],
    );
  }
  const whole = await under.read(await under.iterator('s', 0));
  assert.deepEqual(
    [whole.Records.length, whole.NextShardIterator, whole.ChildShards],
    [1, undefined, children],
  );
  const part = await under.read(await under.iterator('s', 1));
  assert.deepEqual([part.NextShardIterator === undefined, part.ChildShards], [false, undefined]);
  await under.close();
});

test('GetShardIterator refuses as AWS does', async () => {
  const under = await testStreams();
  await under.createStream('s', 3);
  const { Records } = await under.put('s', [{ key: 'a', data: '', hashKey: '0' }]);
  const mine = Records[0]?.SequenceNumber ?? '';
  const refused = (ShardId: string, ShardIteratorType: string, more: object = {}, StreamName = 's') =>
    under.refusal('GetShardIterator', { StreamName, ShardId, ShardIteratorType, ...more });
  const invalid = 'InvalidArgumentException';
  const missing = 'ResourceNotFoundException';
  assert.deepEqual(await refused('ABC', 'LATEST', {}, 'x'), [
    missing,
    `Could not find shard ABC in stream x under account ${account}.`,
  ]);
  assert.deepEqual(await refused('a-00002147483647', 'LATEST', {}, 'x'), [
    missing,
    `Shard shardId-002147483647 in stream x under account ${account} does not exist`,
  ]);
  assert.deepEqual(await refused('shardId-5', 'LATEST'), [
    missing,
    `Shard shardId-000000000005 ${of} does not exist`,
  ]);
  assert.deepEqual(await refused('0', 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: '5' }), [
    invalid,
    'Invalid StartingSequenceNumber. It encodes shardId-000000000005, while it was used in a call to a shard with shardId-000000000000',
  ]);
  assert.deepEqual(await refused('1', 'AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: mine }), [
    invalid,
    'Invalid StartingSequenceNumber. It encodes shardId-000000000000, while it was used in a call to a shard with shardId-000000000001',
  ]);
  const foreign = (BigInt(mine) - (1n << 148n)).toString();
  assert.deepEqual(await refused('0', 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: foreign }), [
    invalid,
    `StartingSequenceNumber ${foreign} used in GetShardIterator on shard shardId-000000000000 ${of} is invalid because it did not come from this stream.`,
  ]);
  const strange = `${mine}0`;
  assert.deepEqual(await refused('0', 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: strange }), [
    invalid,
    `StartingSequenceNumber ${strange} used in GetShardIterator on shard shardId-000000000000 ${of} is invalid.`,
  ]);
  const must =
    'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified';
  assert.deepEqual(await refused('0', 'LATEST', { StartingSequenceNumber: '5' }), [
    invalid,
    `${must} LATEST and also a StartingSequenceNumber.`,
  ]);
  assert.deepEqual(await refused('0', 'AT_SEQUENCE_NUMBER'), [
    invalid,
    `${must} AT_SEQUENCE_NUMBER and no StartingSequenceNumber.`,
  ]);
  assert.match((await refused('0', 'AT_TIMESTAMP'))[1], /^Must specify timestampInMillis parameter/);
  const now = under.clock.now();
  assert.deepEqual(await refused('0', 'AT_TIMESTAMP', { Timestamp: (now + 1) / 1000 }), [
    invalid,
    `The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ${now + 1}, currentTimestampInMillis: ${now}`,
  ]);
  await under.close();
});

test('iterators expire after five minutes, in the words of AWS', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const iterator = await under.iterator('s', 0);
  under.clock.advance(5 * minute);
  await under.read(iterator);
  under.clock.advance(1);
  assert.deepEqual(await under.refusal('GetRecords', { ShardIterator: iterator }), [
    'ExpiredIteratorException',
    'Iterator expired. The iterator was created at time Fri Jan 02 03:04:05 UTC 2026 while right now it is Fri Jan 02 03:09:05 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds.',
  ]);
  await under.close();
});

test('iterators survive a restart, are refused for other accounts and regions, and begin anew in a stream made anew', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  await under.put('s', [{ key: 'a', data: 'kept' }]);
  const iterator = await under.iterator('s', 0);
  await under.reopen();
  assert.deepEqual(
    (await under.read(iterator)).Records.map((each) => readRecord(each).data),
    ['kept'],
  );
  for (const other of [{ account: '111111111111' }, { region: 'eu-west-1' }]) {
    assert.deepEqual(await under.refusal('GetRecords', { ShardIterator: iterator }, other), [
      'InvalidArgumentException',
      'Invalid ShardIterator.',
    ]);
  }
  await under.call(deleteStream, { StreamName: 's' });
  await under.settle(() => under.status('s') === undefined);
  const gone = ['ResourceNotFoundException', `Shard shardId-000000000000 ${of} does not exist`];
  assert.deepEqual(await under.refusal('GetRecords', { ShardIterator: iterator }), gone);
  await under.createStream('s', 1);
  await under.put('s', [{ key: 'a', data: 'new' }]);
  assert.deepEqual(
    (await under.read(iterator)).Records.map((each) => readRecord(each).data),
    ['new'],
  );
  await under.close();
});
