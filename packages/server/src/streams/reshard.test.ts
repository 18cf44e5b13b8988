/** Reshards while records come and go: nothing lost, nothing twice, every key in order; and through every crash. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryEngine } from '@millrace/log';
import { AwsError, hashKeyMax, partitionKeyHash, shardIdOf } from '@millrace/wire';
import { putBatchFromInput } from './codec/put-input.js';
import { reshardStepsMax } from './limits.js';
import { deleteStream } from './operations/delete-stream.js';
import { mergeShards } from './operations/merge-shards.js';
import { splitShard } from './operations/split-shard.js';
import { updateShardCount } from './operations/update-shard-count.js';
import { shardLog } from './stream.js';
import type { ReadRecord } from './streams-fixture.js';
import {
  bytesOf,
  caller,
  dying,
  engines,
  heldClock,
  readRecord,
  TestStreams,
  testStreams,
} from './streams-fixture.js';

const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`);

interface Taken {
  readonly key: string;
  readonly data: string;
  readonly shard: string;
  readonly sequenceNumber: string;
}

/** Splits the first open shard in the middle, or merges the first open pair of neighbours. */
async function reshard(under: TestStreams, split: boolean): Promise<void> {
  const { Shards } = await under.describe('s');
  const open = Shards.filter((shard) => shard.SequenceNumberRange.EndingSequenceNumber === undefined);
  open.sort((a, b) =>
    BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1,
  );
  const [first, second] = open;
  assert.ok(first !== undefined);
  if (split || second === undefined) {
    const { StartingHashKey, EndingHashKey } = first.HashKeyRange;
    const middle = (BigInt(StartingHashKey) + BigInt(EndingHashKey)) / 2n;
    await under.call(splitShard, {
      StreamName: 's',
      ShardToSplit: first.ShardId,
      NewStartingHashKey: `${middle}`,
    });
  } else {
    await under.call(mergeShards, {
      StreamName: 's',
      ShardToMerge: first.ShardId,
      AdjacentShardToMerge: second.ShardId,
    });
  }
}

/** Reads a whole lineage as a consumer does: a shard to its end, then its children. */
async function readLineage(under: TestStreams): Promise<ReadonlyMap<string, readonly ReadRecord[]>> {
  const { Shards } = await under.describe('s');
  const byShard = new Map<string, readonly ReadRecord[]>();
  for (const { ShardId } of Shards) {
    byShard.set(ShardId, await under.readShard('s', ShardId, 50));
    checkClosed(under, ShardId);
  }
  return byShard;
}

/** A closed shard's log takes nothing any more, and ends where the catalog says. */
function checkClosed(under: TestStreams, shardId: string): void {
  const stream = under.streams.find({ StreamName: 's' }, caller, 'DescribeStream');
  const shard = stream.shards.find((each) => shardIdOf(each.index) === shardId);
  if (shard?.closed === undefined) return;
  const state = under.engine.state(shardLog(stream, shard.index));
  assert.deepEqual([state?.sealed, state?.endPosition], [true, shard.closed.endPosition]);
}

/** What was acknowledged is there, once, in its shard, and every key's records follow each other through the lineage. */
async function check(
  under: TestStreams,
  byShard: ReadonlyMap<string, readonly ReadRecord[]>,
  taken: readonly Taken[],
  maybe: ReadonlySet<string>,
): Promise<void> {
  const all = [...byShard].flatMap(([shard, records]) => records.map((record) => ({ shard, ...record })));
  const found = new Map(all.map((each) => [each.sequenceNumber, each]));
  assert.equal(found.size, all.length, 'a sequence number twice');
  const acknowledged = new Map(taken.map((each) => [each.sequenceNumber, each]));
  assert.equal(acknowledged.size, taken.length, 'a sequence number given out twice');
  for (const each of taken) assert.deepEqual(found.get(each.sequenceNumber), each);
  for (const each of all) {
    assert.ok(acknowledged.has(each.sequenceNumber) || maybe.has(each.data), `${each.data} was never taken`);
  }
  const { Shards } = await under.describe('s');
  const ranges = new Map(Shards.map((shard) => [shard.ShardId, shard.HashKeyRange]));
  for (const key of keys) {
    const hash = partitionKeyHash(key);
    const ofKey = all.filter((each) => each.key === key);
    for (const { shard } of ofKey) {
      const range = ranges.get(shard);
      assert.ok(range !== undefined);
      assert.ok(hash >= BigInt(range.StartingHashKey) && hash <= BigInt(range.EndingHashKey));
    }
    const numbers = ofKey
      .filter((each) => acknowledged.has(each.sequenceNumber))
      .sort((a, b) => (a.sequenceNumber < b.sequenceNumber ? -1 : 1))
      .map((each) => Number(each.data.split('/')[1]));
    const inOrder = [...numbers].sort((a, b) => a - b);
    assert.deepEqual(numbers, inOrder, `the records of ${key} are out of order`);
  }
}

