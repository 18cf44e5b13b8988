import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commitHeaderAt, commitHeaderBytes } from './commit.js';
import { frameHeadAt, frameHeadBytesAt } from './frame.js';
import { decodeJournalHeader, journalHeaderBytes } from './journal-header.js';
import { tagOf } from './journal-walk.js';
import { LogError } from './log-error.js';
import { openNativeEngine } from './native-engine.js';
import { repairStore } from './repair.js';
import { checkStore, type StoreReport } from './store-check.js';
import { EagerClock } from './testing/eager-clock.js';
import { fixtureDisk, viewOf } from './testing/fixture-disk.js';
import { fixtureLines } from './testing/format-fixture.js';
import { batchOf } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';

/** Of a million places, those that are tried: a prime, so that it meets every part of every structure. */
const stride = 23;
const repairStride = 1009;

const { disk: made, lines } = fixtureDisk();
/** The same without what older files held: then every byte counts. */
const whole = withoutOlderBytes(made);
const names = (await whole.list()).toSorted();
const chunks = names.filter((name) => name.startsWith('chunk'));
const journals = names.filter((name) => name.startsWith('journal'));
const [newest = ''] = journals.slice(-1);

function withoutOlderBytes(store: MemoryDisk): MemoryDisk {
  const disk = new MemoryDisk();
  for (const name of store.names()) {
    const bytes = store.contents(name);
    if (name === 'journal.spare') continue;
    disk.put(name, name.startsWith('journal') ? bytes.subarray(0, endOfJournal(bytes)) : bytes);
  }
  return disk;
}

/** Where the commits of a journal file end. */
function endOfJournal(bytes: Buffer): number {
  const header = decodeJournalHeader(bytes.subarray(0, journalHeaderBytes(bytes)));
  let end = journalHeaderBytes(bytes) ?? 0;
  for (;;) {
    const commit = commitHeaderAt(bytes, end);
    if (commit === undefined || commit.file !== header?.file) return end;
    end += commitHeaderBytes + commit.bodyBytes;
  }
}

function check(disk: MemoryDisk): Promise<StoreReport> {
  return checkStore({ view: viewOf(disk) });
}

function changed(change: (disk: MemoryDisk) => void): MemoryDisk {
  const disk = whole.copy();
  change(disk);
  return disk;
}

function without(name: string): MemoryDisk {
  const disk = new MemoryDisk();
  for (const other of names) if (other !== name) disk.put(other, whole.contents(other));
  return disk;
}

function damages(report: StoreReport): string[] {
  return report.findings
    .filter(({ severity }) => severity === 'damage')
    .map(({ kind, file }) => `${kind} ${file}`);
}

function flipped(name: string, at: number): MemoryDisk {
  return changed((disk) => {
    const bytes = disk.contents(name);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    disk.put(name, bytes);
  });
}

/** The record lines of a report's losses, and what is left of `lines` without them. */
function withoutLost(report: StoreReport): string[] {
  const lost = new Map(report.logs.map((log) => [log.id ?? '', log.lost]));
  return lines.filter((line) => {
    const [log = '', position = ''] = line.split(' ');
    if (position === 'from') return false;
    return !(lost.get(log) ?? []).some(({ from, to }) => Number(position) >= from && Number(position) < to);
  });
}

/** Repairs `disk`, opens the result and reads everything; also checks it. */
async function repaired(disk: MemoryDisk): Promise<{ report: StoreReport; read: string[] }> {
  const before = new Map(
    await Promise.all((await disk.list()).map(async (name) => [name, disk.contents(name)] as const)),
  );
  const target = new MemoryDisk();
  const report = await repairStore({ source: viewOf(disk), target });
  for (const [name, bytes] of before) assert.ok(disk.contents(name).equals(bytes), `${name} is as it was`);
  const again = await checkStore({ view: viewOf(target), isKnownLost: () => true });
  assert.deepEqual(again.findings, [], 'the new store is sound');
  const engine = await openNativeEngine({ disk: target, clock: new EagerClock() });
  const read = (await fixtureLines(engine)).filter((line) => line.split(' ')[1] !== 'from');
  await engine.close();
  return { report, read };
}

/**
 * A store with one journal file, whose last commit says nothing of the logs `a` and `b`; where its commits and the frames
 * before that one are, and where its logs end.
 */
