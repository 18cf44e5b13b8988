/** Counts what the real process syncs: nothing is acknowledged without a sync, and writers who wait share theirs. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { RawClient, requestText } from './testing/raw-client.js';
import { type ServerProcess, startServerProcess } from './testing/server-process.js';

const alone = 25;
const writers = 64;
const putsEach = 10;

interface Counted {
  readonly returned: number;
  readonly most: number;
}

async function syncs(server: ServerProcess): Promise<Counted> {
  server.child.send('how many?');
  const [counted] = await once(server.child, 'message');
  return counted;
}

async function commits(server: ServerProcess): Promise<number> {
  const metrics = await (await fetch(`${server.endpoint}/metrics`)).text();
  const [, count] = /^millrace_log_commits_total (\d+)$/m.exec(metrics) ?? [];
  assert.ok(count !== undefined, metrics);
  return Number(count);
}

function call(operation: string, input: object): string {
  return requestText({
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Kinesis_20131202.${operation}`,
    },
    body: JSON.stringify(input),
  });
}

async function send(client: RawClient, operation: string, input: object): Promise<string> {
  await client.write(call(operation, input));
  const { status, body } = await client.response();
  assert.equal(status, 200, body);
  return body;
}

test('each commit is synced, and 64 writers share their syncs', { timeout: 120_000 }, async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-syncs-'));
  try {
    await using server = await startServerProcess(dataDir, { countSyncs: true });
    const port = Number(new URL(server.endpoint).port);
    const clients = Array.from({ length: writers }, () => new RawClient(port));
    const [first] = clients;
    assert.ok(first !== undefined);
    await send(first, 'CreateStream', { StreamName: 's', ShardCount: 4 });
    for (let summary = ''; !summary.includes('"ACTIVE"'); ) {
      summary = await send(first, 'DescribeStreamSummary', { StreamName: 's' });
    }

    const put = (client: RawClient, n: number): Promise<string> =>
      send(client, 'PutRecord', { StreamName: 's', PartitionKey: `key ${n}`, Data: 'YQ==' });
    const start = await syncs(server);
    const commitsAtStart = await commits(server);
    for (let i = 0; i < alone; i++) await put(first, i);
    const afterAlone = await syncs(server);
    assert.ok(
      afterAlone.returned - start.returned >= alone,
      `${alone} puts, each after the answer to the one before, took ${afterAlone.returned - start.returned} syncs`,
    );

    await Promise.all(
      clients.map(async (client, writer) => {
        for (let i = 0; i < putsEach; i++) await put(client, writer * putsEach + i);
      }),
    );
    const end = await syncs(server);
    const shared = end.returned - afterAlone.returned;
    const committed = (await commits(server)) - commitsAtStart;
    assert.ok(shared >= putsEach, `no writer was answered without a sync: ${shared}`);
    assert.ok(shared < writers * putsEach, `${writers * putsEach} puts took ${shared} syncs`);
    assert.ok(committed > alone && committed < alone + writers * putsEach, `${committed} commits`);
    const synced = end.returned - start.returned;
    assert.ok(synced >= committed, `${committed} commits took ${synced} syncs`);
    assert.equal(end.most, 1, 'small puts share one sync at a time');
    for (const client of clients) client.destroy();
    assert.equal(await server.end('SIGTERM'), 0);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
