import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AppendOutcome } from './contract.js';
import { DiskError } from './disk.js';
import type { NativeLimits } from './limits.js';
import { type NativeEngine, openNativeEngine } from './native-engine.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, Ledger, readAll } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';
import { WatchedDisk } from './testing/watched-disk.js';

interface Bench {
  readonly memory: MemoryDisk;
  readonly disk: WatchedDisk;
  readonly engine: NativeEngine;
}

async function open(limits: Partial<NativeLimits> = {}, memory = new MemoryDisk()): Promise<Bench> {
  const disk = new WatchedDisk(memory);
  const engine = await openNativeEngine({
    disk,
    clock: new EagerClock(),
    limits: { reserveBytes: 8192, deadBytesMax: 4096, ...limits },
  });
  await engine.create(['a', 'b']);
  return { memory, disk, engine };
}

async function put(
  engine: NativeEngine,
  log: string,
  text: string,
  urgent = false,
): Promise<AppendOutcome['kind']> {
  const [outcome] = await engine.append(batchOf([[log, text]], urgent));
  return (outcome as AppendOutcome).kind;
}

/** Lets everything run that does not wait for the disk. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

const ioError = new DiskError('io', 'the disk is on fire');

describe('group commit', () => {
  it('all who wait share one write and one sync, over all logs', async () => {
    const { disk, engine } = await open();
    disk.hold();
    const first = put(engine, 'a', 'first');
    await settled();
    const before = { writes: disk.count('write', 'journal'), syncs: disk.count('sync', 'journal') };
    const waiting = Array.from({ length: 100 }, (_, i) => put(engine, i % 2 === 0 ? 'a' : 'b', `${i}`));
    waiting.push(engine.trim('a', 1).then(() => 'appended'));
    await settled();
    assert.equal(disk.count('write', 'journal'), before.writes, 'a write began while another was under way');
    disk.release();
    assert.equal(await first, 'appended');
    for (const kind of await Promise.all(waiting)) assert.equal(kind, 'appended');
    assert.equal(disk.count('write', 'journal'), before.writes + 1);
    assert.equal(disk.count('sync', 'journal'), before.syncs + 1);
    assert.equal(engine.counters().commits, 3);
    assert.equal(engine.counters().syncs, 3);
    assert.equal(disk.inFlightMax, 1);
    await engine.close();
  });

  for (const gatheredPayloadBytesMax of [0, 4096]) {
    it(`small appends of one commit keep their order, seals included, gathered up to ${gatheredPayloadBytesMax}`, async () => {
      const { memory, disk, engine } = await open({ gatheredPayloadBytesMax });
      const ledger = new Ledger(engine);
      disk.hold();
      const first = ledger.put(['a']);
      await settled();
      const bytesBefore = engine.counters().diskBytes;
      const waiting = [
        ledger.put(['a', 'b', 'a']),
        ledger.put(['b', 'missing', 'b']),
        ledger.put(['b', 'a']),
        ledger.put(['a'], 5000),
        ledger.put(['a']),
        engine.seal('b').then((sealed) => [sealed]),
        ledger.put(['a', 'b']),
        ...Array.from({ length: 50 }, () => ledger.put(['a'])),
      ];
      await settled();
      disk.release();
      await first;
      const outcomes = (await Promise.all(waiting)).map((each) => each.map(({ kind }) => kind).join(' '));
      assert.deepEqual(outcomes.slice(0, 8), [
        'appended appended',
        'appended missing',
        'appended appended',
        'appended',
        'appended',
        'sealed',
        'appended sealed',
        'appended',
      ]);
      const framed = engine.counters().diskBytes - bytesBefore;
      assert.equal(framed < 5000 + 50 * 60, gatheredPayloadBytesMax > 0, `${framed} bytes on the disk`);
      for (const log of ['a', 'b']) await ledger.check(log);
      await engine.close();
      const again = await open({ gatheredPayloadBytesMax: 0 }, memory);
      for (const log of ['a', 'b']) await ledger.check(log, 0, 1000, again.engine);
      await again.engine.close();
    });
  }

  it('a batch in many frames is one append: consecutive positions, and all or nothing for each log', async () => {
    const { memory, engine } = await open({ framePayloadBytesMax: 100, gatheredPayloadBytesMax: 0 });
    const ledger = new Ledger(engine);
    await engine.seal('b');
    const logs = Array.from({ length: 90 }, (_, i) => (i % 7 === 0 ? 'b' : i % 5 === 0 ? 'missing' : 'a'));
    for (const padding of [0, 30, 500]) {
      const outcomes = await ledger.put(logs, padding);
      assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['appended', 'missing', 'sealed']);
    }
    await ledger.put(['missing', 'b'], 300);
    await ledger.check('a');
    await engine.close();
    const again = await open({}, memory);
    await ledger.check('a', 0, 1000, again.engine);
    await again.engine.close();
  });

  it('nothing is acknowledged, visible or followed before its sync', async () => {
    const { disk, engine } = await open();
    disk.hold();
    let told = 0;
    const tell = (): void => {
      told++;
    };
    const calls = [
      put(engine, 'a', 'x').then(tell),
      engine.create(['c']).then(tell),
      engine.seal('b').then(tell),
      engine.waitFor('a', 0).then(tell),
      put(engine, 'b', 'refused').then(tell),
    ];
    await settled();
    assert.equal(told, 0);
    assert.deepEqual(engine.list(), ['a', 'b']);
    assert.equal(engine.state('a')?.endPosition, 0);
    assert.equal(engine.state('b')?.sealed, false);
    assert.deepEqual(await readAll(engine, 'a'), []);
    disk.release();
    await Promise.all(calls);
    assert.equal(engine.state('a')?.endPosition, 1);
    assert.equal(engine.state('b')?.sealed, true);
    await engine.close();
  });

  it('the queue is bounded in bytes and number; what is past it waits, and past that is refused', async () => {
    const { disk, engine } = await open({
      queueBytesMax: 10_000,
      queueRequestsMax: 20,
      waitingRequestsMax: 50,
    });
    disk.hold();
    const calls = [put(engine, 'a', 'first')];
    await settled();
    for (let i = 0; i < 60; i++) calls.push(put(engine, 'a', 'x'.repeat(900)));
    await settled();
    const { requests, bytes, waiting } = engine.queued();
    assert.ok(requests <= 20 && bytes <= 10_000 && requests > 5, `${requests} requests, ${bytes} bytes`);
    assert.equal(requests + waiting, 60);
    while (engine.queued().waiting < 50) calls.push(put(engine, 'a', 'x'));
    await assert.rejects(put(engine, 'a', 'one too many'), { code: 'busy', retryable: true });
    disk.release();
    for (const kind of await Promise.all(calls)) assert.equal(kind, 'appended');
    assert.deepEqual(engine.queued(), { requests: 0, bytes: 0, waiting: 0 });
    await engine.close();
  });

  it('a commit takes no more than its limit', async () => {
    const { disk, engine } = await open({ commitBytesMax: 10_000 });
    disk.hold();
    const calls = [put(engine, 'a', 'first')];
    await settled();
    for (let i = 0; i < 20; i++) calls.push(put(engine, 'a', 'x'.repeat(900)));
    const before = disk.count('write', 'journal');
    disk.release();
    await Promise.all(calls);
    assert.equal(disk.count('write', 'journal') - before, 2);
    await assert.rejects(async () => put(engine, 'a', 'x'.repeat(10_000)), { name: 'AssertionError' });
    await engine.close();
  });

  it('closing finishes what is under way, and syncs it', async () => {
    const { memory, disk, engine } = await open();
    disk.hold();
    const calls = Array.from({ length: 10 }, (_, i) => put(engine, 'a', `${i}`));
    const closed = engine.close();
    await assert.rejects(put(engine, 'a', 'late'), { code: 'closed' });
    disk.release();
    for (const kind of await Promise.all(calls)) assert.equal(kind, 'appended');
    await closed;
    const again = await open({}, memory);
    assert.equal((await readAll(again.engine, 'a')).length, 10);
    await again.engine.close();
  });
});

describe('a disk that fails', () => {
  it('a failed sync poisons: its own commit is unknown, all else is refused, reads go on', async () => {
    for (const code of ['io', 'full'] as const) {
      const { memory, disk, engine } = await open();
      assert.equal(await put(engine, 'a', 'kept'), 'appended');
      disk.hold();
      const inFlight = [put(engine, 'a', 'in flight'), put(engine, 'b', 'in flight, too')];
      const inFlightSeal = engine.seal('b');
      await settled();
      const queued = put(engine, 'a', 'queued');
      disk.release(new DiskError(code, 'the sync failed'));
      assert.deepEqual(await Promise.all(inFlight), ['unknown', 'unknown']);
      assert.deepEqual(await inFlightSeal, { kind: 'unknown' });
      assert.equal(await queued, 'poisoned');
      assert.equal(await put(engine, 'a', 'later'), 'poisoned');
      assert.equal(await engine.create(['c']), 'poisoned');
      assert.deepEqual(await engine.seal('a'), { kind: 'poisoned' });
      assert.equal(engine.health().writable, false);
      assert.match(engine.health().reason ?? '', /the sync failed.*restart/);
      assert.deepEqual(
        (await readAll(engine, 'a')).map((record) => record.text),
        ['kept'],
      );
      assert.equal(engine.state('b')?.sealed, false);
      await engine.close();
      const again = await open({}, memory);
      assert.equal(again.engine.health().writable, true);
      assert.equal((await readAll(again.engine, 'a'))[0]?.text, 'kept');
      await again.engine.close();
    }
  });

  it('a failed write, truncation, roll or removal poisons', async () => {
    const faults = {
      write: 'journal-0000000001',
      create: 'journal.new',
      rename: 'journal.new',
      syncDirectory: '',
      remove: 'journal-',
    };
    for (const [failing, at] of Object.entries(faults)) {
      const { disk, engine } = await open({ journalFileBytesMax: 2000 });
      assert.equal(await put(engine, 'a', 'kept'), 'appended');
      disk.fails = (call, name) => (call === failing && name.startsWith(at) ? ioError : undefined);
      const kinds = new Set<string>();
      for (let i = 0; i < 10; i++) kinds.add(await put(engine, 'b', 'x'.repeat(500)));
      if (failing === 'remove') {
        await engine.delete(['a', 'b']);
        await settled();
        kinds.add(await put(engine, 'a', 'x'));
      }
      assert.ok(kinds.has('poisoned'), failing);
      assert.equal(engine.health().writable, false);
      await engine.close();
    }
  });

  it('a failed read is an answer to the reader, and to nobody else', async () => {
    const { disk, engine } = await open({ tailBytesMax: 0 });
    await put(engine, 'a', 'kept');
    disk.fails = (call) => (call === 'read' ? ioError : undefined);
    await assert.rejects(readAll(engine, 'a'), { name: 'LogError', code: 'disk', cause: ioError });
    disk.fails = () => undefined;
    assert.equal((await readAll(engine, 'a')).length, 1);
    assert.equal(await put(engine, 'a', 'more'), 'appended');
    await engine.close();
  });

  it('a disk that fails at the opening is no opened log', async () => {
    for (const failing of ['write', 'sync', 'create', 'rename', 'syncDirectory'] as const) {
      const disk = new WatchedDisk(new MemoryDisk());
      disk.fails = (call) => (call === failing ? ioError : undefined);
      const opening = openNativeEngine({ disk, clock: new EagerClock() });
      await assert.rejects(opening, { name: 'LogError', code: 'disk' });
      disk.fails = () => undefined;
      await (await openNativeEngine({ disk, clock: new EagerClock() })).close();
    }
  });
});

describe('a full disk', () => {
  it('is an answer: cut back, healthy again when there is room', async () => {
    const { memory, disk, engine } = await open();
    const ledger = new Ledger(engine);
    await ledger.putSurely('a');
    disk.roomBytes = disk.usedBytes + 700;
    const [full] = await ledger.put(['a'], 1000);
    assert.equal(full?.kind, 'full');
    assert.equal(engine.health().writable, false);
    assert.match(engine.health().reason ?? '', /no room/);
    assert.equal(disk.usedBytes <= disk.roomBytes - 700, true, 'what did not fit was not cut back');
    await ledger.putSurely('a', 10);
    assert.equal(engine.health().writable, true, 'a small append fits');
    await ledger.put(['a', 'b'], 1000);
    assert.equal(engine.health().writable, false);
    disk.roomBytes += 10_000;
    await ledger.putSurely('a', 1000);
    assert.deepEqual(engine.health(), { writable: true, reason: undefined });
    await ledger.check('a');
    const after = memory.copy();
    await engine.close();
    const again = await open({}, after);
    assert.equal((await readAll(again.engine, 'a')).length, 3);
    await again.engine.close();
  });

  it('leaves room for commands and urgent appends, and for data only when that room is back', async () => {
    const { disk, engine } = await open();
    const ledger = new Ledger(engine);
    await ledger.putSurely('a', 100);
    disk.roomBytes = disk.usedBytes;
    const mixed = await Promise.all([
      put(engine, 'a', 'data'),
      engine.create(['c']),
      put(engine, 'a', 'data'),
      put(engine, 'c', 'urgent', true),
      engine.seal('b'),
    ]);
    assert.deepEqual(mixed, ['full', 'done', 'full', 'appended', { kind: 'sealed', endPosition: 0 }]);
    assert.equal(await engine.trim('a', 1), 'done');
    for (let i = 0; i < 5; i++)
      assert.equal(await put(engine, 'a', 'x'), 'full', 'the reserve is not for data');
    assert.equal(await put(engine, 'c', 'urgent', true), 'appended');
    disk.roomBytes += 8192;
    assert.equal(await put(engine, 'a', 'x'), 'appended');
    assert.equal(engine.health().writable, true);
    assert.ok((await disk.list()).includes('reserve'));
    await engine.close();
  });

  it('can always be emptied by deleting a log', async () => {
    const { disk, engine } = await open();
    disk.roomBytes = disk.usedBytes + 50_000;
    let kind: string = 'appended';
    while (kind === 'appended') kind = await put(engine, 'a', 'x'.repeat(3000));
    assert.equal(kind, 'full');
    assert.equal(await put(engine, 'a', 'x'.repeat(3000)), 'full');
    assert.equal(await engine.delete(['a']), 'done');
    await settled();
    assert.equal(engine.health().writable, true, 'nobody needs to try for it to know');
    for (let i = 0; i < 10; i++) assert.equal(await put(engine, 'b', 'x'.repeat(3000)), 'appended');
    assert.deepEqual(engine.health(), { writable: true, reason: undefined });
    await engine.close();
  });

  it('gets its room back from a deleted log although others live in the same file', async () => {
    const { memory, disk, engine } = await open();
    assert.equal(await put(engine, 'b', 'alive'), 'appended');
    disk.roomBytes = disk.usedBytes + 50_000;
    let kind: string = 'appended';
    while (kind === 'appended') kind = await put(engine, 'a', 'x'.repeat(3000));
    assert.equal(kind, 'full');
    assert.equal(await engine.delete(['a']), 'done');
    await settled();
    for (let i = 0; i < 10; i++) assert.equal(await put(engine, 'b', 'x'.repeat(3000)), 'appended');
    assert.deepEqual(engine.health(), { writable: true, reason: undefined });
    const after = memory.copy();
    await engine.close();
    const again = await open({}, after);
    assert.equal((await readAll(again.engine, 'b')).length, 11);
    await again.engine.close();
  });

  it('is not settled again and again for nothing: one try for each change', async () => {
    const { disk, engine } = await open();
    disk.roomBytes = disk.usedBytes + 50_000;
    let kind: string = 'appended';
    while (kind === 'appended') kind = await put(engine, 'b', 'x'.repeat(3000));
    assert.equal(await engine.trim('b', 1), 'done');
    await settled();
    const made = disk.count('create', 'chunk');
    assert.equal(made, 1, 'the trim was worth a try');
    for (let i = 0; i < 20; i++) {
      assert.equal(await put(engine, 'b', 'x', true), 'appended');
      await settled();
    }
    assert.equal(disk.count('create', 'chunk'), made, 'a commit made it try again');
    await engine.close();
  });

  it('takes back the chunk that leaves no room for its manifest: that room is for commands', async () => {
    const { memory, disk, engine } = await open({ reserveBytes: 32_768 });
    disk.roomBytes = disk.usedBytes + 50_000;
    let kind: string = 'appended';
    while (kind === 'appended') kind = await put(engine, 'b', 'x'.repeat(3000));
    const chunks = (): string[] => memory.names().filter((name) => name.startsWith('chunk'));
    let refusals = 0;
    disk.fails = (call, name) => {
      if (`${call} ${name}` !== 'create manifest.new' || chunks().length === 0) return undefined;
      refusals++;
      disk.roomBytes = disk.usedBytes;
      return new DiskError('full', 'the chunk has taken all the room');
    };
    assert.equal(await engine.trim('b', 10), 'done');
    await settled();
    assert.equal(refusals, 1);
    assert.deepEqual(chunks(), []);
    assert.equal(await engine.delete(['b']), 'done');
    await settled();
    assert.equal(await put(engine, 'a', 'x'), 'appended');
    await engine.close();
  });

  it('tries a command with the reserve, whoever has given that up meanwhile', async () => {
    const { disk, engine } = await open({
      journalFileBytesMax: 2000,
      journalFilesKept: 9,
      unsettledFilesMax: 10,
    });
    for (let i = 0; i < 4; i++) await put(engine, 'a', 'x'.repeat(1500));
    await put(engine, 'b', 'alive');
    disk.hold();
    const trimmed = engine.trim('a', 4);
    await settled();
    const sealed = engine.seal('b');
    const refused = new Set<string>();
    disk.fails = (call, name) => {
      if (!/^(create manifest|write journal)/.test(`${call} ${name}`) || refused.has(call)) return undefined;
      refused.add(call);
      return new DiskError('full', `no room for ${name}`);
    };
    disk.release();
    assert.equal(await trimmed, 'done');
    assert.deepEqual(await sealed, { kind: 'sealed', endPosition: 1 });
    assert.equal(disk.count('remove', 'reserve'), 1);
    await engine.close();
  });

  it('answers full to commands, too, when even the reserve is used up', async () => {
    const { disk, engine } = await open({ reserveBytes: 0 });
    disk.roomBytes = disk.usedBytes;
    assert.equal(await engine.create(['c']), 'full');
    assert.deepEqual(await engine.seal('a'), { kind: 'full' });
    assert.equal(engine.state('a')?.sealed, false);
    assert.equal(engine.state('c'), undefined);
    assert.equal(await put(engine, 'c', 'x'), 'missing');
    assert.equal(await put(engine, 'a', 'x'), 'full');
    disk.roomBytes += 1000;
    assert.equal(await engine.create(['c']), 'done');
    assert.equal(await put(engine, 'c', 'x'), 'appended');
    await engine.close();
  });

  it('does not keep a log from being opened', async () => {
    const { memory, disk, engine } = await open();
    await put(engine, 'a', 'kept');
    await engine.close();
    const full = new WatchedDisk(memory);
    full.roomBytes = disk.usedBytes;
    full.fails = (call, name) =>
      call === 'create' ? new DiskError('full', `no room for ${name}`) : undefined;
    const again = await openNativeEngine({
      disk: full,
      clock: new EagerClock(),
      limits: { reserveBytes: 9000 },
    });
    assert.equal(again.health().writable, false);
    assert.equal((await readAll(again, 'a')).length, 1);
    assert.equal(await put(again, 'a', 'x'), 'full');
    full.fails = () => undefined;
    full.roomBytes = Number.POSITIVE_INFINITY;
    assert.equal(await put(again, 'a', 'x'), 'appended');
    await again.close();
  });
});

describe('retention', () => {
  const limits = { journalFileBytesMax: 10_000, deadBytesMax: 5000, reserveBytes: 0 };

  it('removes whole files, once a manifest that does without them is durable', async () => {
    const { disk, engine } = await open({ ...limits, journalFilesKept: 20, unsettledFilesMax: 21 });
    for (let i = 0; i < 50; i++) await put(engine, i === 20 ? 'b' : 'a', 'x'.repeat(1000));
    const names = (await disk.list()).length;
    assert.ok(names >= 5);
    disk.calls.length = 0;
    await engine.trim('a', 45);
    await settled();
    const calls = disk.calls.filter((call) => /^(remove|rename|syncDirectory)/.test(call));
    assert.deepEqual(calls.slice(0, 3), [
      'rename manifest.new',
      'syncDirectory ',
      'remove journal-0000000001',
    ]);
    assert.equal(calls.at(-1), 'syncDirectory ');
    const kept = (await disk.list()).length;
    assert.ok(kept > 3, 'a file with a record of another log was removed');
    await engine.trim('b', 1);
    await settled();
    assert.ok((await disk.list()).length < kept);
    assert.equal((await readAll(engine, 'a')).length, 4);
    assert.ok(engine.counters().diskBytes < 25_000);
    await engine.close();
  });

  it('leaves a newest file in which nothing is alive', async () => {
    const { disk, engine } = await open({ ...limits, journalFileBytesMax: 1_000_000 });
    for (let i = 0; i < 20; i++) await put(engine, 'a', 'x'.repeat(1000));
    await engine.trim('a', 20);
    await settled();
    assert.deepEqual(await disk.list(), ['journal-0000000002', 'manifest']);
    assert.ok(engine.counters().diskBytes < 1000);
    await put(engine, 'a', 'more');
    assert.equal(engine.state('a')?.firstPosition, 20);
    await engine.close();
  });

  it('waits for those who read', async () => {
    const { disk, engine } = await open({ ...limits, tailBytesMax: 0 });
    for (let i = 0; i < 30; i++) await put(engine, 'a', `${i}:${'x'.repeat(1000)}`);
    const reads = Array.from({ length: 20 }, (_, i) => readAll(engine, 'a', i));
    const trimmed = engine.trim('a', 30);
    for (const records of await Promise.all(reads)) {
      for (const record of records) assert.ok(record.text.startsWith(`${record.position}:`));
    }
    await trimmed;
    await settled();
    assert.ok((await disk.list()).length <= 3);
    await engine.close();
  });
});