async function smallStore(): Promise<{
  disk: MemoryDisk;
  ends: ReadonlyMap<string, number>;
  commits: readonly number[];
  frames: readonly { offset: number; headBytes: number; length: number; records: number }[];
}> {
  const disk = new MemoryDisk();
  const engine = await openNativeEngine({ disk, clock: new EagerClock() });
  await engine.create(['a', 'b']);
  for (const [log, count] of [
    ['a', 3],
    ['b', 1],
    ['b', 5],
    ['a', 2],
    ['b', 40],
  ] as const) {
    const records = Array.from({ length: count }, (_, i) => [log, `${log} ${i} ${'.'.repeat(20)}`] as const);
    await engine.append(batchOf(records));
  }
  await engine.append(batchOf([['a', 'for both'] as const, ['b', 'of them'] as const]));
  const ends = new Map(['a', 'b'].map((log) => [log, engine.state(log)?.endPosition ?? 0]));
  await engine.create(['last']);
  await engine.close();
  const bytes = disk.contents('journal-0000000001');
  const header = decodeJournalHeader(bytes.subarray(0, journalHeaderBytes(bytes)));
  const tag = tagOf(header?.storeId ?? new Uint8Array());
  const commits: number[] = [];
  const frames: { offset: number; headBytes: number; length: number; records: number }[] = [];
  let offset = journalHeaderBytes(bytes) ?? 0;
  for (
    let commit = commitHeaderAt(bytes, offset);
    commit !== undefined;
    commit = commitHeaderAt(bytes, offset)
  ) {
    commits.push(offset);
    const end = offset + commitHeaderBytes + commit.bodyBytes;
    let at = offset + commitHeaderBytes;
    while (at < end) {
      const head = frameHeadAt(bytes, at, tag);
      assert.ok(head !== undefined);
      const headBytes = frameHeadBytesAt(bytes, at) ?? 0;
      // A name that is damaged takes no records along; what else is told of it, other tests say.
      if (head.recordCount > 0)
        frames.push({ offset: at, headBytes, length: head.length, records: head.recordCount });
      at += head.length;
    }
    offset = end;
  }
  return { disk, ends, commits, frames };
}

describe('a check', () => {
  it('finds that the only journal file is gone, by what is made after it', async () => {
    const { disk } = await smallStore();
    const left = new MemoryDisk();
    left.put('reserve', disk.contents('reserve'));
    assert.deepEqual(damages(await check(left)), ['missing journal-0000000001']);
    await assert.rejects(
      openNativeEngine({ disk: left, clock: new EagerClock() }),
      (error) => error instanceof LogError && error.code === 'damaged' && /reserve/.test(error.message),
    );
    assert.deepEqual(await left.list(), ['reserve'], 'nothing was made');
    assert.deepEqual(damages(await check(new MemoryDisk())), [], 'a store that was never made is sound');
  });

  it('finds a sound store sound, and counts what is there', async () => {
    const report = await check(whole);
    assert.deepEqual(report.findings, []);
    const expected = lines.filter((line) => line.split(' ')[1] === 'from').map((line) => line.split(' ')[0]);
    assert.deepEqual(report.logs.map(({ id }) => id).sort(), expected.sort());
    const records = report.logs.reduce((sum, log) => sum + log.records, 0);
    assert.equal(records, lines.length - expected.length);
  });

  it('does not mind what an older file held, changed or not', async () => {
    const [name = ''] = journals.slice(-1);
    const bytes = made.contents(name);
    const end = endOfJournal(bytes);
    assert.ok(end < bytes.length, 'the newest file was written over an older one');
    for (let at = bytes.length; at > end; at -= 97) {
      const disk = made.copy();
      disk.put(name, Buffer.from(bytes).fill(0xa5, at));
      const report = await check(disk);
      assert.deepEqual(report.findings, []);
      assert.deepEqual(report.logs, (await check(whole)).logs);
    }
  });

  it('finds any changed byte, in its file, at its place or before it', async () => {
    let tried = 0;
    for (const name of names) {
      const length = whole.contents(name).length;
      for (let at = tried % stride; at < length; at += stride) {
        tried++;
        const { findings } = await check(flipped(name, at));
        const found = findings.find((finding) => finding.file === name && (finding.offset ?? 0) <= at);
        assert.ok(found !== undefined, `${name} at ${at}: ${JSON.stringify(findings)}`);
        if (found.severity === 'note') assert.ok(name === newest && found.kind === 'torn');
      }
    }
    assert.ok(tried > 1000);
  });

  it('names a file that is missing, but for the newest of several: nothing knows of that', async () => {
    for (const name of names.filter((each) => each !== newest)) {
      assert.ok(damages(await check(without(name))).includes(`missing ${name}`), name);
    }
  });

  it('names a file that is cut, wherever', async () => {
    for (const name of names) {
      const bytes = whole.contents(name);
      for (let length = 0; length < bytes.length; length += 499) {
        const { findings } = await check(changed((disk) => disk.put(name, bytes.subarray(0, length))));
        const found = findings.find((finding) => finding.file === name);
        assert.ok(found !== undefined, `${name} cut to ${length}`);
        assert.ok(found.severity === 'damage' || name === newest);
      }
    }
  });

  it('names a file that was copied over another, or swapped with one', async () => {
    for (const kin of [chunks, journals]) {
      for (const name of kin) {
        for (const other of kin.filter((each) => each !== name)) {
          const copied = await check(changed((disk) => disk.put(name, whole.contents(other))));
          assert.ok(
            damages(copied).includes(`misplaced ${name}`),
            `${other} over ${name}: ${damages(copied)}`,
          );
          const swapped = await check(
            changed((disk) => {
              disk.put(name, whole.contents(other));
              disk.put(other, whole.contents(name));
            }),
          );
          for (const each of [name, other]) assert.ok(damages(swapped).includes(`misplaced ${each}`));
          assert.equal(
            swapped.logs.reduce((sum, { lost }) => sum + lost.length, 0),
            0,
            'nothing is gone',
          );
        }
      }
    }
  });

  it('names a copy under a new name, and a file of somebody else', async () => {
    const [chunk = ''] = chunks;
    const copied = await check(changed((disk) => disk.put('chunk-0000000099', whole.contents(chunk))));
    assert.deepEqual(damages(copied), ['misplaced chunk-0000000099']);
    const journal = await check(changed((disk) => disk.put('journal-0000000099', whole.contents(newest))));
    assert.deepEqual(damages(journal), ['misplaced journal-0000000099']);
    const foreign = await check(changed((disk) => disk.put('thesis.txt', Buffer.from('years of work'))));
    assert.deepEqual(damages(foreign), ['foreign thesis.txt']);
  });

  it('takes leftovers for what they are', async () => {
    const report = await check(
      changed((disk) => {
        disk.put('manifest.new', Buffer.from('half'));
        disk.put('chunk-0000000098', Buffer.from('half'));
      }),
    );
    assert.ok(report.sound, JSON.stringify(report.findings));
    assert.equal(report.findings.length, 2);
  });
});

