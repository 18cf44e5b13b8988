import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { KinesisClient, MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { SystemClock, seededRandom } from '@millrace/base';
import type { Millrace } from '@millrace/server';
import { server } from '../testing/typed.js';
import type { FollowOptions } from './follow.js';
import { follow } from './follow.js';
import type { StoredRecord } from './kinesis.js';
import { Kinesis } from './kinesis.js';

const clock = new SystemClock({ holdsProcess: true });

function callerOf(t: TestContext, millrace: Millrace): Kinesis {
  const target = { endpoint: new URL(millrace.endpoint), region: 'us-east-1', accessKeyId: 'x' };
  const kinesis = new Kinesis(target, { clock, random: seededRandom(1) });
  t.after(() => kinesis.close());
  return kinesis;
}

function sdkOf(t: TestContext, millrace: Millrace): KinesisClient {
  const sdk = new KinesisClient({
    endpoint: millrace.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  t.after(() => sdk.destroy());
  return sdk;
}

const active = async (kinesis: Kinesis, stream: string): Promise<void> => {
  while ((await kinesis.describe(stream)).status !== 'ACTIVE')
    await new Promise((next) => setTimeout(next, 5));
};

async function all(kinesis: Kinesis, options: Partial<FollowOptions> = {}): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  const manner: FollowOptions = {
    clock,
    signal: new AbortController().signal,
    from: { kind: 'horizon' },
    once: true,
    ...options,
  };
  for await (const records of follow(kinesis, 'orders', manner)) found.push(...records);
  return found;
}

const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);

async function putRound(kinesis: Kinesis, round: number): Promise<void> {
  const outcomes = await kinesis.put(
    'orders',
    keys.map((partitionKey) => ({ partitionKey, data: Buffer.from(String(round)) })),
  );
  assert.ok(outcomes.every(({ kind }) => kind === 'accepted'));
}

test('every record once, and each key in its order, through splits and a merge, while they happen', async (t) => {
  const millrace = await server(t, { orders: 2 });
  const kinesis = callerOf(t, millrace);
  const sdk = sdkOf(t, millrace);
  await putRound(kinesis, 0);

  const stop = new AbortController();
  const seen: StoredRecord[] = [];
  const rounds = 6;
  const reading = (async () => {
    const manner = { clock, signal: stop.signal, from: { kind: 'horizon' as const }, once: false };
    for await (const records of follow(kinesis, 'orders', manner)) {
      seen.push(...records);
      if (seen.length >= keys.length * rounds) stop.abort();
    }
  })();
  const StreamName = 'orders';
  await sdk.send(
    new SplitShardCommand({
      StreamName,
      ShardToSplit: 'shardId-000000000000',
      NewStartingHashKey: String(2n ** 126n),
    }),
  );
  await putRound(kinesis, 1);
  await active(kinesis, 'orders');
  await putRound(kinesis, 2);
  await sdk.send(
    new MergeShardsCommand({
      StreamName,
      ShardToMerge: 'shardId-000000000003',
      AdjacentShardToMerge: 'shardId-000000000001',
    }),
  );
  await putRound(kinesis, 3);
  await active(kinesis, 'orders');
  await putRound(kinesis, 4);
  await sdk.send(
    new SplitShardCommand({
      StreamName,
      ShardToSplit: 'shardId-000000000004',
      NewStartingHashKey: String(2n ** 127n),
    }),
  );
  await active(kinesis, 'orders');
  await putRound(kinesis, 5);
  await reading;

  for (const found of [seen, await all(kinesis)]) {
    assert.equal(found.length, keys.length * rounds);
    for (const key of keys) {
      const values = found
        .filter(({ partitionKey }) => partitionKey === key)
        .map(({ data }) => data.toString());
      assert.deepEqual(values, ['0', '1', '2', '3', '4', '5'], key);
    }
  }
  const arrivals = (await all(kinesis)).map(({ arrivalMs }) => arrivalMs);
  assert.deepEqual(
    arrivals,
    [...arrivals].sort((a, b) => a - b),
    'shards are laid together by arrival',
  );
});

test('a shard is read after the last page of the one that it came from', async (t) => {
  const millrace = await server(t, { orders: 1 });
  const kinesis = callerOf(t, millrace);
  const bulk = Array.from({ length: 500 }, (_, i) => ({ partitionKey: `k${i}`, data: Buffer.from('x') }));
  for (let i = 0; i < 3; i++) await kinesis.put('orders', bulk);
  await sdkOf(t, millrace).send(
    new SplitShardCommand({
      StreamName: 'orders',
      ShardToSplit: 'shardId-000000000000',
      NewStartingHashKey: String(2n ** 127n),
    }),
  );
  await active(kinesis, 'orders');
  await kinesis.put('orders', bulk);
  const read = kinesis.read.bind(kinesis);
  const reads: string[] = [];
  t.mock.method(kinesis, 'read', (...asked: Parameters<typeof read>) => {
    reads.push(asked[0]);
    return read(...asked);
  });
  assert.equal((await all(kinesis)).length, 2_000);
  assert.ok(reads.filter((id) => id === 'shardId-000000000000').length > 1, 'the parent has several pages');
  for (const { id, parents } of await kinesis.shards('orders')) {
    for (const parent of parents) {
      assert.ok(reads.indexOf(id) > reads.lastIndexOf(parent), `${id} is read after the end of ${parent}`);
    }
  }
});

test('the latest begins now, and a time begins there', async (t) => {
  const millrace = await server(t, { orders: 2 });
  const kinesis = callerOf(t, millrace);
  await putRound(kinesis, 0);
  assert.deepEqual(await all(kinesis, { from: { kind: 'latest' } }), []);
  millrace.clock.hold();
  millrace.clock.advance(60_000);
  const ms = millrace.clock.now();
  await putRound(kinesis, 1);
  const later = await all(kinesis, { from: { kind: 'time', ms } });
  assert.equal(later.length, keys.length);
  assert.ok(later.every(({ data }) => data.toString() === '1'));
});

test('an iterator that expires is taken anew where it stood', async (t) => {
  const millrace = await server(t, { orders: 1 });
  const kinesis = callerOf(t, millrace);
  await putRound(kinesis, 0);
  const stop = new AbortController();
  const batches = follow(kinesis, 'orders', {
    clock,
    signal: stop.signal,
    from: { kind: 'horizon' },
    once: false,
  });
  const first = await batches.next();
  assert.equal(first.value?.length, keys.length);
  millrace.clock.advance(5 * 60_000 + 1);
  await putRound(kinesis, 1);
  const second: IteratorResult<readonly StoredRecord[], unknown> = await batches.next();
  assert.deepEqual(
    second.done === true ? [] : second.value.map(({ data }) => data.toString()),
    keys.map(() => '1'),
  );
  stop.abort();
  assert.equal((await batches.next()).done, true);
});

test('one shard alone, and none that is not there', async (t) => {
  const millrace = await server(t, { orders: 2 });
  const kinesis = callerOf(t, millrace);
  await putRound(kinesis, 0);
  const one = await all(kinesis, { only: new Set(['shardId-000000000001']) });
  assert.ok(one.length > 0 && one.every(({ shardId }) => shardId === 'shardId-000000000001'));
  await assert.rejects(
    all(kinesis, { only: new Set(['shardId-000000000009']) }),
    /has no shard shardId-000000000009/,
  );
});
