import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kib } from '@millrace/base';
import type { InSlices } from './append-preparation.js';
import type { AppendBatch, AppendOutcome } from './contract.js';
import type { NativeEngine } from './native-engine.js';
import { openNativeEngine } from './native-engine.js';
import { EagerClock } from './testing/eager-clock.js';
import { readAll } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';

const sliceBytes = 10 * kib;
const limits = {
  appendSliceBytes: sliceBytes,
  framePayloadBytesMax: 25 * kib,
  gatheredPayloadBytesMax: 0,
  tailBytesMax: 0,
  reserveBytes: 0,
  waitingRequestsMax: 2,
};

/** Slices that a test takes one by one, of whatever is waiting first. */
class Slices {
  readonly #waiting: (() => boolean)[] = [];
  taken = 0;
  readonly run: InSlices = (work) =>
    new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          const step = work.next();
          if (step.done === true) resolve(step.value);
          return step.done === true;
        } catch (error) {
          reject(error);
          return true;
        }
      });
    });

  /** Takes one; false when none is wanted. */
  take(): boolean {
    const [slice] = this.#waiting;
    if (slice === undefined) return false;
    this.taken++;
    if (slice()) this.#waiting.shift();
    return true;
  }
}

function open(disk: MemoryDisk, inSlices?: InSlices): Promise<NativeEngine> {
  return openNativeEngine({ disk, clock: new EagerClock(), limits, ...(inSlices && { inSlices }) });
}

function batchOf(payload: Uint8Array, recordBytes: number): AppendBatch {
  const count = payload.length / recordBytes;
  const ends = Uint32Array.from({ length: count }, (_, i) => (i + 1) * recordBytes);
  return { logs: ['a'], logOf: new Uint32Array(count), ends, payload };
}

describe('a long append', () => {
  for (const [what, recordBytes] of [
    ['many records', kib],
    ['one record', 100 * kib],
  ] as const) {
    it(`of ${what} has no more than a slice checksummed in one turn`, async () => {
      const disk = new MemoryDisk();
      const slices = new Slices();
      const engine = await open(disk, slices.run);
      await engine.create(['a']);
      const payload = new Uint8Array(100 * kib).fill(1);
      const appended = engine.append(batchOf(payload, recordBytes));
      // What lies behind the slices that were taken may still change: were it in a checksum by now, it would be damage.
      for (let turn = 1; slices.take(); turn++) {
        if (turn * sliceBytes < payload.length) payload[turn * sliceBytes] = 2;
      }
      assert.ok(slices.taken >= 10, `${slices.taken} slices`);
      assert.deepEqual(
        (await appended).map(({ kind }) => kind),
        ['appended'],
      );
      await engine.close();
      const again = await open(disk);
      const read = await readAll(again, 'a');
      assert.equal(read.map(({ text }) => text.replaceAll('\x01', '')).join(''), '\x02'.repeat(9));
      await again.close();
    });
  }

  it('that is a small part of a large buffer is copied in slices, too', async () => {
    const slices = new Slices();
    const engine = await open(new MemoryDisk(), slices.run);
    await engine.create(['a']);
    const appended = engine.append(batchOf(new Uint8Array(400 * kib).subarray(0, 100 * kib), kib));
    while (slices.take());
    assert.ok(slices.taken >= 20, `${slices.taken} slices`);
    assert.equal((await appended)[0]?.kind, 'appended');
    await engine.close();
  });

  it('is overtaken by what is asked for meanwhile, and is done before the log closes', async () => {
    const slices = new Slices();
    const disk = new MemoryDisk();
    const engine = await open(disk, slices.run);
    await engine.create(['a']);
    const long = engine.append(batchOf(new Uint8Array(100 * kib), kib));
    const [short] = await engine.append(batchOf(new Uint8Array(kib), kib));
    assert.deepEqual(positionOf(short), 0);
    const closed = engine.close();
    await assert.rejects(engine.append(batchOf(new Uint8Array(kib), kib)), { code: 'closed' });
    while (slices.take());
    assert.deepEqual(positionOf((await long)[0]), 1);
    await closed;
    const again = await open(disk);
    assert.equal(again.state('a')?.endPosition, 101);
    await again.close();
  });

  it('is refused when too many are being prepared', async () => {
    const slices = new Slices();
    const engine = await open(new MemoryDisk(), slices.run);
    await engine.create(['a']);
    const long = (): Promise<unknown> => engine.append(batchOf(new Uint8Array(100 * kib), kib));
    const first = [long(), long()];
    await assert.rejects(long(), { code: 'busy' });
    while (slices.take());
    await Promise.all(first);
    const next = long();
    while (slices.take());
    await next;
    await engine.close();
  });
});

function positionOf(outcome: AppendOutcome | undefined): number | undefined {
  return outcome?.kind === 'appended' ? outcome.firstPosition : undefined;
}
