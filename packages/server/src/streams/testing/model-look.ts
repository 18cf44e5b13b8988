/**
 * What clients see of the streams of one account and region beside what the reference model says: what is described and
 * listed, the lineage of shards, and every record.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { present } from '@millrace/base';
import { hashKeyMax } from '@millrace/wire';
import type { Caller } from '../address.js';
import { describeAccountSettings } from '../operations/describe-account-settings.js';
import { describeLimits } from '../operations/describe-limits.js';
import { describeStreamSummary } from '../operations/describe-stream-summary.js';
import { getRecords } from '../operations/get-records.js';
import { getResourcePolicy } from '../operations/get-resource-policy.js';
import { getShardIterator } from '../operations/get-shard-iterator.js';
import { listShards } from '../operations/list-shards.js';
import { listStreamConsumers } from '../operations/list-stream-consumers.js';
import { listStreams } from '../operations/list-streams.js';
import { listTagsForResource } from '../operations/list-tags-for-resource.js';
import { listTagsForStream } from '../operations/list-tags-for-stream.js';
import type { TestStreams } from '../streams-fixture.js';
import type { ReferenceModel, ReferenceRecord, ReferenceStream } from './reference-model.js';

/** Where is looked, and what must be there. */
export interface Place {
  readonly under: TestStreams;
  readonly caller: Caller;
  readonly model: ReferenceModel;
}

/** What makes a record large; who compares records does without it. */
export const padding = '.';

export function unpadded(data: string): string {
  return data.includes(padding) ? data.slice(0, data.indexOf(padding)) : data;
}

/** All that clients see is what the model says. */
export async function look(place: Place): Promise<void> {
  assert.deepEqual(await seen(place), expected(place.model));
  for (const [name, stream] of place.model.streams) {
    await checkLineage(place, name, stream);
    await checkRecords(place, name, stream);
  }
}

export function arnAt({ account, region }: Caller, name: string): string {
  return `arn:aws:kinesis:${region}:${account}:stream/${name}`;
}

export function expected(model: ReferenceModel): object {
  const streams = [...model.streams].sort(([a], [b]) => (a < b ? -1 : 1));
  const onDemand = streams.filter(([, stream]) => stream.mode === 'ON_DEMAND').length;
  return {
    commitment: model.commitment,
    open: streams.reduce((sum, [, stream]) => sum + stream.shards, 0),
    onDemand,
    streams: streams.map(([name, stream]) => ({
      name,
      status: 'ACTIVE',
      mode: stream.mode,
      shards: stream.shards,
      retention: stream.retentionHours,
      recordKib: stream.recordKib,
      strategy: stream.mode === 'ON_DEMAND' ? stream.strategy : '',
      key: stream.keyId ?? '',
      metrics: [...stream.metrics].sort(),
      warm: stream.warm ?? -1,
      tags: [...stream.tags].sort(([a], [b]) => (a < b ? -1 : 1)),
      policy: stream.policy,
      consumers: stream.consumers.told,
    })),
  };
}

export async function seen({ under, caller }: Omit<Place, 'model'>): Promise<object> {
  const limits = await under.call(describeLimits, {}, caller);
  const settings = await under.call(describeAccountSettings, {}, caller);
  const streams: object[] = [];
  for (const name of await streamNames(under, caller)) {
    const ResourceARN = arnAt(caller, name);
    const described = await under.call(describeStreamSummary, { StreamName: name }, caller);
    const of = described.StreamDescriptionSummary;
    const { Tags: tags } = await under.call(listTagsForStream, { StreamName: name }, caller);
    const { Policy: policy } = await under.call(getResourcePolicy, { ResourceARN }, caller);
    const consumers = await consumersOf(under, caller, name);
    assert.equal(of.ConsumerCount, consumers.length);
    streams.push({
      name,
      status: of.StreamStatus,
      mode: of.StreamModeDetails?.StreamMode,
      shards: of.OpenShardCount,
      retention: of.RetentionPeriodHours,
      recordKib: of.MaxRecordSizeInKiB,
      strategy: of.RecordDistributionStrategy ?? '',
      key: of.KeyId ?? '',
      metrics: [...(of.EnhancedMonitoring[0]?.ShardLevelMetrics ?? [])].sort(),
      warm: of.WarmThroughput?.TargetMiBps ?? -1,
      tags: tags.map(({ Key: key, Value: value }) => [key, value]),
      policy,
      consumers,
    });
  }
  return {
    commitment: settings.MinimumThroughputBillingCommitment?.Status,
    open: limits.OpenShardCount,
    onDemand: limits.OnDemandStreamCount,
    streams,
  };
}

/** Page by page, as a client would. */
async function streamNames(under: TestStreams, caller: Caller): Promise<readonly string[]> {
  const names: string[] = [];
  await pages(async (NextToken) => {
    const page = await under.call(listStreams, { Limit: 1, ...NextToken }, caller);
    names.push(...page.StreamNames);
    assert.equal(page.HasMoreStreams, page.NextToken !== undefined);
    return page.NextToken;
  });
  return names;
}

async function consumersOf(under: TestStreams, caller: Caller, name: string): Promise<readonly object[]> {
  const consumers: object[] = [];
  const of = { StreamARN: arnAt(caller, name), MaxResults: 2 };
  await pages(async (NextToken) => {
    const page = await under.call(listStreamConsumers, { ...of, ...NextToken }, caller);
    for (const { ConsumerName, ConsumerARN: arn, ConsumerStatus: status } of page.Consumers ?? []) {
      const { Tags } = await under.call(listTagsForResource, { ResourceARN: arn }, caller);
      const tags = (Tags ?? []).map(({ Key: key, Value: value }) => [key, value]);
      consumers.push({ name: ConsumerName, arn, status, tags });
    }
    return page.NextToken;
  });
  return consumers;
}

