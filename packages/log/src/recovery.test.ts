import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { journalName } from './journal.js';
import { LogError } from './log-error.js';
import { type NativeEngine, openNativeEngine } from './native-engine.js';
import { nodeDisk } from './node-disk.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, Ledger, readAll } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';

const smallFiles = { journalFileBytesMax: 600, deadBytesMax: 100_000, reserveBytes: 0 };
const unsettled = { ...smallFiles, journalFilesKept: 100, unsettledFilesMax: 101 };
const oneFile = { reserveBytes: 0 };

async function openAt(directory: string, limits = oneFile): Promise<NativeEngine> {
  return openNativeEngine({ disk: await nodeDisk(directory), clock: new EagerClock(), limits });
}

async function textsOf(engine: NativeEngine, log: string): Promise<string[]> {
  return (await readAll(engine, log)).map((record) => record.text);
}

describe('recovery of real files', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-recovery-'));
  });
  after(() => rm(directory, { recursive: true }));

  /** A directory that holds just these files. */
  async function laidOut(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
    for (const name of await readdir(directory)) await rm(join(directory, name));
    for (const [name, bytes] of files) await writeFile(join(directory, name), bytes);
    return directory;
  }

  /** What is on the disk while the engine is still open: what a crash leaves. */
  async function crashed(): Promise<Map<string, Buffer>> {
    const files = new Map<string, Buffer>();
    for (const name of (await readdir(directory)).filter((name) => name.startsWith('journal'))) {
      files.set(name, await readFile(join(directory, name)));
    }
    return files;
  }

  async function refusal(files: ReadonlyMap<string, Uint8Array>): Promise<{ code: string; message: string }> {
    const at = await laidOut(files);
    let refused: { code: string; message: string } | undefined;
    try {
      await (await openAt(at, unsettled)).close();
    } catch (error) {
      refused = error as { code: string; message: string };
    }
    assert.ok(refused !== undefined, 'it was opened');
    return refused;
  }

  /** One file: three acknowledged appends, and where the last commit starts. */
  async function oneFileStore(): Promise<{ files: Map<string, Buffer>; lastAt: number }> {
    const engine = await openAt(await laidOut(new Map()));
    await engine.create(['a', 'b']);
    await engine.append(
      batchOf([
        ['a', 'first'],
        ['b', 'second'],
      ]),
    );
    const path = join(directory, journalName(1));
    const lastAt = (await stat(path)).size;
    await engine.append(
      batchOf([
        ['a', 'third'],
        ['a', 'fourth'],
        ['b', 'fifth'],
      ]),
    );
    const files = await crashed();
    await engine.close();
    return { files, lastAt };
  }

  /** Several files, each with commits. */
  async function rowOfFiles(): Promise<Map<string, Buffer>> {
    const engine = await openAt(await laidOut(new Map()), unsettled);
    await engine.create(['a']);
    for (let i = 0; i < 12; i++) await engine.append(batchOf([['a', `record ${i} ${'x'.repeat(100)}`]]));
    const files = await crashed();
    await engine.close();
    assert.ok(files.size >= 4);
    return files;
  }

  it('a commit torn at any byte is cut, and what was acknowledged before it is all there', async () => {
    const { files, lastAt } = await oneFileStore();
    const bytes = files.get(journalName(1)) as Buffer;
    for (let length = lastAt; length <= bytes.length; length++) {
      const engine = await openAt(await laidOut(new Map([[journalName(1), bytes.subarray(0, length)]])));
      const whole = length === bytes.length;
      assert.deepEqual(await textsOf(engine, 'a'), whole ? ['first', 'third', 'fourth'] : ['first']);
      assert.deepEqual(await textsOf(engine, 'b'), whole ? ['second', 'fifth'] : ['second']);
      const torn = length > lastAt && !whole;
      const cut = { file: journalName(1), offset: lastAt, bytes: length - lastAt };
      assert.deepEqual(engine.recovery.cut, torn ? cut : undefined);
      const [outcome] = await engine.append(batchOf([['a', 'next']]));
      assert.equal(outcome?.kind === 'appended' && outcome.firstPosition, whole ? 3 : 1);
      await engine.close();
      const again = await openAt(directory);
      assert.deepEqual(
        await textsOf(again, 'a'),
        whole ? ['first', 'third', 'fourth', 'next'] : ['first', 'next'],
      );
      await again.close();
    }
  });

  it('a last commit of which any part is zeros is cut', async () => {
    const { files, lastAt } = await oneFileStore();
    const bytes = files.get(journalName(1)) as Buffer;
    for (let at = lastAt; at < bytes.length - 8; at += 3) {
      const torn = Buffer.from(bytes).fill(0, at, at + 8);
      if (torn.equals(bytes)) continue;
      const engine = await openAt(await laidOut(new Map([[journalName(1), torn]])));
      assert.deepEqual(await textsOf(engine, 'a'), ['first']);
      await engine.close();
    }
  });

  it('a byte changed in what was synced is refused, with its file', async () => {
    const { files, lastAt } = await oneFileStore();
    const bytes = files.get(journalName(1)) as Buffer;
    for (let at = 0; at < lastAt; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      const disk = new MemoryDisk();
      disk.put(journalName(1), damaged);
      await assert.rejects(openNativeEngine({ disk, clock: new EagerClock(), limits: oneFile }), (error) => {
        assert.ok(error instanceof LogError && error.code === 'damaged', `byte ${at}: ${error}`);
        const offset = Number(/journal-0000000001 is damaged at offset (\d+)/.exec(error.message)?.[1]);
        return offset <= at && offset >= at - 300;
      });
      if (at % 100 === 0) assert.equal((await refusal(new Map([[journalName(1), damaged]]))).code, 'damaged');
    }
  });

  it('after a clean close the last commit is known to have been synced, too', async () => {
    const { lastAt } = await oneFileStore();
    const files = await crashed();
    const bytes = files.get(journalName(1)) as Buffer;
    bytes[lastAt + 70] = (bytes[lastAt + 70] as number) ^ 1;
    const { code, message } = await refusal(files);
    assert.equal(code, 'damaged');
    assert.match(message, new RegExp(`journal-0000000001 is damaged at offset ${lastAt}`));
  });

  it('a file that is not the newest must be whole', async () => {
    const files = await rowOfFiles();
    const second = files.get(journalName(2)) as Buffer;
    for (const length of [0, 10, second.length - 200, second.length - 1]) {
      const { code, message } = await refusal(new Map(files).set(journalName(2), second.subarray(0, length)));
      assert.equal(code, 'damaged');
      assert.match(message, /journal-000000000[23]/);
    }
  });

  it('a file missing in the row is named', async () => {
    const files = await rowOfFiles();
    files.delete(journalName(2));
    assert.deepEqual(await refusal(files).then(({ code, message }) => ({ code, message })), {
      code: 'damaged',
      message: 'journal-0000000002 is missing',
    });
  });

  it('an oldest file that is missing is noticed by the records that it held', async () => {
    const files = await rowOfFiles();
    files.delete(journalName(1));
    const { code, message } = await refusal(files);
    assert.equal(code, 'damaged');
    assert.match(message, /journal-0000000001 is missing: it held records of a/);
  });

  it('files that have changed places are noticed', async () => {
    const files = await rowOfFiles();
    const second = files.get(journalName(2)) as Buffer;
    files.set(journalName(2), files.get(journalName(3)) as Buffer).set(journalName(3), second);
    assert.equal((await refusal(files)).code, 'damaged');
  });

  it('files that are not ours are named and left alone', async () => {
    const files = await rowOfFiles();
    const foreign = await refusal(new Map(files).set('holiday.jpg', Buffer.from('jpg')));
    assert.equal(foreign.code, 'foreign');
    assert.match(foreign.message, /holiday\.jpg/);
    const alone = await refusal(
      new Map([[journalName(1), Buffer.from('Dear diary, today I wrote a lot of text.')]]),
    );
    assert.equal(alone.code, 'foreign');
    assert.equal((await readFile(join(directory, journalName(1)))).length, 40);
  });

  it('a file of another store is refused', async () => {
    const files = await rowOfFiles();
    const other = await rowOfFiles();
    files.set(journalName(3), other.get(journalName(3)) as Buffer);
    const { code, message } = await refusal(files);
    assert.equal(code, 'foreign');
    assert.match(message, /journal-0000000003 belongs to another store/);
  });

  it('a file on its way to a name is of no consequence', async () => {
    const files = await rowOfFiles();
    for (const leftover of [Buffer.alloc(0), Buffer.alloc(5000, 7), files.get(journalName(1)) as Buffer]) {
      const at = await laidOut(new Map(files).set('journal.new', leftover).set('reserve.new', leftover));
      const engine = await openAt(at, unsettled);
      assert.equal((await textsOf(engine, 'a')).length, 12);
      assert.ok(!(await readdir(at)).includes('journal.new'));
      await engine.close();
    }
  });
});

