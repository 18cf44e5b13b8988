import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commitHeaderAt, commitHeaderBytes } from './commit.js';
import { DiskError } from './disk.js';
import { journalHeaderBytes } from './journal-header.js';
import type { NativeLimits } from './limits.js';
import { type NativeEngine, openNativeEngine } from './native-engine.js';
import { repairStore } from './repair.js';
import { checkStore } from './store-check.js';
import { EagerClock } from './testing/eager-clock.js';
import { fixtureDisk, viewOf } from './testing/fixture-disk.js';
import { batchOf, readAll } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';
import { WatchedDisk } from './testing/watched-disk.js';

const file = 'journal-0000000001';
const limits = { reserveBytes: 0, commitBesideBytesMin: 0, deadBytesMax: 100_000 };

interface Bench {
  readonly memory: MemoryDisk;
  readonly disk: WatchedDisk;
  readonly engine: NativeEngine;
}

async function open(given: Partial<NativeLimits> = {}, memory = new MemoryDisk()): Promise<Bench> {
  const disk = new WatchedDisk(memory);
  const engine = await openNativeEngine({ disk, clock: new EagerClock(), limits: { ...limits, ...given } });
  await engine.create(['a']);
  return { memory, disk, engine };
}

/** Lets everything run that does not wait for a sync. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Puts each text by a call of its own, each into its own commit as far as there may be that many; tells what was answered. */
async function putEach(engine: NativeEngine, texts: readonly string[]): Promise<string[]> {
  const answers: string[] = [];
  for (const text of texts) {
    void engine.append(batchOf([['a', text]])).then(([outcome]) => answers.push(`${text} ${outcome?.kind}`));
    await settled();
  }
  return answers;
}

async function textsOf(memory: MemoryDisk): Promise<string[]> {
  const engine = await openNativeEngine({ disk: memory, clock: new EagerClock(), limits });
  const texts = (await readAll(engine, 'a')).map(({ text }) => text);
  await engine.close();
  return texts;
}

/** Where the last `count` commits of the journal's first file are. */
function lastCommits(memory: MemoryDisk, count: number): number[] {
  const bytes = memory.contents(file);
  const places: number[] = [];
  let at = journalHeaderBytes(bytes) ?? 0;
  for (let header = commitHeaderAt(bytes, at); header !== undefined; header = commitHeaderAt(bytes, at)) {
    places.push(at);
    at += commitHeaderBytes + header.bodyBytes;
  }
  return places.slice(-count);
}

function changed(memory: MemoryDisk, at: number): MemoryDisk {
  const copy = memory.copy();
  const bytes = memory.contents(file);
  bytes[at] = (bytes[at] as number) ^ 1;
  copy.put(file, bytes);
  return copy;
}

