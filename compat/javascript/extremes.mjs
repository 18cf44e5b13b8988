// What is rare and still must hold: the largest record, a thousand shards, an hour in which little comes, a server that
// is killed while it is written to.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { active, create, firstShard, iterator, numbers, readShard, text } from './stream.mjs';

const MiB = 1024 * 1024;
const minuteMs = 60_000;
const shardCount = 1000;
const crashes = 3;
/** How much is put between two crashes at least. */
const roundsMin = 10;
/** As long as a record may take from its put until it is read. */
const lookMsMax = 10_000;
/** A client gives up after it was refused a few times; the server needs a while on a machine that is busy. */
const startMsMax = 120_000;
const againMs = 250;

export const extremes = {
  async large({ kinesis, sdk }) {
    const StreamName = 'js-large';
    const { StreamARN } = await create(kinesis, sdk, StreamName);
    const put = (PartitionKey, Data) =>
      kinesis.send(new sdk.PutRecordCommand({ StreamName, PartitionKey, Data }));
    // The key counts: a record of a MiB is what a stream takes that was told nothing.
    await assert.rejects(put('key', randomBytes(MiB - 2)), { name: 'ValidationException' });
    await largestRecords(kinesis, sdk, StreamARN);
    await active(kinesis, sdk, StreamName);
    const largest = [randomBytes(10 * MiB - 3), randomBytes(10 * MiB - 3)];
    await put('key', Buffer.from('before'));
    await put('key', largest[0]);
    const batch = await kinesis.send(
      new sdk.PutRecordsCommand({ StreamName, Records: [{ PartitionKey: 'key', Data: largest[1] }] }),
    );
    assert.equal(batch.FailedRecordCount, 0);
    await put('key', Buffer.from('after'));
    await assert.rejects(put('key', randomBytes(10 * MiB - 2)), { name: 'ValidationException' });
    const { records } = await readShard(kinesis, sdk, StreamName, firstShard);
    assert.equal(records.length, 4);
    assert.equal(text(records[0]), 'before');
    for (const [i, data] of largest.entries())
      assert.ok(data.equals(records[i + 1].Data), `large record ${i}`);
    assert.equal(text(records[3]), 'after');
  },

  async 'thousand-shards'({ kinesis, sdk }) {
    const StreamName = 'js-thousand-shards';
    const summary = await create(kinesis, sdk, StreamName, shardCount);
    assert.equal(summary.OpenShardCount, shardCount);
    const shards = [];
    const sizes = [];
    let page;
    do {
      const from = page === undefined ? { StreamName } : { NextToken: page.NextToken };
      page = await kinesis.send(new sdk.ListShardsCommand({ ...from, MaxResults: 300 }));
      shards.push(...page.Shards);
      sizes.push(page.Shards.length);
    } while (page.NextToken !== undefined);
    assert.deepEqual(sizes, [300, 300, 300, 100]);
    assert.equal(new Set(shards.map(({ ShardId }) => ShardId)).size, shardCount);
    const described = [];
    let more = true;
    while (more) {
      const { StreamDescription } = await kinesis.send(
        new sdk.DescribeStreamCommand({ StreamName, ExclusiveStartShardId: described.at(-1) }),
      );
      described.push(...StreamDescription.Shards.map(({ ShardId }) => ShardId));
      more = StreamDescription.HasMoreShards;
    }
    assert.deepEqual(
      described,
      shards.map(({ ShardId }) => ShardId),
    );
    for (const half of [shards.slice(0, 500), shards.slice(500)]) {
      const Records = half.map(({ ShardId, HashKeyRange }) => ({
        PartitionKey: 'k',
        ExplicitHashKey: HashKeyRange.StartingHashKey,
        Data: Buffer.from(ShardId),
      }));
      const answer = await kinesis.send(new sdk.PutRecordsCommand({ StreamName, Records }));
      assert.equal(answer.FailedRecordCount, 0);
      assert.deepEqual(
        answer.Records.map(({ ShardId }) => ShardId),
        half.map(({ ShardId }) => ShardId),
      );
    }
    for (const ShardId of described) {
      const { records } = await readShard(kinesis, sdk, StreamName, ShardId);
      assert.deepEqual(records.map(text), [ShardId]);
    }
    await kinesis.send(new sdk.DeleteStreamCommand({ StreamName }));
  },

  async sparse({ kinesis, sdk, control }) {
    const StreamName = 'js-sparse';
    await create(kinesis, sdk, StreamName, 2);
    const shards = ['shardId-000000000000', 'shardId-000000000001'];
    const next = new Map();
    for (const shard of shards) next.set(shard, await iterator(kinesis, sdk, StreamName, shard));
    const came = [];
    await control('POST', 'clock/hold');
    for (let minute = 0; minute < 60; minute++) {
      await control('POST', 'clock/advance', { ms: minuteMs });
      const ExplicitHashKey = minute % 2 === 0 ? '0' : String(2n ** 128n - 1n);
      const Data = Buffer.from(String(minute));
      await kinesis.send(new sdk.PutRecordCommand({ StreamName, PartitionKey: 'k', ExplicitHashKey, Data }));
      // Each iterator is from the answer before, a minute ago; of two shards one has brought nothing.
      const before = came.length;
      for (let waitedMs = 0; came.length === before; waitedMs += 20) {
        assert.ok(waitedMs < lookMsMax, `the record of minute ${minute} did not come`);
        for (const shard of shards) {
          const page = await kinesis.send(new sdk.GetRecordsCommand({ ShardIterator: next.get(shard) }));
          next.set(shard, page.NextShardIterator);
          assert.equal(page.MillisBehindLatest, 0);
          came.push(...page.Records);
        }
        if (came.length === before) await sleep(20);
      }
    }
    await control('POST', 'clock/release');
    assert.deepEqual(
      numbers(came),
      Array.from({ length: 60 }, (_, minute) => minute),
    );
    const arrivals = came.map((each) => each.ApproximateArrivalTimestamp.getTime());
    for (const [i, arrival] of arrivals.entries()) {
      if (i > 0) assert.equal(arrival - arrivals[i - 1], minuteMs);
    }
    const Timestamp = came[30].ApproximateArrivalTimestamp;
    const later = await readShard(kinesis, sdk, StreamName, firstShard, {
      ShardIteratorType: 'AT_TIMESTAMP',
      Timestamp,
    });
    assert.deepEqual(
      numbers(later.records),
      Array.from({ length: 15 }, (_, i) => 30 + 2 * i),
    );
  },

  async crash({ sdk, clientOf }) {
    const StreamName = 'js-crash';
    const kinesis = clientOf({ endpoint: process.env.COMPAT_CRASHING_ENDPOINT });
    await create(kinesis, sdk, StreamName, 2);
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    let round = 0;
    const putRounds = async (holds) => {
      for (; holds(); round++) await putAll(kinesis, sdk, StreamName, keys, round);
    };
    for (let i = 0; i < crashes; i++) {
      const least = round + roundsMin;
      await putRounds(() => round < least);
      let back = false;
      const crash = fetch(process.env.COMPAT_CRASH_URL, { method: 'POST' }).finally(() => {
        back = true;
      });
      await putRounds(() => !back);
      assert.ok((await crash).ok);
    }
    const rounds = new Map(keys.map((key) => [key, []]));
    for (const ShardId of ['shardId-000000000000', 'shardId-000000000001']) {
      const { records } = await readShard(kinesis, sdk, StreamName, ShardId);
      for (const record of records) rounds.get(record.PartitionKey).push(Number(text(record)));
    }
    const all = Array.from({ length: round }, (_, i) => i);
    for (const [key, came] of rounds) {
      // A put whose answer was lost with the server is made again: twice, and in its place.
      assert.deepEqual(
        came.filter((each, i) => each !== came[i - 1]),
        all,
        key,
      );
    }
    kinesis.destroy();
  },
};

