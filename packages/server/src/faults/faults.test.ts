import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  SplitShardCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Millrace } from '../millrace.js';
import { until } from '../testing/gateway-fixture.js';
import { FaultError, type FaultRule, parseFaultRule } from './fault-rule.js';

const patience = { timeout: 60_000 };

function clientOf(t: TestContext, millrace: Millrace, http1 = false, maxAttempts = 1): KinesisClient {
  const client = new KinesisClient({
    endpoint: millrace.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts,
    ...(http1 ? { requestHandler: new NodeHttpHandler() } : {}),
  });
  t.after(() => client.destroy());
  return client;
}

async function start(t: TestContext): Promise<Millrace> {
  const millrace = await Millrace.start({ ephemeral: true, create: [{ name: 's', shards: 2 }] });
  t.after(() => millrace.close());
  return millrace;
}

/** Two hash keys, one in each half of the ring: shards 0 and 1. */
const low = '0';
const high = (2n ** 127n).toString();
const put = (StreamName = 's', ExplicitHashKey = low): PutRecordCommand =>
  new PutRecordCommand({ StreamName, PartitionKey: 'k', ExplicitHashKey, Data: Buffer.from('x') });
const putMany = (count: number): PutRecordsCommand =>
  new PutRecordsCommand({
    StreamName: 's',
    Records: Array.from({ length: count }, (_, i) => ({
      PartitionKey: `k${i}`,
      ExplicitHashKey: i % 2 === 0 ? low : high,
      Data: Buffer.from(String(i)),
    })),
  });

async function countIn(client: KinesisClient, shard: number): Promise<number> {
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({
      StreamName: 's',
      ShardId: `shardId-00000000000${shard}`,
      ShardIteratorType: 'TRIM_HORIZON',
    }),
  );
  return (await client.send(new GetRecordsCommand({ ShardIterator }))).Records?.length ?? -1;
}

test('a throttle has the error and the words of its operation', patience, async (t) => {
  const millrace = await start(t);
  const client = clientOf(t, millrace);
  millrace.faults.add({ fault: 'throttle' });
  await assert.rejects(client.send(put()), {
    name: 'ProvisionedThroughputExceededException',
    message: 'Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.',
  });
  await assert.rejects(client.send(putMany(2)), { name: 'ProvisionedThroughputExceededException' });
  await assert.rejects(client.send(new ListStreamsCommand({})), {
    name: 'LimitExceededException',
    message: 'Rate exceeded for account 123456789012.',
  });
  await assert.rejects(
    client.send(
      new SplitShardCommand({
        StreamName: 's',
        ShardToSplit: 'shardId-000000000000',
        NewStartingHashKey: '9',
      }),
    ),
    { name: 'LimitExceededException', message: 'Rate exceeded for stream s under account 123456789012.' },
  );
  millrace.faults.clear();
  await client.send(put());
});

test(
  'by count it strikes so often and is spent; by stream, shard and operation it strikes no other',
  patience,
  async (t) => {
    const millrace = await start(t);
    const client = clientOf(t, millrace);
    const { id } = millrace.faults.add({
      fault: 'internal-error',
      operation: 'PutRecord',
      shard: 'shardId-000000000001',
      count: 2,
    });
    millrace.faults.add({ fault: 'internal-error', stream: 'other' });
    await client.send(put('s', low));
    await client.send(new ListStreamsCommand({}));
    for (let i = 0; i < 2; i++) {
      await assert.rejects(client.send(put('s', high)), { name: 'InternalFailureException' });
    }
    await client.send(put('s', high));
    const [shown] = millrace.faults.list();
    assert.deepEqual(
      { ...shown, seed: 0 },
      {
        id,
        fault: 'internal-error',
        operation: 'PutRecord',
        shard: 'shardId-000000000001',
        count: 2,
        seed: 0,
        met: 2,
        struck: 2,
        spent: true,
      },
    );
  },
);

test('a fault of a shard strikes what goes there, where keys do not count too', patience, async (t) => {
  const millrace = await start(t);
  const client = clientOf(t, millrace);
  const StreamName = 'auto';
  await client.send(
    new CreateStreamCommand({
      StreamName,
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      RecordDistributionStrategy: 'AUTO',
    }),
  );
  await waitUntilStreamExists({ client, minDelay: 1, maxWaitTime: 30 }, { StreamName });
  const shard = 'shardId-000000000002';
  millrace.faults.add({ fault: 'throttle', operation: 'PutRecord', stream: StreamName, shard });
  const went: string[] = [];
  for (let i = 0; i < 8; i++) {
    const told = client.send(new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.from('x') }));
    went.push(
      await told.then(
        ({ ShardId }) => String(ShardId?.at(-1)),
        (error: Error) => String(/shardId-\d+(\d)/.exec(error.message)?.[1]).concat('!'),
      ),
    );
  }
  assert.deepEqual(went, ['0', '1', '2!', '3', '0', '1', '2!', '3']);
});

