/** Whatever bytes are found on the disk: the log opens, or says why not. It never crashes, hangs, or makes things up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checksum, seededRandom } from '@millrace/base';
import fc from 'fast-check';
import { commitHeaderAt } from './commit.js';
import { frameBytes, frameHeadAt, frameHeadBytesAt, frameKind, writeFrameHead } from './frame.js';
import { groupByLog } from './grouping.js';
import { wordBuffer } from './integers.js';
import { journalName } from './journal.js';
import {
  decodeJournalHeader,
  encodeJournalHeader,
  journalFormatVersion,
  journalHeaderBytes,
  journalHeaderVersion,
} from './journal-header.js';
import { LogError } from './log-error.js';
import { openNativeEngine } from './native-engine.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, readAll } from './testing/ledger.js';
import { MemoryDisk } from './testing/memory-disk.js';

const seed = Date.now();
const settings = { seed, numRuns: 300 };
const limits = { reserveBytes: 0, journalFileBytesMax: 4000, commitBytesMax: 100_000 };

/** Opens `disk` and reads everything; answers what could be read, or the code of the refusal. */
async function openAndRead(disk: MemoryDisk): Promise<Map<string, string[]> | string> {
  try {
    const engine = await openNativeEngine({ disk, clock: new EagerClock(), limits });
    const texts = new Map<string, string[]>();
    for (const log of engine.list()) {
      const records = await readAll(engine, log, engine.state(log)?.firstPosition);
      texts.set(
        log,
        records.map((record) => record.text),
      );
    }
    await engine.close();
    return texts;
  } catch (error) {
    assert.ok(error instanceof LogError, String(error));
    assert.ok(error.code === 'damaged' || error.code === 'foreign', error.message);
    return error.code;
  }
}

/** A store of several files, as a crash leaves it, and what was acknowledged in it. */
async function store(): Promise<{ disk: MemoryDisk; acknowledged: Map<string, string[]> }> {
  const disk = new MemoryDisk();
  const engine = await openNativeEngine({ disk, clock: new EagerClock(), limits, random: seededRandom(1) });
  await engine.create(['a', 'b']);
  const acknowledged = new Map<string, string[]>([
    ['a', []],
    ['b', []],
  ]);
  for (let i = 0; i < 25; i++) {
    const records = [['a', `${i}${'x'.repeat(i * 20)}`] as const, ['b', `${i}`] as const];
    await engine.append(batchOf(records));
    for (const [log, text] of records) acknowledged.get(log)?.push(text);
  }
  return { disk: disk.copy(), acknowledged };
}

describe(`bytes from a disk that nobody vouches for (seed ${seed})`, () => {
  it('random bytes in place of the journal are refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 3 }),
        async (files) => {
          const disk = new MemoryDisk();
          for (const [i, bytes] of files.entries()) disk.put(journalName(i + 1), bytes);
          assert.equal(typeof (await openAndRead(disk)), 'string');
        },
      ),
      settings,
    );
  });

  it('random bytes behind a good journal are a torn tail', async () => {
    const { disk, acknowledged } = await store();
    const newest = (await disk.list())
      .filter((name) => name.startsWith('journal'))
      .sort()
      .at(-1) as string;
    const whole = disk.contents(newest);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 5000 }), async (bytes) => {
        const torn = disk.copy();
        torn.put(newest, Buffer.concat([whole, bytes]));
        assert.deepEqual(await openAndRead(torn), acknowledged);
      }),
      settings,
    );
  });

  it('a journal changed anywhere opens with a prefix of what was acknowledged, or is refused', async () => {
    const { disk, acknowledged } = await store();
    const names = (await disk.list()).filter((name) => name.startsWith('journal'));
    const change = fc.record({
      name: fc.constantFrom(...names),
      at: fc.nat(),
      bytes: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.constant(new Uint8Array(512))),
      cut: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = disk.copy();
        for (const { name, at, bytes, cut } of changes) {
          const contents = changed.contents(name);
          const offset = at % (contents.length + 1);
          const target = cut ? contents.subarray(0, offset) : contents;
          if (!cut) target.set(bytes.subarray(0, target.length - offset), offset);
          changed.put(name, target);
        }
        const found = await openAndRead(changed);
        if (typeof found === 'string') return;
        for (const [log, texts] of found) {
          assert.deepEqual(
            texts,
            acknowledged.get(log)?.slice(0, texts.length),
            `records of ${log} were made up`,
          );
        }
      }),
      { ...settings, numRuns: 600 },
    );
  });

  it('decoders take any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 128, maxLength: 400 }), fc.nat({ max: 64 }), (bytes, at) => {
        const buffer = Buffer.from(bytes);
        assert.equal(commitHeaderAt(buffer, at), undefined);
        frameHeadBytesAt(buffer, at);
        assert.equal(frameHeadAt(buffer, at, 0), undefined);
        journalHeaderBytes(buffer);
        journalHeaderVersion(buffer);
        decodeJournalHeader(buffer);
      }),
      settings,
    );
  });
});

