/**
 * How much of a large request is done in one turn, counted in bytes that went through the native codecs, not by the
 * clock; and that it comes to the same as when it is done at once.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { asBuffer, kib, mib, SystemClock } from '@millrace/base';
import { cborProtocol, jsonProtocol, type Protocol } from '@millrace/wire';
import { silentLogger } from '../../logger.js';
import { encodeStoredRecord } from '../stored-record.js';
import { CodecThreads } from './codec-threads.js';
import { gatherPage } from './gathered-page.js';
import { encodeGetRecordsOutput, type RecordsPage } from './get-records-output.js';
import { decodePutRecords } from './put-codec.js';
import { pieceBytes, SlicedWork, sliceBytes } from './sliced.js';
import { generalBatch, plain } from './testing/general-way.js';
import { putRecordsShape } from './testing/sample-shapes.js';

/** Turns that a test takes one by one. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly next = (run: () => void): void => {
    this.#waiting.push(run);
  };

  /** Takes a turn; false when none is wanted. */
  take(): boolean {
    const wanted = this.#waiting.splice(0);
    for (const run of wanted) run();
    return wanted.length > 0;
  }
}

/** `bytes`, counting what is copied or spelled out of it. */
class CountedBytes {
  readonly bytes: Buffer;
  taken = 0;

  constructor(bytes: Uint8Array) {
    const buffer = Buffer.from(asBuffer(bytes));
    const { copy, subarray } = buffer;
    const spell = (method: 'latin1Slice' | 'base64Slice') => {
      const real: (start: number, end: number) => string = Reflect.get(buffer, method);
      return (start: number, end: number): string => {
        this.taken += end - start;
        return real.call(buffer, start, end);
      };
    };
    Object.assign(buffer, {
      latin1Slice: spell('latin1Slice'),
      base64Slice: spell('base64Slice'),
      copy: (target: Uint8Array, at: number, start: number, end: number) => {
        this.taken += end - start;
        return copy.call(buffer, target, at, start, end);
      },
      subarray: (start: number, end: number) => {
        this.taken += end - start;
        return subarray.call(buffer, start, end);
      },
    });
    this.bytes = buffer;
  }

  /** What was taken since this was last asked. */
  since(): number {
    const { taken } = this;
    this.taken = 0;
    return taken;
  }
}

/** A slice ends behind the piece that fills it. */
const turnBytesMax = sliceBytes + pieceBytes;

function put(protocol: Protocol, records: number, dataBytes: number): Buffer {
  const Records = Array.from({ length: records }, (_, i) => ({
    Data: new Uint8Array(randomBytes(dataBytes)),
    PartitionKey: `key-${i}`,
  }));
  return asBuffer(protocol.encode(putRecordsShape, { StreamName: 'flights', Records }));
}

function pageOf(
  count: number,
  dataBytes: number,
): { readonly page: RecordsPage; readonly counted: CountedBytes } {
  const stored = Array.from({ length: count }, (_, i) =>
    encodeStoredRecord(`key-${i}`, randomBytes(dataBytes)),
  );
  const counted = new CountedBytes(Buffer.concat(stored));
  let end = 0;
  const ends = Uint32Array.from(stored, ({ length }) => (end += length));
  const starts = Uint32Array.from(ends, (_, i) => (i === 0 ? 0 : (ends[i - 1] ?? 0)));
  const records = {
    count,
    positions: Float64Array.from({ length: count }, (_, i) => i),
    arrivalsMs: new Float64Array(count).fill(1.7e12),
    buffers: [counted.bytes],
    bufferOf: new Uint32Array(count),
    starts,
    ends,
  };
  const shard = { index: 0, createdMs: 1.6e12 };
  const page = { records, shard, nextShardIterator: 'x', millisBehindLatest: 0, childShards: undefined };
  return { page, counted };
}

function oneThread(turns: Turns): CodecThreads {
  const slicedWork = new SlicedWork(turns.next);
  return new CodecThreads({ threads: 0, clock: new SystemClock(), logger: silentLogger, slicedWork });
}

/** Takes turns until none is wanted, each within its bound; answers how many there were. */
function countTurns(turns: Turns, counted: readonly CountedBytes[]): number {
  let count = 0;
  for (;;) {
    const took = turns.take();
    const bytes = counted.reduce((sum, each) => sum + each.since(), 0);
    assert.ok(bytes <= turnBytesMax, `${bytes} bytes in one turn`);
    if (!took) return count;
    count++;
  }
}

