import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from '@millrace/base';
import { Consumer } from './consumer.js';
import type { Flight } from './flight.js';
import { encodeEvent } from './flight.js';
import { Tally } from './tally.js';
import { FakeStream } from './testing/fake-stream.js';

const flight = (origin: string): Flight => ({
  date: '2001/01/01 00:47',
  delay: 3,
  distance: 100,
  origin,
  destination: 'SFO',
});

async function put(stream: FakeStream, first: number, last: number): Promise<void> {
  for (let n = first; n <= last; n++) {
    const origin = `A${String(n % 90).padStart(2, '0')}`;
    await stream.put([{ partitionKey: origin, data: encodeEvent('s', n, flight(origin)) }]);
  }
}

/** Runs a consumer on `tally` while `work` goes on, and stops it when that is done. */
async function consuming(
  stream: FakeStream,
  tally: Tally,
  work: (consumer: Consumer) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const alive = setInterval(() => undefined, 60_000);
  const ports = { client: stream, clock: new SystemClock(), tally, taken: () => undefined };
  const consumer = new Consumer({ ...ports, trouble: () => undefined });
  const running = consumer.run(stop.signal);
  try {
    await work(consumer);
  } finally {
    stop.abort();
    await running;
    clearInterval(alive);
  }
}

test('reads all shards to their tips, and on when more comes', async (t) => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): number => warnings.push(message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const stream = new FakeStream();
  await stream.open(40);
  await put(stream, 1, 100);
  const tally = Tally.empty('s');
  await consuming(stream, tally, async (consumer) => {
    await consumer.caughtUp();
    assert.equal(tally.counted.through, 100);
    await put(stream, 101, 150);
    await consumer.caughtUp();
    assert.equal(tally.counted.through, 150);
  });
  assert.equal(
    [...tally.shards.values()].reduce((sum, { events }) => sum + events, 0),
    150,
  );
  assert.deepEqual(warnings, []);
});

test('follows splits and merges, parents before children', async () => {
  const stream = new FakeStream();
  await stream.open(2);
  const [one = '', other = ''] = (await stream.shards()).map(({ id }) => id);
  const tally = Tally.empty('s');
  await consuming(stream, tally, async (consumer) => {
    await put(stream, 1, 40);
    stream.reshard([one], 2);
    await put(stream, 41, 80);
    await consumer.caughtUp();
    assert.equal(tally.counted.through, 80);
    stream.reshard([other, 'shardId-000000000002'], 1);
    await put(stream, 81, 120);
    await consumer.caughtUp();
    assert.equal(tally.counted.through, 120);
    assert.deepEqual(consumer.shardsOpen, ['shardId-000000000003', 'shardId-000000000004']);
  });
  assert.equal(tally.positionOf(one), 'SHARD_END');
  assert.equal(tally.positionOf('shardId-000000000002'), 'SHARD_END');
});

test('goes on from any saved tally, over a reshard too, counting nothing twice', async () => {
  const stream = new FakeStream();
  await stream.open(2);
  await put(stream, 1, 60);
  let tally = Tally.empty('s');
  await consuming(stream, tally, (consumer) => consumer.caughtUp());
  const saved = JSON.stringify(tally.state());
  await put(stream, 61, 90);
  stream.reshard(['shardId-000000000000'], 2);
  await put(stream, 91, 120);
  // What was counted after the save is forgotten by the crash, and counted again from the saved positions.
  await consuming(stream, tally, (consumer) => consumer.caughtUp());
  tally = new Tally(JSON.parse(saved));
  assert.equal(tally.counted.size, 60);
  await consuming(stream, tally, (consumer) => consumer.caughtUp());
  assert.deepEqual([tally.counted.through, tally.duplicates, tally.foreign], [120, 0, 0]);
});

test('repeats are dropped by number, and what others put is counted apart', async () => {
  const stream = new FakeStream();
  await stream.open(3);
  await put(stream, 1, 30);
  await put(stream, 11, 30);
  stream.foreign('hello');
  stream.foreign('{"n":31,"series":"another"}');
  const tally = Tally.empty('s');
  await consuming(stream, tally, (consumer) => consumer.caughtUp());
  assert.deepEqual([tally.counted.through, tally.duplicates, tally.foreign], [30, 20, 2]);
});

test('an expired iterator and a server that was away change nothing', async () => {
  const stream = new FakeStream();
  await stream.open(2);
  await put(stream, 1, 30);
  const tally = Tally.empty('s');
  await consuming(stream, tally, async (consumer) => {
    await consumer.caughtUp();
    stream.expireIterators = true;
    stream.readsUnavailable = 2;
    await put(stream, 31, 60);
    await consumer.caughtUp();
  });
  assert.deepEqual([tally.counted.through, tally.duplicates], [60, 0]);
});
