import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Disk } from './disk.js';
import { LogError } from './log-error.js';
import { type NativeEngine, openNativeEngine } from './native-engine.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, readAll, readPage } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';

const limits = {
  journalFileBytesMax: 8000,
  deadBytesMax: 4000,
  reserveBytes: 0,
  memoryBytesMax: 0,
  settlingBytesMax: 3000,
  settlingSliceBytes: 500,
  blockBytesMax: 1000,
  readBytesMax: 2000,
};
const logs = ['a', 'b', 'c'];
const appends = 150;

/** Reads of chunks on `memory` wait until they are let go, and are counted meanwhile. */
class HeldDisk {
  held = false;
  /** The chunk that was read last. */
  lastRead = '';
  readonly waiting: (() => void)[] = [];
  readonly disk: Disk;

  constructor(memory: MemoryDisk) {
    this.disk = {
      list: () => memory.list(),
      remove: (name) => memory.remove(name),
      rename: (from, to) => memory.rename(from, to),
      isLinked: () => memory.isLinked(),
      syncDirectory: () => memory.syncDirectory(),
      lock: () => memory.lock(),
      open: async (name, mode) => {
        const file = await memory.open(name, mode);
        return {
          read: async (target, offset) => {
            if (this.held && name.startsWith('chunk')) await new Promise<void>((go) => this.waiting.push(go));
            this.lastRead = name;
            return file.read(target, offset);
          },
          write: (parts, offset) => file.write(parts, offset),
          sync: () => file.sync(),
          truncate: (length) => file.truncate(length),
          size: () => file.size(),
          close: () => file.close(),
        };
      },
    };
  }

  /** Lets the reads go that wait, and those that come, until `done`; answers how many waited at once, at most. */
  async letGoUntil(done: () => boolean): Promise<number> {
    let most = 0;
    while (!done()) {
      most = Math.max(most, this.waiting.length);
      this.waiting.shift()?.();
      await turns();
    }
    return most;
  }

  letGo(): void {
    this.held = false;
    for (const go of this.waiting.splice(0)) go();
  }
}

async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function filled(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const engine = await openNativeEngine({ disk, clock: new EagerClock(), limits });
  await engine.create(logs);
  for (let i = 0; i < appends; i++)
    await engine.append(batchOf(logs.map((log) => [log, `${log} ${i} ${'x'.repeat((i * 37) % 200)}`])));
  await turns(300);
  assert.ok(engine.settling().chunks >= 5, 'a read goes through many chunks');
  await engine.close();
  return disk;
}

async function open(memory: MemoryDisk): Promise<{ held: HeldDisk; engine: NativeEngine }> {
  const held = new HeldDisk(memory);
  const engine = await openNativeEngine({ disk: held.disk, clock: new EagerClock(), limits });
  await turns(100);
  return { held, engine };
}

/** Flips a bit of a block in the newest chunk but one. */
async function damage(disk: MemoryDisk): Promise<string> {
  const chunks = (await disk.list()).filter((name) => name.startsWith('chunk')).sort();
  const name = chunks.at(-2) ?? '';
  const bytes = disk.contents(name);
  bytes[200] = (bytes[200] ?? 0) ^ 1;
  disk.put(name, bytes);
  return name;
}

describe('a read of many chunks', () => {
  it('has what comes next on its way, in a bounded number of reads', async () => {
    const { held, engine } = await open(await filled());
    held.held = true;
    let done = false;
    const reading = readPage(engine, 'b', 0).finally(() => {
      done = true;
    });
    const most = await held.letGoUntil(() => done);
    assert.ok(most >= 3 && most <= 7, `${most} reads were under way at once`);
    const { records } = await reading;
    assert.deepEqual(
      records.map(({ text }) => text.split(' ')[1]),
      Array.from({ length: appends }, (_, i) => String(i)),
    );
    held.letGo();
    await engine.close();
  });

  it('reads about what a page has room for, and no more', async () => {
    const { held, engine } = await open(await filled());
    held.held = true;
    let reads = 0;
    let done = false;
    const reading = readPage(engine, 'a', 0, 2).finally(() => {
      done = true;
    });
    while (!done) {
      reads += held.waiting.length;
      for (const go of held.waiting.splice(0)) go();
      await turns();
    }
    assert.equal((await reading).records.length, 2);
    const halvings = Math.ceil(Math.log2(engine.settling().chunks + 1));
    assert.ok(reads <= 2 * halvings + 4, `${reads} reads for two records`);
    held.letGo();
    await engine.close();
  });

  it('gives what comes before damage, and names the damage to whoever comes to it', async () => {
    const disk = await filled();
    const name = await damage(disk);
    const { engine } = await open(disk);
    const { records, nextPosition } = await readPage(engine, 'a', 0, 20);
    assert.equal(records.length, 20);
    await assert.rejects(readPage(engine, 'a', nextPosition), (error: unknown) => {
      assert.ok(error instanceof LogError && error.code === 'damaged');
      assert.match(error.message, new RegExp(`${name} is damaged at offset \\d+`));
      return true;
    });
    for (let from = nextPosition; ; ) {
      const read = await readPage(engine, 'a', from, 1).catch((error: unknown) => error);
      if (read instanceof LogError) break;
      assert.ok(!(read instanceof Error), String(read));
      from = (read as Awaited<ReturnType<typeof readPage>>).nextPosition;
      assert.ok(from < appends, 'the damage was never met');
    }
    await engine.close();
  });

  it('holds the files that it reads, whoever gives them up, and is waited for at a close', async () => {
    const disk = await filled();
    const { held, engine } = await open(disk);
    const chunks = disk.names().filter((name) => name.startsWith('chunk'));
    held.held = true;
    let done = false;
    const reading = engine.read({ log: 'a', from: 0, recordsMax: 10_000, bytesMax: 1e6 }).finally(() => {
      done = true;
    });
    await turns(10);
    const underWay = held.waiting.length;
    assert.ok(underWay > 0);
    assert.equal(await engine.delete(logs), 'done');
    await turns(50);
    assert.ok(
      chunks.some((name) => disk.names().includes(name)),
      'nothing goes that is read',
    );
    let closed = false;
    const closing = engine.close().then(() => {
      closed = true;
    });
    await turns(50);
    assert.equal(closed, false);
    held.letGo();
    await reading;
    await closing;
    assert.equal(done, true);
  });

  it('fails only once all that it has begun is done, and leaves nothing under lease', async () => {
    const disk = await filled();
    const damaged = await damage(disk);
    const { held, engine } = await open(disk);
    held.held = true;
    let failure: unknown;
    const reading = readAll(engine, 'a', 0, 10_000).catch((error: unknown) => {
      failure = error;
    });
    let afterDamage = 0;
    await held.letGoUntil(() => {
      if (held.lastRead === damaged) afterDamage = Math.max(afterDamage, held.waiting.length);
      if (failure !== undefined) assert.equal(held.waiting.length, 0, 'a read outlives its page');
      return failure !== undefined;
    });
    await reading;
    assert.ok(failure instanceof LogError && failure.code === 'damaged', String(failure));
    assert.ok(afterDamage > 0, 'something was on its way behind the damage');
    held.letGo();
    await engine.delete(logs);
    await turns(100);
    assert.deepEqual(
      disk.names().filter((name) => name.startsWith('chunk')),
      [],
    );
    await engine.close();
  });
});
