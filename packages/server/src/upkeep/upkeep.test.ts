/** Damage to a whole data directory, as a person meets it: named by stream and shard, salvaged, and served again. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Millrace } from '../millrace.js';
import { StartError } from '../start-error.js';
import { heldClock } from '../streams/streams-fixture.js';
import { fixtureReadMs } from '../testing/directory-fixture.js';
import { readableOf } from '../testing/readable-directory.js';
import { checkDirectory } from './check-directory.js';
import { repairDirectory } from './repair-directory.js';

const fixtures = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** A copy of the newest fixture, what is readable of it, and a place beside it. */
async function directory(t: TestContext): Promise<{ data: string; to: string; lines: string[] }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-upkeep-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const fixture = path.join(fixtures, (await readdir(fixtures)).sort().at(-1) ?? '');
  const data = path.join(folder, 'data');
  await cp(path.join(fixture, 'data'), data, { recursive: true });
  const lines = (await readFile(path.join(fixture, 'records.txt'), 'utf8')).trimEnd().split('\n');
  return { data, to: path.join(folder, 'repaired'), lines };
}

async function change(data: string, name: string, at: number): Promise<void> {
  const file = path.join(data, 'log', name);
  const bytes = await readFile(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

async function logFiles(data: string, kind: string): Promise<string[]> {
  return (await readdir(path.join(data, 'log'))).filter((name) => name.startsWith(kind)).sort();
}

async function bytesOf(data: string): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const name of await readdir(data, { recursive: true })) {
    try {
      all.set(name, (await readFile(path.join(data, name))).toString('base64'));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EISDIR');
    }
  }
  return all;
}

const isRecord = (line: string): boolean => /^\d{56} /.test(line);

test('a sound directory is sound, its streams are named, and nothing is changed', async (t) => {
  const { data, lines } = await directory(t);
  const before = await bytesOf(data);
  const report = await checkDirectory(data);
  assert.deepEqual(await bytesOf(data), before);
  assert.equal(report.sound, true);
  assert.deepEqual(report.findings, []);
  const names = new Set(report.logs.map(({ name }) => name));
  assert.ok(
    names.has('stream flights, shardId-000000000002') && names.has('stream orders, shardId-000000000000'),
  );
  const kept = report.logs
    .filter(({ stream }) => stream !== undefined)
    .reduce((sum, { records }) => sum + records, 0);
  assert.equal(kept, lines.filter(isRecord).length);
});

test('a changed byte in a chunk is told by stream and shard, and all the rest is served after a repair', async (t) => {
  const { data, to, lines } = await directory(t);
  const [, chunk = ''] = await logFiles(data, 'chunk');
  await change(data, chunk, 3000);
  const before = await bytesOf(data);
  const { before: report, after, mended } = await repairDirectory({ dataDir: data, to });
  assert.deepEqual(await bytesOf(data), before, 'the old directory is only read');
  assert.equal(report.sound, false);
  const lost = report.logs.filter((log) => log.lost.length > 0);
  assert.equal(lost.length, 1);
  const [range] = lost[0]?.lost ?? [];
  assert.ok(lost[0]?.stream !== undefined && range !== undefined && range.records > 0);
  assert.deepEqual(mended, []);
  assert.equal(after.sound, true, JSON.stringify(after.findings));
  assert.equal(after.recordsLostBefore, range.records);
  const left = await readableOf(to);
  const gone = lines.filter((line) => !left.includes(line));
  assert.equal(gone.length, range.records);
  assert.deepEqual(
    left,
    lines.filter((line) => !gone.includes(line)),
    'in order, under the same numbers',
  );
  for (const line of gone) {
    const [number = ''] = line.split(' ');
    assert.ok(
      number > (range.afterSequenceNumber ?? '') && number < (range.beforeSequenceNumber ?? 'x'),
      line,
    );
  }
});

test('without its manifest nothing is lost', async (t) => {
  const { data, to, lines } = await directory(t);
  await rm(path.join(data, 'log', 'manifest'));
  await repairDirectory({ dataDir: data, to });
  assert.deepEqual(await readableOf(to), lines);
});

test('without its journal names are lost and records are not: they are read from recovered streams', async (t) => {
  const { data, to, lines } = await directory(t);
  for (const name of await logFiles(data, 'journal')) await rm(path.join(data, 'log', name));
  const { after, mended } = await repairDirectory({ dataDir: data, to });
  assert.ok(
    mended.some((sentence) => sentence.includes('recovered-log-')),
    mended.join('\n'),
  );
  assert.equal(after.sound, true, JSON.stringify(after.findings));
  const textOf = (line: string): string => line.split(' ').slice(2).join(' ');
  const left = new Set((await readableOf(to)).filter(isRecord).map(textOf));
  const missing = lines.filter(isRecord).filter((line) => !left.has(textOf(line)));
  // What the journal held is gone: the newest of each shard.
  assert.ok(
    left.size > 300 && missing.length * 3 < lines.length,
    `${left.size} there, ${missing.length} missing`,
  );
});

test('when what closed a shard is lost, a child goes on for it, and records are taken again', async (t) => {
  const { data, to } = await directory(t);
  const chunks = await logFiles(data, 'chunk');
  // The catalog's records come first in each chunk.
  for (const name of chunks) await change(data, name, 400);
  const { after } = await repairDirectory({ dataDir: data, to });
  assert.equal(after.sound, true, JSON.stringify(after.findings));
  const clock = heldClock();
  clock.hold(fixtureReadMs);
  await using server = await Millrace.start({ dataDir: to, clock });
  const call = async (operation: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(server.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `Kinesis_20131202.${operation}`,
      },
      body: JSON.stringify(body),
    });
    const value = (await answer.json()) as Record<string, unknown>;
    assert.equal(answer.status, 200, JSON.stringify(value));
    return value;
  };
  const { StreamNames } = (await call('ListStreams', {})) as { StreamNames: string[] };
  assert.ok(StreamNames.length > 0);
  for (const StreamName of StreamNames) {
    for (let key = 0; key < 8; key++) {
      await call('PutRecord', { StreamName, PartitionKey: `k${key}`, Data: 'YQ==' });
    }
  }
});

test('a directory that a server has, and one that is none, cannot be looked at', async (t) => {
  const { data, to } = await directory(t);
  const refused = async (work: Promise<unknown>, code: string, message: RegExp): Promise<void> => {
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof StartError && error.code === code, String(error));
      assert.match(error.message, message);
      return true;
    });
  };
  const server = await Millrace.start({ dataDir: data, clock: heldClock() });
  await refused(checkDirectory(data), 'locked', /stop it first/);
  await refused(repairDirectory({ dataDir: data, to }), 'locked', /snapshot/);
  await server.close();
  await refused(checkDirectory(path.join(data, 'log')), 'foreign', /no data of Millrace/);
  await refused(checkDirectory(path.join(data, 'nowhere')), 'unwritable', /not there/);
  await refused(repairDirectory({ dataDir: data, to: data }), 'unwritable', /outside of it/);
  await refused(repairDirectory({ dataDir: data, to: path.dirname(data) }), 'foreign', /not empty/);
  await checkDirectory(data);
});

test('a repair that never came to its end is no data directory', async (t) => {
  const { data, to } = await directory(t);
  await repairDirectory({ dataDir: data, to });
  await rm(path.join(to, 'millrace.json'));
  await assert.rejects(Millrace.start({ dataDir: to }), /never finished/);
});
