/** Reshards while records come and go: nothing lost, nothing twice, every key in order; and through every crash. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEngine } from '@millrace/log';
import { openMemoryEngine } from '@millrace/log';
import { hashKeyMax, partitionKeyHash } from '@millrace/wire';
import { putBatchFromInput } from './codec/put-input.js';
import { deleteStream } from './operations/delete-stream.js';
import { mergeShards } from './operations/merge-shards.js';
import { splitShard } from './operations/split-shard.js';
import type { ReadRecord } from './streams-fixture.js';
import { bytesOf, caller, engines, heldClock, TestStreams, testStreams } from './streams-fixture.js';

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
  for (const { ShardId } of Shards) byShard.set(ShardId, await under.readShard('s', ShardId, 50));
  return byShard;
}

/** What was acknowledged is there, once, in its shard, and every key's records follow each other through the lineage. */
async function check(under: TestStreams, taken: readonly Taken[], maybe: ReadonlySet<string>): Promise<void> {
  const all = [...(await readLineage(under))].flatMap(([shard, records]) =>
    records.map((record) => ({ shard, ...record })),
  );
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

for (const engine of Object.keys(engines)) {
  for (const seed of [1, 2, 3]) {
    test(`puts and reads go on through splits and merges (${engine}, seed ${seed})`, async () => {
      const under = await testStreams(
        { delays: { createDelayMs: 0, updateDelayMs: 3, deleteDelayMs: 0 } },
        engine,
        seed,
      );
      await under.createStream('s', 2);
      const taken: Taken[] = [];
      const maybe = new Set<string>();
      let putting = true;
      // One producer a key, each waiting for its answer: what order by key means to a client.
      const producers = keys.map(async (key, k) => {
        for (let i = 0; putting; i += 3) {
          const batch = [0, 1, 2].map((more) => ({ key, data: `${key}/${i + more}` }));
          const { Records } = await under.put('s', batch);
          for (const [n, result] of Records.entries()) {
            const data = batch[n]?.data ?? '';
            if (result.SequenceNumber === undefined || result.ShardId === undefined) maybe.add(data);
            else taken.push({ key, data, shard: result.ShardId, sequenceNumber: result.SequenceNumber });
          }
          for (let turns = 0; turns < (k % 3) + 1; turns++)
            await new Promise((resolve) => setImmediate(resolve));
        }
      });
      for (let i = 0; i < 12; i++) {
        await reshard(under, i % 3 !== 2);
        await under.active('s');
      }
      putting = false;
      await under.moving(Promise.all(producers));
      assert.ok(taken.length > 200, `${taken.length} records`);
      await check(under, taken, maybe);
      await under.close();
    });
  }
}

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
      change(under).catch(() => undefined);
      for (let turns = 0; turns < 100; turns++) {
        await new Promise((resolve) => setImmediate(resolve));
        const dueMs = clock.nextDueMs();
        if (dueMs !== undefined && dueMs - clock.now() < 1000) clock.advance(dueMs - clock.now());
      }
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
        await check(again, taken, new Set());
      }
      await again.close();
      if (left > 0) break;
    }
    const ends = { split: 's4', merge: 's3', create: 's2,t3', delete: '' }[name];
    assert.ok(outcomes.length > 4, `crashed after ${outcomes.length} calls only`);
    assert.deepEqual([...new Set(outcomes)], ['s2', ends]);
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

/** An engine that stops answering: every call after `alive` says no hangs for good, without being done. */
function dying(engine: LogEngine, alive: () => boolean): LogEngine {
  const hang = <T>(): Promise<T> => new Promise<T>(() => {});
  return {
    create: (logs) => (alive() ? engine.create(logs) : hang()),
    append: (batch) => (alive() ? engine.append(batch) : hang()),
    read: (request) => (alive() ? engine.read(request) : hang()),
    seal: (log) => (alive() ? engine.seal(log) : hang()),
    trim: (log, before) => (alive() ? engine.trim(log, before) : hang()),
    delete: (logs) => (alive() ? engine.delete(logs) : hang()),
    findByArrival: (log, arrivalMs) => engine.findByArrival(log, arrivalMs),
    state: (log) => engine.state(log),
    waitFor: (log, position, signal) => engine.waitFor(log, position, signal),
    list: () => engine.list(),
    health: () => engine.health(),
    counters: () => engine.counters(),
    close: () => engine.close(),
  };
}

function batchOf(records: readonly { key: string; data: string }[]) {
  const batch = putBatchFromInput(
    { StreamName: 's' },
    records.map(({ key, data }) => ({ PartitionKey: key, Data: bytesOf(data) })),
  );
  assert.ok(!('invalidHashKey' in batch));
  return batch;
}
