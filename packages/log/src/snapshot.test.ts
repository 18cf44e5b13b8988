import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { Disk, DiskFile } from './disk.js';
import { DiskError } from './disk.js';
import { LogError } from './log-error.js';
import { type NativeEngine, openNativeEngine } from './native-engine.js';
import { nodeDisk, nodeSnapshotTarget } from './node-disk.js';
import type { SnapshotTarget } from './snapshot.js';
import { checkStore } from './store-check.js';
import { EagerClock } from './testing/eager-clock.js';
import { viewOf } from './testing/fixture-disk.js';
import { fixtureLines } from './testing/format-fixture.js';
import { batchOf } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';

const limits = {
  journalFileBytesMax: 6000,
  deadBytesMax: 100_000,
  journalFilesKept: 2,
  reserveBytes: 0,
  settlingSliceBytes: 500,
  blockBytesMax: 1000,
};

function open(disk: Disk): Promise<NativeEngine> {
  return openNativeEngine({ disk, clock: new EagerClock(), limits });
}

async function fill(engine: NativeEngine, appends: number): Promise<void> {
  for (let i = 0; i < appends; i++) {
    const text = `${i} ${'x'.repeat((i * 37) % 200)}`;
    await engine.append(batchOf(['a', 'b'].map((log) => [log, text] as const)));
  }
}

async function settled(engine: NativeEngine): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(engine.settling().trouble, undefined);
}

/** A store with chunks, journal files that wait, and one that is written. */
async function running(): Promise<{ disk: MemoryDisk; engine: NativeEngine }> {
  const disk = new MemoryDisk();
  const engine = await open(disk);
  await engine.create(['a', 'b']);
  await fill(engine, 100);
  await settled(engine);
  assert.ok(engine.settling().chunks > 0 && engine.settling().unsettledFiles === 2);
  return { disk, engine };
}

function linking(from: MemoryDisk, disk: MemoryDisk): SnapshotTarget {
  return {
    disk,
    link: async (name) => {
      disk.put(name, from.contents(name));
      return true;
    },
  };
}

async function readCopy(copy: MemoryDisk): Promise<string[]> {
  const report = await checkStore({ view: viewOf(copy) });
  assert.deepEqual(report.findings, []);
  const engine = await open(copy);
  const lines = await fixtureLines(engine);
  await engine.close();
  return lines;
}

/** A disk of which each change waits for a step, which may fail. */
class SteppedDisk implements Disk {
  readonly #disk: MemoryDisk;
  readonly #step: () => Promise<void>;

  constructor(disk: MemoryDisk, step: () => Promise<void>) {
    this.#disk = disk;
    this.#step = step;
  }

