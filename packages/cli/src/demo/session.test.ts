import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { AdjustableClock, SystemClock } from '@millrace/base';
import { DemoFolder } from './demo-folder.js';
import type { Flight } from './flight.js';
import { encodeEvent } from './flight.js';
import { Session } from './session.js';

const flight: Flight = { date: 'd', delay: 1, distance: 2, origin: 'ORD', destination: 'LAS' };
const createdMs = 1_000;

class Bench {
  readonly clock = new AdjustableClock(new SystemClock());
  readonly folder: string;

  readonly #opened: DemoFolder[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  /** As a start does; whatever ran before just vanishes, as by SIGKILL. */
  begin(streamCreatedMs = createdMs): Promise<Session> {
    const folder = new DemoFolder(this.folder);
    this.#opened.push(folder);
    return Session.begin(folder, this.clock, streamCreatedMs, `series${streamCreatedMs}`);
  }

  async close(): Promise<void> {
    for (const folder of this.#opened) await folder.close();
  }
}

async function bench(t: TestContext): Promise<Bench> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-session-'));
  const made = new Bench(path.join(folder, 'demo'));
  t.after(async () => {
    await made.close();
    await rm(folder, { recursive: true, force: true });
  });
  return made;
}

function count(session: Session, ...numbers: number[]): void {
  const records = numbers.map((n) => ({
    sequenceNumber: String(n),
    arrivalMs: 0,
    data: encodeEvent(session.tally.series, n, flight),
  }));
  session.tally.take('shardId-000000000000', records);
}

test('a first run begins at 1', async (t) => {
  const session = await (await bench(t)).begin();
  assert.deepEqual(session.takeStock(), { again: [], next: 1 });
  assert.equal(session.pickedUp(), undefined);
  assert.deepEqual([session.runs, session.crashes, session.lost], [1, 0, 0]);
});

test('after a kill the ledger knows what was promised, and the stream is held to it', async (t) => {
  const at = await bench(t);
  const killed = await at.begin();
  count(killed, 1, 2);
  await killed.acknowledge([1, 2, 3]);
  await killed.save(false);
  await killed.acknowledge([4, 5, 8]);

  const next = await at.begin();
  assert.equal(next.tally.counted.through, 2, 'counts are those of the checkpoint');
  assert.equal(next.tally.positionOf('shardId-000000000000'), '2', 'and so is the position');
  count(next, 3, 4, 8);
  const stock = next.takeStock();
  assert.deepEqual(stock, { again: [5, 6, 7], next: 9 }, '5 is gone, 6 and 7 were never acknowledged');
  assert.deepEqual(next.pickedUp(), {
    afterCrash: true,
    events: 2,
    held: 4,
    lost: 1,
    expired: 0,
    duplicates: 0,
  });
  count(next, 5, 3);
  assert.equal(next.pickedUp()?.duplicates, 1);
  assert.equal(next.lost, 1);
  await next.save(true);

  const last = await at.begin();
  assert.deepEqual([last.runs, last.crashes, last.lost], [3, 1, 1], 'a loss is never forgotten');
  assert.equal(last.pickedUp()?.afterCrash, false);
});

test('a kill at any byte of the ledger costs no more than its last line', async (t) => {
  const at = await bench(t);
  const killed = await at.begin();
  await killed.acknowledge([1, 2, 3]);
  await killed.acknowledge([10, 11]);
  const ledger = path.join(at.folder, 'acknowledged-1.log');
  await writeFile(ledger, (await readFile(ledger, 'utf8')).slice(0, -2));
  const next = await at.begin();
  assert.equal(next.acknowledged.highest, 3);
  assert.equal(next.takeStock().next, 4);
});

test('ledgers that a checkpoint includes are removed', async (t) => {
  const at = await bench(t);
  for (let run = 0; run < 3; run++) {
    const session = await at.begin();
    await session.acknowledge([run + 1]);
    await session.save(false);
  }
  const session = await at.begin();
  assert.equal(session.acknowledged.through, 3);
  const ledgers = (await readdir(at.folder)).filter((name) => name.startsWith('acknowledged'));
  assert.deepEqual(ledgers, ['acknowledged-4.log']);
});

test('after a day away what was not counted has expired, which is no loss', async (t) => {
  const at = await bench(t);
  const killed = await at.begin();
  await killed.acknowledge([1, 2]);
  at.clock.advance(25 * 60 * 60 * 1000);
  await at.begin();
  const next = await at.begin();
  assert.deepEqual(next.takeStock(), { again: [1, 2], next: 3 });
  assert.deepEqual([next.lost, next.pickedUp()?.expired], [0, 2]);
});

const noFullDisk = !existsSync('/dev/full') && 'no /dev/full to write to';
test('a ledger that breaks is left behind, and nothing follows its half line', {
  skip: noFullDisk,
}, async (t) => {
  const at = await bench(t);
  await mkdir(at.folder);
  await symlink('/dev/full', path.join(at.folder, 'acknowledged-1.log'));
  const killed = await at.begin();
  await assert.rejects(killed.acknowledge([1]), { code: 'ENOSPC' });
  await killed.acknowledge([2]);
  await killed.save(false);
  await killed.acknowledge([3]);
  const next = await at.begin();
  assert.equal(next.acknowledged.through, 3);
});

test('another stream of the same name begins another count', async (t) => {
  const at = await bench(t);
  const before = await at.begin();
  count(before, 1, 2);
  await before.acknowledge([1, 2]);
  await before.save(true);
  const session = await at.begin(2_000);
  assert.equal(session.restarted, true);
  assert.deepEqual([session.tally.series, session.tally.counted.size, session.last], ['series2000', 0, 0]);
});

test('a damaged memory is an error, not a fresh start', async (t) => {
  const at = await bench(t);
  await (await at.begin()).save(true);
  await writeFile(path.join(at.folder, 'checkpoint.json'), '{"format":1');
  await assert.rejects(at.begin(), SyntaxError);
});
