/** Subscriptions on a clock that is held: what is told when, and what is shared. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cborProtocol } from '@millrace/wire';
import { deleteStream } from '../operations/delete-stream.js';
import { mergeShards } from '../operations/merge-shards.js';
import { splitShard } from '../operations/split-shard.js';
import { account, type TestStreams, testStreams } from '../streams-fixture.js';
import { registered, Subscriber } from './subscriber-fixture.js';

const shard = 'shardId-000000000000';
const horizon = { Type: 'TRIM_HORIZON' } as const;
const latest = { Type: 'LATEST' } as const;

async function started(options: Parameters<typeof testStreams>[0] = {}): Promise<TestStreams> {
  const under = await testStreams(options);
  await under.createStream('s', 1);
  return under;
}

const open = (
  under: TestStreams,
  ConsumerARN: string,
  StartingPosition: Parameters<typeof Subscriber.open>[1]['StartingPosition'] = horizon,
) => Subscriber.open(under, { ConsumerARN, ShardId: shard, StartingPosition });

test('events in CBOR are those in JSON', async () => {
  const under = await started();
  await under.put('s', [{ key: 'Zürich', data: 'over CBOR' }]);
  const json = await open(under, await registered(under, 'json'));
  const request = { ConsumerARN: await registered(under, 'cbor'), ShardId: shard, StartingPosition: horizon };
  const cbor = await Subscriber.open(under, request, { protocol: cborProtocol });
  const [a, b] = [await json.told(), await cbor.told()];
  assert.ok(a.kind === 'event' && b.kind === 'event');
  assert.deepEqual(b.event, a.event);
  assert.deepEqual(cbor.texts, ['over CBOR']);
  await under.close();
  assert.deepEqual(await json.told(), { kind: 'end' });
});

test('an event is encoded once for all that stand at its place', async () => {
  const under = await started();
  const subscribers: Subscriber[] = [];
  for (let i = 0; i < 20; i++) subscribers.push(await open(under, await registered(under, `c${i}`)));
  for (let round = 0; round < 3; round++) {
    await under.put('s', [{ key: 'k', data: `${round}` }]);
    const events = await Promise.all(subscribers.map((each) => each.told()));
    const bytes = new Set(events.map((told) => (told.kind === 'event' ? told.bytes.buffer : undefined)));
    const places = new Set(events.map((told) => (told.kind === 'event' ? told.bytes.byteOffset : -1)));
    assert.equal(bytes.size, 1, 'all have the same memory');
    assert.equal(places.size, 1);
  }
  for (const { texts } of subscribers) assert.deepEqual(texts, ['0', '1', '2']);
  await under.close();
});

test('an event holds so many records and bytes and no more, and a record larger than that goes alone', async () => {
  const under = await started({ limits: { eventRecordsMax: 3, eventBytesMax: 1000 } });
  const data = ['a', 'b', 'c', 'd', 'x'.repeat(5000), 'e', 'y'.repeat(600), 'z'.repeat(600)];
  for (const each of data) await under.put('s', [{ key: 'k', data: each }]);
  const subscriber = await open(under, await registered(under, 'app'));
  const counts: number[] = [];
  const behind: boolean[] = [];
  under.clock.advance(10);
  while (subscriber.texts.length < data.length) {
    const told = await subscriber.told();
    assert.ok(told.kind === 'event');
    counts.push(told.event.Records.length);
    behind.push(told.event.MillisBehindLatest > 0);
  }
  assert.deepEqual(counts, [3, 1, 1, 2, 1]);
  assert.deepEqual(behind, [true, true, true, true, false]);
  assert.deepEqual(subscriber.texts, data);
  await under.close();
});

test('what is kept of events is bounded, and what was let go is read again', async () => {
  const under = await started({ limits: { sharedEventsBytesMax: 2000, eventRecordsMax: 1 } });
  for (let i = 0; i < 50; i++) await under.put('s', [{ key: 'k', data: `${i}`.padEnd(300, '.') }]);
  const first = await open(under, await registered(under, 'first'));
  for (let i = 0; i < 50; i++) await first.told();
  const second = await open(under, await registered(under, 'second'));
  for (let i = 0; i < 50; i++) await second.told();
  assert.deepEqual(second.texts, first.texts);
  await under.close();
});

test('nothing is told of a sealed shard until its children are known', async () => {
  const under = await started({ delays: { createDelayMs: 0, updateDelayMs: 0, deleteDelayMs: 0 } });
  const subscriber = await open(under, await registered(under, 'app'));
  await under.put('s', [{ key: 'k', data: 'last' }]);
  await subscriber.told();
  const next = subscriber.told();
  await under.call(splitShard, { StreamName: 's', ShardToSplit: shard, NewStartingHashKey: '1000' });
  assert.equal((await next).kind, 'event');
  assert.deepEqual(subscriber.children, ['shardId-000000000001', 'shardId-000000000002']);
  assert.deepEqual(await subscriber.told(), { kind: 'end' });
  assert.equal(under.streams.fanOut.subscriptions, 0);
  const again = await open(under, await registered(under, 'other'));
  const told = await again.told();
  assert.ok(told.kind === 'event' && told.event.ContinuationSequenceNumber === undefined);
  assert.deepEqual(again.texts, ['last'], 'the end comes with the last records');
  await under.close();
});

test('both shards of a merge end with the one child, and name it', async () => {
  const under = await testStreams();
  await under.createStream('s', 2);
  const app = await registered(under, 'app');
  const parents: Subscriber[] = [];
  for (const ShardId of ['shardId-000000000000', 'shardId-000000000001']) {
    parents.push(await Subscriber.open(under, { ConsumerARN: app, ShardId, StartingPosition: horizon }));
  }
  const ends = parents.map((each) => each.told());
  await under.call(mergeShards, { StreamName: 's', ShardToMerge: '0', AdjacentShardToMerge: '1' });
  for (const [i, end] of ends.entries()) {
    const told = await end;
    assert.ok(told.kind === 'event');
    assert.deepEqual(
      told.event.ChildShards?.map(({ ShardId, ParentShards }) => [ShardId, [...ParentShards].sort()]),
      [['shardId-000000000002', ['shardId-000000000000', 'shardId-000000000001']]],
    );
    assert.deepEqual(await parents[i]?.told(), { kind: 'end' });
  }
  await under.close();
});

test('a subscription that nobody reads is over when it is taken over, expires, or its stream goes', async () => {
  const under = await started();
  const app = await registered(under, 'app');
  const first = await open(under, app, latest);
  under.clock.advance(5000);
  const second = await open(under, app, latest);
  assert.deepEqual(await first.told(), { kind: 'exception', name: 'ResourceInUseException' });
  assert.deepEqual(await first.told(), { kind: 'end' });
  assert.equal(under.streams.fanOut.subscriptions, 1);
  under.clock.advance(300_000);
  assert.equal(under.streams.fanOut.subscriptions, 0);
  assert.deepEqual(await second.told(), { kind: 'end' });
  const third = await open(under, app, latest);
  await under.call(deleteStream, { StreamName: 's', EnforceConsumerDeletion: true });
  assert.deepEqual(await third.told(), { kind: 'exception', name: 'ResourceNotFoundException' });
  await under.settle(() => under.status('s') === undefined);
  await under.close();
});

test('a client that went away, before or after the first event, leaves nothing behind', async () => {
  const under = await started();
  const gone = new AbortController();
  const request = { ShardId: shard, StartingPosition: latest };
  const one = await Subscriber.open(
    under,
    { ...request, ConsumerARN: await registered(under, 'one') },
    { context: { signal: gone.signal } },
  );
  assert.equal(under.streams.fanOut.subscriptions, 1);
  const waiting = one.told();
  gone.abort();
  assert.deepEqual(await waiting, { kind: 'end' });
  const two = await open(under, await registered(under, 'two'), latest);
  await two.leave();
  assert.equal(under.streams.fanOut.subscriptions, 0);
  await under.close();
});

test('refusals come before there is a stream, each in its own words', async () => {
  const under = await started({
    limits: { subscriptionsMax: 1 },
    delays: { createDelayMs: 1000, updateDelayMs: 0, deleteDelayMs: 0 },
  });
  const refused = async (input: object) =>
    under.refusal('SubscribeToShard', { ShardId: shard, StartingPosition: latest, ...input });
  const app = await registered(under, 'app');
  assert.deepEqual(await refused({ ConsumerARN: app, ShardId: 'shardId-000000000009' }), [
    'ResourceNotFoundException',
    `Shard shardId-000000000009 in stream s under account ${account} does not exist`,
  ]);
  assert.equal((await refused({ ConsumerARN: app, ShardId: 'x' }))[0], 'ResourceNotFoundException');
  const at = { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: '1' };
  assert.match(
    (await refused({ ConsumerARN: app, StartingPosition: at }))[1],
    /used in a call to a shard|used in SubscribeToShard/,
  );
  assert.equal(
    (await refused({ ConsumerARN: app, StartingPosition: { Type: 'AT_TIMESTAMP' } }))[0],
    'InvalidArgumentException',
  );
  assert.equal(
    (await refused({ ConsumerARN: app, StartingPosition: { Type: 'NEWEST' } }))[0],
    'ValidationException',
  );
  assert.equal((await refused({ ConsumerARN: app, DryRun: true }))[0], 'DryRunOperationException');
  await under.run(
    'RegisterStreamConsumer',
    cborProtocol,
    cborProtocol.encode(under.bound('RegisterStreamConsumer').input, {
      StreamARN: app.slice(0, app.indexOf('/consumer/')),
      ConsumerName: 'fresh',
    }),
  );
  const seconds = Math.floor(under.clock.now() / 1000);
  const fresh = app.replace(/app:\d+$/, `fresh:${seconds}`);
  assert.deepEqual(await refused({ ConsumerARN: fresh }), [
    'ResourceInUseException',
    `Consumer fresh with creation timestamp ${seconds} under stream s and account ${account} is not in ACTIVE status.`,
  ]);
  assert.equal(under.streams.fanOut.subscriptions, 0);
  await open(under, app);
  const other = await registered(under, 'other');
  assert.equal((await refused({ ConsumerARN: other }))[0], 'LimitExceededException');
  await under.close();
});

test('a pace holds events back by what they weigh', async () => {
  const asked: number[] = [];
  const under = await started({
    limits: { eventRecordsMax: 1 },
    pace: (_of, bytes) => {
      asked.push(bytes);
      return bytes;
    },
  });
  await under.put('s', [
    { key: 'k', data: 'x'.repeat(999) },
    { key: 'k', data: 'y'.repeat(499) },
    { key: 'k', data: 'z' },
  ]);
  const subscriber = await open(under, await registered(under, 'app'));
  const beganMs = under.clock.now();
  const timesMs: number[] = [];
  for (let i = 0; i < 3; i++) {
    await subscriber.told();
    timesMs.push(under.clock.now() - beganMs);
  }
  assert.deepEqual(asked, [1000, 500, 2]);
  assert.deepEqual(timesMs, [0, 1000, 1500]);
  await under.close();
});
