import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@millrace/base';
import { DiskError, type DiskFile } from '@millrace/log';
import { blockBytes, DiskImage } from './disk-image.js';
import { type CrashFate, crashFates } from './file-body.js';
import { Schedule } from './schedule.js';
import { noFaults, SimulatedDisk } from './simulated-disk.js';
import { Trace } from './trace.js';

/** A machine with a simulated disk, whose processes run until nothing waits any more. */
class Machine {
  readonly random;
  readonly trace = new Trace();
  readonly schedule: Schedule;
  readonly image = new DiskImage();
  disk: SimulatedDisk;

  constructor(seed = 1, orderly = 1) {
    this.random = seededRandom(seed);
    this.schedule = new Schedule(this.random, this.trace, orderly);
    this.disk = new SimulatedDisk(this.image, this.schedule, this.random);
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    await this.schedule.settle();
    while (!settled) {
      assert.ok(this.schedule.performOne(), 'nothing waits, and nothing was answered');
      await this.schedule.settle();
    }
    return work;
  }

  restart(): void {
    this.disk.end();
    this.schedule.abandon();
    this.image.endProcess();
    this.disk = new SimulatedDisk(this.image, this.schedule, this.random);
  }

  losePower(fate: CrashFate): void {
    this.disk.end();
    this.schedule.abandon();
    this.image.losePower(fate, this.random);
    this.disk = new SimulatedDisk(this.image, this.schedule, this.random);
  }

  async contents(name: string): Promise<Uint8Array> {
    const file = await this.run(this.disk.open(name, 'existing'));
    const target = new Uint8Array(await this.run(file.size()));
    assert.equal(await this.run(file.read(target, 0)), target.length);
    await this.run(file.close());
    return target;
  }

  /** A durable file of `length` bytes of `value`. */
  async durable(name: string, length: number, value: number): Promise<DiskFile> {
    const file = await this.run(this.disk.open(name, 'create'));
    await this.run(file.write([filled(length, value)], 0));
    await this.run(file.sync());
    await this.run(this.disk.syncDirectory());
    return file;
  }
}

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof DiskError && error.code === code;
}

test('what was synced survives every fate', async () => {
  for (const fate of crashFates) {
    for (let seed = 0; seed < 20; seed++) {
      const machine = new Machine(seed);
      const file = await machine.durable('a', 1000, 7);
      await machine.run(file.write([filled(3000, 8)], 1000));
      machine.losePower(fate);
      const contents = await machine.contents('a');
      assert.ok(contents.length >= 1000 && contents.length <= 4000, `${fate} ${contents.length}`);
      assert.ok(contents.subarray(0, 1000).every((byte) => byte === 7));
    }
  }
});

test('unsynced writes are lost, torn at bytes, sectors and pages, and reordered', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 400; seed++) {
    const machine = new Machine(seed);
    const file = await machine.durable('a', 512, 1);
    await machine.run(file.write([filled(2048, 2)], 512));
    await machine.run(file.write([filled(2048, 3)], 2560));
    machine.losePower(crashFates[seed % crashFates.length] as CrashFate);
    const contents = await machine.contents('a');
    const first = contents.subarray(512, 2560);
    const second = contents.subarray(2560);
    const kept = first.filter((byte) => byte === 2).length;
    const keptSecond = second.filter((byte) => byte === 3).length;
    if (kept === 0 && keptSecond === 0) seen.add('lost');
    if (kept === 2048 && keptSecond === 2048) seen.add('kept');
    if (kept === 0 && keptSecond === 2048) seen.add('reordered');
    if (kept > 0 && kept < 2048 && kept % 512 === 0 && first[0] !== 2) seen.add('sectors');
    if (kept % 512 !== 0) seen.add('torn at a byte');
    if (second.some((byte) => byte !== 0 && byte !== 3)) seen.add('noise');
  }
  const expected = ['kept', 'lost', 'noise', 'reordered', 'sectors', 'torn at a byte'];
  assert.deepEqual([...seen].sort(), expected);
});

