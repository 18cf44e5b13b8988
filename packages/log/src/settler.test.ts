import assert from 'node:assert/strict';
import { link, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { chunkName } from './chunk.js';
import { type Disk, DiskError } from './disk.js';
import { journalName, journalNumber } from './journal.js';
import { decodeJournalHeader, journalHeaderBytes } from './journal-header.js';
import type { NativeLimits } from './limits.js';
import { type NativeEngine, openNativeEngine } from './native-engine.js';
import { nodeDisk } from './node-disk.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, type ReadRecord, readAll } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';
import { WatchedDisk } from './testing/watched-disk.js';

const limits: Partial<NativeLimits> = {
  journalFileBytesMax: 8000,
  deadBytesMax: 4000,
  reserveBytes: 0,
  tailBytesMax: 0,
  settlingBytesMax: 3000,
  settlingSliceBytes: 500,
  blockBytesMax: 1000,
};

const logs = ['a', 'b', 'c'];

/** The disk in `directory`/log, which links each journal file into `directory` as it gets its name: as a snapshot does. */
class LinkingDisk extends WatchedDisk {
  /** Where the links are, by the number of the file. */
  readonly linked = new Map<number, string>();
  readonly #directory: string;

  constructor(inner: Disk, directory: string) {
    super(inner);
    this.#directory = directory;
  }

  /** The number that each linked file's header says. */
  async headers(): Promise<Map<number, number | undefined>> {
    const said = new Map<number, number | undefined>();
    for (const [file, kept] of this.linked) {
      const bytes = await readFile(kept);
      const header = bytes.subarray(0, journalHeaderBytes(bytes));
      said.set(file, decodeJournalHeader(header)?.file);
    }
    return said;
  }

  override async rename(from: string, to: string): Promise<void> {
    await super.rename(from, to);
    const file = journalNumber(to);
    if (file === undefined) return;
    const kept = join(this.#directory, String(file));
    await link(join(this.#directory, 'log', to), kept);
    this.linked.set(file, kept);
  }
}

function open(
  disk: MemoryDisk | WatchedDisk,
  more: Partial<NativeLimits> = {},
  settlingStopped: (why: string) => void = () => {},
): Promise<NativeEngine> {
  return openNativeEngine({ disk, clock: new EagerClock(), limits: { ...limits, ...more }, settlingStopped });
}

/** Lets settling go on until it has nothing left to do. */
async function settled(engine: NativeEngine): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(engine.settling().trouble, undefined);
  assert.equal(engine.settling().unsettledFiles, 0);
}

/** The same on a real disk, which takes its time. */
async function settledSoon(engine: NativeEngine): Promise<void> {
  while (engine.settling().unsettledFiles > 0 && engine.settling().trouble === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function fill(engine: NativeEngine, appends: number, log?: string): Promise<void> {
  for (let i = 0; i < appends; i++) {
    const text = `${i} ${'x'.repeat((i * 37) % 200)}`;
    await engine.append(batchOf((log === undefined ? logs : [log]).map((id) => [id, text] as const)));
  }
}

async function everything(engine: NativeEngine): Promise<Map<string, ReadRecord[]>> {
  const all = new Map<string, ReadRecord[]>();
  for (const log of engine.list()) {
    all.set(log, await readAll(engine, log, engine.state(log)?.firstPosition, 7));
  }
  return all;
}

async function chunksOn(disk: MemoryDisk | WatchedDisk): Promise<string[]> {
  return (await disk.list()).filter((name) => name.startsWith('chunk')).sort();
}

/** Several chunks and a journal, as a crash leaves them, and what they hold. */
async function settledStore(): Promise<{ disk: MemoryDisk; held: Map<string, ReadRecord[]> }> {
  const disk = new MemoryDisk();
  const engine = await open(disk);
  await engine.create(logs);
  await fill(engine, 100);
  await settled(engine);
  const held = await everything(engine);
  assert.ok((await chunksOn(disk)).length >= 3);
  return { disk: disk.copy(), held };
}

describe('settling', () => {
  it('changes nothing of what is read, before and after a restart', async () => {
    const disk = new MemoryDisk();
    const engine = await open(disk, { journalFilesKept: 50, unsettledFilesMax: 51 });
    await engine.create(logs);
    await fill(engine, 100);
    const before = await everything(engine);
    assert.deepEqual(await chunksOn(disk), []);
    await engine.close();
    const again = await open(disk);
    await settled(again);
    assert.ok((await chunksOn(disk)).length >= 3);
    assert.deepEqual(await everything(again), before);
    await again.close();
    const third = await open(disk);
    assert.deepEqual(await everything(third), before);
    await third.close();
  });

  it('leaves one journal file, so that an opening reads no more than that and the trailers', async () => {
    const { disk, held } = await settledStore();
    assert.equal((await disk.list()).filter((name) => name.startsWith('journal-')).length, 1);
    const watched = new WatchedDisk(disk);
    const engine = await open(watched);
    const chunks = await chunksOn(disk);
    assert.equal(engine.recovery.chunks, chunks.length);
    assert.equal(watched.count('read', 'journal') <= 4, true);
    assert.deepEqual(await everything(engine), held);
    await engine.close();
  });

  it('reads at an opening what says which chunks there are, and of a log what leads to it', async () => {
    const { disk } = await settledStore();
    const watched = new WatchedDisk(disk);
    const engine = await open(watched, { blockBytesMax: 1000, tableCacheBytesMax: 1_000_000 });
    await settled(engine);
    const { chunks } = engine.settling();
    assert.ok(chunks >= 2);
    assert.equal(watched.count('read', 'chunk'), chunks, 'trailers, and no tables');
    watched.calls.length = 0;
    await engine.read({ log: 'b', from: 0, recordsMax: 1, bytesMax: 1 });
    const halvings = Math.ceil(Math.log2(chunks + 1));
    assert.ok(watched.count('read', 'chunk') <= halvings + 2, 'tables of logs, a table of blocks, a block');
    await engine.close();
  });

  it('finds positions by arrival in every chunk', async () => {
    const disk = new MemoryDisk();
    const clock = new EagerClock();
    const engine = await openNativeEngine({ disk, clock, limits });
    await engine.create(logs);
    for (let i = 0; i < 60; i++) {
      await fill(engine, 2, i % 9 === 0 ? 'c' : 'a');
      clock.advance(i % 3);
    }
    await settled(engine);
    for (const log of ['a', 'c', 'b']) {
      const all = await readAll(engine, log);
      const firstMs = all[0]?.arrivalMs ?? 0;
      for (let ms = firstMs - 1; ms <= (all.at(-1)?.arrivalMs ?? 0) + 1; ms++) {
        const expected = all.find((record) => record.arrivalMs >= ms)?.position;
        const end = engine.state(log)?.endPosition;
        assert.equal(await engine.findByArrival(log, ms), expected ?? end, `${log} at ${ms - firstMs}`);
      }
    }
    await engine.close();
  });

  it('is given up at a close, and leaves nothing behind', async () => {
    const disk = new MemoryDisk();
    const engine = await open(disk);
    await engine.create(logs);
    await fill(engine, 40);
    await engine.close();
    const again = await open(disk);
    await settled(again);
    assert.equal((await everything(again)).get('b')?.length, 40);
    await again.close();
  });

  it('gives back the space of deleted logs, on a full disk too', async () => {
    for (const isFull of [false, true]) {
      const memory = new MemoryDisk();
      const disk = new WatchedDisk(memory);
      const engine = await open(disk, { reserveBytes: 8192 });
      await engine.create(logs);
      await fill(engine, 60);
      await settled(engine);
      if (isFull) disk.roomBytes = disk.usedBytes;
      assert.equal(await engine.delete(logs), 'done');
      await settled(engine);
      assert.deepEqual(await chunksOn(disk), []);
      assert.ok(disk.usedBytes < 8192 + 12_000, `${disk.usedBytes} bytes are taken`);
      assert.equal(await engine.create(['d']), 'done');
      assert.equal((await engine.append(batchOf([['d', 'x']])))[0]?.kind, 'appended');
      await engine.close();
    }
  });

  it('does not let a long-lived log keep the space of a short-lived one', async () => {
    const disk = new MemoryDisk();
    const engine = await open(disk);
    await engine.create(logs);
    for (let round = 0; round < 40; round++) {
      await fill(engine, 1, 'a');
      await fill(engine, 12, 'b');
      await engine.trim('b', (engine.state('b')?.endPosition ?? 0) - 5);
    }
    await settled(engine);
    const a = await readAll(engine, 'a');
    assert.equal(a.length, 40);
    const chunks = await chunksOn(disk);
    assert.ok(chunks.length <= 6, `${chunks} are left`);
    const before = await everything(engine);
    await engine.close();
    const again = await open(disk);
    assert.deepEqual(await everything(again), before);
    await settled(again);
    assert.deepEqual(await everything(again), before);
    const byTime = a.find((record) => record.arrivalMs >= (a[20]?.arrivalMs ?? 0))?.position;
    assert.equal(await again.findByArrival('a', a[20]?.arrivalMs ?? 0), byTime);
    await again.close();
  });

  it('keeps what is read alive while chunks are rewritten under the readers', async () => {
    const disk = new MemoryDisk();
    const engine = await open(disk, { tableCacheBytesMax: 0 });
    await engine.create(logs);
    await fill(engine, 80);
    await settled(engine);
    const before = await everything(engine);
    const trims = [10, 25, 40, 60].map((first) => engine.trim('b', first));
    const reads = Array.from({ length: 10 }, () => readAll(engine, 'a', 0, 3));
    await Promise.all(trims);
    const deleted = engine.delete(['c']);
    for (const records of await Promise.all(reads)) assert.deepEqual(records, before.get('a'));
    await deleted;
    await settled(engine);
    assert.deepEqual(await readAll(engine, 'a'), before.get('a'));
    await engine.close();
  });

  it('stops, and the log goes on, when a chunk cannot be written', async () => {
    const disk = new WatchedDisk(new MemoryDisk());
    const told: string[] = [];
    const engine = await open(disk, {}, (why) => told.push(why));
    await engine.create(logs);
    disk.fails = (call, name) =>
      call === 'sync' && name.startsWith('chunk') ? new DiskError('io', 'it is broken') : undefined;
    await fill(engine, 40);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.match(engine.settling().trouble ?? '', /it is broken/);
    assert.deepEqual(told, [engine.settling().trouble], 'it is told once');
    assert.deepEqual(await chunksOn(disk), []);
    assert.equal((await everything(engine)).get('a')?.length, 40);
    assert.equal(engine.health().writable, true);
    await engine.close();
  });

  it('answers nobody that the disk is full while there is a spare file', async () => {
    for (const spared of [0, 3, 9, 14]) {
      const disk = new WatchedDisk(new MemoryDisk());
      const engine = await open(disk, { reserveBytes: 8192 });
      await engine.create(logs);
      await fill(engine, 60 + spared);
      await settled(engine);
      assert.ok((await disk.list()).includes('journal.spare'));
      disk.roomBytes = disk.usedBytes;
      let kind: string | undefined = 'appended';
      for (let i = 0; kind === 'appended'; i++) {
        assert.ok(i < 1000, 'the disk is never full');
        kind = (await engine.append(batchOf([['a', `${i} ${'x'.repeat(300)}`]])))[0]?.kind;
      }
      assert.equal(kind, 'full');
      assert.ok(!(await disk.list()).includes('journal.spare'));
      assert.equal(await engine.delete(logs), 'done');
      await settled(engine);
      assert.ok(disk.usedBytes < 8192 + 12_000, `${disk.usedBytes} bytes are taken when nothing is kept`);
      await engine.close();
    }
  });

  it('writes the journal over settled files, but never over one that somebody has linked', async () => {
    for (const links of [false, true]) {
      const directory = await mkdtemp(join(tmpdir(), 'millrace-settler-'));
      const node = await nodeDisk(join(directory, 'log'));
      const disk = links ? new LinkingDisk(node, directory) : new WatchedDisk(node);
      const engine = await open(disk);
      await engine.create(logs);
      for (let i = 0; i < 60; i++) {
        await fill(engine, 2);
        // However slow the sorter is, it has left files to be written over by now.
        if (i % 10 === 9) await settledSoon(engine);
      }
      assert.equal(disk.count('rename', 'journal.spare') > 0, !links, 'a file was used twice');
      assert.equal(disk.count('remove', 'journal.spare') > 0, links);
      if (disk instanceof LinkingDisk) {
        assert.ok(disk.linked.size > 3);
        for (const [file, said] of await disk.headers())
          assert.equal(said, file, 'a linked file was written over');
      }
      assert.equal((await readAll(engine, 'a')).length, 120);
      await engine.close();
      await rm(directory, { recursive: true });
    }
  });

  it('drops what a switch that was cut off has left', async () => {
    const { disk, held } = await settledStore();
    const [chunk] = await chunksOn(disk);
    disk.put(chunkName(900), disk.contents(chunk as string).subarray(0, -10));
    disk.put(journalName(1), Buffer.from('half of a journal'));
    disk.put('manifest.new', Buffer.alloc(30));
    const watched = new WatchedDisk(disk);
    const engine = await open(watched);
    const names = await disk.list();
    for (const name of [chunkName(900), journalName(1), 'manifest.new']) assert.ok(!names.includes(name));
    const [synced, removed] = ['syncDirectory', `remove ${chunkName(900)}`].map((call) =>
      watched.calls.findIndex((made) => made.startsWith(call)),
    ) as [number, number];
    assert.ok(
      synced >= 0 && synced < removed,
      'removed before the manifest that says so had its name for good',
    );
    assert.deepEqual(await everything(engine), held);
    await engine.close();
  });
});

describe('damage to what is settled', () => {
  async function refusal(disk: MemoryDisk): Promise<string> {
    try {
      await (await open(disk)).close();
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      return `${code}: ${message}`;
    }
    return 'it was opened';
  }

  it('a chunk that is missing, short, long, or another one is named at the opening', async () => {
    const { disk } = await settledStore();
    const [first, second] = (await chunksOn(disk)) as [string, string];
    const bytes = disk.contents(first);
    const swapped = disk.copy();
    swapped.put(first, disk.contents(second));
    swapped.put(second, bytes);
    assert.match(await refusal(swapped), /^damaged: chunk-\d{10} holds chunk-\d{10}/);
    for (const changed of [
      bytes.subarray(0, -1),
      Buffer.concat([bytes, bytes]),
      Buffer.alloc(bytes.length),
    ]) {
      const spoilt = disk.copy();
      spoilt.put(first, changed);
      assert.match(await refusal(spoilt), new RegExp(`^damaged: ${first} is damaged`));
    }
    const without = disk.copy();
    await without.remove(first);
    assert.equal(await refusal(without), `damaged: ${first} is missing`);
  });

  it('a manifest that is missing or changed is named', async () => {
    const { disk } = await settledStore();
    const bytes = disk.contents('manifest');
    for (let at = 0; at < bytes.length; at += 3) {
      const spoilt = disk.copy();
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 4;
      spoilt.put('manifest', changed);
      assert.equal(await refusal(spoilt), 'damaged: manifest is damaged');
    }
    const without = disk.copy();
    await without.remove('manifest');
    assert.match(await refusal(without), /^damaged: manifest is missing: it held records of a/);
    const journal = (await disk.list()).find((name) => name.startsWith('journal')) as string;
    await disk.remove(journal);
    assert.equal(await refusal(disk), `damaged: ${journal} is missing`);
  });

  it('a changed byte in a chunk is never served: it is named, or nobody needs it', async () => {
    const { disk, held } = await settledStore();
    const [name] = (await chunksOn(disk)) as [string];
    const bytes = disk.contents(name);
    let noticed = 0;
    for (let at = 0; at < bytes.length; at += 97) {
      const spoilt = disk.copy();
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      spoilt.put(name, changed);
      try {
        const engine = await open(spoilt);
        try {
          assert.deepEqual(await everything(engine), held);
        } finally {
          await engine.close();
        }
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        assert.equal(code, 'damaged', String(error));
        assert.match(message, new RegExp(`^${name} is damaged`));
        noticed++;
      }
    }
    assert.ok(noticed > 50, `${noticed} changes were noticed`);
  });
});
