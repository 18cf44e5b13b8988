/** Encryption at rest, by what is on the disk of a real server that was killed, and by what it says without its keys. */
import assert from 'node:assert/strict';
import { chmod, cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  PutRecordCommand,
  PutRecordsCommand,
  StartStreamEncryptionCommand,
} from '@aws-sdk/client-kinesis';
import { kinesisClient } from './testing/kinesis-client.js';
import { ended, type MillraceProcess, millrace, temporaryFolder } from './testing/millrace-process.js';

const StreamName = 'patients';
const secrets = ['a plain diagnosis', 'partition-key-of-somebody'];

async function holds(directory: string, text: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of names.filter((each) => each.isFile())) {
    const file = path.join(entry.path, entry.name);
    const bytes = await readFile(file);
    const { length } = Buffer.from(text);
    // As it is, and as JSON and CBOR bodies would carry it.
    if (bytes.includes(text) || bytes.includes(Buffer.from(text).toString('base64').slice(0, length))) {
      found.push(entry.name);
    }
  }
  return found;
}

async function encrypted(kinesis: KinesisClient): Promise<void> {
  const KeyId = 'alias/aws/kinesis';
  await kinesis.send(new StartStreamEncryptionCommand({ StreamName, EncryptionType: 'KMS', KeyId }));
  for (;;) {
    const { StreamDescription: is } = await kinesis.send(new DescribeStreamCommand({ StreamName }));
    if (is?.StreamStatus === 'ACTIVE' && is.EncryptionType === 'KMS') return;
  }
}

async function readAll(kinesis: KinesisClient): Promise<readonly string[]> {
  const from = { StreamName, ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' } as const;
  let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(from));
  const read: string[] = [];
  for (;;) {
    const page = await kinesis.send(new GetRecordsCommand({ ShardIterator, Limit: 7 }));
    for (const { Data = [], PartitionKey, EncryptionType } of page.Records ?? []) {
      read.push(`${EncryptionType} ${PartitionKey} ${Buffer.from(Data).toString()}`);
    }
    if (page.Records?.length === 0 && page.MillisBehindLatest === 0) return read;
    ShardIterator = page.NextShardIterator;
  }
}

/** A server that has taken secrets and was killed; where its data and its keys are, and what was put. */
async function killed(t: TestContext): Promise<{ data: string; keys: string; put: readonly string[] }> {
  const folder = await temporaryFolder(t);
  const [data, keys] = [path.join(folder, 'data'), path.join(folder, 'elsewhere', 'keys')];
  const server = millrace(t, serving(data, keys));
  const kinesis = kinesisClient(t, await server.endpoint());
  await encrypted(kinesis);
  const [text = '', PartitionKey = ''] = secrets;
  const put: string[] = [];
  for (let call = 0; call < 20; call++) {
    const record = (i: number) => ({ PartitionKey, Data: Buffer.from(`${text} ${call}.${i}`) });
    const Records = Array.from({ length: 1 + call * 3 }, (_, i) => record(i));
    if (call % 4 === 0) await kinesis.send(new PutRecordCommand({ StreamName, ...record(0) }));
    else await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
    const count = call % 4 === 0 ? 1 : Records.length;
    for (let i = 0; i < count; i++) put.push(`KMS ${PartitionKey} ${text} ${call}.${i}`);
  }
  server.child.kill('SIGKILL');
  await server.exited;
  return { data, keys, put };
}

function serving(data: string, keys: string): readonly string[] {
  return ['serve', '--data', data, '--keys', keys, '--port', '0', '--create', `${StreamName}:1`];
}

async function refusal(t: TestContext, args: readonly string[]): Promise<string> {
  const run: MillraceProcess & { code: number | null } = await ended(t, args);
  assert.equal(run.code, 2);
  assert.equal(run.stdout, '');
  assert.match(run.stderr, /^[^\n]+\n$/, 'one line');
  return run.stderr;
}

test('after SIGKILL no file holds what was put, and with the keys all of it is read', async (t) => {
  const { data, keys, put } = await killed(t);
  for (const secret of secrets) assert.deepEqual(await holds(data, secret), []);
  assert.ok((await holds(data, StreamName)).length > 0, 'what is not sealed would have been found');
  const { mode } = await stat(path.join(keys, 'master.key'));
  assert.equal(mode & 0o777, 0o600);
  const server = millrace(t, serving(data, keys));
  assert.deepEqual(await readAll(kinesisClient(t, await server.endpoint())), put);
});

test('without its keys, or with others, a server says so in one line and does not start', async (t) => {
  const { data, keys } = await killed(t);
  const file = path.join(keys, 'master.key');
  const kept = await readFile(file);
  const start = (): Promise<string> => refusal(t, serving(data, keys));

  await chmod(file, 0o644);
  assert.match(await start(), /Others may read the master key .*chmod 600/);
  await chmod(file, 0o600);

  await writeFile(file, 'my key');
  assert.match(await start(), /is not what Millrace writes/);
  await writeFile(file, `millrace-master-key 1\n${'ab'.repeat(32)}\n`);
  assert.match(
    await start(),
    /patients are sealed under the master key [0-9a-f]{16}, which .* does not hold/,
  );
  await rm(file);
  assert.match(
    await start(),
    /patients are sealed under the master key [0-9a-f]{16}, which .* does not hold/,
  );
  assert.match(
    await refusal(t, ['serve', '--data', data, '--port', '0']),
    /does not hold/,
    'nor beside the data',
  );

  // A second key after the first: what is kept needs the one, what comes the other.
  await writeFile(file, `${kept}${'cd'.repeat(32)}\n`, { mode: 0o600 });
  const server = millrace(t, serving(data, keys));
  assert.ok((await readAll(kinesisClient(t, await server.endpoint()))).length > 0);
});

test('a snapshot has no keys in it, and is a server’s with them', async (t) => {
  const folder = await temporaryFolder(t);
  const data = path.join(folder, 'data');
  const server = millrace(t, ['serve', '--data', data, '--port', '0', '--create', `${StreamName}:1`]);
  const kinesis = kinesisClient(t, await server.endpoint());
  await encrypted(kinesis);
  const [text = '', PartitionKey = ''] = secrets;
  await kinesis.send(new PutRecordCommand({ StreamName, PartitionKey, Data: Buffer.from(text) }));
  const copy = path.join(folder, 'copy');
  assert.equal((await ended(t, ['snapshot', '--data', data, '--to', copy])).code, 0);
  assert.equal((await ended(t, ['check', '--data', copy])).code, 0);
  assert.match(await refusal(t, ['serve', '--data', copy, '--port', '0']), /does not hold/);
  await cp(path.join(data, 'keys'), path.join(copy, 'keys'), { recursive: true });
  const other = millrace(t, ['serve', '--data', copy, '--port', '0']);
  assert.deepEqual(await readAll(kinesisClient(t, await other.endpoint())), [`KMS ${PartitionKey} ${text}`]);
});
