/** UpdateShardCount, modes, distribution, and on-demand streams under load. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashKeyMax, shardIdOf } from '@millrace/wire';
import { dayMs, hourMs } from '../limits.js';
import {
  account,
  bytesOf,
  caller,
  engines,
  region,
  type TestStreams,
  testStreams,
} from '../streams-fixture.js';
import { createStream } from './create-stream.js';
import { describeStreamSummary } from './describe-stream-summary.js';
import { listShards } from './list-shards.js';
import { putRecord } from './put-record.js';
import { putRecords } from './put-records.js';
import { updateAccountSettings } from './update-account-settings.js';
import { updateShardCount } from './update-shard-count.js';
import { updateStreamMode } from './update-stream-mode.js';
import { updateStreamRecordDistributionStrategy } from './update-stream-record-distribution-strategy.js';
import { updateStreamWarmThroughput } from './update-stream-warm-throughput.js';

const arn = `arn:aws:kinesis:${region}:${account}:stream/s`;
const uniform = { StreamName: 's', ScalingType: 'UNIFORM_SCALING' } as const;

async function shardsOf(under: TestStreams, type: 'AT_LATEST' | 'FROM_TRIM_HORIZON') {
  return (await under.call(listShards, { StreamName: 's', ShardFilter: { Type: type } })).Shards ?? [];
}

/** Sizes of the open shards as parts of the ring, by place. */
async function sizesOf(under: TestStreams): Promise<readonly number[]> {
  return (await shardsOf(under, 'AT_LATEST'))
    .map(({ HashKeyRange: range }) => [BigInt(range.StartingHashKey), BigInt(range.EndingHashKey)] as const)
    .sort(([a = 0n], [b = 0n]) => (a < b ? -1 : 1))
    .map(([start, end]) => Number(((end - start + 1n) * 1_000_000n) / (hashKeyMax + 1n)) / 1e6);
}

for (const engine of Object.keys(engines)) {
  test(`UpdateShardCount scales up, down and by a quarter, under writes, over ${engine}`, async () => {
    const under = await testStreams({}, engine, 7);
    await under.createStream('s', 4);
    const sent: string[] = [];
    const put = async (round: string) => {
      const records = Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, data: `${round}-${i}` }));
      const answer = await under.put('s', records);
      for (const [i, record] of answer.Records.entries()) {
        if (record.ErrorCode === undefined) sent.push(records[i]?.data ?? '');
      }
    };
    for (const target of [8, 5, 6, 3, 4]) {
      await put(`before-${target}`);
      const answered = await under.call(updateShardCount, { ...uniform, TargetShardCount: target });
      assert.equal(answered.TargetShardCount, target);
      assert.equal(answered.StreamARN, arn);
      await put(`while-${target}`);
      await under.reopen();
      await under.active('s');
      for (const size of await sizesOf(under))
        assert.ok(Math.abs(size - 1 / target) < 1e-5, `${size} of ${target}`);
      assert.equal((await sizesOf(under)).length, target);
    }
    const shards = await shardsOf(under, 'FROM_TRIM_HORIZON');
    const seen: string[] = [];
    for (const { ShardId: id } of shards) {
      seen.push(...(await under.readShard('s', id)).map((record) => record.data));
    }
    assert.deepEqual(seen.filter((data) => sent.includes(data)).sort(), sent.sort());
    const known = new Set(shards.map((shard) => shard.ShardId));
    for (const shard of shards.slice(4)) {
      assert.ok(known.has(shard.ParentShardId ?? ''), `${shard.ShardId} has a parent that is listed`);
      if (shard.AdjacentParentShardId !== undefined) assert.ok(known.has(shard.AdjacentParentShardId));
    }
    await under.close();
  });
}

test('children of UpdateShardCount are numbered on, and both parents of a merge are named', async () => {
  const under = await testStreams();
  await under.createStream('s', 2);
  await under.call(updateShardCount, { ...uniform, TargetShardCount: 1 });
  await under.active('s');
  const [low, high, merged] = await shardsOf(under, 'FROM_TRIM_HORIZON');
  assert.equal(merged?.ShardId, shardIdOf(2));
  assert.deepEqual([merged?.ParentShardId, merged?.AdjacentParentShardId], [low?.ShardId, high?.ShardId]);
  assert.ok(low?.SequenceNumberRange.EndingSequenceNumber !== undefined);
  await under.close();
});