test('names are kept or lost one by one, in order only where they touch', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const machine = new Machine(seed);
    await machine.durable('old', 1, 1);
    await machine.run(machine.disk.open('a', 'create'));
    await machine.run(machine.disk.open('b', 'create'));
    await machine.run(machine.disk.rename('a', 'c'));
    await machine.run(machine.disk.remove('old'));
    machine.losePower('changes');
    const names = machine.image.names().sort();
    assert.ok(!(names.includes('a') && names.includes('c')), `${names}`);
    seen.add(names.join(' '));
  }
  assert.ok(seen.has('old') && seen.has('b c') && seen.has('') && seen.has('a b old') && seen.has('c old'));
});

test('a name is durable after syncDirectory, and not after a sync of the file', async () => {
  const machine = new Machine();
  await machine.durable('a', 10, 1);
  const file = await machine.run(machine.disk.open('b', 'create'));
  await machine.run(file.write([filled(10, 1)], 0));
  await machine.run(file.sync());
  machine.losePower('lost');
  assert.deepEqual(machine.image.names(), ['a']);
});

test('a restart of the process keeps what was written, a failed sync may still lose it later', async () => {
  const lost = new Set<boolean>();
  for (let seed = 0; seed < 50; seed++) {
    const machine = new Machine(seed);
    const file = await machine.durable('a', 10, 1);
    await machine.run(file.write([filled(10, 2)], 10));
    machine.disk.faults = { writeFails: 0, syncFails: 1, readFails: 0, nameFails: 0 };
    await assert.rejects(machine.run(file.sync()), hasCode('io'));
    machine.restart();
    assert.equal((await machine.contents('a')).length, 20);
    const again = await machine.run(machine.disk.open('a', 'existing'));
    await machine.run(again.sync());
    machine.losePower('lost');
    lost.add((await machine.contents('a')).length === 10);
  }
  assert.deepEqual([...lost].sort(), [false, true]);
});

test('a sync covers only what was written before it was asked for', async () => {
  const machine = new Machine();
  const file = await machine.durable('a', 10, 1);
  const sync = file.sync();
  await machine.run(file.write([filled(10, 2)], 10));
  await machine.run(sync);
  machine.losePower('lost');
  assert.equal((await machine.contents('a')).length, 10);
});

test('a full disk takes what fits, says so, and takes more when there is room', async () => {
  const machine = new Machine();
  const file = await machine.durable('a', blockBytes, 1);
  const other = await machine.durable('b', 2 * blockBytes, 1);
  machine.image.capacityBlocks = 4;
  const write = machine.run(file.write([filled(3 * blockBytes, 2)], blockBytes));
  await assert.rejects(write, hasCode('full'));
  assert.equal(await machine.run(file.size()), 2 * blockBytes);
  await assert.rejects(machine.run(machine.disk.open('c', 'create')), hasCode('full'));
  await machine.run(machine.disk.remove('b'));
  assert.equal(machine.image.freeBlocks, 0, 'an open handle holds the space');
  await machine.run(other.close());
  assert.equal(machine.image.freeBlocks, 2);
  await machine.run(file.write([filled(2 * blockBytes, 2)], 2 * blockBytes));
  await machine.run(file.truncate(0));
  assert.equal(machine.image.usedBlocks, 0);
});

test('damage changes covered bytes only, and can be taken back', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const machine = new Machine(seed);
    const file = await machine.durable('a', 600, 1);
    assert.equal(machine.image.damage(machine.random), undefined, 'one write proves nothing');
    // Asked for together: neither knows that the other is durable, whichever sync comes first.
    const beside = await machine.run(machine.disk.open('a', 'existing'));
    await machine.run(Promise.all([file.write([filled(600, 1)], 600), beside.write([filled(10, 1)], 1200)]));
    await machine.run(Promise.all([file.sync(), beside.sync()]));
    const damage = machine.image.damage(machine.random);
    assert.ok(damage !== undefined && damage.offset < 600 && damage.name === 'a');
    assert.ok((await machine.contents('a')).some((byte) => byte !== 1));
    machine.image.repair(damage);
    assert.ok((await machine.contents('a')).every((byte) => byte === 1));
  }
});

