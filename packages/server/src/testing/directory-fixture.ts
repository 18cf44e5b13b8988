/**
 * A whole data directory, for `formats.test.ts`: streams that were split, merged, trimmed by their retention and
 * deleted, in two accounts, with a catalog that has snapshots and commands behind them, and a log that has settled in
 * part and ended as by a crash.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRandom } from '@millrace/base';
import { nodeDisk, openNativeEngine } from '@millrace/log';
import { prepareDataDirectory } from '../data-directory.js';
import { addTagsToStream } from '../streams/operations/add-tags-to-stream.js';
import { createStream } from '../streams/operations/create-stream.js';
import { deleteStream } from '../streams/operations/delete-stream.js';
import { enableEnhancedMonitoring } from '../streams/operations/enable-enhanced-monitoring.js';
import { increaseStreamRetentionPeriod } from '../streams/operations/increase-stream-retention-period.js';
import { mergeShards } from '../streams/operations/merge-shards.js';
import { putRecords } from '../streams/operations/put-records.js';
import { putResourcePolicy } from '../streams/operations/put-resource-policy.js';
import { splitShard } from '../streams/operations/split-shard.js';
import { startStreamEncryption } from '../streams/operations/start-stream-encryption.js';
import { updateAccountSettings } from '../streams/operations/update-account-settings.js';
import { updateShardCount } from '../streams/operations/update-shard-count.js';
import { updateStreamMode } from '../streams/operations/update-stream-mode.js';
import { updateStreamRecordDistributionStrategy } from '../streams/operations/update-stream-record-distribution-strategy.js';
import { account, heldClock, region, startMs, TestStreams } from '../streams/streams-fixture.js';

const limits = { journalFileBytesMax: 24_000, deadBytesMax: 100_000, reserveBytes: 0, blockBytesMax: 2000 };
const hourMs = 3_600_000;
/** The clock of whoever reads the fixture: the newest records are then still kept, the oldest are not. */
export const fixtureReadMs = startMs + 30 * hourMs;
export const otherAccount = '000011112222';

/** Makes the directory at `target`. */
export async function makeDirectoryFixture(target: string): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-fixture-'));
  try {
    const clock = heldClock();
    const disk = await nodeDisk(await prepareDataDirectory(directory));
    const engine = await openNativeEngine({ disk, clock, random: seededRandom(3), limits });
    const streams = new TestStreams(clock, engine, 3, { catalogLimits: { commandsBetweenSnapshots: 6 } });
    await streams.open();
    await fill(streams);
    await cp(directory, target, { recursive: true, filter: (name) => !/lock\.\d+$/.test(name) });
    await streams.close();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function fill(streams: TestStreams): Promise<void> {
  const other = { account: otherAccount, region: 'eu-central-1' };
  await streams.call(createStream, { StreamName: 'flights', ShardCount: 2, Tags: { team: 'runway' } });
  await streams.active('flights');
  await streams.createStream('orders', 1);
  await streams.call(createStream, { StreamName: 'orders', ShardCount: 1 }, other);
  await streams.settle(() => streams.status('orders', other) === 'ACTIVE');
  await streams.createStream('gone', 1);
  await put(streams, ['flights', 'orders', 'gone'], 'expired', 20);
  streams.clock.advance(25 * hourMs);
  await streams.moving(streams.streams.sweep());
  await put(streams, ['flights', 'orders', 'gone'], 'early', 40);
  await streams.call(splitShard, {
    StreamName: 'flights',
    ShardToSplit: '0',
    NewStartingHashKey: String(2n ** 126n),
  });
  await streams.active('flights');
  await put(streams, ['flights', 'orders'], 'split', 40);
  await streams.call(mergeShards, { StreamName: 'flights', ShardToMerge: '3', AdjacentShardToMerge: '1' });
  await streams.active('flights');
  await streams.call(deleteStream, { StreamName: 'gone' });
  await streams.settle(() => streams.status('gone') === undefined);
  await change(streams);
  const record = { Data: Buffer.from('another account’s'), PartitionKey: 'k' };
  await streams.call(putRecords, { StreamName: 'orders', Records: [record] }, other);
  await put(streams, ['flights', 'orders'], 'late', 40);
}

/** Of everything that the catalog can hold of a stream, one. */
async function change(streams: TestStreams): Promise<void> {
  const StreamName = 'orders';
  const StreamARN = `arn:aws:kinesis:${region}:${account}:stream/${StreamName}`;
  await streams.call(increaseStreamRetentionPeriod, { StreamName, RetentionPeriodHours: 48 });
  await streams.call(updateShardCount, { StreamName, TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' });
  await streams.active(StreamName);
  await streams.call(startStreamEncryption, { StreamName, EncryptionType: 'KMS', KeyId: 'alias/key' });
  await streams.active(StreamName);
  await streams.call(addTagsToStream, { StreamName, Tags: { team: 'runway' } });
  await streams.call(enableEnhancedMonitoring, { StreamName, ShardLevelMetrics: ['ALL'] });
  const Commitment = { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } } as const;
  await streams.call(updateAccountSettings, Commitment);
  const StreamModeDetails = { StreamMode: 'ON_DEMAND' } as const;
  await streams.call(updateStreamMode, { StreamARN, StreamModeDetails, WarmThroughputMiBps: 3 });
  await streams.active(StreamName);
  await streams.call(updateStreamRecordDistributionStrategy, {
    StreamARN,
    RecordDistributionStrategy: 'AUTO',
  });
  const statement = { Effect: 'Allow', Principal: '*', Action: 'kinesis:*', Resource: StreamARN };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: statement });
  await streams.call(putResourcePolicy, { ResourceARN: StreamARN, Policy });
}

async function put(
  streams: TestStreams,
  names: readonly string[],
  when: string,
  calls: number,
): Promise<void> {
  for (let call = 0; call < calls; call++) {
    streams.clock.advance(250);
    for (const name of names) {
      const records = Array.from({ length: 1 + (call % 3) }, (_, i) => ({
        key: `key-${call}-${i}`,
        data: `${name} ${when} ${call}.${i} ${'.'.repeat((call * 13) % 60)}`,
      }));
      const { FailedRecordCount } = await streams.put(name, records);
      assert.equal(FailedRecordCount, 0);
    }
  }
}