test('UpdateShardCount is refused past its limits, in the words of AWS', async () => {
  const under = await testStreams({ limits: { shardsPerAccountMax: 20, shardsPerStreamMax: 12 } });
  await under.createStream('s', 6);
  const refusal = (target: number) =>
    under.refusal('UpdateShardCount', { ...uniform, TargetShardCount: target });
  assert.deepEqual(await refusal(13), [
    'LimitExceededException',
    'Target shard count or number of open shards cannot be greater than 12. Current open shard count: 6, Target shard count: 13',
  ]);
  assert.deepEqual(await refusal(2), [
    'LimitExceededException',
    'UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 6, Target shard count: 2',
  ]);
  await under.call(createStream, { StreamName: 't', ShardCount: 10 });
  const [code, message] = await refusal(12);
  assert.equal(code, 'LimitExceededException');
  assert.match(message, /would exceed the shard limit/);
  for (let i = 0; i < 10; i++) {
    await under.call(updateShardCount, { ...uniform, TargetShardCount: i % 2 === 0 ? 3 : 6 });
    await under.active('s');
  }
  assert.equal((await refusal(3))[0], 'LimitExceededException');
  under.clock.advance(dayMs);
  await under.call(updateShardCount, { ...uniform, TargetShardCount: 3 });
  await under.active('s');
  assert.deepEqual(await refusal(7), [
    'LimitExceededException',
    'UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 3, Target shard count: 7',
  ]);
  await under.close();
});

test('the mode changes twice a day, keeps the shards, and decides who may reshard', async () => {
  const under = await testStreams({ delays: { createDelayMs: 0, updateDelayMs: 50, deleteDelayMs: 0 } });
  await under.createStream('s', 2);
  const toMode = (StreamMode: 'ON_DEMAND' | 'PROVISIONED') => ({
    StreamARN: arn,
    StreamModeDetails: { StreamMode },
  });
  const busy = `Request is invalid. Stream s under account ${account} is in On-Demand mode.`;
  const warm = { ...toMode('ON_DEMAND'), WarmThroughputMiBps: 1 };
  assert.equal((await under.refusal('UpdateStreamMode', warm))[0], 'InvalidArgumentException');
  await under.call(updateStreamMode, toMode('ON_DEMAND'));
  assert.equal(under.status('s'), 'UPDATING');
  await under.active('s');
  await under.reopen();
  assert.equal((await under.describe('s')).StreamModeDetails?.StreamMode, 'ON_DEMAND');
  assert.equal((await under.describe('s')).Shards.length, 2);
  for (const [name, input] of [
    ['UpdateShardCount', { ...uniform, TargetShardCount: 4 }],
    ['SplitShard', { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '9' }],
    ['MergeShards', { StreamName: 's', ShardToMerge: '0', AdjacentShardToMerge: '1' }],
    ['UpdateStreamMode', toMode('ON_DEMAND')],
  ] as const) {
    assert.deepEqual(await under.refusal(name, input), ['ValidationException', busy], name);
  }
  await under.call(updateStreamMode, toMode('PROVISIONED'));
  await under.active('s');
  assert.equal((await under.refusal('UpdateStreamMode', toMode('ON_DEMAND')))[0], 'LimitExceededException');
  under.clock.advance(dayMs);
  await under.call(updateStreamMode, toMode('ON_DEMAND'));
  await under.close();
});