test('a write proves nothing of a sync whose answer was on its way when it was asked for', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const machine = new Machine(seed);
    const file = await machine.durable('a', 600, 1);
    const beside = await machine.run(machine.disk.open('a', 'existing'));
    await machine.run(file.write([filled(600, 1)], 600));
    const sync = file.sync();
    machine.schedule.performOne();
    const write = beside.write([filled(10, 1)], 1200);
    await machine.run(Promise.all([sync, write]));
    await machine.run(beside.sync());
    const damage = machine.image.damage(machine.random);
    assert.ok(damage !== undefined && damage.offset < 600);
  }
});

test('what was written over damage stays when the damage is taken back', async () => {
  const machine = new Machine();
  const file = await machine.durable('a', 600, 1);
  await machine.run(file.write([filled(10, 1)], 600));
  await machine.run(file.sync());
  const damage = machine.image.damage(machine.random);
  assert.ok(damage !== undefined);
  await machine.run(file.write([damage.after], damage.offset));
  machine.image.repair(damage);
  const held = (await machine.contents('a')).subarray(damage.offset, damage.offset + damage.after.length);
  assert.deepEqual([...held], [...damage.after]);
});

test('each handle of a file is told once of a sync that failed', async () => {
  const machine = new Machine();
  const file = await machine.durable('a', 600, 1);
  const beside = await machine.run(machine.disk.open('a', 'existing'));
  machine.disk.faults = { ...noFaults, syncFails: 1 };
  await assert.rejects(machine.run(beside.sync()), hasCode('io'));
  machine.disk.faults = noFaults;
  await assert.rejects(machine.run(file.sync()), hasCode('io'));
  await machine.run(beside.sync());
  await machine.run(file.sync());
  await machine.run((await machine.run(machine.disk.open('a', 'existing'))).sync());
});

test('the lock belongs to one process and goes with it', async () => {
  const machine = new Machine();
  await machine.run(machine.disk.lock());
  const second = new SimulatedDisk(machine.image, machine.schedule, machine.random);
  await assert.rejects(machine.run(second.lock()), hasCode('locked'));
  machine.restart();
  const lock = await machine.run(machine.disk.lock());
  await machine.run(lock.release());
  await machine.run(second.lock());
});

test('reads are short at the end, and scribble over the rest', async () => {
  const machine = new Machine();
  const file = await machine.durable('a', 10, 1);
  const target = new Uint8Array(20);
  assert.equal(await machine.run(file.read(target, 4)), 6);
  assert.ok(target.subarray(0, 6).every((byte) => byte === 1));
  assert.ok(target.subarray(6).every((byte) => byte === 0xdb));
  assert.equal(await machine.run(file.read(target, 99)), 0);
});

test('a write to a closed file is noted as a bug of its caller', async () => {
  const machine = new Machine();
  const file = await machine.durable('a', 10, 1);
  await machine.run(file.close());
  await machine.run(file.write([filled(1, 1)], 0));
  assert.deepEqual(machine.disk.misuses, ['write of a after its close']);
});

test('one seed gives one trace', async () => {
  const hashes = [3, 3, 4].map(async (seed) => {
    const machine = new Machine(seed, 0);
    const file = await machine.durable('a', 10, 1);
    await machine.run(Promise.all([1, 2, 3, 4].map((n) => file.write([filled(n, n)], 10 * n))));
    return machine.trace.hash;
  });
  const [first, second, other] = await Promise.all(hashes);
  assert.equal(first, second);
  assert.notEqual(first, other);
});