for (const protocol of [jsonProtocol, cborProtocol]) {
  for (const [records, dataBytes] of [
    [500, 20 * kib],
    [10, mib],
    [1, 10 * mib],
  ] as const) {
    test(`a put of ${records} × ${dataBytes} bytes is read in slices: ${protocol.contentType}`, async () => {
      const counted = new CountedBytes(put(protocol, records, dataBytes));
      const turns = new Turns();
      const decoded = oneThread(turns).decodePut('PutRecords', protocol, counted.bytes);
      assert.ok(decoded instanceof Promise);
      assert.equal(counted.since(), 0, 'nothing is done in the turn of the request');
      const count = countTurns(turns, [counted]);
      assert.ok(count >= (10 * mib) / turnBytesMax, `${count} turns`);
      const batch = await decoded;
      const atOnce = decodePutRecords(protocol, counted.bytes);
      assert.ok(batch !== undefined && atOnce !== undefined);
      assert.deepEqual(plain(batch), plain(atOnce));
    });
  }

  for (const [records, dataBytes] of [
    [10_000, kib],
    [10, mib],
  ] as const) {
    test(`a page of ${records} × ${dataBytes} bytes is written in slices: ${protocol.contentType}`, async () => {
      const { page, counted } = pageOf(records, dataBytes);
      const turns = new Turns();
      const encoded = oneThread(turns).encodePage(protocol, page);
      assert.ok(encoded instanceof Promise);
      assert.equal(counted.since(), 0, 'nothing is done in the turn of the request');
      countTurns(turns, [counted]);
      assert.ok(asBuffer(await encoded).equals(encodeGetRecordsOutput(protocol, page)));
    });
  }
}

test('many records that are nearly empty take turns too', async () => {
  const { page, counted } = pageOf(10_000, 1);
  const turns = new Turns();
  const encoded = oneThread(turns).encodePage(jsonProtocol, page);
  assert.ok(countTurns(turns, [counted]) >= 4);
  assert.ok(asBuffer(await encoded).equals(encodeGetRecordsOutput(jsonProtocol, page)));
});

test('a page is gathered for another thread in slices', async () => {
  const { page, counted } = pageOf(10, mib);
  const turns = new Turns();
  const gathered = new SlicedWork(turns.next).run(gatherPage(page, (bytes) => Buffer.alloc(bytes)));
  assert.ok(countTurns(turns, [counted]) >= 8);
  assert.ok(
    asBuffer(encodeGetRecordsOutput(jsonProtocol, await gathered)).equals(
      encodeGetRecordsOutput(jsonProtocol, page),
    ),
  );
});

test('large requests share the turns, and none spoils what another has found', async () => {
  const bodies = [1, 2, 3].map((n) => new CountedBytes(put(jsonProtocol, 100 * n, (6 * mib) / (100 * n))));
  const small = put(jsonProtocol, 3, 50);
  const turns = new Turns();
  const codec = oneThread(turns);
  const decoded = bodies.map(({ bytes }) => codec.decodePut('PutRecords', jsonProtocol, bytes));
  do {
    assert.equal(finishedCount(codec.decodePut('PutRecords', jsonProtocol, small)), 3);
    const taken = bodies.map((each) => each.since()).filter((bytes) => bytes > 0);
    assert.ok(taken.length <= 1, `${taken.length} requests had a slice in one turn`);
  } while (turns.take());
  for (const [i, batch] of (await Promise.all(decoded)).entries()) {
    const atOnce = decodePutRecords(jsonProtocol, bodies[i]?.bytes ?? small);
    assert.ok(batch !== undefined && atOnce !== undefined);
    assert.deepEqual(plain(batch), plain(atOnce));
  }
});

function finishedCount(batch: ReturnType<CodecThreads['decodePut']>): number | undefined {
  assert.ok(!(batch instanceof Promise), 'what is small is read at once');
  return batch?.count;
}

test('work that throws rejects, and those behind it go on', async () => {
  const turns = new Turns();
  const work = new SlicedWork(turns.next);
  const failing = work.run(
    (function* (): Generator<number, never, void> {
      yield 1;
      throw new Error('no');
    })(),
  );
  const behind = work.run(
    (function* () {
      yield 1;
      return 'done';
    })(),
  );
  const failed = assert.rejects(failing, /no/);
  while (turns.take());
  await failed;
  assert.equal(await behind, 'done');
});

test('around the ends of pieces, data of every padding and with a wrong character is read alike', () => {
  for (const length of [-4, -3, -2, -1, 0, 1, 2, 3, 4].map((off) => (pieceBytes / 4) * 3 + off)) {
    const body = put(jsonProtocol, 2, length);
    assert.ok(readAlike(body));
    const start = body.indexOf('"Data":"') + 8;
    for (const at of [0, pieceBytes - 12, pieceBytes - 1, pieceBytes].map((offset) => start + offset)) {
      for (const wrong of ['=', '-', '_', ' ', '!']) {
        const spoiled = Buffer.from(body);
        spoiled.write(wrong, at, 'latin1');
        const taken = readAlike(spoiled);
        if (at < start + pieceBytes - 8) assert.equal(taken, false, `${wrong} at ${at - start} of ${length}`);
      }
    }
  }
});

/** Whether the hot way takes the body; if it does, it must say what the general way says. */
function readAlike(body: Buffer): boolean {
  const hot = decodePutRecords(jsonProtocol, body);
  if (hot === undefined) return false;
  const general = generalBatch(jsonProtocol, body, false);
  assert.ok(general !== undefined, 'only the hot way took it');
  assert.deepEqual(plain(hot), plain(general));
  return true;
}