/** One record of each key, again until all are acknowledged. */
async function putAll(kinesis, sdk, StreamName, keys, round) {
  let left = keys;
  for (let waitedMs = 0; left.length > 0; ) {
    const Records = left.map((PartitionKey) => ({ PartitionKey, Data: Buffer.from(String(round)) }));
    try {
      const answer = await kinesis.send(new sdk.PutRecordsCommand({ StreamName, Records }));
      left = left.filter((_, i) => answer.Records[i].ErrorCode !== undefined);
    } catch (error) {
      if (waitedMs >= startMsMax) throw error;
      waitedMs += againMs;
      await sleep(againMs);
    }
  }
}

/** An SDK that is older than this operation has it asked in words of the wire. */
async function largestRecords(kinesis, sdk, StreamARN) {
  const input = { StreamARN, MaxRecordSizeInKiB: 10_240 };
  try {
    await kinesis.send(new sdk.UpdateMaxRecordSizeCommand(input));
  } catch (error) {
    if (!/no operation UpdateMaxRecordSize/.test(error.message)) throw error;
    const answer = await fetch(process.env.AWS_ENDPOINT_URL, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Kinesis_20131202.UpdateMaxRecordSize',
        authorization: 'AWS4-HMAC-SHA256 Credential=compat/20260101/us-east-1/kinesis/aws4_request',
      },
      body: JSON.stringify(input),
    });
    assert.ok(answer.ok, await answer.text());
  }
}
