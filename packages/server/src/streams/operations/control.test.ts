/** CreateStream, DeleteStream, the describing and listing operations: what a client sees of streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { account, region, startMs, testStreams } from '../streams-fixture.js';
import { createStream } from './create-stream.js';
import { deleteStream } from './delete-stream.js';
import { describeStream } from './describe-stream.js';
import { describeStreamSummary } from './describe-stream-summary.js';
import { listStreams } from './list-streams.js';
import { mergeShards } from './merge-shards.js';
import { splitShard } from './split-shard.js';

test('a stream is CREATING for its delay, then ACTIVE, then DELETING for its delay, then gone', async () => {
  const under = await testStreams({ delays: { createDelayMs: 100, updateDelayMs: 0, deleteDelayMs: 200 } });
  await under.call(createStream, { StreamName: 's', ShardCount: 2 });
  const creating = await under.describe('s');
  assert.equal(creating.StreamStatus, 'CREATING');
  assert.deepEqual(creating.Shards, []);
  under.clock.advance(99);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(under.status('s'), 'CREATING');
  await under.active('s');
  assert.equal(under.clock.now(), startMs + 100);
  await under.call(deleteStream, { StreamName: 's' });
  await under.call(deleteStream, { StreamName: 's' });
  assert.equal((await under.describe('s')).StreamStatus, 'DELETING');
  await under.settle(() => under.status('s') === undefined);
  assert.equal(under.clock.now(), startMs + 300);
  assert.deepEqual(under.engine.list(), ['catalog']);
  await under.close();
});

test('DescribeStream tells everything that AWS does', async () => {
  const under = await testStreams();
  await under.createStream('s', 3);
  assert.deepEqual(await under.describe('s'), {
    StreamName: 's',
    StreamARN: `arn:aws:kinesis:${region}:${account}:stream/s`,
    StreamStatus: 'ACTIVE',
    StreamModeDetails: { StreamMode: 'PROVISIONED' },
    RetentionPeriodHours: 24,
    StreamCreationTimestamp: Math.floor(startMs / 1000) * 1000,
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
    EncryptionType: 'NONE',
    HasMoreShards: false,
    Shards: [
      ['0', '113427455640312821154458202477256070484'],
      ['113427455640312821154458202477256070485', '226854911280625642308916404954512140969'],
      ['226854911280625642308916404954512140970', '340282366920938463463374607431768211455'],
    ].map(([StartingHashKey, EndingHashKey], index) => ({
      ShardId: `shardId-00000000000${index}`,
      HashKeyRange: { StartingHashKey, EndingHashKey },
      SequenceNumberRange: {
        StartingSequenceNumber: startOf(index),
      },
    })),
  });
  await under.close();

  function startOf(index: number): string {
    const seconds = BigInt(Math.floor(startMs / 1000));
    const shard = BigInt(index);
    return (
      (2n << 184n) |
      (seconds << 148n) |
      (shard << 144n) |
      (seconds << 36n) |
      (shard << 4n) |
      2n
    ).toString();
  }
});

test('DescribeStream pages by shard id, a hundred shards at most', async () => {
  const under = await testStreams();
  await under.createStream('s', 250);
  const first = await under.describe('s');
  assert.equal(first.Shards.length, 100);
  assert.equal(first.HasMoreShards, true);
  const page = async (more: object) =>
    (await under.call(describeStream, { StreamName: 's', ...more })).StreamDescription;
  const last = await page({ ExclusiveStartShardId: 'shardId-000000000247', Limit: 10_000 });
  assert.deepEqual(
    last.Shards.map((shard) => shard.ShardId),
    ['shardId-000000000248', 'shardId-000000000249'],
  );
  assert.equal(last.HasMoreShards, false);
  assert.equal((await page({ ExclusiveStartShardId: 'shardId-000000000100', Limit: 7 })).Shards.length, 7);
  await under.close();
});

test('DescribeStreamSummary counts open shards through a split and a merge', async () => {
  const under = await testStreams({ delays: { createDelayMs: 0, updateDelayMs: 1000, deleteDelayMs: 0 } });
  await under.createStream('s', 2);
  const summary = async () =>
    (await under.call(describeStreamSummary, { StreamName: 's' })).StreamDescriptionSummary;
  assert.equal((await summary()).OpenShardCount, 2);
  assert.equal((await summary()).MaxRecordSizeInKiB, 1024);
  assert.equal((await summary()).ConsumerCount, 0);
  await under.call(splitShard, { StreamName: 's', ShardToSplit: 'shardId-0', NewStartingHashKey: '12345' });
  assert.equal((await summary()).StreamStatus, 'UPDATING');
  await under.active('s');
  assert.equal((await summary()).OpenShardCount, 3);
  await under.call(mergeShards, { StreamName: 's', ShardToMerge: '3', AdjacentShardToMerge: '1' });
  await under.active('s');
  assert.equal((await summary()).OpenShardCount, 2);
  await under.close();
});

test('an on-demand stream starts with four shards and takes no count', async () => {
  const under = await testStreams();
  const onDemand = { StreamModeDetails: { StreamMode: 'ON_DEMAND' } } as const;
  await under.call(createStream, { StreamName: 's', ...onDemand });
  await under.active('s');
  const described = await under.describe('s');
  assert.equal(described.Shards.length, 4);
  assert.deepEqual(described.StreamModeDetails, { StreamMode: 'ON_DEMAND' });
  assert.equal(
    (await under.refusal('CreateStream', { StreamName: 't', ShardCount: 4, ...onDemand }))[0],
    'InvalidArgumentException',
  );
  assert.equal((await under.refusal('CreateStream', { StreamName: 't' }))[0], 'InvalidArgumentException');
  await under.close();
});

test('shards of an on-demand stream are neither split nor merged on request', async () => {
  const under = await testStreams();
  await under.call(createStream, { StreamName: 's', StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  await under.active('s');
  const split = { StreamName: 's', ShardToSplit: 'shardId-0', NewStartingHashKey: '12345' };
  const merge = { StreamName: 's', ShardToMerge: 'shardId-0', AdjacentShardToMerge: 'shardId-1' };
  assert.equal((await under.refusal('SplitShard', split))[0], 'ValidationException');
  assert.equal((await under.refusal('MergeShards', merge))[0], 'ValidationException');
  assert.equal((await under.describe('s')).StreamStatus, 'ACTIVE');
  await under.close();
});

test('CreateStream refuses a name that is taken, shards past the limit, and what only on-demand streams have', async () => {
  const under = await testStreams({ limits: { shardsPerAccountMax: 5 } });
  await under.createStream('s', 3);
  assert.deepEqual(await under.refusal('CreateStream', { StreamName: 's', ShardCount: 1 }), [
    'ResourceInUseException',
    `Stream s under account ${account} already exists.`,
  ]);
  assert.deepEqual(await under.refusal('CreateStream', { StreamName: 't', ShardCount: 3 }), [
    'LimitExceededException',
    `This request would exceed the shard limit for the account ${account} in ${region}. Current shard count for the account: 3. Limit: 5. Number of additional shards that would have resulted from this request: 3. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.`,
  ]);
  await under.call(createStream, { StreamName: 't', ShardCount: 3 }, { region: 'eu-west-1' });
  const warm = { StreamName: 'u', ShardCount: 1, WarmThroughputMiBps: 1 };
  assert.equal((await under.refusal('CreateStream', warm))[0], 'ValidationException');
  const auto = { StreamName: 'u', ShardCount: 1, RecordDistributionStrategy: 'AUTO' };
  assert.equal((await under.refusal('CreateStream', auto))[0], 'InvalidArgumentException');
  await under.close();
});

test('shards that a deleted stream and a merge give back count no more', async () => {
  const under = await testStreams({ limits: { shardsPerAccountMax: 4 } });
  await under.createStream('s', 4);
  const split = { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '500' };
  assert.equal((await under.refusal('SplitShard', split))[0], 'LimitExceededException');
  await under.call(mergeShards, { StreamName: 's', ShardToMerge: '0', AdjacentShardToMerge: '1' });
  await under.active('s');
  await under.call(splitShard, { ...split, ShardToSplit: '4' });
  assert.equal(
    (await under.refusal('CreateStream', { StreamName: 't', ShardCount: 1 }))[0],
    'LimitExceededException',
  );
  await under.call(deleteStream, { StreamName: 's' });
  await under.settle(() => under.status('s') === undefined);
  await under.createStream('t', 4);
  await under.close();
});

test('a stream is meant by name, by ARN, or by both when they agree', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const arn = `arn:aws:kinesis:${region}:${account}:stream/s`;
  for (const addressed of [{ StreamARN: arn }, { StreamName: 's', StreamARN: arn }]) {
    const { StreamDescription } = await under.call(describeStream, addressed);
    assert.equal(StreamDescription.StreamName, 's');
  }
  assert.deepEqual(await under.refusal('DescribeStream', {}), [
    'ValidationException',
    "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null",
  ]);
  assert.equal(
    (await under.refusal('DescribeStream', { StreamName: 't', StreamARN: arn }))[0],
    'InvalidArgumentException',
  );
  const foreign = arn.replace(account, '999999999999');
  assert.deepEqual(await under.refusal('DescribeStream', { StreamARN: foreign }), [
    'AccessDeniedException',
    `User: arn:aws:iam::${account}:root is not authorized to perform: kinesis:DescribeStream on resource: ${foreign} because no resource-based policy allows the kinesis:DescribeStream action`,
  ]);
  const elsewhere = arn.replace(region, 'eu-west-1');
  assert.equal(
    (await under.refusal('DescribeStream', { StreamARN: elsewhere }))[0],
    'InvalidArgumentException',
  );
  assert.deepEqual(await under.refusal('DescribeStream', { StreamName: 'nowhere' }), [
    'ResourceNotFoundException',
    `Stream nowhere under account ${account} not found.`,
  ]);
  await under.close();
});

test('accounts and regions have names of their own', async () => {
  const under = await testStreams();
  const others = [{ account: '111111111111' }, { region: 'eu-west-1' }];
  await under.createStream('s', 1);
  for (const other of others) {
    assert.equal(
      (await under.refusal('DescribeStream', { StreamName: 's' }, other))[0],
      'ResourceNotFoundException',
    );
    await under.call(createStream, { StreamName: 's', ShardCount: 2 }, other);
    assert.deepEqual((await under.call(listStreams, {}, other)).StreamNames, ['s']);
  }
  assert.deepEqual((await under.call(listStreams, {})).StreamNames, ['s']);
  assert.equal((await under.describe('s')).Shards.length, 1);
  await under.close();
});

test('SplitShard and MergeShards refuse as AWS does', async () => {
  const under = await testStreams({ delays: { createDelayMs: 0, updateDelayMs: 1000, deleteDelayMs: 0 } });
  await under.createStream('s', 3);
  const split = (ShardToSplit: string, NewStartingHashKey: string) =>
    under.refusal('SplitShard', { StreamName: 's', ShardToSplit, NewStartingHashKey });
  const merge = (ShardToMerge: string, AdjacentShardToMerge: string, StreamName = 's') =>
    under.refusal('MergeShards', { StreamName, ShardToMerge, AdjacentShardToMerge });
  const of = `in stream s under account ${account}`;
  const invalid = 'InvalidArgumentException';
  const missing = 'ResourceNotFoundException';
  const outside = (at: string): readonly [string, string] => [
    invalid,
    `NewStartingHashKey ${at} used in SplitShard() on shard shardId-000000000000 ${of} is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey 113427455640312821154458202477256070484.`,
  ];
  for (const at of ['0', '1', '113427455640312821154458202477256070484']) {
    assert.deepEqual(await split('shardId-000000000000', at), outside(at));
  }
  assert.deepEqual(await split('shardId-5', '2'), [
    missing,
    `Could not find shard shardId-000000000005 ${of}.`,
  ]);
  assert.deepEqual(await merge('2.14E4', '1', 'nowhere'), [
    missing,
    `Could not find shard 2.14E4 in stream nowhere under account ${account}.`,
  ]);
  assert.deepEqual(await merge('0', '1', 'nowhere'), [
    missing,
    `Stream nowhere under account ${account} not found.`,
  ]);
  for (const [a, b] of [
    ['0', '2'],
    ['1', '0'],
  ] as const) {
    assert.deepEqual(await merge(`x-${a}`, `y-${b}`), [
      invalid,
      `Shards shardId-00000000000${a} and shardId-00000000000${b} ${of} are not an adjacent pair of shards eligible for merging`,
    ]);
  }
  await under.call(splitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '2' });
  const busy = `Stream s under account ${account} not ACTIVE, instead in state UPDATING`;
  assert.deepEqual(await split('1', '200'), ['ResourceInUseException', busy]);
  assert.deepEqual(await merge('1', '2'), ['ResourceInUseException', busy]);
  await under.active('s');
  assert.deepEqual(await split('0', '2'), [
    invalid,
    `Shard shardId-000000000000 ${of} has already been merged or split, and thus is not eligible for merging or splitting.`,
  ]);
  const { Shards } = await under.describe('s');
  assert.deepEqual(
    Shards.slice(3).map((shard) => [shard.ParentShardId, shard.HashKeyRange.StartingHashKey]),
    [
      ['shardId-000000000000', '0'],
      ['shardId-000000000000', '2'],
    ],
  );
  await under.call(mergeShards, { StreamName: 's', ShardToMerge: '4', AdjacentShardToMerge: '1' });
  await under.active('s');
  const merged = (await under.describe('s')).Shards.at(-1);
  assert.equal(merged?.ParentShardId, 'shardId-000000000004');
  assert.equal(merged?.AdjacentParentShardId, 'shardId-000000000001');
  assert.equal(merged?.HashKeyRange.StartingHashKey, '2');
  await under.close();
});
