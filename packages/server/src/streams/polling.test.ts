/** Busy pollers at the tip: who waits, for what, and what ends it. The waits' own clock is held: nothing here takes time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdjustableClock } from '@millrace/base';
import { AwsError } from '@millrace/wire';
import type { StreamsLimits } from './limits.js';
import { defaultStreamsLimits } from './limits.js';
import { deleteStream } from './operations/delete-stream.js';
import { splitShard } from './operations/split-shard.js';
import type { GetRecordsResult } from './records-page.js';
import { account, caller, heldClock, type TestStreams, testStreams } from './streams-fixture.js';

const { busyPollMs, pollWaitMs } = defaultStreamsLimits;

interface Under {
  readonly under: TestStreams;
  /** What the waits wait by. */
  readonly waits: AdjustableClock;
}

async function polled(limits: Partial<StreamsLimits> = {}, shards = 1): Promise<Under> {
  const waits = heldClock();
  const under = await testStreams({ realClock: waits, limits });
  await under.createStream('s', shards);
  return { under, waits };
}

/** One who polls a shard again and again. */
class Poller {
  readonly #under: TestStreams;
  #iterator: string;
  pages = 0;
  children = 0;

  constructor(under: TestStreams, iterator: string) {
    this.#under = under;
    this.#iterator = iterator;
  }

  static async at(under: TestStreams, shard: number): Promise<Poller> {
    const iterator = await under.iterator('s', shard, 'TRIM_HORIZON');
    // Iterators of one instant are the same, and cannot be told from those that polls were given then.
    under.clock.advance(1);
    return new Poller(under, iterator);
  }

  /** Polls, and says how many records came once there is an answer. */
  async poll(): Promise<number> {
    const page: GetRecordsResult = await this.#under.streams.polling.getRecords(
      { ShardIterator: this.#iterator },
      caller,
    );
    this.pages++;
    this.children = page.children.length;
    this.#iterator = page.nextIterator ?? '';
    return page.records.count;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function waitingFor(under: TestStreams, polls: number): Promise<void> {
  await under.settle(() => under.streams.polling.waiting === polls);
}

test('a busy poller holds a record without asking again', async () => {
  const { under } = await polled();
  const poller = await Poller.at(under, 0);
  assert.equal(await poller.poll(), 0);
  for (const data of ['one', 'two']) {
    const answer = poller.poll();
    await waitingFor(under, 1);
    await under.put('s', [{ key: 'a', data }]);
    assert.equal(await answer, 1);
  }
  assert.equal(poller.pages, 3);
  await under.close();
});

test('a wait is over after its time, and the poller goes on waiting with what it was given', async () => {
  const { under, waits } = await polled();
  const poller = await Poller.at(under, 0);
  await poller.poll();
  for (let i = 0; i < 3; i++) {
    const answer = poller.poll();
    await waitingFor(under, 1);
    waits.advance(pollWaitMs - 1);
    await turn();
    assert.equal(under.streams.polling.waiting, 1);
    waits.advance(1);
    assert.equal(await answer, 0);
  }
  await under.close();
});

test('who polls now and then is answered at once, and so is who reads to the end and once more', async () => {
  const { under, waits } = await polled();
  const poller = await Poller.at(under, 0);
  for (let i = 0; i < 3; i++) {
    assert.equal(await poller.poll(), 0);
    waits.advance(busyPollMs + 1);
  }
  await under.put('s', [{ key: 'a', data: 'one' }]);
  assert.equal(await poller.poll(), 1);
  assert.equal(await poller.poll(), 0);
  const other = await Poller.at(under, 0);
  assert.deepEqual([await other.poll(), await other.poll()], [1, 0]);
  await under.close();
});

test('without a clock of its own nobody waits', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const poller = await Poller.at(under, 0);
  for (let i = 0; i < 5; i++) assert.equal(await poller.poll(), 0);
  await under.close();
});

test('who goes round several shards waits at one of them a round', async () => {
  const { under, waits } = await polled({}, 4);
  const pollers = await Promise.all([0, 1, 2, 3].map((shard) => Poller.at(under, shard)));
  for (const poller of pollers) await poller.poll();
  let waited = 0;
  for (let round = 0; round < 5; round++) {
    for (const poller of pollers) {
      const answer = poller.poll();
      for (let i = 0; i < 5; i++) await turn();
      if (under.streams.polling.waiting > 0) {
        waited++;
        waits.advance(pollWaitMs);
      }
      assert.equal(await answer, 0);
    }
  }
  assert.equal(waited, 5);
  await under.close();
});

test('a put to another shard lets go whoever waits alone in the stream, and none of two', async () => {
  const { under, waits } = await polled({}, 3);
  const [first, second] = [await Poller.at(under, 0), await Poller.at(under, 1)];
  await first.poll();
  await second.poll();
  const alone = first.poll();
  await waitingFor(under, 1);
  const lastShard = [{ key: 'a', data: 'one', hashKey: `${2n ** 128n - 1n}` }];
  await under.put('s', lastShard);
  assert.equal(await alone, 0);
  const both = [first.poll(), second.poll()];
  await waitingFor(under, 2);
  await under.put('s', lastShard);
  assert.equal(under.streams.polling.waiting, 2);
  waits.advance(pollWaitMs);
  assert.deepEqual(await Promise.all(both), [0, 0]);
  await under.close();
});

test('past the bound of those who wait, and of those who are known, polls are answered at once', async () => {
  const { under, waits } = await polled({ pollsWaitingMax: 1 });
  const [first, second] = [await Poller.at(under, 0), await Poller.at(under, 0)];
  await first.poll();
  await second.poll();
  const waiting = first.poll();
  await waitingFor(under, 1);
  assert.equal(await second.poll(), 0);
  waits.advance(pollWaitMs);
  assert.equal(await waiting, 0);
  await under.close();

  const few = await polled({ busyPollersMax: 1 }, 2);
  const [forgotten, known] = [await Poller.at(few.under, 0), await Poller.at(few.under, 1)];
  await forgotten.poll();
  await known.poll();
  assert.equal(await forgotten.poll(), 0);
  await few.under.close();

  const watched = await polled({ tipsWatchedMax: 1 }, 2);
  const [here, there] = [await Poller.at(watched.under, 0), await Poller.at(watched.under, 1)];
  await here.poll();
  await there.poll();
  const waited = here.poll();
  await waitingFor(watched.under, 1);
  watched.waits.advance(pollWaitMs);
  assert.equal(await waited, 0);
  assert.equal(await there.poll(), 0);
  await watched.under.close();
});

test('a split answers whoever waits at the parent, and the shard ends as it does for others', async () => {
  const { under } = await polled();
  const poller = await Poller.at(under, 0);
  await poller.poll();
  const answer = poller.poll();
  await waitingFor(under, 1);
  await under.call(splitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: `${2n ** 127n}` });
  assert.equal(await under.moving(answer), 0);
  await under.active('s');
  if (poller.children === 0) await poller.poll();
  assert.equal(poller.children, 2);
  await under.close();
});