describe(`what is written is what is read (seed ${seed})`, () => {
  const positive = fc.maxSafeNat();

  it('frames', () => {
    const record = fc.record({ log: fc.nat({ max: 5 }), bytes: fc.uint8Array({ maxLength: 50 }) });
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 60 }),
        positive,
        positive,
        fc.nat(),
        (records, position, arrivalMs, tag) => {
          const named = records.map(
            ({ log, bytes }) => [`log-${log}`, Buffer.from(bytes).toString('hex')] as const,
          );
          const batch = batchOf(named);
          const { stops, order } = groupByLog(batch);
          const logs = batch.logs.map((_, i) => ({ number: i + 1 }));
          const positions = Float64Array.from(logs, (_, i) => Math.max(0, position - i));
          const sections = { logs, positions, stops, arrivalMs };
          const { ends, payload } = batch;
          const frame = {
            kind: frameKind.append,
            sections,
            order,
            ends,
            payload,
            payloadChecksum: checksum(payload, tag),
          };
          const target = wordBuffer(frameBytes(frame) + 16);
          const bytes = target.bytes.fill(0xee);
          const headBytes = writeFrameHead(target, 8, frame, tag);
          bytes.set(payload, 8 + headBytes);
          const head = frameHeadAt(bytes, 8, tag);
          assert.ok(head !== undefined);
          assert.equal(head.length, frameBytes(frame));
          assert.deepEqual(Buffer.from(head.payload(tag) ?? []), Buffer.from(payload));
          assert.deepEqual(head.ends, ends);
          assert.deepEqual(head.order, order);
          for (const i of logs.keys()) {
            const count = batch.logOf.filter((log) => log === i).length;
            assert.deepEqual([head.logOf(i), head.countOf(i)], [i + 1, count]);
            assert.deepEqual([head.positionOf(i), head.arrivalOf(i)], [Math.max(0, position - i), arrivalMs]);
          }
          assert.equal(frameHeadAt(bytes, 8, tag + 1), undefined, 'a frame of another store was taken');
        },
      ),
      settings,
    );
  });

  it('headers of files', () => {
    const log = fc.record({
      number: fc.nat(),
      id: fc.stringMatching(/^[A-Za-z0-9_./:-]{1,128}$/),
      sealed: fc.boolean(),
      first: positive,
      end: positive,
      lastArrivalMs: positive,
    });
    const header = fc.record({
      storeId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      file: fc.nat(),
      generation: fc.nat(),
      createdMs: positive,
      previousFile: fc.nat(),
      previousChecksum: fc.nat(),
      previousEnd: positive,
      nextCommit: positive,
      nextLog: fc.nat(),
      reusedBytes: fc.nat(),
      logs: fc.array(log, { maxLength: 20 }),
    });
    fc.assert(
      fc.property(header, (header) => {
        const bytes = encodeJournalHeader(header);
        assert.equal(journalHeaderBytes(bytes), bytes.length);
        assert.equal(journalHeaderVersion(bytes), journalFormatVersion);
        const decoded = { formatVersion: journalFormatVersion, ...structuredClone(header) };
        assert.deepEqual(decodeJournalHeader(bytes), decoded);
      }),
      settings,
    );
  });
});
