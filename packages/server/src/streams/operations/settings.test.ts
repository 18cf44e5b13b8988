/** Settings of a stream, as clients change and see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonProtocol } from '@millrace/wire';
import { hourMs } from '../limits.js';
import { account, bytesOf, region, testStreams } from '../streams-fixture.js';
import { decreaseStreamRetentionPeriod } from './decrease-stream-retention-period.js';
import { describeAccountSettings } from './describe-account-settings.js';
import { describeLimits } from './describe-limits.js';
import { describeStreamSummary } from './describe-stream-summary.js';
import { disableEnhancedMonitoring } from './disable-enhanced-monitoring.js';
import { enableEnhancedMonitoring } from './enable-enhanced-monitoring.js';
import { getRecords } from './get-records.js';
import { increaseStreamRetentionPeriod } from './increase-stream-retention-period.js';
import { putRecord } from './put-record.js';
import { startStreamEncryption } from './start-stream-encryption.js';
import { stopStreamEncryption } from './stop-stream-encryption.js';
import { updateAccountSettings } from './update-account-settings.js';
import { updateMaxRecordSize } from './update-max-record-size.js';

const arn = `arn:aws:kinesis:${region}:${account}:stream/s`;

test('retention goes up and down within its bounds, and survives a restart', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  await under.call(increaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 8760 });
  await under.reopen();
  assert.equal((await under.describe('s')).RetentionPeriodHours, 8760);
  await under.call(decreaseStreamRetentionPeriod, { StreamARN: arn, RetentionPeriodHours: 48 });
  const cases = [
    [
      'Increase',
      23,
      'Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.',
    ],
    [
      'Decrease',
      0,
      'Minimum allowed retention period is 24 hours. Requested retention period (0 hours) is too short.',
    ],
    [
      'Increase',
      8761,
      'Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.',
    ],
    [
      'Increase',
      47,
      'Requested retention period (47 hours) for stream s can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API.',
    ],
    [
      'Decrease',
      49,
      'Requested retention period (49 hours) for stream s can not be longer than existing retention period (48 hours). Use IncreaseRetentionPeriod API.',
    ],
  ] as const;
  for (const [verb, hours, message] of cases) {
    const input = { StreamName: 's', RetentionPeriodHours: hours };
    assert.deepEqual(await under.refusal(`${verb}StreamRetentionPeriod`, input), [
      'InvalidArgumentException',
      message,
    ]);
  }
  await under.close();
});

test('a longer retention keeps what is there and brings nothing back; a shorter one takes at once', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  await under.put('s', [{ key: 'a', data: 'first' }]);
  under.clock.advance(23 * hourMs);
  await under.put('s', [{ key: 'a', data: 'second' }]);
  under.clock.advance(2 * hourMs);
  await under.call(increaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 72 });
  const texts = async () => (await under.readShard('s', 0)).map((record) => record.data);
  assert.deepEqual(await texts(), ['second'], 'the first was gone before the retention grew');
  under.clock.advance(40 * hourMs);
  await under.streams.sweep();
  assert.deepEqual(await texts(), ['second']);
  await under.call(decreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 24 });
  assert.deepEqual(await texts(), []);
  await under.close();
});

test('the largest record grows to 10 MiB when the stream is ACTIVE again', async () => {
  const under = await testStreams({ delays: { createDelayMs: 0, updateDelayMs: 50, deleteDelayMs: 0 } });
  await under.createStream('s', 1);
  const large = { StreamName: 's', PartitionKey: 'k', Data: new Uint8Array(10 * 1024 * 1024 - 1) };
  await assert.rejects(under.call(putRecord, large), { code: 'ValidationException' });
  await under.call(updateMaxRecordSize, { StreamARN: arn, MaxRecordSizeInKiB: 10_240 });
  assert.equal(under.status('s'), 'UPDATING');
  await assert.rejects(under.call(putRecord, large), { code: 'ValidationException' });
  await under.active('s');
  await under.call(putRecord, large);
  const [read] = await under.readShard('s', 0);
  assert.equal(read?.data.length, large.Data.length);
  const summary = await under.call(describeStreamSummary, { StreamName: 's' });
  assert.equal(summary.StreamDescriptionSummary.MaxRecordSizeInKiB, 10_240);
  assert.deepEqual(await under.refusal('UpdateMaxRecordSize', { MaxRecordSizeInKiB: 2048 }), [
    'ValidationException',
    "1 validation error detected: Value null at 'streamARN' failed to satisfy constraint: Member must not be null",
  ]);
  await under.close();
});

test('enhanced monitoring answers what was and what is, in the order of the model', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const first = await under.call(enableEnhancedMonitoring, {
    StreamName: 's',
    ShardLevelMetrics: ['OutgoingBytes', 'IncomingBytes'],
  });
  assert.deepEqual(first.CurrentShardLevelMetrics, []);
  assert.deepEqual(first.DesiredShardLevelMetrics, ['IncomingBytes', 'OutgoingBytes']);
  const all = await under.call(enableEnhancedMonitoring, { StreamARN: arn, ShardLevelMetrics: ['ALL'] });
  assert.equal(all.DesiredShardLevelMetrics?.length, 7);
  const fewer = await under.call(disableEnhancedMonitoring, {
    StreamName: 's',
    ShardLevelMetrics: ['IteratorAgeMilliseconds'],
  });
  assert.equal(fewer.CurrentShardLevelMetrics?.length, 7);
  assert.equal(fewer.DesiredShardLevelMetrics?.length, 6);
  await under.reopen();
  assert.equal((await under.describe('s')).EnhancedMonitoring[0]?.ShardLevelMetrics?.length, 6);
  await under.close();
});

test('a record says that it is encrypted when it was put under a key, and a page never mixes', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const put = async (data: string) => {
    under.clock.advance(1000);
    const record = { StreamName: 's', PartitionKey: 'k', Data: bytesOf(data) };
    return (await under.call(putRecord, record)).EncryptionType;
  };
  assert.equal(await put('plain'), undefined);
  under.clock.advance(1000);
  const key = { StreamName: 's', EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' } as const;
  await under.call(startStreamEncryption, key);
  await under.active('s');
  assert.deepEqual([await put('one'), await put('two')], ['KMS', 'KMS']);
  const described = await under.describe('s');
  assert.deepEqual([described.EncryptionType, described.KeyId], ['KMS', 'alias/aws/kinesis']);
  under.clock.advance(1000);
  await under.call(stopStreamEncryption, key);
  await under.active('s');
  assert.equal(await put('plain again'), undefined);
  await under.reopen();
  assert.equal((await under.describe('s')).EncryptionType, 'NONE');
  const pages: (readonly (string | undefined)[])[] = [];
  let iterator: string | undefined = await under.iterator('s', 0);
  for (let page = 0; page < 4 && iterator !== undefined; page++) {
    const read: Awaited<ReturnType<typeof under.read>> = await under.call(getRecords, {
      ShardIterator: iterator,
    });
    pages.push(read.Records.map((record) => record.EncryptionType));
    iterator = read.NextShardIterator;
  }
  assert.deepEqual(pages, [[undefined], ['KMS', 'KMS'], [undefined], []]);
  assert.equal((await under.refusal('StopStreamEncryption', key))[0], 'InvalidArgumentException');
  const none = { ...key, EncryptionType: 'NONE' };
  assert.equal((await under.refusal('StartStreamEncryption', none))[0], 'InvalidArgumentException');
  await under.close();
});

test('a key can be changed 25 times a day, counted over the last 24 hours', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  for (let i = 0; i < 25; i++) {
    await under.call(startStreamEncryption, {
      StreamName: 's',
      EncryptionType: 'KMS',
      KeyId: `alias/key-${i}`,
    });
    await under.active('s');
  }
  const more = { StreamName: 's', EncryptionType: 'KMS', KeyId: 'alias/more' } as const;
  assert.equal((await under.refusal('StartStreamEncryption', more))[0], 'LimitExceededException');
  under.clock.advance(24 * hourMs);
  await under.call(startStreamEncryption, more);
  await under.active('s');
  assert.equal((await under.describe('s')).KeyId, 'alias/more');
  await under.close();
});

test('the commitment holds for a day, and an early end is put off and can be taken back', async () => {
  const under = await testStreams();
  const described = async () =>
    (await under.call(describeAccountSettings, {})).MinimumThroughputBillingCommitment;
  const ask = (Status: 'ENABLED' | 'DISABLED') =>
    under.call(updateAccountSettings, { MinimumThroughputBillingCommitment: { Status } });
  assert.deepEqual(await described(), { Status: 'DISABLED' });
  const startMs = under.clock.now();
  await ask('ENABLED');
  under.clock.advance(hourMs);
  const early = (await ask('DISABLED')).MinimumThroughputBillingCommitment;
  assert.equal(early?.Status, 'ENABLED_UNTIL_EARLIEST_ALLOWED_END');
  assert.equal(early?.StartedAt, startMs);
  assert.equal(early?.EarliestAllowedEndAt, startMs + 24 * hourMs);
  await ask('ENABLED');
  assert.equal((await described())?.Status, 'ENABLED');
  await ask('DISABLED');
  await under.reopen();
  under.clock.advance(23 * hourMs);
  const ended = await described();
  assert.deepEqual([ended?.Status, ended?.EndedAt], ['DISABLED', startMs + 24 * hourMs]);
  await ask('ENABLED');
  under.clock.advance(25 * hourMs);
  assert.equal((await ask('DISABLED')).MinimumThroughputBillingCommitment?.Status, 'DISABLED');
  await under.close();
});

test('DescribeLimits counts open shards and on-demand streams of the account in the region', async () => {
  const under = await testStreams();
  await under.createStream('s', 3);
  assert.deepEqual(await under.call(describeLimits, {}), {
    ShardLimit: 20_000,
    OpenShardCount: 3,
    OnDemandStreamCount: 0,
    OnDemandStreamCountLimit: 50,
  });
  assert.equal((await under.call(describeLimits, {}, { region: 'eu-west-1' })).OpenShardCount, 0);
  await under.close();
});

test('what AWS changes on ACTIVE streams alone is refused on others, and on none', async () => {
  const under = await testStreams({ delays: { createDelayMs: 50, updateDelayMs: 0, deleteDelayMs: 0 } });
  const inputs = {
    IncreaseStreamRetentionPeriod: { StreamARN: arn, RetentionPeriodHours: 25 },
    DecreaseStreamRetentionPeriod: { StreamARN: arn, RetentionPeriodHours: 24 },
    EnableEnhancedMonitoring: { StreamARN: arn, ShardLevelMetrics: ['ALL'] },
    StartStreamEncryption: { StreamARN: arn, EncryptionType: 'KMS', KeyId: 'alias/k' },
    UpdateShardCount: { StreamARN: arn, TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' },
    UpdateStreamMode: { StreamARN: arn, StreamModeDetails: { StreamMode: 'ON_DEMAND' } },
    UpdateMaxRecordSize: { StreamARN: arn, MaxRecordSizeInKiB: 2048 },
    UpdateStreamRecordDistributionStrategy: {
      StreamARN: arn,
      RecordDistributionStrategy: 'USER_PARTITION_KEY',
    },
  };
  for (const [name, input] of Object.entries(inputs)) {
    assert.deepEqual(await under.refusal(name, input), [
      'ResourceNotFoundException',
      `Stream s under account ${account} not found.`,
    ]);
  }
  await under.run('CreateStream', jsonProtocol, Buffer.from('{"StreamName":"s","ShardCount":1}'));
  for (const [name, input] of Object.entries(inputs)) {
    assert.deepEqual(await under.refusal(name, input), [
      'ResourceInUseException',
      `Stream s under account ${account} not ACTIVE, instead in state CREATING`,
    ]);
  }
  await under.close();
});
