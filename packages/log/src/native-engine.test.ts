import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { SystemClock } from '@millrace/base';
import { contractSuite } from './contract-suite.js';
import type { NativeLimits } from './limits.js';
import { openNativeEngine } from './native-engine.js';
import { nodeDisk } from './node-disk.js';

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
