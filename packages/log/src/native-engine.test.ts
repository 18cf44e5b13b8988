import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { SystemClock } from '@millrace/base';
import type { ReadResult } from './contract.js';
import { contractSuite } from './contract-suite.js';
import type { NativeLimits } from './limits.js';
import { openNativeEngine } from './native-engine.js';
import { nodeDisk } from './node-disk.js';
import type { PageSlabs } from './page-memory.js';

/** Everything from memory; everything from files; and with bounds so small that each of them is reached. */
const settings: Record<string, Partial<NativeLimits>> = {
  'the native engine': {},
  'the native engine with one commit at a time': { commitsInFlightMax: 1 },
  'the native engine with a commit for each call': { commitsInFlightMax: 5, commitBesideBytesMin: 0 },
  'the native engine without a tail': { tailBytesMax: 0, reserveBytes: 0 },
  'the native engine with small files and a thin index': {
    tailBytesMax: 2000,
    journalFileBytesMax: 8 * 1024,
    deadBytesMax: 4 * 1024,
    settlingBytesMax: 4 * 1024,
    blockBytesMax: 1024,
    tableCacheBytesMax: 0,
    indexEntriesMax: 4,
    filesOpenMax: 2,
    readsMax: 1,
    readScanBytesMax: 20_000,
    queueRequestsMax: 3,
    commitBytesMax: 2 * 1024 * 1024,
    reserveBytes: 1000,
  },
};

for (const [name, limits] of Object.entries(settings)) {
  contractSuite(name, async (clock) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'));
    const engine = await openNativeEngine({ disk: await nodeDisk(directory), clock, limits });
    return { engine, clean: () => rm(directory, { recursive: true }) };
  });
}

it('memory that a reader was given out of the tail is never told of as forgotten', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'));
  t.after(() => rm(directory, { recursive: true }));
  const payloadBytes = 100_000;
  const forgotten = new Set<ArrayBufferLike>();
  const engine = await openNativeEngine({
    disk: await nodeDisk(directory),
    clock: new SystemClock(),
    limits: { tailBytesMax: 3.5 * payloadBytes },
    forgotten: (memory) => forgotten.add(memory),
  });
  await engine.create(['a']);
  const payloads: Uint8Array[] = [];
  const append = async (): Promise<void> => {
    const payload = new Uint8Array(payloadBytes).fill(payloads.length);
    payloads.push(payload);
    await engine.append({
      logs: ['a'],
      logOf: new Uint32Array(1),
      ends: new Uint32Array([payloadBytes]),
      payload,
    });
  };
  await append();
  await append();
  const read = await engine.read({ log: 'a', from: 1, recordsMax: 1, bytesMax: 1 });
  assert.ok(read.kind === 'records' && read.records.buffers[0] === payloads[1], 'the tail shares its memory');
  for (let i = 0; i < 5; i++) await append();
  await engine.close();
  assert.deepEqual(
    payloads.map((payload) => forgotten.has(payload.buffer)),
    [true, false, true, true, false, false, false],
  );
});

it('what a borrowed page has of files stays as it is until it is released, and then goes round', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'));
  t.after(() => rm(directory, { recursive: true }));
  const slabs = new PoisonedSlabs(16 * 1024);
  const limits = { ...settings['the native engine with small files and a thin index'], tailBytesMax: 0 };
  const clock = new SystemClock();
  const engine = await openNativeEngine({ disk: await nodeDisk(directory), clock, limits, slabs });
  t.after(() => engine.close());
  await engine.create(['a']);
  const records = 300;
  const recordBytes = 200;
  for (let i = 0; i < records; i++) {
    const payload = new Uint8Array(recordBytes).fill(i % 251);
    await engine.append({
      logs: ['a'],
      logOf: new Uint32Array(1),
      ends: new Uint32Array([recordBytes]),
      payload,
    });
  }
  const read = async (from: number, borrowed: boolean): Promise<RecordsRead> => {
    const result = await engine.read({ log: 'a', from, recordsMax: 40, bytesMax: 100_000, borrowed });
    assert.ok(result.kind === 'records' && result.records.count > 0);
    return result;
  };
  const check = ({ records: { count, buffers, bufferOf, starts, ends, positions } }: RecordsRead): void => {
    for (let i = 0; i < count; i++) {
      const record = buffers[bufferOf[i] ?? -1]?.subarray(starts[i], ends[i]);
      assert.deepEqual(
        record,
        Buffer.alloc(recordBytes, (positions[i] ?? 0) % 251),
        `record ${positions[i]}`,
      );
    }
  };
  const kept = await read(0, false);
  assert.equal(kept.release, undefined, 'nobody promised to say when it is done with');
  const held: RecordsRead[] = [];
  let from = 0;
  while (from < records) {
    const result = await read(from, true);
    from = result.nextPosition;
    held.push(result);
    for (const each of held) check(each);
    if (held.length < 3) continue;
    const oldest = held.shift();
    oldest?.release?.();
    oldest?.release?.();
  }
  check(kept);
  assert.ok(slabs.given > 0, 'memory came back');
  assert.ok(slabs.made < slabs.taken, 'and was used again');
  assert.equal(slabs.made - slabs.free, slabs.taken - slabs.given, 'each slab once');
});

type RecordsRead = Extract<ReadResult, { kind: 'records' }>;

/** Slabs that are spoilt as soon as they are given back, so that whoever still looks at one sees it. */
class PoisonedSlabs implements PageSlabs {
  readonly slabBytes: number;
  readonly #free: Buffer[] = [];
  made = 0;
  taken = 0;
  given = 0;

  constructor(slabBytes: number) {
    this.slabBytes = slabBytes;
  }

  get free(): number {
    return this.#free.length;
  }

  take(bytes: number): Buffer {
    this.taken++;
    const at = this.#free.findIndex((slab) => slab.length >= bytes);
    const [slab] = this.#free.splice(at, at < 0 ? 0 : 1);
    if (slab !== undefined) return slab;
    this.made++;
    return Buffer.alloc(bytes);
  }

  give(slab: Buffer): void {
    this.given++;
    this.#free.push(slab.fill(0xff));
  }
}
