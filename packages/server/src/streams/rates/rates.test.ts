import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  CreateStreamCommand,
  DescribeLimitsCommand,
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
  UpdateMaxRecordSizeCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis';
import { AdjustableClock, kib, mib, SystemClock } from '@millrace/base';
import { Millrace, type MillraceOptions } from '../../millrace.js';
import { until } from '../../testing/gateway-fixture.js';
import { streamsOperations, streamsStreamingOperations } from '../operations/index.js';
import { operationRates } from './rate-table.js';
import { TokenBuckets } from './token-bucket.js';

const patience = { timeout: 60_000 };
const account = '123456789012';
const StreamName = 's';
const shard0 = 'shardId-000000000000';

/** A server that keeps AWS's rates, its clock held from the beginning, and a client of it. */
async function start(
  t: TestContext,
  options: Partial<MillraceOptions> = {},
): Promise<{ millrace: Millrace; client: KinesisClient }> {
  const create = [{ name: StreamName, shards: 2 }];
  const millrace = await Millrace.start({ ephemeral: true, rates: 'aws', create, ...options });
  const client = new KinesisClient({
    endpoint: millrace.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
  });
  t.after(async () => {
    client.destroy();
    await millrace.close();
  });
  millrace.clock.hold();
  return { millrace, client };
}

const low = '0';
const high = (2n ** 127n).toString();
const record = (bytes: number, ExplicitHashKey = low) => ({
  PartitionKey: 'k',
  ExplicitHashKey,
  Data: Buffer.alloc(bytes - 1),
});
const many = (sizes: readonly number[], key = low): PutRecordsCommand =>
  new PutRecordsCommand({ StreamName, Records: sizes.map((size) => record(size, key)) });

/** Which of the records were taken, as `+` and `-`. */
async function taken(client: KinesisClient, command: PutRecordsCommand): Promise<string> {
  const { Records = [] } = await client.send(command);
  return Records.map(({ ErrorCode }) => (ErrorCode === undefined ? '+' : '-')).join('');
}

async function iteratorOf(client: KinesisClient, ShardId = shard0): Promise<string> {
  const request = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' as const };
  return (await client.send(new GetShardIteratorCommand(request))).ShardIterator ?? '';
}

test('every operation that is offered has a rate, except those whose shards have one', () => {
  const rated = operationRates.map(({ operation }) => operation);
  const offered = [...streamsOperations, ...streamsStreamingOperations].map(({ name }) => name);
  assert.deepEqual([...rated].sort(), offered.filter((name) => !/^PutRecords?$/.test(name)).sort());
});

test('a shard takes a mebibyte a second, and says which records it did not take', patience, async (t) => {
  const { millrace, client } = await start(t);
  const half = 512 * kib;
  const { Records = [], FailedRecordCount } = await client.send(many([half, half, half]));
  assert.equal(FailedRecordCount, 1);
  assert.deepEqual(Records[2], {
    ErrorCode: 'ProvisionedThroughputExceededException',
    ErrorMessage: `Rate exceeded for shard ${shard0} in stream s under account ${account}.`,
  });
  // The other shard has a rate of its own.
  assert.equal(await taken(client, many([half, half, half], high)), '++-');
  await assert.rejects(client.send(new PutRecordCommand({ StreamName, ...record(100) })), {
    name: 'ProvisionedThroughputExceededException',
    message: `Rate exceeded for shard ${shard0} in stream s under account ${account}.`,
  });
  millrace.clock.advance(500);
  assert.equal(await taken(client, many([half, 100])), '+-');
  millrace.clock.advance(10_000);
  assert.equal(await taken(client, many([half, half, half])), '++-', 'a second is all that is saved up');
});

test('a shard takes a thousand records a second', patience, async (t) => {
  const { millrace, client } = await start(t);
  const hundreds = Array.from({ length: 500 }, () => 10);
  assert.equal(await taken(client, many(hundreds)), '+'.repeat(500));
  assert.equal(await taken(client, many(hundreds)), '+'.repeat(500));
  assert.equal(await taken(client, many([10, 10])), '--');
  millrace.clock.advance(1);
  assert.equal(await taken(client, many([10, 10])), '+-');
});