/** Asks for page after page: each call answers the token of the next. */
export async function pages(
  ask: (token: { readonly NextToken?: string }) => Promise<string | undefined>,
): Promise<void> {
  for (let token: string | undefined = await ask({}); token !== undefined; )
    token = await ask({ NextToken: token });
}

/** The open shards cover the ring, and whoever is named as a parent was closed, unless its retention has passed. */
async function checkLineage({ under, caller }: Place, name: string, stream: ReferenceStream): Promise<void> {
  const list = async (Type: 'AT_LATEST' | 'FROM_TRIM_HORIZON') =>
    (await under.call(listShards, { StreamName: name, ShardFilter: { Type } }, caller)).Shards ?? [];
  const open = await list('AT_LATEST');
  assert.equal(open.length, stream.shards);
  const ranges = open
    .map(({ HashKeyRange: range }) => ({
      start: BigInt(range.StartingHashKey),
      end: BigInt(range.EndingHashKey),
    }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  let next = 0n;
  for (const { start, end } of ranges) {
    assert.equal(start, next);
    next = end + 1n;
  }
  assert.equal(next, hashKeyMax + 1n);
  const all = new Map((await list('FROM_TRIM_HORIZON')).map((shard) => [shard.ShardId, shard]));
  for (const shard of all.values()) {
    for (const id of [shard.ParentShardId, shard.AdjacentParentShardId]) {
      const parent = id === undefined ? undefined : all.get(id);
      if (parent === undefined) continue;
      const { EndingSequenceNumber: end } = parent.SequenceNumberRange;
      assert.ok(end !== undefined && BigInt(end) < BigInt(shard.SequenceNumberRange.StartingSequenceNumber));
    }
  }
}

/** Every record is where it was put, once, in order, as long as its retention lasts, and nothing else is. */
async function checkRecords(
  { under, caller, model }: Place,
  name: string,
  stream: ReferenceStream,
): Promise<void> {
  const seen = new Map<
    bigint,
    { readonly key: string; readonly data: string; readonly shard: string; readonly encrypted: boolean }
  >();
  const { Shards: shards = [] } = await under.call(listShards, { StreamName: name }, caller);
  for (const { ShardId: id } of shards) {
    const first = await under.call(
      getShardIterator,
      { StreamName: name, ShardId: id, ShardIteratorType: 'TRIM_HORIZON' },
      caller,
    );
    let last = -1n;
    for (let iterator = first.ShardIterator; iterator !== undefined; ) {
      const page: Awaited<ReturnType<TestStreams['read']>> = await under.call(
        getRecords,
        { ShardIterator: iterator, Limit: 7 },
        caller,
      );
      for (const record of page.Records) {
        const number = BigInt(record.SequenceNumber);
        assert.ok(number > last, 'sequence numbers rise within a shard');
        last = number;
        const data = unpadded(Buffer.from(record.Data).toString());
        const key = record.PartitionKey ?? '';
        seen.set(number, { key, data, shard: id, encrypted: record.EncryptionType === 'KMS' });
      }
      assert.equal(page.ChildShards !== undefined, page.NextShardIterator === undefined);
      if (page.Records.length === 0 && page.MillisBehindLatest === 0) break;
      iterator = page.NextShardIterator;
    }
  }
  const horizonMs = stream.horizonMs(under.clock.now());
  const newest = new Map<string, ReferenceRecord>();
  for (const record of model.records) {
    if (record.stream !== stream.id) continue;
    const found = seen.get(record.sequenceNumber);
    seen.delete(record.sequenceNumber);
    if (record.fromMs >= horizonMs) assert.ok(found !== undefined, `record ${record.data} is lost`);
    if (record.toMs < horizonMs)
      assert.equal(found, undefined, `record ${record.data} is past its retention`);
    if (found !== undefined) {
      const { key, data, shard, encrypted } = record;
      assert.deepEqual(found, { key, data, shard, encrypted });
    }
    if (!record.ordered) continue;
    const before = newest.get(record.key);
    assert.ok(
      before === undefined || before.sequenceNumber < record.sequenceNumber,
      `${record.key} is out of order`,
    );
    newest.set(record.key, record);
  }
  for (const { data } of seen.values())
    assert.ok(model.maybe.has(data), `nobody put ${data}, or it came twice`);
}

/** Records go where their keys' hashes lie, or, where keys do not count, to every shard as often as to any other. */
export function checkSpread(
  stream: ReferenceStream,
  records: readonly { readonly key: string }[],
  answers: readonly { readonly ShardId?: string | undefined }[],
): void {
  const counts = new Map<string, number>();
  for (const [i, { ShardId: shard }] of answers.entries()) {
    if (shard === undefined) return;
    counts.set(shard, (counts.get(shard) ?? 0) + 1);
    const key = present(records[i], 'a record').key;
    const hash = BigInt(`0x${createHash('md5').update(key).digest('hex')}`);
    if (stream.strategy === 'USER_PARTITION_KEY')
      assert.ok(stream.lineage.holds(shard, hash), `${key} went to ${shard}`);
  }
  if (stream.strategy === 'USER_PARTITION_KEY') return;
  const even = Math.floor(records.length / stream.shards);
  for (const count of counts.values()) assert.ok(count === even || count === even + 1, 'spread evenly');
}
