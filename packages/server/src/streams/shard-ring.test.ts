import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@millrace/base';
import { hashKeyFromWords, hashPartitionKey, uniformHashKeyRanges } from '@millrace/wire';
import { openStreams } from './open-streams.js';
import { ringOf, ShardRing } from './shard-ring.js';
import { type Stream, unset } from './stream.js';
import { startMs, testStreams } from './streams-fixture.js';

function streamOf(ranges: readonly { readonly start: bigint; readonly end: bigint }[]): Stream {
  const shards = ranges.map((range, index) => ({
    index,
    createdMs: startMs,
    openedMs: startMs,
    range,
    parents: [],
    closed: undefined,
  }));
  return {
    ...unset,
    account: '123456789012',
    region: 'us-east-1',
    name: 's',
    incarnation: 1,
    status: 'ACTIVE',
    sinceMs: startMs,
    createdMs: startMs,
    mode: 'PROVISIONED',
    retentionHours: 24,
    recordKibMax: 1024,
    tags: {},
    consumers: [],
    shards,
    nextShardIndex: shards.length,
    openShards: shards.length,
  };
}

for (const count of [1, 2, 3, 7, 1000, 10_000]) {
  test(`every key of ${count} shards goes to the shard whose range holds it`, () => {
    const ranges = uniformHashKeyRanges(count);
    const random = seededRandom(count);
    const shuffled = [...ranges].sort(() => random.fraction() - 0.5);
    const ring = new ShardRing(streamOf(shuffled));
    const records = 2000;
    const hashes = new Uint32Array(records * 4);
    for (let i = 0; i < records; i++) hashPartitionKey(`key ${i}`, hashes, i * 4);
    // The ends of the ring, which no partition key is likely to hash to.
    hashes.fill(0, 0, 4);
    hashes.fill(0xffffffff, 4, 8);
    const { shards, logs, slotOf } = ring.route(hashes, records);
    assert.equal(new Set(logs).size, logs.length);
    for (let i = 0; i < records; i++) {
      const slot = slotOf[i] ?? -1;
      const hash = hashKeyFromWords(hashes, i * 4);
      const shard = shards[slot];
      assert.ok(shard !== undefined && hash >= shard.range.start && hash <= shard.range.end);
      assert.equal(logs[slot], `stream-1/shard-${shard.index}`);
    }
    assert.deepEqual(ring.route(hashes, records), { shards, logs, slotOf });
  });
}

test('a ring is made once for each list of shards', () => {
  const stream = streamOf(uniformHashKeyRanges(3));
  assert.equal(ringOf(stream), ringOf({ ...stream, status: 'UPDATING' }));
  assert.notEqual(ringOf(stream), ringOf({ ...stream, shards: [...stream.shards] }));
});

test('a stream of 10,000 shards is made, put to, listed, split and opened again', async () => {
  const under = await testStreams();
  await under.createStream('s', 10_000);
  const answer = await under.put(
    's',
    Array.from({ length: 500 }, (_, i) => ({ key: `key ${i}`, data: `${i}` })),
  );
  assert.ok(new Set(answer.Records.map((each) => each.ShardId)).size > 450);
  await under.moving(
    under.streams.split(
      { StreamName: 's' },
      { account: '123456789012', region: 'us-east-1' },
      '9999',
      `${2n ** 128n - 9n}`,
    ),
  );
  await under.active('s');
  await under.stop();
  const reopened = await openStreams({ engine: under.engine, clock: under.clock, random: seededRandom(9) });
  const [stream] = [...reopened.view.streams.values()];
  assert.equal(stream?.openShards, 10_001);
  await reopened.close();
});