describe('what a reopened log still knows', () => {
  const open = (disk: MemoryDisk, clock = new EagerClock(), limits = {}): Promise<NativeEngine> =>
    openNativeEngine({ disk, clock, limits: { reserveBytes: 0, ...limits } });

  it('positions, seals, trims, arrivals and deletions, after a close and after a crash, over many files', async () => {
    for (const crash of [false, true]) {
      let disk = new MemoryDisk();
      const clock = new EagerClock();
      let engine = await open(disk, clock, smallFiles);
      let ledger = new Ledger(engine);
      await engine.create(['a', 'sealed', 'trimmed', 'gone']);
      for (let i = 0; i < 30; i++) {
        clock.advance(i);
        await ledger.put(['a', 'sealed', 'trimmed', 'a', 'gone'], 20);
      }
      await engine.seal('sealed');
      await engine.trim('trimmed', 17);
      await engine.delete(['gone']);
      const states = new Map(engine.list().map((log) => [log, engine.state(log)]));
      const records = await readAll(engine, 'a');
      if (crash) disk = disk.copy();
      else await engine.close();
      engine = await open(disk, clock, smallFiles);
      assert.deepEqual(new Map(engine.list().map((log) => [log, engine.state(log)])), states);
      assert.deepEqual(await readAll(engine, 'a'), records);
      assert.equal((await readAll(engine, 'trimmed'))[0]?.position, 17);
      const middle = records[31]?.arrivalMs ?? 0;
      const found = records.find((record) => record.arrivalMs >= middle)?.position;
      assert.equal(await engine.findByArrival('a', middle), found);
      assert.equal((await engine.append(batchOf([['sealed', 'x']])))[0]?.kind, 'sealed');
      ledger = new Ledger(engine);
      assert.equal((await ledger.putSurely('a')).firstPosition, 60);
      await engine.close();
    }
  });

  it('time: a clock that stands before what is on the disk does not make arrivals fall', async () => {
    const disk = new MemoryDisk();
    const engine = await open(disk, new EagerClock(5_000_000));
    await engine.create(['a']);
    await engine.append(batchOf([['a', 'x']]));
    await engine.close();
    const again = await open(disk, new EagerClock(1000));
    assert.equal(again.newestArrivalMs, 5_000_000);
    const [outcome] = await again.append(batchOf([['a', 'y']]));
    assert.equal(outcome?.kind === 'appended' && outcome.arrivalMs, 5_000_000);
    await again.close();
  });

  it('what a cut has removed is not taken for valid when its bytes come back', async () => {
    const disk = new MemoryDisk();
    const engine = await open(disk);
    await engine.create(['a']);
    await engine.append(batchOf([['a', 'kept']]));
    const keptBytes = disk.contents(journalName(1)).length;
    await engine.append(batchOf([['a', 'stale 1']]));
    await engine.append(batchOf([['a', 'stale 2']]));
    const stale = disk.contents(journalName(1));
    const cut = disk.copy();
    cut.put(journalName(1), stale.subarray(0, keptBytes));
    const second = await open(cut);
    const kept = cut.contents(journalName(1));
    await second.append(batchOf([['a', 'new']]));
    for (const from of [kept.length, cut.contents(journalName(1)).length]) {
      const haunted = cut.copy();
      const bytes = Buffer.from(stale);
      haunted.put(
        journalName(1),
        Buffer.concat([
          cut.contents(journalName(1)).subarray(0, from),
          bytes.subarray(Math.min(from, stale.length - 200)),
        ]),
      );
      const third = await open(haunted);
      const texts = await textsOf(third, 'a');
      assert.deepEqual(texts, from === kept.length ? ['kept'] : ['kept', 'new']);
      await third.close();
    }
  });

  it('a record that holds a copy of the journal is no proof of anything', async () => {
    const disk = new MemoryDisk();
    const engine = await open(disk);
    await engine.create(['a']);
    await engine.append(batchOf([['a', 'kept']]));
    const journal = disk.contents(journalName(1));
    const at = journal.length;
    const payload = Buffer.concat([journal, journal]);
    await engine.append({
      logs: ['a'],
      logOf: new Uint32Array(1),
      ends: new Uint32Array([payload.length]),
      payload,
    });
    const torn = disk.copy();
    torn.put(journalName(1), disk.contents(journalName(1)).subarray(0, -20));
    const again = await open(torn);
    assert.equal(again.recovery.cut?.offset, at);
    assert.deepEqual(await textsOf(again, 'a'), ['kept']);
    await again.close();
  });

  it('numbers of logs are never used twice: a deleted log does not lend its records to a new one', async () => {
    let disk = new MemoryDisk();
    for (let round = 0; round < 5; round++) {
      const engine = await open(disk, new EagerClock(), smallFiles);
      await engine.create(['again']);
      assert.deepEqual(await textsOf(engine, 'again'), []);
      await engine.append(batchOf([['again', `round ${round}`]]));
      const both = await Promise.all([engine.delete(['again']), engine.create(['again'])]);
      assert.deepEqual(both, ['done', 'done']);
      assert.deepEqual(await textsOf(engine, 'again'), []);
      await engine.delete(['again']);
      disk = disk.copy();
    }
  });

  it('damage that shows only at a read is named and never served', async () => {
    const disk = new MemoryDisk();
    const engine = await open(disk, new EagerClock(), { tailBytesMax: 0 });
    await engine.create(['a']);
    await engine.append(batchOf([['a', 'x'.repeat(5000)]]));
    await engine.append(batchOf([['a', 'y'.repeat(5000)]]));
    const file = await disk.open(journalName(1), 'existing');
    const at = disk.contents(journalName(1)).indexOf('yyyy');
    await file.write([Buffer.from('z')], at + 100);
    const read = (from: number): Promise<unknown> =>
      engine.read({ log: 'a', from, recordsMax: 1, bytesMax: 1e6 });
    await read(0);
    await assert.rejects(read(1), {
      code: 'damaged',
      message: /journal-0000000001 is damaged at offset \d+/,
    });
    await read(0);
    await engine.close();
  });
});

