/** Upkeep as a person types it, on the directory of a real server that was killed. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { CreateStreamCommand, type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { DirectoryReport, RepairReport } from '@millrace/server/upkeep';
import { kinesisClient } from './testing/kinesis-client.js';
import { ended, millrace, temporaryFolder } from './testing/millrace-process.js';

const StreamName = 'flights';

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
  const acknowledged = await put(kinesisClient(t, await server.endpoint()), 1000);
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
  await put(kinesisClient(t, await again.endpoint()), 50);
});

test('records whose bytes are damaged in the last commits of a server that was stopped are told, and counted', async (t) => {
  const data = await temporaryFolder(t);
  const server = millrace(t, ['serve', '--port', '0', '--data', data, '--create', `${StreamName}:1`]);
  const kinesis = kinesisClient(t, await server.endpoint());
  for (let i = 0; i < 2; i++) await put(kinesis, 50);
  // Behind the records there is a commit that shows that they were synced.
  await kinesis.send(new CreateStreamCommand({ StreamName: 'later', ShardCount: 1 }));
  server.child.kill('SIGTERM');
  await server.exited;
  const sound = await ended(t, ['check', '--data', data]);
  assert.match(sound.stdout, /, 100 records in 2 streams/, 'what the catalog holds is not counted');

  const journal = path.join(data, 'log', 'journal-0000000001');
  const bytes = await readFile(journal);
  const last = bytes.lastIndexOf('record 49');
  assert.ok(last > 0);
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  await writeFile(journal, bytes);
  const checked = await ended(t, ['check', '--data', data]);
  assert.equal(checked.code, 1);
  assert.match(checked.stdout, /gone: 50 records, arrived between/);
  assert.match(checked.stdout, /damaged: 1 finding; 50 records gone/);
  const to = path.join(await temporaryFolder(t), 'repaired');
  const repaired = await ended(t, ['repair', '--data', data, '--to', to]);
  assert.equal(repaired.code, 1, repaired.stderr);
  assert.match(repaired.stdout, /50 records gone; repair\.json says which/);

  // The head of that frame, too: nothing says any more how many there were.
  const head = bytes.lastIndexOf('MRFR', last);
  bytes[head + 24] = (bytes[head + 24] ?? 0) ^ 1;
  await writeFile(journal, bytes);
  const unknown = await ended(t, ['check', '--data', data]);
  assert.match(unknown.stdout, /gone: an unknown number of records, if any, that arrived after/);
  assert.match(unknown.stdout, /damaged: 1 finding; an unknown number of records may be gone/);
  const rest = path.join(await temporaryFolder(t), 'repaired');
  const salvaged = await ended(t, ['repair', '--data', data, '--to', rest]);
  assert.equal(salvaged.code, 1, salvaged.stderr);
  assert.equal((await ended(t, ['check', '--data', rest])).code, 0);

  await rm(journal);
  const missing = await ended(t, ['check', '--data', data]);
  assert.equal(missing.code, 1);
  assert.match(missing.stdout, /journal-0000000001: it is not there, and reserve is/);
  const refused = await ended(t, ['serve', '--port', '0', '--data', data]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /damaged \(journal-0000000001 is missing/);
});

test('what cannot be looked at is one line, and exit code 2', async (t) => {
  const folder = await temporaryFolder(t);
  for (const args of [
    ['check', '--data', path.join(folder, 'nowhere')],
    ['repair', '--data', path.join(folder, 'nowhere'), '--to', path.join(folder, 'to')],
    ['snapshot', '--data', path.join(folder, 'nowhere'), '--to', path.join(folder, 'to')],
    ['repair', '--data', folder, '--to', path.join(folder, 'to')],
    ['repair', '--data', folder],
  ]) {
    const run = await ended(t, args);
    assert.equal(run.code, 2, args.join(' '));
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /^millrace: [^\n]+\n$/);
    if (args.length > 3 || args[0] === 'check')
      assert.match(
        run.stderr,
        args.includes(folder) ? /it has no folder log/ : /nowhere cannot be looked at \(it is not there\)/,
      );
  }
});
