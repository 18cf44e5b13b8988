/**
 * A store that has one of everything that the formats know, for `formats.test.ts`: settled chunks, one of them rewritten,
 * a journal file that waits to be settled and one that is written, over an older one, ended as by a crash; logs that were trimmed, sealed
 * and deleted; appends for one log and for many.
 *
 * The same store each time it is made, but for what settling does at the same time.
 */
import assert from 'node:assert/strict';
import { seededRandom } from '@millrace/base';
import { type NativeEngine, openNativeEngine } from '../native-engine.js';
import { EagerClock } from './eager-clock.js';
import { batchOf, readAll } from './ledger.js';
import { MemoryDisk } from './memory-disk.js';

const limits = {
  journalFileBytesMax: 9000,
  deadBytesMax: 100_000,
  journalFilesKept: 1,
  reserveBytes: 0,
  settlingBytesMax: 3000,
  settlingSliceBytes: 500,
  blockBytesMax: 700,
};

/** The files of the store as a crash leaves them, and what can be read of it, a line a record and a line a log. */
export async function makeFormatFixture(): Promise<{ disk: MemoryDisk; lines: string[] }> {
  const disk = new MemoryDisk();
  const clock = new EagerClock();
  const engine = await openNativeEngine({ disk, clock, random: seededRandom(11), limits });
  await engine.create(['a', 'b']);
  await fill(engine, clock, ['a', 'b'], 30);
  await engine.create(['late/of:many.parts_1', 'sealed', 'deleted', 'empty']);
  await fill(engine, clock, ['a', 'sealed', 'deleted', 'late/of:many.parts_1'], 30);
  await engine.seal('sealed');
  await engine.trim('b', 20);
  await engine.delete(['deleted']);
  await engine.trim('a', 25);
  await fill(engine, clock, ['late/of:many.parts_1'], 20);
  await fill(engine, clock, ['a', 'b', 'late/of:many.parts_1'], 30);
  await settled(engine);
  const newest = newestOf(disk);
  while (newestOf(disk) === newest) await fill(engine, clock, ['a', 'b'], 1);
  await fill(engine, clock, ['b', 'a'], 5);
  await settled(engine);
  const { chunks, unsettledFiles } = engine.settling();
  assert.ok(chunks >= 3 && unsettledFiles === 1, `${chunks} chunks, ${unsettledFiles} unsettled files`);
  const left = { disk: disk.copy(), lines: await fixtureLines(engine) };
  await engine.close();
  return left;
}

/** What can be read of the logs of `engine`, in an order that only depends on them. */
export async function fixtureLines(engine: NativeEngine): Promise<string[]> {
  const lines: string[] = [];
  for (const log of [...engine.list()].sort()) {
    const state = engine.state(log);
    assert.ok(state !== undefined);
    const { firstPosition, endPosition, sealed, lastArrivalMs } = state;
    lines.push(`${log} from ${firstPosition} to ${endPosition}${sealed ? ' sealed' : ''} ${lastArrivalMs}`);
    for (const { position, arrivalMs, text } of await readAll(engine, log, firstPosition)) {
      lines.push(`${log} ${position} ${arrivalMs} ${text}`);
    }
  }
  return lines;
}

async function fill(
  engine: NativeEngine,
  clock: EagerClock,
  logs: readonly string[],
  appends: number,
): Promise<void> {
  for (let i = 0; i < appends; i++) {
    clock.advance(1000);
    const text = `${i}${'.'.repeat((i * 37) % 150)}`;
    const outcomes = await engine.append(batchOf(logs.map((log) => [log, `${log} ${text}`] as const)));
    for (const { kind } of outcomes) assert.equal(kind, 'appended');
  }
}

function newestOf(disk: MemoryDisk): string {
  const journals = disk.names().filter((name) => name.startsWith('journal-'));
  return journals.toSorted().at(-1) ?? '';
}

/** Lets settling go on until it has nothing left to do. */
async function settled(engine: NativeEngine): Promise<void> {
  for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(engine.settling().trouble, undefined);
}