describe('opening', () => {
  const openFails = async (disk: MemoryDisk): Promise<string> => {
    try {
      const engine = await openNativeEngine({ disk, clock: new EagerClock() });
      await engine.close();
    } catch (error) {
      assert.ok(error instanceof LogError, String(error));
      return error.message;
    }
    return 'opened';
  };

  it('names files that were swapped or copied, those too that it does not need', async () => {
    const [a = '', b = ''] = chunks;
    const swap = (one: string, other: string): MemoryDisk =>
      changed((disk) => {
        disk.put(one, whole.contents(other));
        disk.put(other, whole.contents(one));
      });
    assert.match(await openFails(swap(a, b)), new RegExp(`${a} holds ${b}|${b} holds ${a}`));
    const [c = '', d = ''] = journals;
    assert.match(await openFails(swap(c, d)), new RegExp(`${c} holds ${d}`));
    const extra = changed((disk) => disk.put('chunk-0000000099', whole.contents(a)));
    assert.match(await openFails(extra), new RegExp(`chunk-0000000099 holds ${a}`));
    assert.equal((await extra.list()).includes('chunk-0000000099'), true, 'and does not remove it');
  });

  it('does not take a directory that was never finished for whole', async () => {
    assert.match(
      await openFails(changed((disk) => disk.put('unfinished', Buffer.from('')))),
      /never finished/,
    );
  });
});

