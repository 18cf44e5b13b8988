/** Retention: what is too old is not read, not listed, and in the end not there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitShard } from './operations/split-shard.js';
import { readRecord, testStreams } from './streams-fixture.js';

const hour = 3_600_000;

test('records older than the retention are not read, although the log still has them', async () => {
  const under = await testStreams({ limits: { sweepEveryMs: 1000 * hour } });
  await under.createStream('s', 1);
  for (let i = 0; i < 6; i++) {
    await under.put('s', [{ key: 'a', data: `${i}` }]);
    under.clock.advance(6 * hour);
  }
  const first = (await under.put('s', [{ key: 'a', data: '6' }])).Records[0]?.SequenceNumber ?? '';
  const read = async (iterator: string) =>
    (await under.read(iterator)).Records.map((each) => readRecord(each).data).join('');
  assert.equal(await read(await under.iterator('s', 0)), '23456');
  assert.equal(await read(await under.iterator('s', 0, 'AT_TIMESTAMP', { Timestamp: 0 })), '23456');
  assert.equal(
    await read(await under.iterator('s', 0, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: first })),
    '6',
  );
  under.clock.advance(1);
  assert.equal(await read(await under.iterator('s', 0)), '3456');
  assert.equal(under.engine.state('stream-1/shard-0')?.firstPosition, 0);
  under.clock.advance(25 * hour);
  const page = await under.read(await under.iterator('s', 0));
  assert.deepEqual([page.Records.length, page.MillisBehindLatest], [0, 0]);
  await under.put('s', [{ key: 'a', data: '7' }]);
  assert.equal(await read(page.NextShardIterator ?? ''), '7');
  await under.close();
});

test('the sweep trims by arrival, on the clock', async () => {
  const under = await testStreams({ limits: { sweepEveryMs: 1000 } });
  await under.createStream('s', 2);
  for (let i = 0; i < 3; i++) {
    await under.put('s', [
      { key: 'a', data: `${i}`, hashKey: '0' },
      { key: 'a', data: `${i}`, hashKey: `${2n ** 127n}` },
    ]);
    under.clock.advance(hour);
  }
  under.clock.advance(21.5 * hour);
  await under.settle(() => under.engine.state('stream-1/shard-0')?.firstPosition === 1);
  under.clock.advance(3 * hour);
  await under.settle(() => under.engine.state('stream-1/shard-0')?.firstPosition === 3);
  assert.equal(under.engine.state('stream-1/shard-0')?.endPosition, 3);
  await under.close();
});

test('a closed shard leaves the stream when its retention has passed: for clients at once, with its log at the sweep', async () => {
  const under = await testStreams({ limits: { sweepEveryMs: 1000 * hour } });
  await under.createStream('s', 1);
  await under.put('s', [{ key: 'a', data: 'old' }]);
  const iterator = await under.iterator('s', 0);
  under.clock.advance(hour);
  await under.call(splitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '77' });
  await under.active('s');
  under.clock.advance(24 * hour);
  const ids = async () => (await under.describe('s')).Shards.map((shard) => Number(shard.ShardId.slice(-2)));
  assert.deepEqual(await ids(), [0, 1, 2]);
  const ended = await under.read(await under.iterator('s', 0));
  assert.deepEqual(
    [ended.Records.length, ended.NextShardIterator, ended.ChildShards?.length],
    [0, undefined, 2],
  );
  under.clock.advance(1);
  assert.deepEqual(await ids(), [1, 2]);
  const gone = /^Shard shardId-000000000000 in stream s under account \d+ does not exist$/;
  assert.match(
    (
      await under.refusal('GetShardIterator', { StreamName: 's', ShardId: '0', ShardIteratorType: 'LATEST' })
    )[1],
    gone,
  );
  assert.equal(
    (await under.refusal('GetRecords', { ShardIterator: iterator }))[0],
    'ExpiredIteratorException',
  );
  assert.equal(under.engine.list().includes('stream-1/shard-0'), true);
  await under.moving(under.streams.sweep());
  assert.equal(under.engine.list().includes('stream-1/shard-0'), false);
  assert.deepEqual(await ids(), [1, 2]);
  await under.reopen();
  assert.deepEqual(await ids(), [1, 2]);
  assert.equal((await under.describe('s')).Shards[0]?.ParentShardId, 'shardId-000000000000');
  await under.close();
});

test('a sweep that meets an engine that cannot trim is reported, and the next one goes on', async () => {
  const under = await testStreams({ limits: { sweepEveryMs: hour } });
  await under.createStream('s', 1);
  await under.put('s', [{ key: 'a', data: 'old' }]);
  const { trim } = under.engine;
  under.engine.trim = async () => 'full';
  under.clock.advance(25 * hour);
  await under.moving(under.streams.sweep());
  assert.match(under.reports.join(), /could not be trimmed \(full\)/);
  under.engine.trim = trim;
  await under.moving(under.streams.sweep());
  assert.equal(under.engine.state('stream-1/shard-0')?.firstPosition, 1);
  await under.close();
});

test('a sweep over many shards lets others run, and a close does not wait for a clock that is held', async () => {
  const under = await testStreams({ limits: { sweepShardsAtOnce: 2, sweepEveryMs: 1000 * hour } });
  await under.createStream('s', 5);
  const sweep = under.streams.sweep();
  await new Promise((resolve) => setImmediate(resolve));
  await under.streams.close();
  await sweep;
  assert.deepEqual(under.reports, []);
});
