import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from '@millrace/base';
import type { Flight } from './flight.js';
import { Producer } from './producer.js';
import { StreamError } from './stream-client.js';
import { Tally } from './tally.js';
import { FakeStream } from './testing/fake-stream.js';

const flights: readonly Flight[] = ['ORD', 'DFW', 'ATL', 'LAX', 'PHX', 'STL', 'LAS'].map((origin, delay) => ({
  date: '2001/01/01 00:47',
  delay,
  distance: 100,
  origin,
  destination: 'SFO',
}));

async function produced(
  stream: FakeStream,
  plan: { again?: readonly number[]; next?: number; last: number; horizon?: () => number },
): Promise<{ acknowledged: number[]; troubles: (string | undefined)[] }> {
  const acknowledged: number[] = [];
  const troubles: (string | undefined)[] = [];
  const producer = new Producer(
    { series: 's', flights, again: plan.again ?? [], next: plan.next ?? 1, last: plan.last, rate: undefined },
    {
      client: stream,
      clock: new SystemClock(),
      horizon: plan.horizon ?? (() => Number.POSITIVE_INFINITY),
      acknowledged: async (numbers) => {
        acknowledged.push(...numbers);
      },
      trouble: (words) => troubles.push(words),
    },
  );
  await keepAlive(producer.run(new AbortController().signal));
  assert.equal(producer.pending, 0);
  return { acknowledged, troubles };
}

/** The clock's timers do not keep a process alive; in the program the server's socket does. */
async function keepAlive<T>(work: Promise<T>): Promise<T> {
  const alive = setInterval(() => undefined, 60_000);
  try {
    return await work;
  } finally {
    clearInterval(alive);
  }
}

/** Everything in the stream, counted. */
async function tallied(stream: FakeStream): Promise<Tally> {
  const tally = Tally.empty('s');
  for (const { id } of await stream.shards()) {
    let iterator = await stream.iterator(id, 'TRIM_HORIZON');
    for (;;) {
      const page = await stream.read(iterator);
      tally.take(id, page.records);
      if (page.records.length === 0 || page.nextIterator === undefined) break;
      iterator = page.nextIterator;
    }
  }
  return tally;
}

test('puts every number once, in order, when all goes well', async () => {
  const stream = new FakeStream();
  await stream.open(2);
  const { acknowledged } = await produced(stream, { last: 1_234 });
  assert.deepEqual(
    acknowledged,
    Array.from({ length: 1_234 }, (_, i) => i + 1),
  );
  const tally = await tallied(stream);
  assert.deepEqual([tally.counted.through, tally.duplicates], [1_234, 0]);
});

test('what is refused, or not answered, is put again until it is acknowledged', async () => {
  const stream = new FakeStream();
  await stream.open(2);
  stream.putFaults.push(
    'every other refused',
    'unavailable',
    'answer lost',
    undefined,
    'every other refused',
  );
  const { acknowledged, troubles } = await produced(stream, { last: 1_500 });
  assert.equal(new Set(acknowledged).size, 1_500);
  assert.equal(acknowledged.length, 1_500);
  const tally = await tallied(stream);
  assert.equal(tally.counted.through, 1_500);
  assert.equal(tally.duplicates, 500, 'the events whose answer was lost are in the stream twice');
  assert.ok(troubles.includes('nobody there'));
  assert.equal(troubles.at(-1), undefined, 'the trouble has passed');
});

test('after a restart the numbers that nobody acknowledged go first', async () => {
  const stream = new FakeStream();
  await stream.open(1);
  const { acknowledged } = await produced(stream, { again: [3, 7], next: 10, last: 12 });
  assert.deepEqual(acknowledged, [3, 7, 10, 11, 12]);
});

test('it waits for the count to follow', async () => {
  const stream = new FakeStream();
  await stream.open(1);
  let horizon = 5;
  const most = { given: 0 };
  const raise = setInterval(() => {
    most.given = Math.max(most.given, stream.puts);
    horizon += 5;
  }, 5);
  const { acknowledged } = await produced(stream, { last: 20, horizon: () => horizon });
  clearInterval(raise);
  assert.equal(acknowledged.length, 20);
  assert.ok(stream.puts >= 2, 'not all at once');
});

test('what no wait can mend ends it', async () => {
  const client = {
    put: async () => {
      throw new StreamError('missing', 'no such stream');
    },
  };
  const ports = { horizon: () => 10, acknowledged: async () => undefined, trouble: () => undefined };
  const plan = { series: 's', flights, again: [], next: 1, last: 5, rate: undefined };
  const producer = new Producer(plan, { client, clock: new SystemClock(), ...ports });
  await assert.rejects(producer.run(new AbortController().signal), /no such stream/);
});