test('what was refused is not in the stream, and what was taken is', patience, async (t) => {
  const { millrace, client } = await start(t);
  assert.equal(await taken(client, many([900 * kib, 900 * kib, 50 * kib])), '+-+');
  millrace.clock.advance(1000);
  const page = await client.send(new GetRecordsCommand({ ShardIterator: await iteratorOf(client) }));
  assert.deepEqual(
    page.Records?.map(({ Data }) => Data?.length),
    [900 * kib - 1, 50 * kib - 1],
  );
});

test('a large record empties the shard’s tank, and small ones go on as it fills', patience, async (t) => {
  const { millrace, client } = await start(t);
  const StreamARN = `arn:aws:kinesis:us-east-1:${account}:stream/${StreamName}`;
  await client.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB: 10_240 }));
  millrace.clock.advance(1000);
  assert.equal(await taken(client, many([8 * mib, 100])), '+-');
  millrace.clock.advance(500);
  assert.equal(await taken(client, many([400 * kib, 400 * kib])), '+-');
  assert.equal(await taken(client, many([4 * mib])), '-');
  millrace.clock.advance(3000);
  assert.equal(await taken(client, many([4 * mib])), '+');
});

test('a shard is read five times a second', patience, async (t) => {
  const { millrace, client } = await start(t);
  const ShardIterator = await iteratorOf(client);
  const read = (): Promise<unknown> => client.send(new GetRecordsCommand({ ShardIterator }));
  for (let i = 0; i < 5; i++) await read();
  const refused = {
    name: 'ProvisionedThroughputExceededException',
    message: `Rate exceeded for Shard - ${account}/s/${shard0}`,
  };
  await assert.rejects(read(), refused);
  millrace.clock.advance(199);
  await assert.rejects(read(), refused);
  millrace.clock.advance(1);
  await read();
  await assert.rejects(read(), refused);
});

test(
  'after ten mebibytes a shard is not read for five seconds, after less for as long as it takes',
  patience,
  async (t) => {
    const { millrace, client } = await start(t);
    const large = 1_000_000;
    for (let i = 0; i < 13; i++) {
      assert.equal(await taken(client, many([large])), '+');
      millrace.clock.advance(1000);
    }
    const ShardIterator = await iteratorOf(client);
    const read = async (Limit: number): Promise<number> =>
      (await client.send(new GetRecordsCommand({ ShardIterator, Limit }))).Records?.length ?? 0;
    assert.equal(await read(10_000), 10);
    const waitMs = (10 * large) / ((2 * mib) / 1000);
    millrace.clock.advance(Math.floor(waitMs) - 1);
    await assert.rejects(read(1), { name: 'ProvisionedThroughputExceededException' });
    millrace.clock.advance(2);
    assert.equal(await read(1), 1);
    millrace.clock.advance(5000);
    assert.equal(await read(2), 2);
    assert.equal(await read(1), 1, 'two mebibytes are a little more than two of them');
    await assert.rejects(read(1), { name: 'ProvisionedThroughputExceededException' });
    millrace.clock.advance(1000);
    assert.equal(await read(1), 1);
  },
);

