/** ListStreams and ListShards: pages, tokens and filters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { account, startMs, testStreams } from '../streams-fixture.js';
import { createStream } from './create-stream.js';
import { listShards } from './list-shards.js';
import { listStreams } from './list-streams.js';
import { mergeShards } from './merge-shards.js';
import { splitShard } from './split-shard.js';

const hour = 3_600_000;

test('ListStreams pages in the order of names, by name or by token, which expires', async () => {
  const under = await testStreams();
  const names = ['B', 'a', 'a-b', 'a.b', 'aa', 'b', 'c'].sort();
  for (const name of names) await under.createStream(name, 1);
  const byName: string[] = [];
  for (let more = true; more; ) {
    const start = byName.at(-1);
    const page = await under.call(listStreams, { Limit: 2, ExclusiveStartStreamName: start });
    byName.push(...page.StreamNames);
    more = page.HasMoreStreams;
  }
  assert.deepEqual(byName, names);
  const byToken: string[] = [];
  let token: string | undefined;
  do {
    const page = await under.call(listStreams, { Limit: 3, NextToken: token });
    byToken.push(...(page.StreamSummaries ?? []).map((summary) => summary.StreamName));
    assert.equal(page.HasMoreStreams, page.NextToken !== undefined);
    token = page.NextToken;
  } while (token !== undefined);
  assert.deepEqual(byToken, names);
  const { NextToken } = await under.call(listStreams, { Limit: 1 });
  assert.equal(
    (await under.refusal('ListStreams', { NextToken }, { account: '111111111111' }))[0],
    'InvalidArgumentException',
  );
  assert.equal(
    (await under.refusal('ListStreams', { NextToken, ExclusiveStartStreamName: 'a' }))[0],
    'InvalidArgumentException',
  );
  under.clock.advance(300_001);
  assert.equal((await under.refusal('ListStreams', { NextToken }))[0], 'ExpiredNextTokenException');
  await under.close();
});

test('ListShards pages by a token that knows all the rest, expires, and is of one listing alone', async () => {
  const under = await testStreams();
  await under.createStream('s', 5);
  const found: string[] = [];
  let page = await under.call(listShards, {
    StreamName: 's',
    MaxResults: 2,
    ShardFilter: { Type: 'AFTER_SHARD_ID', ShardId: 'shardId-000000000000' },
  });
  for (;;) {
    found.push(...(page.Shards ?? []).map((shard) => shard.ShardId));
    if (page.NextToken === undefined) break;
    page = await under.call(listShards, { NextToken: page.NextToken, MaxResults: 1 });
  }
  assert.deepEqual(
    found,
    [1, 2, 3, 4].map((index) => `shardId-00000000000${index}`),
  );

  const { NextToken } = await under.call(listShards, { StreamName: 's', MaxResults: 2 });
  for (const member of [
    { StreamName: 's' },
    { ExclusiveStartShardId: '1' },
    { ShardFilter: { Type: 'AT_LATEST' } },
  ]) {
    assert.deepEqual(await under.refusal('ListShards', { NextToken, ...member }), [
      'InvalidArgumentException',
      `NextToken and ${Object.keys(member)[0]} cannot be provided together.`,
    ]);
  }
  assert.deepEqual(await under.refusal('ListShards', {}), [
    'InvalidArgumentException',
    'Either NextToken or StreamName should be provided.',
  ]);
  assert.equal((await under.refusal('ListShards', { NextToken: 'bm8=' }))[0], 'InvalidArgumentException');
  under.clock.advance(300_001);
  assert.equal((await under.refusal('ListShards', { NextToken }))[0], 'ExpiredNextTokenException');
  await under.close();
});

test('ListShards lists by every filter', async () => {
  const under = await testStreams();
  await under.createStream('s', 2);
  under.clock.advance(hour);
  await under.call(splitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1000' });
  await under.active('s');
  const splitMs = under.clock.now();
  under.clock.advance(hour);
  await under.call(mergeShards, { StreamName: 's', ShardToMerge: '3', AdjacentShardToMerge: '1' });
  await under.active('s');
  const mergeMs = under.clock.now();
  under.clock.advance(hour);
  const listed = async (filter: object): Promise<string> => {
    const page = await under.call(listShards, {
      StreamName: 's',
      ShardFilter: filter as { Type: 'AT_LATEST' },
    });
    return (page.Shards ?? []).map((shard) => Number(shard.ShardId.slice(-3))).join(' ');
  };
  assert.equal(await listed({ Type: 'AT_LATEST' }), '2 4');
  assert.equal(await listed({ Type: 'AT_TRIM_HORIZON' }), '0 1');
  assert.equal(await listed({ Type: 'FROM_TRIM_HORIZON' }), '0 1 2 3 4');
  assert.equal(await listed({ Type: 'AT_TIMESTAMP', Timestamp: splitMs - 1 }), '0 1');
  assert.equal(await listed({ Type: 'AT_TIMESTAMP', Timestamp: splitMs + 1 }), '1 2 3');
  assert.equal(await listed({ Type: 'FROM_TIMESTAMP', Timestamp: splitMs + 1 }), '1 2 3 4');
  assert.equal(await listed({ Type: 'AT_TIMESTAMP', Timestamp: mergeMs + 1 }), '2 4');
  assert.equal(await listed({ Type: 'AT_TIMESTAMP', Timestamp: 1000 }), '0 1');
  assert.equal(await listed({ Type: 'AFTER_SHARD_ID', ShardId: 'shardId-000000000002' }), '3 4');
  under.clock.advance(22 * hour + 1);
  assert.equal(await listed({ Type: 'AT_TRIM_HORIZON' }), '1 2 3');
  assert.equal(await listed({ Type: 'FROM_TRIM_HORIZON' }), '1 2 3 4');
  const bad = { StreamName: 's', ShardFilter: { Type: 'AT_TIMESTAMP' } };
  assert.equal((await under.refusal('ListShards', bad))[0], 'InvalidArgumentException');
  for (const [type, member, value] of [
    ['AT_LATEST', 'ShardId', 'shardId-000000000000'],
    ['AT_TIMESTAMP', 'ShardId', 'shardId-000000000000'],
    ['AT_LATEST', 'Timestamp', 1000],
    ['FROM_TRIM_HORIZON', 'Timestamp', 1000],
    ['AFTER_SHARD_ID', 'Timestamp', 1000],
  ] as const) {
    const filter = { Type: type, [member]: value };
    assert.deepEqual(await under.refusal('ListShards', { StreamName: 's', ShardFilter: filter }), [
      'InvalidArgumentException',
      `${member} must not be specified in the ShardFilter of type ${type}.`,
    ]);
  }
  await under.close();
});

test('ListShards tells streams of one name apart by their creation, and waits for a stream to be made', async () => {
  const under = await testStreams({ delays: { createDelayMs: 1000, updateDelayMs: 0, deleteDelayMs: 0 } });
  await under.call(createStream, { StreamName: 's', ShardCount: 1 });
  assert.deepEqual(await under.refusal('ListShards', { StreamName: 's' }), [
    'ResourceInUseException',
    `Stream s under account ${account} not ACTIVE, instead in state CREATING`,
  ]);
  await under.active('s');
  const created = Math.floor(startMs / 1000);
  const named = { StreamName: 's', StreamCreationTimestamp: created * 1000 };
  assert.equal((await under.call(listShards, named)).Shards?.length, 1);
  const other = { StreamName: 's', StreamCreationTimestamp: created - 1 };
  assert.equal((await under.refusal('ListShards', other))[0], 'ResourceNotFoundException');
  await under.close();
});
