/** Upkeep as a person types it, on the directory of a real server that was killed. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { DirectoryReport, RepairReport } from '@millrace/server';
import { type MillraceProcess, millrace, temporaryFolder } from './testing/millrace-process.js';

const StreamName = 'flights';

function client(t: TestContext, endpoint: string): KinesisClient {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const kinesis = new KinesisClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
  t.after(() => kinesis.destroy());
  return kinesis;
}

async function ended(
  t: TestContext,
  args: readonly string[],
): Promise<MillraceProcess & { code: number | null }> {
  const run = millrace(t, args);
  const { code } = await run.exited;
  return Object.assign(run, { code });
}

/** Puts until `count` records are acknowledged. */
async function put(kinesis: KinesisClient, count: number): Promise<number> {
  let acknowledged = 0;
  while (acknowledged < count) {
    const Records = Array.from({ length: 50 }, (_, i) => ({
      PartitionKey: `key-${acknowledged + i}`,
      Data: Buffer.from(`record ${acknowledged + i}`),
    }));
    const { FailedRecordCount } = await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
    assert.equal(FailedRecordCount, 0);
    acknowledged += Records.length;
  }
  return acknowledged;
}

async function killedServer(t: TestContext): Promise<{ data: string; acknowledged: number }> {
  const data = await temporaryFolder(t);
  const server = millrace(t, ['serve', '--port', '0', '--data', data, '--create', `${StreamName}:4`]);
  const acknowledged = await put(client(t, await server.endpoint()), 1000);
  server.child.kill('SIGKILL');
  await server.exited;
  return { data, acknowledged };
}

test('check, repair and serve again, after a kill and a changed byte', async (t) => {
  const { data, acknowledged } = await killedServer(t);
  const sound = await ended(t, ['check', '--data', data]);
  assert.equal(sound.code, 0, sound.stdout + sound.stderr);
  assert.match(sound.stdout, /sound: nothing is damaged/);
  assert.match(sound.stdout, /1 stream \(4 shards\)/);

  const journal = path.join(
    data,
    'log',
    (await readdir(path.join(data, 'log'))).find((name) => name.startsWith('journal')) ?? '',
  );
  const bytes = await readFile(journal);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 4;
  await writeFile(journal, bytes);

  const damaged = await ended(t, ['check', '--data', data]);
  assert.equal(damaged.code, 1);
  assert.match(damaged.stdout, /damaged {2}journal-0000000001 at [\d,]+ \([\d,]+ bytes\): /);
  assert.match(damaged.stdout, /stream flights, shardId-00000000000\d/);
  const json = await ended(t, ['check', '--data', data, '--json']);
  assert.equal(json.code, 1);
  const report: DirectoryReport = JSON.parse(json.stdout);
  assert.ok(report.recordsLost > 0 && report.recordsLost < acknowledged);

  const to = path.join(await temporaryFolder(t), 'repaired');
  const serve = await ended(t, ['serve', '--port', '0', '--data', data]);
  assert.equal(serve.code, 2);
  assert.match(serve.stderr, /millrace check --data/, 'whoever meets damage is told where to go on');
  const repaired = await ended(t, ['repair', '--data', data, '--to', to, '--json']);
  assert.equal(repaired.code, 1, repaired.stderr);
  const { before, after }: RepairReport = JSON.parse(repaired.stdout);
  assert.equal(before.recordsLost, report.recordsLost);
  assert.equal(after.sound, true);
  assert.equal((await ended(t, ['check', '--data', to])).code, 0);
  const again = millrace(t, ['serve', '--port', '0', '--data', to]);
  await put(client(t, await again.endpoint()), 50);
});

test('what cannot be looked at is one line, and exit code 2', async (t) => {
  const folder = await temporaryFolder(t);
  for (const args of [
    ['check', '--data', path.join(folder, 'nowhere')],
    ['repair', '--data', folder, '--to', path.join(folder, 'to')],
    ['repair', '--data', folder],
  ]) {
    const run = await ended(t, args);
    assert.equal(run.code, 2, args.join(' '));
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /^millrace: [^\n]+\n$/);
  }
});