  async #then<T>(work: () => Promise<T>): Promise<T> {
    await this.#step();
    return work();
  }

  list(): Promise<readonly string[]> {
    return this.#disk.list();
  }

  async open(name: string, mode: 'existing' | 'create'): Promise<DiskFile> {
    const file = await this.#then(() => this.#disk.open(name, mode));
    return {
      read: (target, offset) => file.read(target, offset),
      write: (parts, offset) => this.#then(() => file.write(parts, offset)),
      sync: () => this.#then(() => file.sync()),
      truncate: (length) => file.truncate(length),
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  remove(name: string): Promise<void> {
    return this.#then(() => this.#disk.remove(name));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#then(() => this.#disk.rename(from, to));
  }

  isLinked(): Promise<boolean> {
    return this.#disk.isLinked();
  }

  syncDirectory(): Promise<void> {
    return this.#then(() => this.#disk.syncDirectory());
  }

  lock(): ReturnType<Disk['lock']> {
    return this.#disk.lock();
  }
}

describe('a snapshot', () => {
  for (const links of [true, false]) {
    it(`holds what was acknowledged when it began, and nothing later (${links ? 'linked' : 'copied'})`, async () => {
      const { disk, engine } = await running();
      const before = await fixtureLines(engine);
      const copy = new MemoryDisk();
      const target = links ? linking(disk, copy) : { disk: copy, link: async () => false };
      const progress: number[] = [];
      const making = engine.snapshot(target, ({ bytesDone }) => progress.push(bytesDone));
      await fill(engine, 30);
      const { bytes, bytesLinked, files } = await making;
      assert.deepEqual(await readCopy(copy), before);
      assert.equal(bytesLinked > 0, links);
      assert.ok(bytesLinked < bytes && files > 4);
      assert.equal(progress.at(-1), bytes);
      await engine.close();
    });
  }

  it('holds up neither puts nor settling, and lets go of what went meanwhile', async () => {
    const { disk, engine } = await running();
    const before = await fixtureLines(engine);
    const copy = new MemoryDisk();
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let steps = 0;
    const slow = new SteppedDisk(copy, async () => {
      if (++steps > 4) await held;
    });
    const making = engine.snapshot({ disk: slow, link: async () => false });
    const names = (await disk.list()).filter((name) => name.startsWith('journal'));
    await fill(engine, 200);
    await engine.trim('a', 250);
    await engine.trim('b', 250);
    await settled(engine);
    const [oldest = ''] = names.sort();
    assert.ok((await disk.list()).includes(oldest), 'what is held keeps its name');
    assert.ok(engine.settling().unsettledFiles <= 2, 'settling went on');
    goOn();
    await making;
    assert.ok(!(await disk.list()).includes(oldest), 'and loses it afterwards');
    assert.deepEqual(await readCopy(copy), before);
    const left = await checkStore({ view: viewOf(disk) });
    assert.ok(left.sound, JSON.stringify(left.findings));
    await engine.close();
  });

  it('that was cut off anywhere is refused, and no other state of it can be opened', async () => {
    const { disk, engine } = await running();
    for (let cutAt = 1; ; cutAt++) {
      const copy = new MemoryDisk();
      let steps = 0;
      const failing = new SteppedDisk(copy, async () => {
        if (++steps >= cutAt) throw new DiskError('io', 'the disk is gone');
      });
      const link = (name: string): Promise<boolean> => linking(disk, copy).link(name);
      try {
        await engine.snapshot({ disk: failing, link });
        assert.ok(cutAt > 10);
        break;
      } catch (error) {
        assert.ok(error instanceof LogError && error.code === 'disk', String(error));
      }
      const names = await copy.list();
      // With the last name gone it is whole; before the first there is nothing.
      if (names.length === 0 || (names.includes('manifest') && !names.includes('unfinished'))) continue;
      await assert.rejects(open(copy), /never finished/, `cut at ${cutAt}: ${names}`);
    }
    assert.equal(engine.health().writable, true, 'a disk that fails elsewhere is no harm');
    await engine.close();
  });

  it('ends when the log is closed', async () => {
    const { engine } = await running();
    const copy = new MemoryDisk();
    const making = engine.snapshot({ disk: copy, link: async () => false });
    const refused = assert.rejects(making, (error) => error instanceof LogError && error.code === 'closed');
    await Promise.all([refused, engine.close()]);
    await assert.rejects(open(copy), /never finished/);
  });

  it('shares files with the original on a real disk, and neither changes the other', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'millrace-snapshot-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const [from, to] = [path.join(folder, 'from'), path.join(folder, 'to')];
    const engine = await open(await nodeDisk(from));
    await engine.create(['a', 'b']);
    await fill(engine, 100);
    while (engine.settling().unsettledFiles > 2) await settled(engine);
    const before = await fixtureLines(engine);
    const { bytesLinked } = await engine.snapshot(await nodeSnapshotTarget(from, to));
    assert.ok(bytesLinked > 0);
    const names = await readdir(to);
    for (const name of names.filter((each) => each.startsWith('chunk'))) {
      assert.equal((await stat(path.join(to, name))).ino, (await stat(path.join(from, name))).ino);
    }
    const newest =
      names
        .filter((name) => name.startsWith('journal'))
        .sort()
        .at(-1) ?? '';
    assert.equal((await stat(path.join(to, newest))).nlink, 1, 'what is written is never shared');
    const copy = await open(await nodeDisk(to));
    await fill(copy, 50);
    await fill(engine, 10);
    await engine.delete(['a']);
    await engine.close();
    assert.ok((await fixtureLines(copy)).length > before.length);
    await copy.close();
  });
});
