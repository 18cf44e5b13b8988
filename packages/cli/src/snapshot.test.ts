/** Snapshots as a person takes them: of a real server that is being written to, by its data directory alone. */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { kinesisClient } from './testing/kinesis-client.js';
import { ended, millrace, temporaryFolder } from './testing/millrace-process.js';

const StreamName = 'flights';

/** Puts for as long as `going` says so, and keeps what was acknowledged. */
async function write(
  kinesis: KinesisClient,
  writer: number,
  acknowledged: Set<string>,
  going: () => boolean,
): Promise<void> {
  for (let call = 0; going(); call++) {
    const texts = Array.from({ length: 20 }, (_, i) => `${writer}-${call}-${i}-${'x'.repeat(200)}`);
    const Records = texts.map((text) => ({ PartitionKey: text, Data: Buffer.from(text) }));
    await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
    for (const text of texts) acknowledged.add(text);
  }
}

async function everything(kinesis: KinesisClient): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName }));
  for (const { ShardId } of Shards) {
    const from = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(from));
    while (ShardIterator !== undefined) {
      const page = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
      for (const { Data } of page.Records ?? []) {
        const text = Buffer.from(Data ?? []).toString();
        seen.set(text, (seen.get(text) ?? 0) + 1);
      }
      ShardIterator = page.MillisBehindLatest === 0 ? undefined : page.NextShardIterator;
    }
  }
  return seen;
}

test('a server that is being written to is copied, and the copy has all that was acknowledged before', async (t) => {
  const data = await temporaryFolder(t);
  const to = path.join(await temporaryFolder(t), 'copy');
  const server = millrace(t, ['serve', '--port', '0', '--data', data, '--create', `${StreamName}:4`]);
  const kinesis = kinesisClient(t, await server.endpoint());
  const acknowledged = new Set<string>();
  let going = true;
  const writing = Array.from({ length: 4 }, (_, writer) => write(kinesis, writer, acknowledged, () => going));
  while (acknowledged.size < 2000) await new Promise((resolve) => setImmediate(resolve));
  const before = [...acknowledged];
  const taken = await ended(t, ['snapshot', '--data', data, '--to', to, '--json']);
  const after = acknowledged.size;
  going = false;
  await Promise.all(writing);
  assert.equal(taken.code, 0, taken.stderr);
  const { files, bytes } = JSON.parse(taken.stdout) as { files: number; bytes: number };
  assert.ok(files >= 2 && bytes > 400_000, taken.stdout);
  assert.ok(after > before.length, 'puts went on meanwhile');
  server.child.kill('SIGKILL');
  await server.exited;

  const check = await ended(t, ['check', '--data', to]);
  assert.equal(check.code, 0, check.stdout);
  const copy = millrace(t, ['serve', '--port', '0', '--data', to]);
  const seen = await everything(kinesisClient(t, await copy.endpoint()));
  for (const text of before) assert.equal(seen.get(text), 1, text.slice(0, 20));
});

test('a server with TLS alone, and one that is stopped, are copied too', async (t) => {
  const data = await temporaryFolder(t);
  const folder = await temporaryFolder(t);
  const server = millrace(t, [
    'serve',
    '--port',
    '0',
    '--data',
    data,
    '--create',
    StreamName,
    '--tls',
    '--tls-only',
  ]);
  await server.printed(/listening on (https:\S+)/);
  const secure = await ended(t, ['snapshot', '--data', data, '--to', path.join(folder, 'secure')]);
  assert.equal(secure.code, 0, secure.stderr);
  assert.match(secure.stdout, /secure: \d files, [\d.]+ (KiB|bytes), in /);
  server.child.kill('SIGTERM');
  await server.exited;
  const stopped = await ended(t, ['snapshot', '--data', data, '--to', path.join(folder, 'stopped')]);
  assert.equal(stopped.code, 0, stopped.stderr);
  for (const copy of ['secure', 'stopped']) {
    assert.equal((await ended(t, ['check', '--data', path.join(folder, copy)])).code, 0);
  }
  await rm(path.join(folder, 'stopped', 'millrace.json'));
  const half = await ended(t, ['serve', '--port', '0', '--data', path.join(folder, 'stopped')]);
  assert.equal(half.code, 2);
  assert.match(half.stderr, /never finished/);
});

test('a snapshot is refused to strangers, into what is there, and of nothing', async (t) => {
  const data = await temporaryFolder(t);
  const server = millrace(t, ['serve', '--port', '0', '--data', data]);
  const endpoint = await server.endpoint();
  const to = path.join(await temporaryFolder(t), 'copy');
  const order = async (pass: string | undefined, headers: Record<string, string> = {}): Promise<number> => {
    const body = JSON.stringify({ to, pass });
    const answer = await fetch(`${endpoint}/_millrace/snapshot`, { method: 'POST', body, headers });
    await answer.arrayBuffer();
    return answer.status;
  };
  assert.equal(await order(undefined), 403);
  assert.equal(await order('0'.repeat(48)), 403);
  assert.equal(await order(undefined, { origin: 'http://evil.example' }), 403);
  const none = await (await fetch(`${endpoint}/_millrace/snapshot`)).json();
  assert.deepEqual(none, { state: 'none' });
  for (const args of [
    ['--data', data, '--to', data],
    ['--data', data, '--to', path.dirname(data)],
    ['--data', path.join(data, 'nowhere'), '--to', to],
    ['--data', data],
  ]) {
    const run = await ended(t, ['snapshot', ...args]);
    assert.equal(run.code, 2, args.join(' '));
    assert.match(run.stderr, /^millrace: [^\n]+\n$/);
  }
  assert.deepEqual((await readdir(path.dirname(to))).length, 0);
});
