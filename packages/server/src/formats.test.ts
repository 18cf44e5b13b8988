/**
 * Data directories of earlier versions stay readable. `fixtures/` holds one of each layout and catalog that ever was,
 * made by `testing/directory-fixture.ts`, and in `records.txt` what a client must read of it. A version number that
 * changes needs a folder of its own: `MILLRACE_GOLDEN=write` makes it.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
} from '@aws-sdk/client-kinesis';
import { catalogVersion } from './catalog/catalog-record.js';
import { layoutVersion } from './data-directory.js';
import { Millrace } from './millrace.js';
import { heldClock } from './streams/streams-fixture.js';
import { fixtureReadMs, makeDirectoryFixture, otherAccount } from './testing/directory-fixture.js';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const current = `layout-${layoutVersion}-catalog-${catalogVersion}`;
const { MILLRACE_GOLDEN: mode } = process.env;

/** All that clients of two accounts can read of the directory, a line each. */
async function readableOf(dataDir: string): Promise<string[]> {
  const clock = heldClock();
  clock.hold(fixtureReadMs);
  await using server = await Millrace.start({ dataDir, clock });
  const lines: string[] = [];
  for (const [accessKeyId, region] of [
    ['123456789012', 'us-east-1'],
    [otherAccount, 'eu-central-1'],
  ] as const) {
    const client = new KinesisClient({
      endpoint: server.endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey: 'x' },
    });
    const { StreamNames = [] } = await client.send(new ListStreamsCommand({}));
    for (const StreamName of StreamNames) lines.push(...(await readableStream(client, region, StreamName)));
    client.destroy();
  }
  return lines;
}

async function readableStream(client: KinesisClient, region: string, StreamName: string): Promise<string[]> {
  const lines = [`${region} ${StreamName}`];
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
  for (const { ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange } of Shards) {
    lines.push(
      JSON.stringify({ ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange }),
    );
    const from = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator } = await client.send(new GetShardIteratorCommand(from));
    while (ShardIterator !== undefined) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator }));
      for (const record of page.Records ?? []) {
        const data = Buffer.from(record.Data ?? []).toString();
        const arrivalMs = record.ApproximateArrivalTimestamp?.getTime();
        lines.push(`${record.SequenceNumber} ${arrivalMs} ${record.PartitionKey} ${data}`);
      }
      ShardIterator = page.MillisBehindLatest === 0 ? undefined : page.NextShardIterator;
    }
  }
  return lines;
}

async function copyOf(folder: string): Promise<string> {
  const copy = await mkdtemp(path.join(tmpdir(), 'millrace-formats-'));
  await cp(path.join(folder, 'data'), copy, { recursive: true });
  return copy;
}

test('there is a directory of the layout and the catalog as they are written now', async () => {
  const folder = path.join(fixtures, current);
  if (mode === 'write' && !existsSync(folder)) {
    await makeDirectoryFixture(path.join(folder, 'data'));
    const copy = await copyOf(folder);
    writeFileSync(path.join(folder, 'records.txt'), `${(await readableOf(copy)).join('\n')}\n`);
    await rm(copy, { recursive: true });
  }
  assert.ok(existsSync(folder), `${folder} is missing: a format has a new version; MILLRACE_GOLDEN=write`);
});

for (const name of readdirSync(fixtures).sort()) {
  test(`everything in ${name} is read`, async (t) => {
    const folder = path.join(fixtures, name);
    const copy = await copyOf(folder);
    t.after(() => rm(copy, { recursive: true, force: true }));
    const expected = readFileSync(path.join(folder, 'records.txt'), 'utf8').trimEnd().split('\n');
    assert.ok(expected.length > 300, 'the directory holds something');
    assert.deepEqual(await readableOf(copy), expected);
    assert.deepEqual(await readableOf(copy), expected, 'and after a restart');
  });
}