test('an iterator’s stream and shard are known to a rule', patience, async (t) => {
  const millrace = await start(t);
  const client = clientOf(t, millrace);
  await client.send(putMany(4));
  millrace.faults.add({ fault: 'expire-iterator', stream: 's', shard: 'shardId-000000000001', count: 1 });
  assert.equal(await countIn(client, 0), 2);
  await assert.rejects(countIn(client, 1), {
    name: 'ExpiredIteratorException',
    message:
      /^Iterator expired\. The iterator was created at time .* tolerated delay of 300000 milliseconds\.$/,
  });
  assert.equal(await countIn(client, 1), 2);
});

test(
  'records of PutRecords fail one by one, and those that failed are not in the stream',
  patience,
  async (t) => {
    const millrace = await start(t);
    const client = clientOf(t, millrace);
    millrace.faults.add({ fault: 'fail-records', probability: 0.3, seed: 11 });
    const { Records = [], FailedRecordCount } = await client.send(putMany(100));
    const failed = Records.filter(({ ErrorCode }) => ErrorCode !== undefined);
    assert.equal(failed.length, FailedRecordCount);
    assert.ok(failed.length > 10 && failed.length < 60, `${failed.length}`);
    for (const { ErrorCode, ErrorMessage, SequenceNumber } of failed) {
      assert.equal(ErrorCode, 'ProvisionedThroughputExceededException');
      assert.match(
        ErrorMessage ?? '',
        /^Rate exceeded for shard shardId-00000000000[01] in stream s under account 123456789012\.$/,
      );
      assert.equal(SequenceNumber, undefined);
    }
    millrace.faults.clear();
    assert.equal((await countIn(client, 0)) + (await countIn(client, 1)), 100 - failed.length);
  },
);

test(
  'all records may fail; a throttled shard takes none of PutRecords while the other does',
  patience,
  async (t) => {
    const millrace = await start(t);
    const client = clientOf(t, millrace);
    millrace.faults.add({ fault: 'fail-records', code: 'InternalFailure', count: 10 });
    const all = await client.send(putMany(10));
    assert.equal(all.FailedRecordCount, 10);
    assert.deepEqual(all.Records?.[3], {
      ErrorCode: 'InternalFailure',
      ErrorMessage: 'Internal service failure.',
    });
    millrace.faults.add({ fault: 'throttle', shard: 'shardId-000000000000' });
    const some = await client.send(putMany(10));
    assert.equal(some.FailedRecordCount, 5);
    assert.deepEqual(
      some.Records?.map(({ ErrorCode }) => ErrorCode !== undefined),
      [...Array(10).keys()].map((i) => i % 2 === 0),
    );
    assert.equal(millrace.faults.list()[1]?.struck, 5);
  },
);

test('the same seed strikes the same requests', patience, async (t) => {
  const struck = async (seed: number): Promise<string> => {
    const millrace = await start(t);
    const client = clientOf(t, millrace);
    millrace.faults.add({ fault: 'throttle', operation: 'PutRecord', probability: 0.5, seed });
    let pattern = '';
    for (let i = 0; i < 40; i++) {
      pattern += await client.send(put()).then(
        () => '.',
        () => 'x',
      );
    }
    return pattern;
  };
  const first = await struck(1);
  assert.match(first, /x/);
  assert.match(first, /\./);
  assert.equal(await struck(1), first);
  assert.notEqual(await struck(2), first);
});

for (const http1 of [false, true]) {
  const over = http1 ? 'HTTP/1.1' : 'HTTP/2';
  test(`a dropped request was not done, a dropped answer was, over ${over}`, patience, async (t) => {
    const millrace = await start(t);
    const client = clientOf(t, millrace, http1);
    millrace.faults.add({ fault: 'drop-request', operation: 'PutRecord', count: 1 });
    await assert.rejects(client.send(put()), (error: Error) => !/Exception$/.test(error.name));
    assert.equal(await countIn(client, 0), 0);
    millrace.faults.add({ fault: 'drop-answer', operation: 'PutRecord', count: 1 });
    await assert.rejects(client.send(put()), (error: Error) => !/Exception$/.test(error.name));
    assert.equal(await countIn(client, 0), 1);
    await client.send(put());
    assert.equal(await countIn(client, 0), 2);
  });
}

test('the SDK’s own retries pass a throttle that ends', patience, async (t) => {
  const millrace = await start(t);
  const client = clientOf(t, millrace, false, 4);
  millrace.faults.add({ fault: 'throttle', operation: 'PutRecord', count: 2 });
  const { $metadata } = await client.send(put());
  assert.equal($metadata.attempts, 3);
});