test('operations have their rates by account, stream and shard', patience, async (t) => {
  const { millrace, client } = await start(t);
  const until5 = async (send: () => Promise<unknown>, times: number, expected: object): Promise<void> => {
    for (let i = 0; i < times; i++) await send();
    await assert.rejects(send(), expected);
    millrace.clock.advance(Math.ceil(1000 / times));
    await send();
    await assert.rejects(send(), expected);
  };
  const limited = (message: string): object => ({ name: 'LimitExceededException', message });
  await until5(
    () => client.send(new DescribeStreamCommand({ StreamName })),
    10,
    limited(`Rate exceeded for stream s under account ${account}.`),
  );
  await until5(
    () => client.send(new ListStreamsCommand({})),
    5,
    limited(`Rate exceeded for account ${account}.`),
  );
  await until5(
    () => client.send(new DescribeLimitsCommand({})),
    1,
    limited(`Rate exceeded for account ${account}.`),
  );
  await until5(() => iteratorOf(client), 5, {
    name: 'ProvisionedThroughputExceededException',
    message: `Rate exceeded for shard ${shard0} in stream s under account ${account}.`,
  });
  await iteratorOf(client, 'shardId-000000000001');
  for (let i = 0; i < 50; i++) await client.send(new ListShardsCommand({ StreamName }));
  const scale = (): Promise<unknown> =>
    client.send(
      new UpdateShardCountCommand({ StreamName, TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' }),
    );
  await scale();
  // Counted, and refused for what the first of them is doing.
  for (let i = 0; i < 9; i++) await assert.rejects(scale(), { name: 'ResourceInUseException' });
  await assert.rejects(scale(), limited(`Rate exceeded for stream s under account ${account}.`));
});

test('accounts and regions do not take from each other', patience, async (t) => {
  const { millrace, client } = await start(t);
  for (let i = 0; i < 5; i++) await client.send(new ListStreamsCommand({}));
  await assert.rejects(client.send(new ListStreamsCommand({})), { name: 'LimitExceededException' });
  for (const [accessKeyId, region] of [
    ['111111111111', 'us-east-1'],
    ['AKIDEXAMPLE', 'eu-west-1'],
  ] as const) {
    const other = new KinesisClient({
      endpoint: millrace.endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    t.after(() => other.destroy());
    await other.send(new ListStreamsCommand({}));
  }
});

test('a subscription gives two mebibytes a second', patience, async (t) => {
  const { millrace, client } = await start(t);
  const StreamARN = `arn:aws:kinesis:us-east-1:${account}:stream/${StreamName}`;
  for (let i = 0; i < 6; i++) {
    assert.equal(await taken(client, many([mib - 1])), '+');
    millrace.clock.advance(1000);
  }
  const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'c' }));
  millrace.clock.advance(1000);
  const { EventStream } = await client.send(
    new SubscribeToShardCommand({
      ConsumerARN: Consumer?.ConsumerARN,
      ShardId: shard0,
      StartingPosition: { Type: 'TRIM_HORIZON' },
    }),
  );
  assert.ok(EventStream !== undefined);
  let got = 0;
  const reading = (async () => {
    for await (const { SubscribeToShardEvent } of EventStream) {
      got += SubscribeToShardEvent?.Records?.length ?? 0;
      if (got === 6) return;
    }
  })();
  // Two seconds' worth is out at once at the most: what the bucket held, and the event that emptied it.
  await until(() => got >= 2);
  const before = got;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(got < 6, `${got}`);
  assert.ok(before < 6);
  let seconds = 0;
  while (got < 6) {
    millrace.clock.advance(100);
    seconds += 0.1;
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.ok(seconds < 60);
  }
  await reading;
  assert.ok(seconds >= 0.9, `six mebibytes came within ${seconds} s`);
});

test('streams that a start makes are not counted; without the option nothing is', patience, async (t) => {
  const create = Array.from({ length: 12 }, (_, i) => ({ name: `made-${i}`, shards: 1 }));
  const { client } = await start(t, { create });
  for (let i = 0; i < 5; i++) {
    await client.send(new CreateStreamCommand({ StreamName: `asked-${i}`, ShardCount: 1 }));
  }
  await assert.rejects(client.send(new CreateStreamCommand({ StreamName: 'asked-5', ShardCount: 1 })), {
    name: 'LimitExceededException',
    message: `Rate exceeded for stream asked-5 under account ${account}.`,
  });
  const free = await start(t, { rates: 'none' });
  for (let i = 0; i < 50; i++) await free.client.send(new ListStreamsCommand({}));
  assert.equal(await taken(free.client, many(Array.from({ length: 9 }, () => mib - 1))), '+++++++++');
});

test('buckets fill with time, take debts, and are let go of when there are many', () => {
  const clock = new AdjustableClock(new SystemClock());
  clock.hold();
  const buckets = new TokenBuckets(clock, 10);
  assert.equal(buckets.take('a', 10), true);
  assert.equal(buckets.take('a'), false);
  assert.equal(buckets.any('a'), false);
  clock.advance(100);
  assert.equal(buckets.take('a'), true);
  buckets.charge('a', 20);
  assert.equal(buckets.msUntilAny('a'), 2001);
  clock.advance(2000);
  assert.equal(buckets.any('a'), false);
  clock.advance(1);
  assert.equal(buckets.any('a'), true);
  assert.equal(buckets.msUntilAny('a'), 0);
  assert.equal(buckets.holds('unknown', 10), true);
  assert.equal(buckets.size, 1, 'asking makes none');
  for (let i = 0; i < 100_000; i++) {
    buckets.take(`b${i}`);
    assert.ok(buckets.size <= 20_000);
  }
  clock.advance(60_000);
  for (let i = 0; i < 20_000; i++) buckets.take(`c${i}`);
  clock.advance(60_000);
  buckets.take('d');
  assert.ok(buckets.size <= 20_000);
});