describe('recovery of a file that was written over an older one', () => {
  const limits = { journalFileBytesMax: 2000, deadBytesMax: 100_000, reserveBytes: 0, tailBytesMax: 0 };

  function openOn(disk: MemoryDisk): Promise<NativeEngine> {
    return openNativeEngine({ disk, clock: new EagerClock(), limits });
  }

  async function newestOf(disk: MemoryDisk): Promise<string> {
    const names = (await disk.list()).filter((name) => name.startsWith('journal-'));
    return names.sort().at(-1) as string;
  }

  interface Store {
    /** As a crash leaves it, after the last append and before it. */
    readonly disk: MemoryDisk;
    readonly before: Buffer;
    readonly newest: string;
    /** Where the last commit starts, and ends. */
    readonly lastAt: number;
    readonly lastEnd: number;
    readonly texts: readonly string[];
  }

  /** A store whose newest file has three commits, and behind them what an older file held. */
  async function store(): Promise<Store> {
    const disk = new MemoryDisk();
    const engine = await openOn(disk);
    await engine.create(['a']);
    const texts: string[] = [];
    const append = async (): Promise<void> => {
      texts.push(`${texts.length} ${'x'.repeat(100 + ((texts.length * 41) % 70))}`);
      await engine.append(batchOf([['a', texts.at(-1) as string]]));
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    while (!(await disk.list()).includes('journal.spare')) await append();
    const grown = await newestOf(disk);
    while ((await newestOf(disk)) === grown) await append();
    await append();
    const newest = await newestOf(disk);
    const before = disk.contents(newest);
    assert.ok(before.length >= limits.journalFileBytesMax, 'the room of the older file is there');
    await append();
    const copy = disk.copy();
    await engine.close();
    const after = copy.contents(newest);
    assert.equal(after.length, before.length, 'a commit went into that room');
    const changed = Array.from(after.keys()).filter((at) => after[at] !== before[at]);
    const lastAt = changed[0] as number;
    return { disk: copy, before, newest, lastAt, lastEnd: (changed.at(-1) as number) + 1, texts };
  }

  it('cuts a commit that was torn at any byte, and tells nothing of what was there before', async () => {
    const { disk, before, newest, lastAt, lastEnd, texts } = await store();
    const after = disk.contents(newest);
    for (let at = lastAt; at <= lastEnd; at++) {
      const torn = Buffer.concat([after.subarray(0, at), before.subarray(at)]);
      const spoilt = disk.copy();
      spoilt.put(newest, torn);
      const engine = await openOn(spoilt);
      const expected = torn.equals(after) ? texts : texts.slice(0, -1);
      assert.deepEqual(await textsOf(engine, 'a'), expected, `torn at ${at} of ${lastAt} to ${lastEnd}`);
      if (at === lastAt || at === lastEnd) assert.equal(engine.recovery.cut, undefined);
      if (at === lastEnd - 1) assert.equal(engine.recovery.cut?.offset, lastAt);
      await engine.append(batchOf([['a', 'next']]));
      await engine.close();
      const again = await openOn(spoilt);
      assert.deepEqual(await textsOf(again, 'a'), [...expected, 'next']);
      await again.close();
    }
  });

  it('refuses a byte changed in what was synced', async () => {
    const { disk, newest, lastAt } = await store();
    const bytes = disk.contents(newest);
    for (let at = 0; at < lastAt; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      const spoilt = disk.copy();
      spoilt.put(newest, changed);
      await assert.rejects(openOn(spoilt), { name: 'LogError', code: 'damaged' }, `byte ${at}`);
    }
  });

  it('does not miss the spare file, nor what became of it in a crash', async () => {
    const { disk, texts } = await store();
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('half a header'),
      disk.contents(await newestOf(disk)),
    ]) {
      const spoilt = disk.copy();
      spoilt.put('journal.spare', bytes);
      const engine = await openOn(spoilt);
      assert.deepEqual(await textsOf(engine, 'a'), texts);
      assert.ok(!(await spoilt.list()).includes('journal.spare'));
      await engine.close();
    }
  });
});
