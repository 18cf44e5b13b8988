// What the scenarios do with a stream before they ask what they are there for.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

export const firstShard = 'shardId-000000000000';

export async function active(kinesis, sdk, StreamName) {
  await sdk.waitUntilStreamExists(
    { client: kinesis, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
    { StreamName },
  );
  for (;;) {
    const { StreamDescriptionSummary } = await kinesis.send(
      new sdk.DescribeStreamSummaryCommand({ StreamName }),
    );
    if (StreamDescriptionSummary.StreamStatus === 'ACTIVE') return StreamDescriptionSummary;
    await sleep(20);
  }
}

export async function create(kinesis, sdk, StreamName, ShardCount = 1) {
  await kinesis.send(new sdk.CreateStreamCommand({ StreamName, ShardCount }));
  return active(kinesis, sdk, StreamName);
}

export async function iterator(
  kinesis,
  sdk,
  StreamName,
  ShardId,
  position = { ShardIteratorType: 'TRIM_HORIZON' },
) {
  const answer = await kinesis.send(new sdk.GetShardIteratorCommand({ StreamName, ShardId, ...position }));
  return answer.ShardIterator;
}

/** A shard to its end, or until it is read up to the latest. */
export async function readShard(kinesis, sdk, StreamName, ShardId, position) {
  const records = [];
  let next = await iterator(kinesis, sdk, StreamName, ShardId, position);
  for (;;) {
    const page = await kinesis.send(new sdk.GetRecordsCommand({ ShardIterator: next }));
    records.push(...page.Records);
    next = page.NextShardIterator;
    if (next === undefined) return { records, children: page.ChildShards };
    assert.equal(page.ChildShards, undefined, 'children only at the end');
    if (page.MillisBehindLatest === 0) return { records, children: undefined };
  }
}

/** Registers the consumer `reader` and waits until it is active; answers its ARN. */
export async function registered(kinesis, sdk, StreamARN) {
  const ConsumerName = 'reader';
  const { Consumer } = await kinesis.send(new sdk.RegisterStreamConsumerCommand({ StreamARN, ConsumerName }));
  const { ConsumerARN } = Consumer;
  const describe = () => kinesis.send(new sdk.DescribeStreamConsumerCommand({ ConsumerARN }));
  while ((await describe()).ConsumerDescription.ConsumerStatus !== 'ACTIVE') await sleep(20);
  const { Consumers } = await kinesis.send(new sdk.ListStreamConsumersCommand({ StreamARN }));
  assert.deepEqual(
    Consumers.map((consumer) => consumer.ConsumerName),
    [ConsumerName],
  );
  return ConsumerARN;
}

export const text = (record) => Buffer.from(record.Data).toString();
export const numbers = (records) => records.map(text).map(Number);
