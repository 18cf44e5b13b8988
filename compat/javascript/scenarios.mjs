import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { extremes } from './extremes.mjs';
import { active, create, firstShard, iterator, numbers, readShard, registered, text } from './stream.mjs';

export const scenarios = {
  async life({ kinesis, sdk }) {
    const StreamName = 'js-life';
    const summary = await create(kinesis, sdk, StreamName, 3);
    assert.equal(summary.OpenShardCount, 3);
    assert.match(summary.StreamARN, /^arn:aws:kinesis:us-east-1:\d{12}:stream\/js-life$/);
    assert.ok(summary.StreamCreationTimestamp instanceof Date);
    const { StreamDescription } = await kinesis.send(new sdk.DescribeStreamCommand({ StreamName }));
    assert.equal(StreamDescription.Shards.length, 3);
    const { StreamNames } = await kinesis.send(new sdk.ListStreamsCommand({}));
    assert.ok(StreamNames.includes(StreamName));
    await assert.rejects(
      kinesis.send(new sdk.CreateStreamCommand({ StreamName, ShardCount: 1 })),
      (error) => {
        assert.ok(error instanceof sdk.ResourceInUseException);
        assert.match(error.message, /^Stream js-life under account \d{12} already exists\.$/);
        return true;
      },
    );
    await assert.rejects(
      kinesis.send(new sdk.CreateStreamCommand({ StreamName: 'not a name', ShardCount: 1 })),
      (error) => {
        assert.equal(error.name, 'ValidationException');
        assert.match(
          error.message,
          /^1 validation error detected: Value 'not a name' at 'streamName' failed to satisfy/,
        );
        return true;
      },
    );
    await kinesis.send(new sdk.DeleteStreamCommand({ StreamName }));
    await sdk.waitUntilStreamNotExists(
      { client: kinesis, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
      { StreamName },
    );
    await assert.rejects(
      kinesis.send(new sdk.DescribeStreamSummaryCommand({ StreamName })),
      sdk.ResourceNotFoundException,
    );
  },

  async records({ kinesis, sdk }) {
    const StreamName = 'js-records';
    await create(kinesis, sdk, StreamName, 2);
    const binary = randomBytes(1024);
    const large = randomBytes(1024 * 1024 - 1);
    const first = await kinesis.send(
      new sdk.PutRecordCommand({ StreamName, PartitionKey: 'a', ExplicitHashKey: '0', Data: binary }),
    );
    assert.equal(first.ShardId, firstShard);
    await kinesis.send(
      new sdk.PutRecordCommand({ StreamName, PartitionKey: 'a', ExplicitHashKey: '0', Data: large }),
    );
    const Records = Array.from({ length: 500 }, (_, i) => ({
      PartitionKey: `k${i}`,
      ExplicitHashKey: '0',
      Data: Buffer.from(String(i)),
    }));
    const batch = await kinesis.send(new sdk.PutRecordsCommand({ StreamName, Records }));
    assert.equal(batch.FailedRecordCount, 0);
    assert.ok(batch.Records.every(({ ShardId }) => ShardId === firstShard));
    const { records } = await readShard(kinesis, sdk, StreamName, firstShard);
    assert.equal(records.length, 502);
    assert.deepEqual(Buffer.from(records[0].Data), binary);
    assert.deepEqual(Buffer.from(records[1].Data), large);
    assert.deepEqual(numbers(records.slice(2)), numbers(Records));
    assert.equal(records[0].SequenceNumber, first.SequenceNumber);
    for (const [position, expected] of [
      [
        {
          ShardIteratorType: 'AT_SEQUENCE_NUMBER',
          StartingSequenceNumber: batch.Records[100].SequenceNumber,
        },
        100,
      ],
      [
        {
          ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
          StartingSequenceNumber: batch.Records[100].SequenceNumber,
        },
        101,
      ],
      [{ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: records[2].ApproximateArrivalTimestamp }, undefined],
    ]) {
      const found = await readShard(kinesis, sdk, StreamName, firstShard, position);
      if (expected !== undefined) assert.deepEqual(numbers(found.records), numbers(Records).slice(expected));
      else assert.ok(found.records.every((each) => each.ApproximateArrivalTimestamp >= position.Timestamp));
    }
    const latest = await iterator(kinesis, sdk, StreamName, firstShard, { ShardIteratorType: 'LATEST' });
    await kinesis.send(
      new sdk.PutRecordCommand({
        StreamName,
        PartitionKey: 'z',
        ExplicitHashKey: '0',
        Data: Buffer.from('new'),
      }),
    );
    const page = await kinesis.send(new sdk.GetRecordsCommand({ ShardIterator: latest }));
    assert.deepEqual(page.Records.map(text), ['new']);
  },

  async reshard({ kinesis, sdk }) {
    const StreamName = 'js-reshard';
    await create(kinesis, sdk, StreamName, 2);
    const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`);
    const put = async (round) => {
      const Records = keys.map((PartitionKey) => ({ PartitionKey, Data: Buffer.from(String(round)) }));
      const { FailedRecordCount } = await kinesis.send(new sdk.PutRecordsCommand({ StreamName, Records }));
      assert.equal(FailedRecordCount, 0);
    };
    await put(0);
    await kinesis.send(
      new sdk.SplitShardCommand({
        StreamName,
        ShardToSplit: firstShard,
        NewStartingHashKey: String(2n ** 126n),
      }),
    );
    await put(1);
    await active(kinesis, sdk, StreamName);
    await put(2);
    await kinesis.send(
      new sdk.MergeShardsCommand({
        StreamName,
        ShardToMerge: 'shardId-000000000003',
        AdjacentShardToMerge: 'shardId-000000000001',
      }),
    );
    await put(3);
    await active(kinesis, sdk, StreamName);
    await put(4);
    const { Shards } = await kinesis.send(new sdk.ListShardsCommand({ StreamName }));
    assert.equal(Shards.length, 5);
    const merged = Shards.find(({ ShardId }) => ShardId === 'shardId-000000000004');
    assert.deepEqual(
      [merged.ParentShardId, merged.AdjacentParentShardId],
      ['shardId-000000000003', 'shardId-000000000001'],
    );
    const seen = new Map(keys.map((key) => [key, []]));
    const inOrder = [...Shards].sort((a, b) => (a.ShardId < b.ShardId ? -1 : 1));
    for (const { ShardId, SequenceNumberRange } of inOrder) {
      const { records, children } = await readShard(kinesis, sdk, StreamName, ShardId);
      for (const record of records) seen.get(record.PartitionKey).push(Number(text(record)));
      const closed = SequenceNumberRange.EndingSequenceNumber !== undefined;
      assert.equal(children !== undefined, closed, `${ShardId} tells of its children at its end`);
      for (const child of children ?? []) assert.ok(child.ParentShards.includes(ShardId));
    }
    for (const [key, rounds] of seen) assert.deepEqual(rounds, [0, 1, 2, 3, 4], key);
  },

  async names({ kinesis, sdk, clientOf }) {
    const StreamName = 'js-names';
    const { StreamARN } = await create(kinesis, sdk, StreamName);
    await kinesis.send(new sdk.PutRecordCommand({ StreamARN, PartitionKey: 'k', Data: Buffer.from('x') }));
    const { StreamDescriptionSummary } = await kinesis.send(
      new sdk.DescribeStreamSummaryCommand({ StreamARN }),
    );
    assert.equal(StreamDescriptionSummary.StreamName, StreamName);
    for (const elsewhere of [
      { region: 'eu-west-1' },
      { credentials: { accessKeyId: '111122223333', secretAccessKey: 'x' } },
    ]) {
      const other = clientOf(elsewhere);
      const { StreamNames } = await other.send(new sdk.ListStreamsCommand({}));
      assert.deepEqual(StreamNames, []);
      await assert.rejects(
        other.send(new sdk.DescribeStreamSummaryCommand({ StreamName })),
        sdk.ResourceNotFoundException,
      );
      other.destroy();
    }
  },

  async trouble({ kinesis, sdk, control }) {
    const StreamName = 'js-trouble';
    await create(kinesis, sdk, StreamName);
    const put = (data) =>
      kinesis.send(new sdk.PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.from(data) }));
    for (const fault of ['throttle', 'internal-error', 'drop-answer']) {
      await control('POST', 'faults', { fault, operation: 'PutRecord', stream: StreamName, count: 1 });
      await put(fault);
    }
    const { records } = await readShard(kinesis, sdk, StreamName, firstShard);
    // What was lost on its way back is put again: at least once is what AWS promises too.
    assert.deepEqual(records.map(text), ['throttle', 'internal-error', 'drop-answer', 'drop-answer']);
    await control('POST', 'faults', {
      fault: 'fail-records',
      stream: StreamName,
      probability: 0.5,
      seed: 1,
      count: 5,
    });
    const Records = Array.from({ length: 20 }, (_, i) => ({
      PartitionKey: 'k',
      Data: Buffer.from(String(i)),
    }));
    const answer = await kinesis.send(new sdk.PutRecordsCommand({ StreamName, Records }));
    assert.equal(answer.FailedRecordCount, 5);
    const failed = answer.Records.filter(({ ErrorCode }) => ErrorCode !== undefined);
    assert.ok(failed.every(({ ErrorCode }) => ErrorCode === 'ProvisionedThroughputExceededException'));
    const again = Records.filter((_, i) => answer.Records[i].ErrorCode !== undefined);
    assert.equal(
      (await kinesis.send(new sdk.PutRecordsCommand({ StreamName, Records: again }))).FailedRecordCount,
      0,
    );
    const all = (await readShard(kinesis, sdk, StreamName, firstShard)).records.slice(4);
    assert.deepEqual(
      numbers(all).sort((a, b) => a - b),
      numbers(Records),
    );
  },

  async expiry({ kinesis, sdk, control }) {
    const StreamName = 'js-expiry';
    await create(kinesis, sdk, StreamName);
    const { SequenceNumber } = await kinesis.send(
      new sdk.PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.from('0') }),
    );
    const ShardIterator = await iterator(kinesis, sdk, StreamName, firstShard);
    await control('POST', 'clock/advance', { ms: 300_001 });
    await assert.rejects(kinesis.send(new sdk.GetRecordsCommand({ ShardIterator })), (error) => {
      assert.ok(error instanceof sdk.ExpiredIteratorException);
      assert.match(
        error.message,
        /^Iterator expired\. The iterator was created at time .* 300000 milliseconds\.$/,
      );
      return true;
    });
    await kinesis.send(new sdk.PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.from('1') }));
    const { records } = await readShard(kinesis, sdk, StreamName, firstShard, {
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: SequenceNumber,
    });
    assert.deepEqual(numbers(records), [1]);
  },

  async settings({ kinesis, sdk }) {
    const StreamName = 'js-settings';
    const { StreamARN } = await create(kinesis, sdk, StreamName, 2);
    const send = (Command, input) => kinesis.send(new Command(input));

    await send(sdk.AddTagsToStreamCommand, { StreamName, Tags: { team: 'a', cost: '7' } });
    await send(sdk.RemoveTagsFromStreamCommand, { StreamName, TagKeys: ['cost'] });
    const { Tags } = await send(sdk.ListTagsForStreamCommand, { StreamName });
    assert.deepEqual(Tags, [{ Key: 'team', Value: 'a' }]);

    await send(sdk.IncreaseStreamRetentionPeriodCommand, { StreamName, RetentionPeriodHours: 48 });
    assert.equal((await active(kinesis, sdk, StreamName)).RetentionPeriodHours, 48);
    await send(sdk.DecreaseStreamRetentionPeriodCommand, { StreamName, RetentionPeriodHours: 24 });
    assert.equal((await active(kinesis, sdk, StreamName)).RetentionPeriodHours, 24);

    const ShardLevelMetrics = ['IncomingBytes'];
    await send(sdk.EnableEnhancedMonitoringCommand, { StreamName, ShardLevelMetrics });
    const { EnhancedMonitoring } = await active(kinesis, sdk, StreamName);
    assert.deepEqual(EnhancedMonitoring, [{ ShardLevelMetrics }]);
    await send(sdk.DisableEnhancedMonitoringCommand, { StreamName, ShardLevelMetrics });
    await active(kinesis, sdk, StreamName);

    await send(sdk.UpdateShardCountCommand, {
      StreamName,
      TargetShardCount: 4,
      ScalingType: 'UNIFORM_SCALING',
    });
    assert.equal((await active(kinesis, sdk, StreamName)).OpenShardCount, 4);

    await send(sdk.StartStreamEncryptionCommand, {
      StreamName,
      EncryptionType: 'KMS',
      KeyId: 'alias/aws/kinesis',
    });
    assert.equal((await active(kinesis, sdk, StreamName)).EncryptionType, 'KMS');
    await send(sdk.StopStreamEncryptionCommand, {
      StreamName,
      EncryptionType: 'KMS',
      KeyId: 'alias/aws/kinesis',
    });
    assert.equal((await active(kinesis, sdk, StreamName)).EncryptionType, 'NONE');

    await send(sdk.UpdateMaxRecordSizeCommand, { StreamARN, MaxRecordSizeInKiB: 2048 });
    assert.equal((await active(kinesis, sdk, StreamName)).MaxRecordSizeInKiB, 2048);
    await send(sdk.PutRecordCommand, { StreamName, PartitionKey: 'k', Data: randomBytes(1536 * 1024) });

    await send(sdk.TagResourceCommand, { ResourceARN: StreamARN, Tags: { stage: 'test' } });
    await send(sdk.UntagResourceCommand, { ResourceARN: StreamARN, TagKeys: ['team'] });
    const tagged = await send(sdk.ListTagsForResourceCommand, { ResourceARN: StreamARN });
    assert.deepEqual(tagged.Tags, [{ Key: 'stage', Value: 'test' }]);

    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: '111122223333' },
          Action: 'kinesis:PutRecord',
          Resource: StreamARN,
        },
      ],
    });
    await send(sdk.PutResourcePolicyCommand, { ResourceARN: StreamARN, Policy });
    const policy = await send(sdk.GetResourcePolicyCommand, { ResourceARN: StreamARN });
    assert.deepEqual(JSON.parse(policy.Policy), JSON.parse(Policy));
    await send(sdk.DeleteResourcePolicyCommand, { ResourceARN: StreamARN });

    await send(sdk.UpdateAccountSettingsCommand, {
      MinimumThroughputBillingCommitment: { Status: 'ENABLED' },
    });
    const { MinimumThroughputBillingCommitment } = await send(sdk.DescribeAccountSettingsCommand, {});
    assert.equal(MinimumThroughputBillingCommitment.Status, 'ENABLED');

    await send(sdk.UpdateStreamModeCommand, { StreamARN, StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
    assert.equal((await active(kinesis, sdk, StreamName)).StreamModeDetails.StreamMode, 'ON_DEMAND');
    const warm = await send(sdk.UpdateStreamWarmThroughputCommand, { StreamARN, WarmThroughputMiBps: 8 });
    assert.equal(warm.WarmThroughput.TargetMiBps, 8);
    await active(kinesis, sdk, StreamName);
    const limits = await send(sdk.DescribeLimitsCommand, {});
    assert.ok(limits.OnDemandStreamCount >= 1);
  },

  async distribution({ kinesis, sdk }) {
    const StreamName = 'js-distribution';
    const StreamModeDetails = { StreamMode: 'ON_DEMAND' };
    await kinesis.send(new sdk.CreateStreamCommand({ StreamName, StreamModeDetails }));
    const { StreamARN } = await active(kinesis, sdk, StreamName);
    const RecordDistributionStrategy = 'AUTO';
    await kinesis.send(
      new sdk.UpdateStreamRecordDistributionStrategyCommand({ StreamARN, RecordDistributionStrategy }),
    );
    await active(kinesis, sdk, StreamName);
    // The stream spreads them by itself: no key is asked for.
    const spread = await kinesis.send(
      new sdk.PutRecordsCommand({
        StreamName,
        Records: Array.from({ length: 100 }, (_, i) => ({ Data: Buffer.from(String(i)) })),
      }),
    );
    assert.ok(new Set(spread.Records.map(({ ShardId }) => ShardId)).size > 1);
  },

  async tls({ sdk, clientOf }) {
    const StreamName = 'js-tls';
    const kinesis = clientOf({ endpoint: process.env.COMPAT_TLS_ENDPOINT });
    await create(kinesis, sdk, StreamName);
    await kinesis.send(
      new sdk.PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.from('secret') }),
    );
    const { records } = await readShard(kinesis, sdk, StreamName, firstShard);
    assert.deepEqual(records.map(text), ['secret']);
    kinesis.destroy();
  },

  async 'fan-out'({ kinesis, sdk }) {
    const StreamName = 'js-fan-out';
    const { StreamARN } = await create(kinesis, sdk, StreamName);
    const ConsumerARN = await registered(kinesis, sdk, StreamARN);
    const put = (i) =>
      kinesis.send(new sdk.PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.from(String(i)) }));
    for (let i = 0; i < 5; i++) await put(i);
    const { EventStream } = await kinesis.send(
      new sdk.SubscribeToShardCommand({
        ConsumerARN,
        ShardId: firstShard,
        StartingPosition: { Type: 'TRIM_HORIZON' },
      }),
    );
    const putting = (async () => {
      for (let i = 5; i < 10; i++) await put(i);
    })();
    const records = [];
    for await (const { SubscribeToShardEvent } of EventStream) {
      records.push(...SubscribeToShardEvent.Records);
      assert.ok(SubscribeToShardEvent.ContinuationSequenceNumber);
      if (records.length === 10) break;
    }
    await putting;
    assert.deepEqual(numbers(records), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await kinesis.send(new sdk.DeregisterStreamConsumerCommand({ ConsumerARN }));
  },

  async consumers({ kinesis, sdk }) {
    const StreamName = 'js-consumers';
    const { StreamARN } = await create(kinesis, sdk, StreamName);
    const ConsumerARN = await registered(kinesis, sdk, StreamARN);
    await kinesis.send(new sdk.DeregisterStreamConsumerCommand({ ConsumerARN }));
  },

  ...extremes,
};
