/** Streams that encrypt, over a real disk: what is in the log, and what clients read of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@millrace/base';
import { type LogEngine, openMemoryEngine } from '@millrace/log';
import { MasterKeyError, MasterKeySet } from '../../keys/master-keys.js';
import { inlineCodec } from '../codec/codec.js';
import { finished } from '../codec/sliced.js';
import { deleteStream } from '../operations/delete-stream.js';
import { getRecords } from '../operations/get-records.js';
import { putRecords } from '../operations/put-records.js';
import { splitShard } from '../operations/split-shard.js';
import { startStreamEncryption } from '../operations/start-stream-encryption.js';
import { stopStreamEncryption } from '../operations/stop-stream-encryption.js';
import { updateMaxRecordSize } from '../operations/update-max-record-size.js';
import { account, heldClock, region, TestStreams, testStreams } from '../streams-fixture.js';
import { Opener } from './opener.js';
import { isSealed } from './sealed-group.js';
import { Sealer } from './sealer.js';

const keys = new MasterKeySet('the test', [Buffer.alloc(32, 1)]);
const key = { StreamName: 's', EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' } as const;

/** For each record of a log, whether it is sealed. */
async function sealedIn(engine: LogEngine, log: string): Promise<readonly boolean[]> {
  const read = await engine.read({ log, from: 0, recordsMax: 10_000, bytesMax: 100_000_000 });
  if (read.kind === 'missing') return [];
  const { records } = read;
  return Array.from({ length: records.count }, (_, i) =>
    isSealed(records.buffers[records.bufferOf[i] ?? -1] ?? Buffer.alloc(2), records.starts[i] ?? 0),
  );
}

async function start(under: TestStreams): Promise<void> {
  await under.call(startStreamEncryption, key);
  await under.active('s');
}

for (const engine of ['memory', 'native'] as const) {
  test(`what is put under a key is sealed, before and after it is not, over ${engine}`, async () => {
    const under = await testStreams({ keys }, engine);
    await under.createStream('s', 2);
    const put = async (data: string) => {
      under.clock.advance(1);
      const keysOf = ['a', 'b', 'c', 'd'].map((each) => ({ key: each, data: `${data} ${each}` }));
      return (await under.put('s', keysOf)).EncryptionType;
    };
    assert.equal(await put('plain'), undefined);
    await start(under);
    assert.equal(await put('sealed'), 'KMS');
    await under.reopen();
    assert.equal(await put('sealed again'), 'KMS');
    await under.call(startStreamEncryption, { ...key, KeyId: 'alias/another' });
    await under.active('s');
    await put('another key');
    await under.call(splitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '5' });
    await under.active('s');
    await put('split');
    await under.call(stopStreamEncryption, key);
    await under.active('s');
    assert.equal(await put('plain again'), undefined);
    await under.reopen();
    const texts: string[] = [];
    for (const shard of [0, 1, 2, 3]) {
      let iterator: string | undefined = await under.iterator('s', shard);
      for (let page = 0; page < 30 && iterator !== undefined; page++) {
        const read: Awaited<ReturnType<typeof under.read>> = await under.call(getRecords, {
          ShardIterator: iterator,
          Limit: 3,
        });
        for (const { Data, EncryptionType } of read.Records) {
          const text = Buffer.from(Data).toString();
          assert.equal(EncryptionType, text.startsWith('plain') ? undefined : 'KMS', text);
          texts.push(text);
        }
        iterator = read.NextShardIterator;
      }
    }
    assert.equal(texts.length, 6 * 4);
    assert.equal(new Set(texts).size, texts.length);
    const logs = under.engine.list().filter((log) => log.startsWith('stream-'));
    const sealed = (await Promise.all(logs.map((log) => sealedIn(under.engine, log)))).flat();
    assert.equal(sealed.filter((each) => each).length, 4 * 4);
    await under.call(deleteStream, { StreamName: 's' });
    await under.close();
  });
}

test('a log that is deleted while a group of it is completed is gone, not damaged', async () => {
  const engine = openMemoryEngine({ clock: heldClock() });
  const log = 'stream-1/shard-0';
  await engine.create([log]);
  const record = Buffer.from('\u0001\u0000kdata');
  const plain = { logs: [log], logOf: Uint32Array.of(0, 0), payload: Buffer.concat([record, record]) };
  const ends = Uint32Array.of(record.length, 2 * record.length);
  const under = { incarnation: 1, fromMs: 1, fingerprint: keys.newest ?? '' };
  const sealer = new Sealer({ keys, random: seededRandom(1) });
  await engine.append(finished(sealer.seal(under, { ...plain, ends })));
  const page = await engine.read({ log, from: 0, recordsMax: 1, bytesMax: 1_000 });
  assert.ok(page.kind === 'records' && page.records.count === 1);
  // As the native engine has it: a read that was under way has nothing more to take.
  const read: LogEngine['read'] = async ({ from }) => {
    await engine.delete([log]);
    return { kind: 'records', records: { ...page.records, count: 0 }, nextPosition: from, state: page.state };
  };
  const deleting = new Proxy(engine, {
    get: (target, name) => (name === 'read' ? read : Reflect.get(target, name).bind(target)),
  });
  assert.equal(await new Opener(keys, deleting, inlineCodec).open(log, page.records), undefined);
});