/**
 * Reads a lineage while it grows, as KCL does: a shard from its beginning to its end, its children when all of their
 * parents are done. Stops at the tips once `writing` says that nothing more comes.
 */
class LineageReader {
  readonly byShard = new Map<string, ReadRecord[]>();
  readonly #under: TestStreams;
  readonly #writing: () => boolean;
  readonly #ended = new Set<string>();

  constructor(under: TestStreams, writing: () => boolean) {
    this.#under = under;
    this.#writing = writing;
  }

  async follow(shard: string): Promise<void> {
    if (this.byShard.has(shard)) return;
    const records: ReadRecord[] = [];
    this.byShard.set(shard, records);
    let iterator = await this.#under.iterator('s', shard);
    for (;;) {
      const last = !this.#writing();
      const page = await this.#under.read(iterator, 7);
      records.push(...page.Records.map(readRecord));
      if (page.NextShardIterator === undefined) {
        this.#ended.add(shard);
        assert.ok(
          page.ChildShards !== undefined && page.ChildShards.length > 0,
          'an ended shard has children',
        );
        const children = page.ChildShards.filter((child) =>
          child.ParentShards.every((of) => this.#ended.has(of)),
        );
        await Promise.all(children.map((child) => this.follow(child.ShardId)));
        return;
      }
      assert.equal(page.ChildShards, undefined);
      if (last && page.Records.length === 0 && page.MillisBehindLatest === 0) return;
      iterator = page.NextShardIterator;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

for (const engine of Object.keys(engines)) {
  for (const seed of [1, 2, 3]) {
    test(`puts and reads go on through splits and merges (${engine}, seed ${seed})`, async () => {
      const delays = { createDelayMs: 0, updateDelayMs: 3, deleteDelayMs: 0 };
      const under = await testStreams({ delays }, engine, seed);
      await under.createStream('s', 2);
      const taken: Taken[] = [];
      const maybe = new Set<string>();
      let putting = true;
      // A producer for two keys, which lie in different shards most of the time, waits for each answer before it puts
      // again: what order by key means to a client.
      const half = keys.length / 2;
      const producers = keys.slice(0, half).map(async (key, k) => {
        for (let i = 0; putting; i += 2) {
          const batch = [key, keys[k + half] ?? key].flatMap((of) =>
            [0, 1].map((more) => ({ key: of, data: `${of}/${i + more}` })),
          );
          const { Records } = await under.put('s', batch);
          for (const [n, { ShardId, SequenceNumber }] of Records.entries()) {
            const { key: of, data } = batch[n] ?? { key, data: '' };
            if (SequenceNumber === undefined || ShardId === undefined) maybe.add(data);
            else taken.push({ key: of, data, shard: ShardId, sequenceNumber: SequenceNumber });
          }
          for (let turns = 0; turns < (k % 3) + 1; turns++)
            await new Promise((resolve) => setImmediate(resolve));
        }
      });
      let writing = true;
      const reader = new LineageReader(under, () => writing);
      const readers = [0, 1].map((index) => reader.follow(`shardId-00000000000${index}`));
      for (let i = 0; i < 12; i++) {
        await reshard(under, i % 3 !== 2);
        await under.active('s');
      }
      putting = false;
      await under.moving(Promise.all(producers));
      writing = false;
      await under.moving(Promise.all(readers));
      assert.ok(taken.length > 200, `${taken.length} records`);
      const whole = await readLineage(under);
      await check(under, whole, taken, maybe);
      assert.deepEqual(
        new Map([...reader.byShard].sort()),
        whole,
        'what was read on the way is what is there',
      );
      await under.close();
    });
  }
}

test('a reshard of many rounds gives way after each: nobody waits for all of them', async () => {
  const rounds = 4;
  const under = await testStreams();
  const shards = rounds * reshardStepsMax;
  await under.createStream('s', shards);
  const input = { StreamName: 's', TargetShardCount: 2 * shards, ScalingType: 'UNIFORM_SCALING' } as const;
  const openAtTurns = new Set<number>();
  let ended = false;
  // Everybody else, who looks once in every turn of the event loop.
  const look = (): void => {
    openAtTurns.add(under.streams.find({ StreamName: 's' }, caller, '').openShards);
    if (!ended) setImmediate(look);
  };
  look();
  await under.call(updateShardCount, input);
  await under.active('s');
  ended = true;
  assert.ok(openAtTurns.size >= rounds, `seen: ${[...openAtTurns].join()}`);
  await under.close();
});

test('a shard that is sealed and whose children are not there yet has not ended', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  await under.put('s', [{ key: 'a', data: '' }]);
  await under.engine.seal('stream-1/shard-0');
  const page = await under.read(await under.iterator('s', 0));
  assert.deepEqual(
    [page.Records.length, page.NextShardIterator === undefined, page.ChildShards],
    [1, false, undefined],
  );
  await under.close();
});

test('records that wait for children reach them in the order of waiting, before any later put', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const seal = under.engine.seal.bind(under.engine);
  under.engine.seal = async (log) => {
    const sealed = await seal(log);
    await held;
    return sealed;
  };
  await under.call(splitShard, {
    StreamName: 's',
    ShardToSplit: '0',
    NewStartingHashKey: `${hashKeyMax / 2n}`,
  });
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
  const put = (data: string) =>
    under.streams.put(
      batchOf([
        { key: 'a', data },
        { key: 'a', data: `${data}'` },
      ]),
      caller,
    );
  const waiting = ['1', '2', '3'].map(put);
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
  release();
  const results = await under.moving(Promise.all(waiting));
  const later = await under.moving(put('4'));
  assert.deepEqual(
    results.map((result) => [...result.positions]),
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
  );
  assert.deepEqual([...later.positions], [6, 7]);
  assert.ok((results[0]?.shards.at(-1)?.index ?? 0) > 0);
  await under.close();
});

test('records that wait too long for children, or for a stream that goes, are failed and not lost in silence', async () => {
  const under = await testStreams({ limits: { rerouteWaitMsMax: 1000 } });
  await under.createStream('s', 1);
  under.engine.create = async () => 'full';
  await under.engine.seal('stream-1/shard-0');
  const answer = await under.put('s', [{ key: 'a', data: '' }]);
  assert.equal(answer.FailedRecordCount, 1);
  const [code, message] = await under.refusal('PutRecord', { StreamName: 's', Data: '', PartitionKey: 'a' });
  assert.equal(code, 'InternalFailureException');
  assert.match(message, /children/);
  const pending = under.refusal('PutRecord', { StreamName: 's', Data: '', PartitionKey: 'a' });
  await under.call(deleteStream, { StreamName: 's' });
  assert.equal((await pending)[0], 'ResourceNotFoundException');
  await under.close();
});

/** Past `TestStreams.call`, which would go on moving the clock for an answer that never comes. */
const changes = {
  split: (under) => under.streams.split({ StreamName: 's' }, caller, '0', '1000000'),
  merge: (under) => under.streams.merge({ StreamName: 's' }, caller, '0', '1'),
  'shard-count': (under) =>
    under.streams.change({
      type: 'shard-count',
      ...{ ...caller, name: 's', target: 3, streamShardsMax: 9, shardsMax: 9 },
    }),
  mode: (under) =>
    under.streams.change({
      type: 'mode',
      ...{ ...caller, name: 's', mode: 'ON_DEMAND', onDemandStreamsMax: 1, shardsMax: 9 },
    }),
  create: (under) =>
    under.streams.create(caller, { name: 't', shards: 3, mode: 'PROVISIONED', recordKibMax: 1024, tags: {} }),
  delete: (under) => under.streams.delete(under.streams.find({ StreamName: 's' }, caller, 'DeleteStream')),
} as const satisfies { readonly [name: string]: (under: TestStreams) => Promise<void> };

for (const [name, change] of Object.entries(changes)) {
  test(`a ${name} crashed after any of its steps is taken up and ends, or never began`, async () => {
    const outcomes: string[] = [];
    for (let calls = 0; ; calls++) {
      const clock = heldClock();
      const engine = openMemoryEngine({ clock });
      let left = Number.POSITIVE_INFINITY;
      const under = new TestStreams(
        clock,
        dying(engine, () => left-- > 0),
        calls,
        {},
      );
      await under.open();
      await under.createStream('s', 2);
      const taken: Taken[] = [];
      await putOne(under, 0, taken);
      left = calls;
      // Not awaited: it may never answer. What it is refused with shows in the state after the restart.
      let refusedWith: unknown;
      change(under).catch((error: unknown) => {
        refusedWith = error;
      });
      for (let turns = 0; turns < 100; turns++) {
        await new Promise((resolve) => setImmediate(resolve));
        const dueMs = clock.nextDueMs();
        if (dueMs !== undefined && dueMs - clock.now() < 1000) clock.advance(dueMs - clock.now());
      }
      assert.ok(refusedWith === undefined || refusedWith instanceof AwsError, String(refusedWith));
      const again = new TestStreams(clock, engine, calls + 100, {});
      await again.open();
      await again.settle(() =>
        [...again.streams.view.streams.values()].every((stream) => stream.status === 'ACTIVE'),
      );
      outcomes.push(
        [...again.streams.view.streams.values()]
          .map((stream) => `${stream.name}${stream.shards.length}`)
          .join(),
      );
      const logs = engine.list().filter((log) => log.startsWith('stream-'));
      const shards = [...again.streams.view.streams.values()].flatMap((stream) => stream.shards);
      assert.equal(logs.length, shards.length, 'a log for each shard, and no other');
      if (again.status('s') !== undefined) {
        await putOne(again, 1, taken);
        await check(again, await readLineage(again), taken, new Set());
      }
      await again.close();
      if (left > 0) break;
    }
    const ends = { split: 's4', merge: 's3', 'shard-count': 's7', mode: 's2', create: 's2,t3', delete: '' }[
      name
    ];
    assert.ok(outcomes.length > (name === 'mode' ? 2 : 4), `crashed after ${outcomes.length} calls only`);
    assert.deepEqual(new Set(outcomes), new Set(['s2', ends]));
  });
}

async function putOne(under: TestStreams, i: number, taken: Taken[]): Promise<void> {
  const batch = keys.map((key) => ({ key, data: `${key}/${i}` }));
  const { Records } = await under.put('s', batch);
  for (const [n, { ShardId, SequenceNumber }] of Records.entries()) {
    const { key, data } = batch[n] ?? { key: '', data: '' };
    assert.ok(ShardId !== undefined && SequenceNumber !== undefined);
    taken.push({ key, data, shard: ShardId, sequenceNumber: SequenceNumber });
  }
}

function batchOf(records: readonly { key: string; data: string }[]) {
  const batch = putBatchFromInput(
    { StreamName: 's' },
    records.map(({ key, data }) => ({ PartitionKey: key, Data: bytesOf(data) })),
  );
  assert.ok(!('invalidHashKey' in batch));
  return batch;
}
