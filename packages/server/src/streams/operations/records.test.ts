/** PutRecord and PutRecords: what is taken, what is refused, and what is read of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppendOutcome, LogEngine } from '@millrace/log';
import { openMemoryEngine } from '@millrace/log';
import { cborProtocol, jsonProtocol } from '@millrace/wire';
import {
  account,
  bytesOf,
  engines,
  heldClock,
  readRecord,
  TestStreams,
  testStreams,
} from '../streams-fixture.js';
import { createStream } from './create-stream.js';
import { deleteStream } from './delete-stream.js';
import { getRecords } from './get-records.js';
import { putRecord } from './put-record.js';
import { putRecords } from './put-records.js';

const upper = '340282366920938463463374607431768211455';

for (const engine of Object.keys(engines)) {
  test(`what was put is read once, in order, in its shard (${engine})`, async () => {
    const under = await testStreams({}, engine);
    await under.createStream('s', 3);
    const entries = Array.from({ length: 200 }, (_, i) => ({ key: `key ${i % 17} é`, data: `record ${i}` }));
    const answer = await under.put('s', entries);
    const taken = answer.Records.map((result, i) => ({ ...result, ...entries[i] })).filter(
      (each) => each.ShardId,
    );
    assert.equal(taken.length, 200 - (answer.FailedRecordCount ?? 0));
    const read: unknown[] = [];
    for (const shard of [0, 1, 2]) {
      for (const record of await under.readShard('s', shard, 7)) {
        if (!taken.some((each) => each.SequenceNumber === record.sequenceNumber)) continue;
        read.push({ shard: `shardId-00000000000${shard}`, ...record });
      }
    }
    const expected = [...taken].sort((a, b) =>
      `${a.ShardId}` < `${b.ShardId}` ? -1 : a.ShardId === b.ShardId ? 0 : 1,
    );
    assert.deepEqual(
      read,
      expected.map(({ ShardId, SequenceNumber, key, data }) => ({
        shard: ShardId,
        key,
        data,
        sequenceNumber: SequenceNumber,
      })),
    );
    await under.close();
  });
}

test('the hot way over CBOR and JSON and the general way answer alike', async () => {
  const under = await testStreams();
  await under.createStream('s', 2);
  const input = { StreamName: 's', Records: [{ Data: bytesOf('one'), PartitionKey: 'a' }] };
  await under.call(putRecords, input);
  // An unknown member with an escape is what the hot decoder leaves to the general way.
  const odd = { ...input, Records: [{ Data: 'dHdv', PartitionKey: 'a\\"\u00e9' }] };
  await under.run('PutRecords', jsonProtocol, Buffer.from(JSON.stringify(odd)));
  const body = cborProtocol.encode(putRecords.input, {
    ...input,
    Records: [{ Data: bytesOf('three'), PartitionKey: 'b', ExplicitHashKey: upper }],
  });
  const answer = cborProtocol.decode(putRecords.output, await under.run('PutRecords', cborProtocol, body));
  assert.deepEqual(
    answer.Records.map((each) => each.ShardId),
    ['shardId-000000000001'],
  );
  const iterator = await under.iterator('s', 1);
  const page = cborProtocol.decode(
    getRecords.output,
    await under.run(
      'GetRecords',
      cborProtocol,
      cborProtocol.encode(getRecords.input, { ShardIterator: iterator }),
    ),
  );
  assert.equal(page.Records.at(-1)?.PartitionKey, 'b');
  assert.deepEqual((await under.read(iterator)).Records.map(readRecord), page.Records.map(readRecord));
  await under.close();
});

test('an explicit hash key decides, and one beyond the ring is refused', async () => {
  const under = await testStreams();
  await under.createStream('s', 3);
  const put = (key: string) =>
    under.call(putRecord, { StreamName: 's', Data: bytesOf(''), PartitionKey: 'a', ExplicitHashKey: key });
  assert.equal((await put('0')).ShardId, 'shardId-000000000000');
  assert.equal((await put('113427455640312821154458202477256070484')).ShardId, 'shardId-000000000000');
  assert.equal((await put('113427455640312821154458202477256070485')).ShardId, 'shardId-000000000001');
  assert.equal((await put(upper)).ShardId, 'shardId-000000000002');
  const over = '340282366920938463463374607431768211456';
  const refused = [
    'InvalidArgumentException',
    `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${over}`,
  ];
  const record = { Data: '', PartitionKey: 'a', ExplicitHashKey: over };
  assert.deepEqual(await under.refusal('PutRecord', { StreamName: 's', ...record }), refused);
  assert.deepEqual(await under.refusal('PutRecords', { StreamName: 's', Records: [record] }), refused);
  await under.close();
});

test('sequence numbers rise within a shard, above its start, and order a put after another', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  let last = BigInt((await under.describe('s')).Shards[0]?.SequenceNumberRange.StartingSequenceNumber ?? 0);
  let ordering: string | undefined;
  for (let i = 0; i < 20; i++) {
    const { SequenceNumber } = await under.call(putRecord, {
      StreamName: 's',
      Data: bytesOf(`${i}`),
      PartitionKey: 'a',
      SequenceNumberForOrdering: ordering,
    });
    assert.ok(BigInt(SequenceNumber) > last);
    last = BigInt(SequenceNumber);
    ordering = SequenceNumber;
    under.clock.advance(i * 100);
  }
  const of = (hexadecimal: string): string => BigInt(`0x${hexadecimal}`).toString();
  const seconds = (ms: number): string => Math.floor((under.clock.now() + ms) / 1000).toString(16);
  for (const value of [
    of('20000000000000000000000000000000000000000000002'),
    of('20000000000000000000000000000000000000000000001'),
    of(`2000000000f7fffffff7fffffff000${seconds(-2000)}7fffffff2`),
    '5',
  ]) {
    const input = { StreamName: 's', Data: bytesOf(''), PartitionKey: 'a', SequenceNumberForOrdering: value };
    await under.call(putRecord, input);
  }
  for (const value of [
    of('20000000000800000000000000000000000000000000002'),
    of('20000000000000000000000000000000000000800000002'),
    of(`200000000000000000000000000000${seconds(2000)}000000002`),
    of('30000000000000000000000000000000000000000000001'),
    of('1ffffffffff7fffffffffffffff000000000007fffffff2'),
    `${ordering}0`,
  ]) {
    const input = { StreamName: 's', Data: '', PartitionKey: 'a', SequenceNumberForOrdering: value };
    assert.deepEqual(await under.refusal('PutRecord', input), [
      'InvalidArgumentException',
      `ExclusiveMinimumSequenceNumber ${value} used in PutRecord on stream s under account ${account} is invalid.`,
    ]);
  }
  await under.close();
});

test('a stream that is CREATING or DELETING takes no records', async () => {
  const under = await testStreams({ delays: { createDelayMs: 1000, updateDelayMs: 0, deleteDelayMs: 1000 } });
  const refused = ['ResourceNotFoundException', `Stream s under account ${account} not found.`];
  const record = { Data: '', PartitionKey: 'a' };
  await under.call(createStream, { StreamName: 's', ShardCount: 1 });
  assert.deepEqual(await under.refusal('PutRecord', { StreamName: 's', ...record }), refused);
  await under.active('s');
  await under.call(putRecord, { StreamName: 's', Data: bytesOf(''), PartitionKey: 'a' });
  await under.call(deleteStream, { StreamName: 's' });
  assert.deepEqual(await under.refusal('PutRecords', { StreamName: 's', Records: [record] }), refused);
  await under.close();
});

test('records and requests that are too large are refused whole', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const mib = 1024 * 1024;
  const put = (sizes: readonly number[]) =>
    under.refusal('PutRecords', {
      StreamName: 's',
      Records: sizes.map((size) => ({ Data: Buffer.alloc(size).toString('base64'), PartitionKey: 'k' })),
    });
  assert.deepEqual(await put([1, mib + 1]), [
    'ValidationException',
    `1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=${mib + 1} cap=${mib + 1}]' at 'records.2.member.data' failed to satisfy constraint: Member must have length less than or equal to ${mib}`,
  ]);
  assert.match(
    (await put([mib]))[1],
    new RegExp(`at 'records.1.member.data' .* less than or equal to ${mib - 1}$`),
  );
  assert.deepEqual(await put(Array.from({ length: 11 }, () => mib - 1)), [
    'InvalidArgumentException',
    'Records size exceeds 10 MB limit',
  ]);
  const exact = Array.from({ length: 10 }, () => ({ Data: new Uint8Array(mib - 1), PartitionKey: 'k' }));
  const answer = await under.call(putRecords, { StreamName: 's', Records: exact });
  assert.equal(answer.FailedRecordCount, 0);
  const single = { StreamName: 's', Data: Buffer.alloc(mib + 1).toString('base64'), PartitionKey: 'k' };
  assert.match((await under.refusal('PutRecord', single))[1], /at 'data' failed/);
  await under.close();
});

test('a stream made for larger records takes them', async () => {
  const under = await testStreams();
  await under.call(createStream, { StreamName: 's', ShardCount: 1, MaxRecordSizeInKiB: 2048 });
  await under.active('s');
  await under.call(putRecord, { StreamName: 's', Data: new Uint8Array(1_500_000), PartitionKey: 'k' });
  assert.equal((await under.read(await under.iterator('s', 0))).Records[0]?.Data.length, 1_500_000);
  await under.close();
});

test('a dry run says that it would have succeeded, does nothing, and fails as the real one', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const would = ['DryRunOperationException', 'Request would have succeeded, but DryRun flag is set.'];
  const record = { Data: '', PartitionKey: 'a' };
  const iterator = await under.iterator('s', 0);
  assert.deepEqual(await under.refusal('PutRecord', { StreamName: 's', ...record, DryRun: true }), would);
  assert.deepEqual(
    await under.refusal('PutRecords', { StreamName: 's', Records: [record], DryRun: true }),
    would,
  );
  assert.deepEqual(await under.refusal('GetRecords', { ShardIterator: iterator, DryRun: true }), would);
  assert.equal(
    (await under.refusal('PutRecord', { StreamName: 't', ...record, DryRun: true }))[0],
    'ResourceNotFoundException',
  );
  assert.equal((await under.read(iterator)).Records.length, 0);
  await under.close();
});

test('what the engine cannot take is told record by record, and for one record in words that help', async () => {
  const clock = heldClock();
  let outcome: AppendOutcome | undefined;
  const engine = openMemoryEngine({ clock });
  const failing = new Proxy(engine, {
    get(target, name: keyof LogEngine) {
      if (name !== 'append') {
        const value = target[name];
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (batch: Parameters<LogEngine['append']>[0]) => {
        const outcomes = await target.append(batch);
        return outcomes.map((each, i) =>
          outcome !== undefined && batch.logs[i]?.endsWith('shard-0') ? outcome : each,
        );
      };
    },
  });
  const under = new TestStreams(clock, failing, 1, {});
  await under.open();
  await under.createStream('s', 2);
  const words = { full: /disk .* is full/, poisoned: /restarted/, unknown: /not known/ };
  for (const kind of ['full', 'poisoned', 'unknown'] as const) {
    outcome = { kind };
    const answer = await under.put('s', [
      { key: 'a', data: '', hashKey: '0' },
      { key: 'a', data: '', hashKey: upper },
      { key: 'a', data: '', hashKey: '1' },
    ]);
    assert.equal(answer.FailedRecordCount, 2);
    assert.deepEqual(
      answer.Records.map((each) => [each.ErrorCode, each.ErrorMessage, each.ShardId]),
      [
        ['InternalFailure', 'Internal service failure.', undefined],
        [undefined, undefined, 'shardId-000000000001'],
        ['InternalFailure', 'Internal service failure.', undefined],
      ],
    );
    const [code, message] = await under.refusal('PutRecord', {
      StreamName: 's',
      Data: '',
      PartitionKey: 'a',
      ExplicitHashKey: '0',
    });
    assert.equal(code, 'InternalFailureException');
    assert.match(message, words[kind]);
  }
  await under.close();
});