test('streams that an earlier version told to be encrypted are read, and sealed from the next start on', async () => {
  const clock = heldClock();
  const engine = openMemoryEngine({ clock });
  const before = new TestStreams(clock, engine, 1, {});
  await before.open();
  await before.createStream('s', 1);
  await before.call(startStreamEncryption, key);
  await before.active('s');
  await before.put('s', [{ key: 'k', data: 'told' }]);
  await before.stop();
  const after = new TestStreams(clock, engine, 2, { keys });
  clock.advance(1000);
  await after.open();
  await after.put('s', [{ key: 'k', data: 'sealed' }]);
  const read = await after.read(await after.iterator('s', 0));
  assert.deepEqual(
    read.Records.map(({ Data, EncryptionType }) => [Buffer.from(Data).toString(), EncryptionType]),
    [
      ['told', 'KMS'],
      ['sealed', 'KMS'],
    ],
  );
  assert.deepEqual(await sealedIn(engine, 'stream-1/shard-0'), [false, true]);
  await after.close();
});

test('nothing opens without the master key that is needed, and what nobody needs any more is not asked for', async () => {
  const clock = heldClock();
  const engine = openMemoryEngine({ clock });
  const under = new TestStreams(clock, engine, 1, { keys });
  await under.open();
  await under.createStream('s', 1);
  await start(under);
  await under.put('s', [{ key: 'k', data: 'sealed' }]);
  await under.call(stopStreamEncryption, key);
  await under.active('s');
  await under.stop();
  const others = new MasterKeySet('elsewhere', [Buffer.alloc(32, 2)]);
  const without = new TestStreams(clock, engine, 2, { keys: others });
  await assert.rejects(without.open(), (error: unknown) => {
    assert.ok(error instanceof MasterKeyError);
    assert.equal(error.code, 'missing');
    return true;
  });
  clock.advance(25 * 3_600_000);
  await without.open();
  assert.deepEqual(await without.readShard('s', 0), []);
  await without.close();
});

test('a record of 10 MiB, and 10 MiB of small ones, are sealed and read', async () => {
  const under = await testStreams({ keys }, 'native');
  await under.createStream('s', 1);
  const StreamARN = `arn:aws:kinesis:${region}:${account}:stream/s`;
  await under.call(updateMaxRecordSize, { StreamARN, MaxRecordSizeInKiB: 10_240 });
  await under.active('s');
  await start(under);
  const Data = Buffer.alloc(10 * 1024 * 1024 - 1, 'x');
  await under.call(putRecords, { StreamName: 's', Records: [{ PartitionKey: 'k', Data }] });
  const Records = Array.from({ length: 500 }, (_, i) => ({
    PartitionKey: `${i}`,
    Data: Buffer.alloc(20_000, i),
  }));
  await under.call(putRecords, { StreamName: 's', Records });
  const first = await under.read(await under.iterator('s', 0));
  assert.ok(Buffer.from(first.Records[0]?.Data ?? []).equals(Data));
  const all = await under.readShard('s', 0);
  assert.equal(all.length, 501);
  assert.deepEqual(
    all.slice(1).map((record) => record.key),
    Records.map((record) => record.PartitionKey),
  );
  await under.close();
});

test('a key is named in one of four forms, in this region', async () => {
  const under = await testStreams({ keys });
  await under.createStream('s', 1);
  const id = '1234abcd-12ab-34cd-56ef-1234567890ab';
  const arn = (resource: string, of = region) => `arn:aws:kms:${of}:${account}:${resource}`;
  const mrk = `mrk-${'1234abcd'.repeat(4)}`;
  for (const KeyId of [id, mrk, 'alias/Mine', 'alias/aws/kinesis', arn(`key/${id}`), arn('alias/Mine')]) {
    await under.call(startStreamEncryption, { ...key, KeyId });
    await under.active('s');
    assert.equal((await under.describe('s')).KeyId, KeyId);
  }
  const refusal = (KeyId: string) => under.refusal('StartStreamEncryption', { ...key, KeyId });
  for (const KeyId of [
    'k',
    'alias/',
    'alias/no spaces',
    `key/${id}`,
    arn('key/alias/x'),
    arn(id),
    'arn:aws:s3:::b',
  ]) {
    assert.deepEqual(await refusal(KeyId), ['KMSNotFoundException', `Invalid keyId ${KeyId}`]);
  }
  const abroad = arn(`key/${id}`, 'eu-west-1');
  assert.deepEqual(await refusal(abroad), ['KMSNotFoundException', 'Invalid arn eu-west-1']);
  assert.equal((await refusal(''))[0], 'ValidationException');
  await under.close();
});

test('a batch that waits for children is sealed anew for their logs', async () => {
  const under = await testStreams({ keys }, 'native');
  await under.createStream('s', 1);
  await start(under);
  const split = under.call(splitShard, {
    StreamName: 's',
    ShardToSplit: '0',
    NewStartingHashKey: `${2n ** 127n}`,
  });
  const puts = Array.from({ length: 30 }, (_, i) => under.put('s', [{ key: `${i}`, data: `${i}` }]));
  await split;
  await Promise.all(puts);
  await under.active('s');
  await under.put('s', [{ key: 'last', data: 'last' }]);
  const read = await Promise.all([0, 1, 2].map((shard) => under.readShard('s', shard)));
  assert.equal(read.flat().length, 31);
  await under.close();
});