test('whoever waits in a stream that is deleted is told what others are', async () => {
  const { under } = await polled();
  const poller = await Poller.at(under, 0);
  await poller.poll();
  const told = poller.poll().then(
    () => poller.poll(),
    (error: unknown) => error,
  );
  const error = told.catch((reason: unknown) => reason);
  await waitingFor(under, 1);
  await under.call(deleteStream, { StreamName: 's' });
  await under.settle(() => under.status('s') === undefined);
  const refused = await under.moving(error);
  assert.ok(refused instanceof AwsError);
  assert.deepEqual(
    [refused.code, refused.message],
    [
      'ResourceNotFoundException',
      `Shard shardId-000000000000 in stream s under account ${account} does not exist`,
    ],
  );
  await under.close();
});

test('an iterator that was good when it came is good after the wait', async () => {
  const { under, waits } = await polled();
  const poller = await Poller.at(under, 0);
  await poller.poll();
  const answer = poller.poll();
  await waitingFor(under, 1);
  under.clock.advance(2 * defaultStreamsLimits.iteratorLifeMs);
  waits.advance(pollWaitMs);
  assert.equal(await answer, 0);
  waits.advance(busyPollMs + 1);
  assert.equal(await poller.poll(), 0);
  await under.close();
});

test("AWS's rates count a poll when it comes, not when it is answered", async () => {
  const { under, waits } = await polled();
  under.streams.admission.keepRates();
  const [first, second] = [await Poller.at(under, 0), await Poller.at(under, 0)];
  const late = await Poller.at(under, 0);
  assert.deepEqual([await first.poll(), await second.poll()], [0, 0]);
  const waiting = [first.poll(), second.poll()];
  await waitingFor(under, 2);
  assert.equal(await late.poll(), 0);
  await assert.rejects(late.poll(), { code: 'ProvisionedThroughputExceededException' });
  waits.advance(pollWaitMs);
  assert.deepEqual(await Promise.all(waiting), [0, 0]);
  await under.close();
});

test('a stop answers whoever waits, and nobody waits afterwards', async () => {
  const { under } = await polled();
  const [poller, late] = [await Poller.at(under, 0), await Poller.at(under, 0)];
  await poller.poll();
  await late.poll();
  const answer = poller.poll();
  await waitingFor(under, 1);
  under.streams.polling.close();
  assert.equal(await answer, 0);
  assert.equal(await late.poll(), 0);
  await under.close();
});