test('a latency is on the server’s clock, and a client that leaves ends it', patience, async (t) => {
  const millrace = await start(t);
  const client = clientOf(t, millrace);
  millrace.clock.hold();
  millrace.faults.add({ fault: 'latency', latencyMs: 60_000, operation: 'ListStreams' });
  millrace.faults.add({ fault: 'latency', latencyMs: 30_000, operation: 'ListStreams' });
  let answered = false;
  const listed = client.send(new ListStreamsCommand({})).then(() => {
    answered = true;
  });
  await until(() => millrace.faults.list()[1]?.met === 1);
  millrace.clock.advance(89_999);
  await client.send(put());
  assert.equal(answered, false);
  millrace.clock.advance(1);
  await listed;
  const gone = new AbortController();
  const left = client.send(new ListStreamsCommand({}), { abortSignal: gone.signal });
  await until(() => millrace.faults.list()[1]?.met === 2);
  gone.abort();
  await assert.rejects(left);
  // What has left holds nothing up: a reset waits for what is in flight.
  const reset = await fetch(`${millrace.endpoint}/_millrace/reset`, { method: 'POST' });
  assert.equal(reset.status, 200);
  assert.deepEqual(millrace.faults.list(), []);
});

test('faults over HTTP: set, listed, removed, and refused in words', patience, async (t) => {
  const millrace = await start(t);
  const client = clientOf(t, millrace);
  const ask = async (method: string, path = '', body?: string): Promise<{ status: number; body: Told }> => {
    const answer = await fetch(`${millrace.endpoint}/_millrace/faults${path}`, {
      method,
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.status, body: (await answer.json()) as Told };
  };
  const rule = { fault: 'throttle', operation: 'ListStreams', count: 1, seed: 5 };
  const added = await ask('POST', '', JSON.stringify(rule));
  assert.equal(added.status, 201);
  assert.deepEqual(added.body, { id: 'fault-1', ...rule, met: 0, struck: 0, spent: false });
  await assert.rejects(client.send(new ListStreamsCommand({})), { name: 'LimitExceededException' });
  const listed = await ask('GET');
  assert.deepEqual(listed.body, { faults: [{ id: 'fault-1', ...rule, met: 1, struck: 1, spent: true }] });
  assert.equal((await ask('DELETE', '/fault-9')).status, 404);
  assert.deepEqual(await ask('DELETE', '/fault-1'), { status: 200, body: { faults: [] } });
  const bad = await ask('POST', '', '{"fault":"throtle"}');
  assert.equal(bad.status, 400);
  assert.match(bad.body.message ?? '', /"fault" is "throtle": give "throttle" or/);
  await ask('POST', '', '{"fault":"throttle"}');
  await ask('DELETE');
  await client.send(new ListStreamsCommand({}));
  const foreign = await fetch(`${millrace.endpoint}/_millrace/faults`, {
    method: 'POST',
    headers: { origin: 'https://evil.example' },
    body: '{"fault":"throttle"}',
  });
  assert.equal(foreign.status, 403);
  assert.deepEqual(millrace.faults.list(), []);
});

interface Told {
  readonly message?: string;
  readonly [name: string]: unknown;
}

test('a rule that makes no sense is refused with what would', () => {
  const operations = new Set(['PutRecords', 'GetRecords', 'ListStreams']);
  const refused: [unknown, RegExp][] = [
    [null, /is an object/],
    [[], /is an object/],
    [{}, /Say what goes wrong/],
    [{ fault: 5 }, /"fault" is 5/],
    [{ fault: 'throttle', chance: 0.5 }, /"chance" is not known: give fault, operation/],
    [{ fault: 'throttle', operation: 'putRecords' }, /it is called PutRecords/],
    [{ fault: 'throttle', operation: 'Nope' }, /there are GetRecords, ListStreams, PutRecords/],
    [{ fault: 'throttle', probability: 1.5 }, /from 0 to 1/],
    [{ fault: 'throttle', probability: '0.5' }, /from 0 to 1/],
    [{ fault: 'throttle', count: 0 }, /whole number from 1/],
    [{ fault: 'throttle', seed: 0.5 }, /whole number/],
    [{ fault: 'throttle', shard: '0' }, /shardId-000000000000/],
    [{ fault: 'throttle', stream: 'a b' }, /the name of a stream/],
    [{ fault: 'latency' }, /needs "latencyMs"/],
    [{ fault: 'throttle', latencyMs: 5 }, /for a latency/],
    [{ fault: 'latency', latencyMs: -5 }, /from 0/],
    [{ fault: 'expire-iterator', operation: 'PutRecords' }, /for GetRecords alone/],
    [{ fault: 'fail-records', operation: 'ListStreams' }, /for PutRecords alone/],
    [{ fault: 'fail-records', code: 'Oops' }, /"code" is "Oops"/],
    [{ fault: 'throttle', code: 'InternalFailure' }, /for fail-records/],
  ];
  for (const [rule, message] of refused) {
    assert.throws(
      () => parseFaultRule(rule, operations),
      (error: unknown) => {
        assert.ok(error instanceof FaultError, JSON.stringify(rule));
        assert.match(error.message, message);
        return true;
      },
    );
  }
  const whole: FaultRule = {
    fault: 'fail-records',
    operation: 'PutRecords',
    stream: 's',
    shard: 'shardId-000000000000',
    probability: 0.5,
    count: 5,
    seed: 5,
    code: 'InternalFailure',
  };
  assert.deepEqual(parseFaultRule(whole, operations), whole);
});