describe('a repair', () => {
  it('keeps everything of a sound store', async () => {
    const { report, read } = await repaired(whole);
    assert.deepEqual(read, withoutLost(report));
    assert.equal(read.length, withoutLost(await check(whole)).length);
  });

  it('keeps all but what it says is gone, whatever byte was changed', async () => {
    let lostRecords = 0;
    let tried = 0;
    for (const name of names) {
      for (let at = 64 + (tried % 97); at < whole.contents(name).length; at += repairStride) {
        tried++;
        const { report, read } = await repaired(flipped(name, at));
        const kept = withoutLost(report);
        lostRecords += lines.length - kept.length - report.logs.length;
        // The last commit cannot be told from a torn one: what was in it is gone unsaid.
        if (name === newest && report.sound)
          assert.deepEqual(
            read,
            kept.slice(0, kept.length).filter((line) => read.includes(line)),
          );
        else assert.deepEqual(read, kept, `${name} at ${at}`);
      }
    }
    assert.ok(tried > 30 && lostRecords > 0, `${tried} ${lostRecords}`);
  });

  it('does without a chunk, and says what was in it', async () => {
    for (const name of chunks) {
      const { report, read } = await repaired(without(name));
      assert.deepEqual(read, withoutLost(report));
      assert.ok(read.length < withoutLost(await check(whole)).length);
    }
  });

  it('does without the manifest, with leftovers beside the chunks that count', async () => {
    const bare = await repaired(without('manifest'));
    assert.deepEqual(bare.read, withoutLost(await check(whole)), 'nothing is gone');
    assert.deepEqual(damages(bare.report), ['missing manifest']);
  });

  it('does without a file of the journal, and finds the logs again behind it', async () => {
    const [first = ''] = journals;
    const { report, read } = await repaired(without(first));
    assert.deepEqual(read, withoutLost(report));
    const lost = report.logs.flatMap((log) => log.lost);
    assert.ok(lost.length > 0);
    for (const { afterMs, beforeMs } of lost) assert.ok(afterMs !== undefined || beforeMs !== undefined);
  });

  it('does without the whole journal: records stay, names do not', async () => {
    const disk = new MemoryDisk();
    for (const name of [...chunks, 'manifest']) disk.put(name, whole.contents(name));
    const { report, read } = await repaired(disk);
    assert.equal(report.logsKnown, false);
    assert.ok(read.length > 100 && read.every((line) => line.startsWith('salvaged/log-')));
  });

  it('puts swapped files back to their places', async () => {
    const [a = '', b = ''] = chunks;
    const { read } = await repaired(
      changed((disk) => {
        disk.put(a, whole.contents(b));
        disk.put(b, whole.contents(a));
      }),
    );
    assert.deepEqual(read, withoutLost(await check(whole)));
  });

  it('gives no position again that something lost had', async () => {
    for (const name of [...chunks, ...journals.slice(0, -1)]) {
      const target = new MemoryDisk();
      await repairStore({ source: viewOf(without(name)), target });
      const engine = await openNativeEngine({ disk: target, clock: new EagerClock() });
      for (const line of lines.filter((each) => each.split(' ')[1] === 'from')) {
        const [log = '', , , , end] = line.split(' ');
        assert.equal(engine.state(log)?.endPosition, Number(end), `${log} without ${name}`);
      }
      await engine.close();
    }
  });

  it('gives none of the lost positions again, whatever frame of the only file is damaged, and wherever', async () => {
    const { disk, ends, frames } = await smallStore();
    const [name = ''] = disk.names().filter((each) => each.startsWith('journal'));
    for (const { offset, headBytes, length, records } of frames) {
      for (const at of [4, 24, headBytes - 4, headBytes, length - 8].map((within) => offset + within)) {
        const isHead = at < offset + headBytes;
        const harmed = disk.copy();
        const bytes = harmed.contents(name);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        harmed.put(name, bytes);
        const report = await check(harmed);
        const where = `${name} at ${at}, ${isHead ? 'a head' : 'a payload'}`;
        assert.equal(report.sound, false, where);
        const lost = report.logs.flatMap((log) => log.lost);
        if (!isHead) {
          const told = lost.reduce((sum, { from, to }) => sum + to - from, 0);
          assert.ok(
            lost.every(({ atMost }) => !atMost) && told === records,
            `${where}: ${JSON.stringify(lost)}`,
          );
        } else if (records > 0) assert.ok(lost.length > 0, where);
        const target = new MemoryDisk();
        await repairStore({ source: viewOf(harmed), target });
        const engine = await openNativeEngine({ disk: target, clock: new EagerClock() });
        for (const [log, end] of ends) {
          const state = engine.state(log);
          if (state === undefined) continue;
          assert.ok(
            state.endPosition >= end,
            `${where}: ${log} goes on at ${state.endPosition}, was at ${end}`,
          );
          if (!isHead) assert.equal(state.endPosition, end, where);
        }
        await engine.close();
        assert.deepEqual((await checkStore({ view: viewOf(target), isKnownLost: () => true })).findings, []);
      }
    }
    assert.ok(frames.filter(({ records }) => records > 0).length >= 5);
  });

  it('says nothing is gone when only the header of a commit, or of the file, is damaged', async () => {
    const { disk, commits } = await smallStore();
    const [name = ''] = disk.names().filter((each) => each.startsWith('journal'));
    for (const at of [40, ...commits.slice(0, -1).map((commit) => commit + 8)]) {
      const harmed = disk.copy();
      const bytes = harmed.contents(name);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      harmed.put(name, bytes);
      const report = await check(harmed);
      assert.equal(report.sound, false);
      assert.deepEqual(
        report.logs.flatMap(({ lost }) => lost),
        [],
        `${name} at ${at}`,
      );
    }
  });

  it('has nothing to give when no file says whose it is', async () => {
    const disk = new MemoryDisk();
    disk.put('journal-0000000001', Buffer.alloc(1000));
    await assert.rejects(repairStore({ source: viewOf(disk), target: new MemoryDisk() }), LogError);
  });
});