describe('commits on their way at once', () => {
  it('are answered in the order in which they came, whichever sync ends first', async () => {
    const { memory, disk, engine } = await open();
    disk.holdsEach = true;
    const answers = await putEach(engine, ['one', 'two', 'three', 'four']);
    assert.equal(disk.held.length, 3, 'as many as the limit says');
    assert.equal(disk.inFlightMax, 3);
    disk.held[1]?.();
    disk.held[2]?.();
    await settled();
    assert.deepEqual(answers, []);
    assert.equal(engine.state('a')?.endPosition, 0, 'it is seen before one that came earlier');
    assert.equal(disk.held.length, 4, 'a lane was free for the fourth');
    disk.held[0]?.();
    await settled();
    assert.deepEqual(answers, ['one appended', 'two appended', 'three appended']);
    disk.holdsEach = false;
    disk.held[3]?.();
    await engine.close();
    assert.deepEqual(await textsOf(memory), ['one', 'two', 'three', 'four']);
  });

  it('are one at a time when that is asked for, and take no more bytes than they may', async () => {
    for (const [given, expected] of [
      [{ commitsInFlightMax: 1 }, 1],
      [{ commitsInFlightBytesMax: 400 }, 2],
      [{ commitBesideBytesMin: 1000 }, 1],
    ] as const) {
      const { disk, engine } = await open(given);
      disk.holdsEach = true;
      await putEach(engine, ['one', 'two', 'three', 'four']);
      assert.equal(disk.held.length, expected);
      disk.holdsEach = false;
      for (const end of disk.held) end();
      await engine.close();
    }
  });

  it('one that fails takes all of them along, and those that were synced before it, too', async () => {
    for (const failing of [0, 1, 2]) {
      const { memory, disk, engine } = await open();
      disk.holdsEach = true;
      const answers = await putEach(engine, ['one', 'two', 'three', 'four']);
      disk.held[failing]?.(new DiskError('io', 'the sync failed'));
      await settled();
      assert.deepEqual(answers, [], 'it is answered while others are still being written');
      for (const end of disk.held) end();
      disk.holdsEach = false;
      await settled();
      assert.deepEqual(answers, ['one unknown', 'two unknown', 'three unknown', 'four poisoned']);
      assert.equal(engine.state('a')?.endPosition, 0);
      await engine.close();
      assert.deepEqual(await textsOf(memory), ['one', 'two', 'three'], 'what was written may be there');
    }
  });

  it('one for which there is no room is cut off with all behind it, and those before it are kept', async () => {
    const { memory, disk, engine } = await open();
    disk.holdsEach = true;
    const first = await putEach(engine, ['one']);
    disk.fails = (call) => (call === 'write' ? new DiskError('full', 'no room') : undefined);
    const second = await putEach(engine, ['two']);
    disk.fails = () => undefined;
    const third = await putEach(engine, ['three']);
    assert.equal(disk.held.length, 1, 'nothing is sent behind what found no room');
    disk.holdsEach = false;
    disk.held[0]?.();
    await settled();
    assert.deepEqual([...first, ...second, ...third], ['one appended', 'two full', 'three appended']);
    await engine.close();
    assert.deepEqual(await textsOf(memory), ['one', 'three']);
  });

  it('what rests on one of them waits for it: a second create, a log made again after its deletion', async () => {
    const { disk, engine } = await open();
    disk.holdsEach = true;
    const told: string[] = [];
    const calls = [
      engine.create(['b']).then(() => told.push('created')),
      settled().then(() => engine.create(['b']).then(() => told.push('there'))),
      settled().then(() => engine.delete(['a']).then(() => told.push('deleted'))),
      settled()
        .then(settled)
        .then(() => engine.create(['a']).then(() => told.push('made again'))),
    ];
    await settled();
    await settled();
    await settled();
    assert.deepEqual(told, []);
    disk.holdsEach = false;
    for (const end of disk.held) end();
    await Promise.all(calls);
    assert.deepEqual(told, ['created', 'there', 'deleted', 'made again']);
    assert.deepEqual([...engine.list()].sort(), ['a', 'b']);
    await engine.close();
  });

  it('a crash that loses the first of them and keeps the others cuts at the first', async () => {
    const { memory, disk, engine } = await open();
    await putEach(engine, ['kept']);
    disk.holdsEach = true;
    await putEach(engine, ['one', 'two', 'three']);
    const [one, two, three] = lastCommits(memory, 3) as [number, number, number];
    const left = memory.contents(file).length;
    for (const [torn, expected] of [
      [one, ['kept']],
      [two, ['kept', 'one']],
      [three, ['kept', 'one', 'two']],
    ] as const) {
      for (const at of [torn, torn + 20, torn + commitHeaderBytes + 8]) {
        const crashed = changed(memory, at);
        const again = await openNativeEngine({ disk: crashed, clock: new EagerClock(), limits });
        assert.deepEqual(again.recovery.cut, { file, offset: torn, bytes: left - torn });
        await again.close();
        assert.deepEqual(await textsOf(crashed), expected);
      }
    }
    disk.holdsEach = false;
    for (const end of disk.held) end();
    await engine.close();
  });

  it('a commit that a later one says was synced is damaged, however many were on their way', async () => {
    const { memory, disk, engine } = await open();
    await putEach(engine, ['kept']);
    disk.holdsEach = true;
    await putEach(engine, ['one', 'two', 'three']);
    disk.held[0]?.();
    await settled();
    await putEach(engine, ['four']);
    const [one, two] = lastCommits(memory, 4) as [number, number];
    const refused = openNativeEngine({ disk: changed(memory, one), clock: new EagerClock(), limits });
    await assert.rejects(refused, { code: 'damaged', message: new RegExp(`${file} .* offset ${one}`) });
    assert.deepEqual(await textsOf(changed(memory, two)), ['kept', 'one']);
    disk.holdsEach = false;
    for (const end of disk.held) end();
    await engine.close();
  });

  it('a check and a repair tell the two apart as recovery does, and keep what is whole behind damage', async () => {
    const { memory, disk, engine } = await open();
    await putEach(engine, ['kept']);
    disk.holdsEach = true;
    await putEach(engine, ['one', 'two', 'three']);
    const [one] = lastCommits(memory, 3) as [number];
    const torn = changed(memory, one);
    disk.held[0]?.();
    await settled();
    await putEach(engine, ['four']);
    const damaged = changed(memory, one);
    for (const [store, kind, expected] of [
      [torn, 'torn', ['kept']],
      [damaged, 'changed', ['kept', 'one', 'two', 'three', 'four']],
    ] as const) {
      const { findings } = await checkStore({ view: viewOf(store) });
      assert.deepEqual(
        findings.map((finding) => [finding.kind, finding.file, finding.offset]),
        [[kind, file, one]],
      );
      const target = new MemoryDisk();
      await repairStore({ source: viewOf(store), target });
      assert.deepEqual(await textsOf(target), expected);
    }
    disk.holdsEach = false;
    for (const end of disk.held) end();
    await engine.close();
  });

  it('are not begun in a file of an earlier format, whose readers would take what a crash leaves for damage', async () => {
    const { disk: memory } = fixtureDisk('journal-2-chunk-1-manifest-1');
    const { disk, engine } = await open({}, memory);
    disk.holdsEach = true;
    await putEach(engine, ['one', 'two']);
    assert.equal(disk.inFlightMax, 1);
    disk.holdsEach = false;
    for (const end of disk.held) end();
    await engine.close();
    assert.deepEqual((await textsOf(memory)).slice(-2), ['one', 'two']);
  });
});