test('AUTO spreads evenly, looks at no key, and needs none', async () => {
  const under = await testStreams();
  await under.call(createStream, { StreamName: 's', StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  await under.active('s');
  const keyless = { Data: bytesOf('x') };
  assert.deepEqual(await under.refusal('PutRecord', { StreamName: 's', Data: 'eA==' }), [
    'ValidationException',
    "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null",
  ]);
  const mixed = { StreamName: 's', Records: [{ Data: 'eA==', PartitionKey: 'k' }, { Data: 'eA==' }] };
  assert.match((await under.refusal('PutRecords', mixed))[1], /'records\.2\.member\.partitionKey'/);
  await under.call(updateStreamRecordDistributionStrategy, {
    StreamARN: arn,
    RecordDistributionStrategy: 'AUTO',
  });
  const shards = new Map<string, number>();
  const count = (id: string | undefined) => shards.set(id ?? '', (shards.get(id ?? '') ?? 0) + 1);
  for (let i = 0; i < 30; i++) {
    count((await under.call(putRecord, { StreamName: 's', ...keyless })).ShardId);
    const records = [
      keyless,
      { ...keyless, PartitionKey: 'same' },
      { ...keyless, PartitionKey: 'same', ExplicitHashKey: '0' },
    ];
    for (const record of (await under.call(putRecords, { StreamName: 's', Records: records })).Records) {
      count(record.ShardId);
    }
    await under.put('s', [{ key: 'same', data: 'x' }]).then(({ Records }) => count(Records[0]?.ShardId));
  }
  assert.deepEqual([...shards.values()].sort(), [37, 37, 38, 38]);
  const keys = new Set<string>();
  for (const id of shards.keys()) for (const record of await under.readShard('s', id)) keys.add(record.key);
  assert.deepEqual(keys, new Set(['', 'same']));
  const first = await under.read(await under.iterator('s', 0), 100);
  assert.ok(first.Records.some((record) => record.PartitionKey === undefined));
  assert.ok(first.Records.every((record) => record.PartitionKey !== ''));
  const ordered = {
    StreamName: 's',
    Data: 'eA==',
    SequenceNumberForOrdering: first.Records[0]?.SequenceNumber,
  };
  const [code, message] = await under.refusal('PutRecord', ordered);
  assert.equal(code, 'InvalidArgumentException');
  assert.match(message, /SequenceNumberForOrdering must not be specified for stream s /);
  const summary = await under.call(describeStreamSummary, { StreamName: 's' });
  assert.equal(summary.StreamDescriptionSummary.RecordDistributionStrategy, 'AUTO');
  const provisioned = { StreamARN: arn, StreamModeDetails: { StreamMode: 'PROVISIONED' } };
  assert.equal((await under.refusal('UpdateStreamMode', provisioned))[0], 'InvalidArgumentException');
  await under.close();
});

test('an on-demand stream grows to twice its peak, splits what is hot, and shrinks a month later', async () => {
  const under = await testStreams({ limits: { scaleEveryMs: 1000 } });
  await under.call(createStream, { StreamName: 's', StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  await under.active('s');
  const open = async () => (await shardsOf(under, 'AT_LATEST')).length;
  assert.equal(await open(), 4);
  /** So many seconds of so many records each, put at their end. */
  const load = async (seconds: number, recordsPerSecond: number, keyOf: (i: number) => string) => {
    for (let second = 0; second < seconds; second++) {
      for (let left = recordsPerSecond; left > 0; left -= 500) {
        await under.put(
          's',
          Array.from({ length: Math.min(500, left) }, (_, i) => ({ key: keyOf(left + i), data: '' })),
        );
      }
      under.clock.advance(1000);
      await under.settle(() => under.status('s') === 'ACTIVE');
      await new Promise((resolve) => setImmediate(resolve));
      await under.active('s');
    }
  };
  await load(2, 100, String);
  assert.equal(await open(), 4, 'a small load needs no more than four');
  await load(2, 4000, String);
  assert.equal(await open(), 8, 'twice the peak of 4 MiB/s or 4000 records/s');
  await load(2, 700, () => 'hot');
  const hot = await open();
  assert.ok(hot > 8 && hot <= 16, `a hot shard is split, and not without end: ${hot}`);
  await under.reopen();
  under.clock.advance(1000);
  await under.active('s');
  assert.equal(await open(), hot, 'a restart takes nothing away');
  for (let day = 0; day < 32; day++) {
    under.clock.advance(dayMs);
    await under.active('s');
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  for (let second = 0; second < 5; second++) {
    under.clock.advance(1000);
    await under.active('s');
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await under.active('s');
  }
  assert.equal(await open(), 4);
  assert.deepEqual(under.reports, []);
  await under.close();
});

test('while rates are kept, traffic may grow to twice what it was fifteen minutes before', async () => {
  // More than the clock is moved while a call is waited for.
  const secondsOfALook = 6;
  const under = await testStreams({ limits: { scaleEveryMs: secondsOfALook * 1000 } });
  under.streams.admission.keepRates();
  await under.call(createStream, { StreamName: 's', StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  await under.active('s');
  const grown = (shards: number) =>
    under.settle(() => under.streams.find({ StreamName: 's' }, caller, '').openShards === shards);
  const passes = async (ms: number) => {
    under.clock.advance(ms);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await under.active('s');
  };
  /** So many records within a second, spread evenly over the ring; answers how many were taken, and why not the others. */
  const second = async (records: number) => {
    let taken = 0;
    const refusals = new Set<string>();
    for (let first = 0; first < records; first += 500) {
      const batch = Array.from({ length: Math.min(500, records - first) }, (_, i) => ({
        key: 'k',
        data: '',
        hashKey: String(((hashKeyMax + 1n) * BigInt(first + i)) / BigInt(records)),
      }));
      for (const { ErrorCode, ErrorMessage } of (await under.put('s', batch)).Records) {
        if (ErrorCode === undefined) taken++;
        else refusals.add(`${ErrorCode} ${ErrorMessage?.replace(/\d+ in/, 'N in')}`);
      }
    }
    await passes(1000);
    return { taken, refusals: [...refusals] };
  };
  const refusals = [
    `ProvisionedThroughputExceededException Rate exceeded for shard shardId-N in stream s under account ${account}.`,
  ];
  const evenly = async (records: number) => {
    for (let i = 0; i < secondsOfALook; i++)
      assert.deepEqual(await second(records), { taken: records, refusals: [] });
  };
  await evenly(4000);
  await grown(8);
  assert.deepEqual(await second(8000), { taken: 4000, refusals }, 'eight shards, ready for what four take');
  await passes(15 * 60_000);
  // The look that this came to measured all of it.
  await passes(secondsOfALook * 1000);
  await evenly(8000);
  await grown(16);
  assert.deepEqual(await second(16_000), { taken: 8000, refusals });
  await under.close();
});

test('warm throughput is for accounts with the commitment, grows at once, and gives back', async () => {
  const under = await testStreams();
  await under.call(createStream, { StreamName: 's', StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  await under.active('s');
  const warm = (WarmThroughputMiBps: number) => ({ StreamName: 's', WarmThroughputMiBps });
  assert.equal((await under.refusal('UpdateStreamWarmThroughput', warm(10)))[0], 'InvalidArgumentException');
  await under.call(updateAccountSettings, { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } });
  const answered = await under.call(updateStreamWarmThroughput, warm(10));
  assert.deepEqual(answered.WarmThroughput, { TargetMiBps: 10, CurrentMiBps: 4 });
  await under.active('s');
  const summary = async () =>
    (await under.call(describeStreamSummary, { StreamName: 's' })).StreamDescriptionSummary;
  assert.deepEqual((await summary()).WarmThroughput, { TargetMiBps: 10, CurrentMiBps: 10 });
  assert.equal((await summary()).OpenShardCount, 10);
  await under.call(updateStreamWarmThroughput, warm(0));
  await under.active('s');
  under.clock.advance(hourMs);
  await under.active('s');
  assert.equal((await summary()).OpenShardCount, 4);
  assert.equal(
    (await under.refusal('UpdateStreamWarmThroughput', warm(10_241)))[0],
    'LimitExceededException',
  );
  const onDemand = { StreamModeDetails: { StreamMode: 'ON_DEMAND' }, WarmThroughputMiBps: 6 } as const;
  await under.call(createStream, { StreamName: 'u', ...onDemand });
  await under.active('u');
  assert.equal((await under.describe('u')).Shards.length, 6);
  await under.close();
});
