/** Whatever is put, sealed, read from anywhere in pages of any size: the same records; and nothing that was changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@millrace/base';
import {
  type AppendBatch,
  type LogEngine,
  LogError,
  openMemoryEngine,
  type RecordBatch,
} from '@millrace/log';
import fc from 'fast-check';
import { MasterKeySet } from '../../keys/master-keys.js';
import { inlineCodec } from '../codec/codec.js';
import { finished } from '../codec/sliced.js';
import { heldClock } from '../streams-fixture.js';
import { Opener } from './opener.js';
import { isSealed } from './sealed-group.js';
import { Sealer } from './sealer.js';

const logs = ['stream-1/shard-0', 'stream-1/shard-1'];
const keys = new MasterKeySet('the test', [Buffer.alloc(32, 7)]);
const fingerprint = keys.newest ?? '';

interface Put {
  readonly sealed: boolean;
  readonly records: readonly { readonly log: number; readonly bytes: number }[];
}

const putOf = fc.record({
  sealed: fc.boolean(),
  records: fc.array(
    fc.record({
      log: fc.nat(logs.length - 1),
      bytes: fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(90_000) }),
    }),
    { minLength: 1, maxLength: 30 },
  ),
});

/** Records as PutRecords stores them, none of which is like another. */
function batchOf(records: Put['records'], numbers: { next: number }): AppendBatch {
  const parts = records.map(({ bytes }) => {
    const part = Buffer.alloc(2 + 6 + bytes, numbers.next);
    part.writeUInt16LE(6, 0);
    part.write(String(numbers.next++).padStart(6, '0'), 2);
    return part;
  });
  let end = 0;
  const ends = Uint32Array.from(parts, (part) => (end += part.length));
  return { logs, logOf: Uint32Array.from(records, ({ log }) => log), ends, payload: Buffer.concat(parts) };
}

function recordsOf(batch: AppendBatch): readonly (readonly Buffer[])[] {
  const of = logs.map((): Buffer[] => []);
  for (const [i, log] of batch.logOf.entries()) {
    of[log]?.push(Buffer.from(batch.payload.subarray(i === 0 ? 0 : batch.ends[i - 1], batch.ends[i])));
  }
  return of;
}

function pageOf(records: RecordBatch): readonly Buffer[] {
  return Array.from({ length: records.count }, (_, i) =>
    Buffer.from(
      records.buffers[records.bufferOf[i] ?? -1]?.subarray(records.starts[i], records.ends[i]) ?? [],
    ),
  );
}

async function filled(puts: readonly Put[], seed: number): Promise<{ engine: LogEngine; put: Buffer[][] }> {
  const engine = openMemoryEngine({ clock: heldClock() });
  await engine.create(logs);
  const sealer = new Sealer({ keys, random: seededRandom(seed) });
  const put: Buffer[][] = logs.map(() => []);
  const numbers = { next: 1 };
  for (const { sealed, records } of puts) {
    const batch = batchOf(records, numbers);
    for (const [log, each] of recordsOf(batch).entries()) put[log]?.push(...each);
    const under = { incarnation: 1, fromMs: numbers.next % 3, fingerprint };
    await engine.append(sealed ? finished(sealer.seal(under, batch)) : batch);
  }
  return { engine, put };
}

test('every page from anywhere opens to what was put', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(putOf, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 60 }),
      async (puts, seed, place, recordsMax) => {
        const { engine, put } = await filled(puts, seed);
        const opener = new Opener(keys, engine, inlineCodec);
        for (const [index, log] of logs.entries()) {
          const all = put[index] ?? [];
          let from = all.length === 0 ? 0 : place % all.length;
          const seen: Buffer[] = all.slice(0, from);
          while (seen.length < all.length) {
            const read = await engine.read({ log, from, recordsMax, bytesMax: 100_000 });
            assert.equal(read.kind, 'records');
            if (read.kind !== 'records') return;
            const opened = await opener.open(log, read.records);
            assert.ok(opened !== undefined);
            for (const [i, bytes] of pageOf(read.records).entries()) {
              assert.equal(opened.sealed?.[i] === 1, isSealed(bytes, 0), 'whether it was sealed');
            }
            seen.push(...pageOf(opened.records));
            from = read.nextPosition;
          }
          assert.deepEqual(seen, all);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('nothing opens that was changed, cut or put elsewhere', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(putOf, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.nat(),
      async (puts, seed, at) => {
        const { engine } = await filled(
          puts.map((each) => ({ ...each, sealed: true })),
          seed,
        );
        const [log = '', other = ''] = logs;
        const read = await engine.read({ log, from: 0, recordsMax: 1000, bytesMax: 100_000_000 });
        if (read.kind !== 'records' || read.records.count === 0) return;
        const buffers = read.records.buffers.map((each) => Buffer.from(each));
        const records = { ...read.records, buffers };
        const record = at % records.count;
        const buffer = buffers[records.bufferOf[record] ?? -1];
        const start = records.starts[record] ?? 0;
        const where = start + (at % ((records.ends[record] ?? 0) - start));
        const opener = new Opener(keys, engine, inlineCodec);
        const damaged = (error: unknown) => error instanceof LogError && error.code === 'damaged';
        if (buffer !== undefined) {
          buffer[where] = (buffer[where] ?? 0) ^ (1 << (seed % 7));
          const opened = opener.open(log, records);
          // A bit of the head may name another master key; one of the index, a record that the log does not have there.
          await assert.rejects(
            opened,
            (error: unknown) => damaged(error) || String(error).includes('master key'),
          );
        }
        await assert.rejects(new Opener(keys, engine, inlineCodec).open(other, read.records), damaged);
      },
    ),
    { numRuns: 60 },
  );
});

test('a group opens in the pieces that it was put in alone', async () => {
  const { engine } = await filled(
    [{ sealed: true, records: [30, 40].map((bytes) => ({ log: 0, bytes })) }],
    1,
  );
  const [log = ''] = logs;
  const read = await engine.read({ log, from: 0, recordsMax: 10, bytesMax: 1000 });
  assert.ok(read.kind === 'records' && read.records.count === 2);
  const [one = Buffer.alloc(0), two = Buffer.alloc(0)] = pageOf(read.records);
  // A byte of the second's ciphertext moved to the first: the ciphertext as a whole is the same.
  const buffers = [
    Buffer.concat([one, two.subarray(4, 5)]),
    Buffer.concat([two.subarray(0, 4), two.subarray(5)]),
  ];
  const records = {
    ...read.records,
    buffers,
    bufferOf: Uint32Array.of(0, 1),
    starts: Uint32Array.of(0, 0),
    ends: Uint32Array.from(buffers, (each) => each.length),
  };
  await assert.rejects(new Opener(keys, engine, inlineCodec).open(log, records), /does not open/);
});
