/** The service as its owner sees it: one catalog for several services, a secret from outside, closing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@millrace/base';
import { openMemoryEngine } from '@millrace/log';
import { openCatalog } from '../catalog/catalog.js';
import { counterFold } from '../catalog/counter-fold.js';
import { putBatchFromInput } from './codec/put-input.js';
import { openStreams, streamsFold } from './open-streams.js';
import { bytesOf, caller, heldClock, TestStreams, testStreams } from './streams-fixture.js';

test('streams share a catalog with other services, and leave it open', async () => {
  const clock = heldClock();
  const engine = openMemoryEngine({ clock });
  const open = async () => {
    const fold = streamsFold();
    const counters = counterFold();
    const catalog = await openCatalog({ engine, random: seededRandom(1), folds: [fold, counters] });
    return { counters, catalog: { catalog, fold } };
  };
  const first = await open();
  const under = new TestStreams(clock, engine, 1, { catalog: first.catalog });
  await under.open();
  await under.createStream('s', 1);
  await under.stop();
  await first.catalog.catalog.submit(first.counters, { name: 'n', by: 3 });
  await first.catalog.catalog.close();
  const second = await open();
  assert.equal(second.counters.view.counts.get('n'), 3);
  assert.equal(second.catalog.fold.view.streams.size, 1);
});

test('a secret that is given seals tokens, and none is kept', async () => {
  const secret = new Uint8Array(32).fill(1);
  const under = await testStreams({ secret });
  await under.createStream('s', 1);
  const iterator = await under.iterator('s', 0);
  await under.reopen();
  await under.read(iterator);
  assert.equal(under.streams.view.secret, undefined);
  await under.stop();
  const other = new TestStreams(under.clock, under.engine, 2, { secret: secret.fill(2) });
  await other.open();
  assert.equal((await other.refusal('GetRecords', { ShardIterator: iterator }))[1], 'Invalid ShardIterator.');
  await other.close();
});

test('a close fails what waits for children at once, and changes nothing after it', async () => {
  const clock = heldClock();
  const engine = openMemoryEngine({ clock });
  const under = new TestStreams(clock, engine, 1, {});
  await under.open();
  await under.createStream('s', 1);
  await engine.seal('stream-1/shard-0');
  const batch = putBatchFromInput({ StreamName: 's' }, [{ PartitionKey: 'a', Data: bytesOf('') }]);
  assert.ok(!('invalidHashKey' in batch));
  const { streams } = under;
  const pending = streams.put(batch, caller);
  await new Promise((resolve) => setImmediate(resolve));
  await streams.close();
  assert.equal((await pending).failedCount, 1);
  const late = { name: 't', shards: 1, mode: 'PROVISIONED', recordKibMax: 1024, tags: {} } as const;
  await assert.rejects(streams.create(caller, late), /stopping/);
});

test('two opens of one engine find the same secret', async () => {
  const clock = heldClock();
  const engine = openMemoryEngine({ clock });
  const first = await openStreams({ engine, clock, random: seededRandom(1) });
  await first.close();
  const second = await openStreams({ engine, clock, random: seededRandom(2) });
  assert.equal(second.view.secret, first.view.secret);
  await second.close();
});
