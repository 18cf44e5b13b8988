import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { journalName } from './journal.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import { type NativeEngine, openNativeEngine } from './native-engine.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, readAll, readPage } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';
import { WatchedDisk } from './testing/watched-disk.js';

const logs = Array.from({ length: 20 }, (_, i) => `log-${i}`);
const appends = 30;
const recordBytes = 2000;
const text = (log: string, i: number): string => `${log} ${i} `.padEnd(recordBytes, '.');

function open(disk: MemoryDisk | WatchedDisk, limits: Partial<NativeLimits>): Promise<NativeEngine> {
  const small = { reserveBytes: 0, keptFrameBytesMin: 1000, readBytesMax: 1000 };
  return openNativeEngine({ disk, clock: new EagerClock(), limits: { ...small, ...limits } });
}

/** A journal whose every frame has a record of each log, and no tail: as a start finds it. */
async function restarted(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const engine = await open(disk, {});
  await engine.create(logs);
  for (let i = 0; i < appends; i++)
    await engine.append(batchOf(logs.map((log) => [log, text(log, i)] as const)));
  await engine.close();
  return disk;
}

async function check(engine: NativeEngine, log: string): Promise<void> {
  const records = await readAll(engine, log);
  assert.deepEqual(
    records.map((record) => record.text),
    Array.from({ length: appends }, (_, i) => text(log, i)),
  );
}

describe('frames that are kept', () => {
  it('are read once for all logs that have records in them', async () => {
    const disk = new WatchedDisk(await restarted());
    const engine = await open(disk, { memoryBytesMax: 10_000_000 });
    await check(engine, 'log-0');
    disk.calls.length = 0;
    for (const log of logs) await check(engine, log);
    assert.equal(disk.count('read', 'journal'), 0);
    await engine.close();
  });

  it('take no more than there is, and none when there is none', async () => {
    for (const memoryBytesMax of [0, 100_000, 400_000]) {
      const engine = await open(await restarted(), { memoryBytesMax });
      for (const log of logs) await check(engine, log);
      const windows = 2 * 64 * 1024;
      assert.ok(engine.memory().bytes <= Math.max(memoryBytesMax, windows), `of ${memoryBytesMax}`);
      await engine.close();
    }
  });

  it('give way to what is put', async () => {
    const memoryBytesMax = 1_000_000;
    const disk = new WatchedDisk(await restarted());
    const engine = await open(disk, { memoryBytesMax });
    await check(engine, 'log-0');
    assert.ok(engine.memory().bytes > 900_000, 'frames are kept');
    for (let i = appends; i < 2 * appends; i++)
      await engine.append(batchOf(logs.map((log) => [log, text(log, i)] as const)));
    assert.ok(engine.memory().bytes <= memoryBytesMax);
    disk.calls.length = 0;
    assert.equal((await readPage(engine, 'log-3', 2 * appends - 10)).records.length, 10);
    assert.equal(disk.count('read', 'journal'), 0, 'what was put last is in the tail');
    assert.equal((await readAll(engine, 'log-3')).length, 2 * appends);
    await engine.close();
  });

  it('are checked before: damage is named each time that it is met', async () => {
    const disk = await restarted();
    const engine = await open(disk, { memoryBytesMax: 10_000_000 });
    // Damaged before, it would have been found at the opening.
    const bytes = disk.contents(journalName(1));
    bytes[bytes.indexOf('log-7 20 ') + 20] = 1;
    const file = await disk.open(journalName(1), 'existing');
    await file.write([bytes], 0);
    for (let round = 0; round < 2; round++) {
      assert.equal((await readPage(engine, 'log-2', 0, 20)).records.length, 20);
      await assert.rejects(
        readPage(engine, 'log-2', 20),
        (error: unknown) =>
          error instanceof LogError && /journal-0000000001 is damaged at offset \d+/.test(error.message),
      );
    }
    await engine.close();
  });
});
