import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdjustableClock, SystemClock } from '@millrace/base';
import { cborProtocol, jsonProtocol, type Protocol } from '@millrace/wire';
import { type Logger, silentLogger } from '../../logger.js';
import type { PutBatch } from '../put-batch.js';
import { encodeStoredRecord } from '../stored-record.js';
import { inlineCodec } from './codec.js';
import { CodecThreads } from './codec-threads.js';
import type { RecordsPage } from './get-records-output.js';
import { plain } from './testing/general-way.js';
import { putRecordsShape } from './testing/sample-shapes.js';

const bytesMin = 1024;

/** A body in shared memory, as the gateway's large ones are; `salt` tells them apart. */
function bodyOf(protocol: Protocol, salt: string, count = 50): Buffer {
  const bytes = protocol.encode(putRecordsShape, {
    StreamName: 'flights',
    Records: Array.from({ length: count }, (_, i) => ({
      Data: Buffer.from(`${salt} ${i} `.repeat(20)),
      PartitionKey: `${salt}-${i}`,
    })),
  });
  return shared(bytes);
}

/** A page whose records lie scattered over buffers, with gaps, and not in their order. */
function pageOf(salt: string, count = 60): RecordsPage {
  const buffers = [0, 1, 2].map(() => Buffer.alloc(32 * 1024, '#'));
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  const free = [7, 7, 7];
  for (let i = count - 1; i >= 0; i--) {
    const text = `${salt} ${i} `.repeat(i % 20);
    const record = encodeStoredRecord(i % 7 === 0 ? `"${salt}"\n${i}` : `${salt}-${i}`, Buffer.from(text));
    starts[i] = free[i % 3] ?? 0;
    ends[i] = (starts[i] ?? 0) + record.length;
    buffers[i % 3]?.set(record, starts[i]);
    free[i % 3] = (ends[i] ?? 0) + (i % 5);
  }
  const records = {
    count,
    // Views of longer arrays, as a reader's are.
    positions: Float64Array.from({ length: count + 9 }, (_, i) => 1000 + i).subarray(0, count),
    arrivalsMs: Float64Array.from({ length: count + 9 }, (_, i) => 1.7e12 + (i >> 3)).subarray(0, count),
    buffers,
    bufferOf: Uint32Array.from({ length: count }, (_, i) => i % 3),
    starts,
    ends,
  };
  const shard = { index: 3, createdMs: 1.6e12 };
  return {
    records,
    shard,
    nextShardIterator: `after ${salt}`,
    millisBehindLatest: 5,
    childShards: undefined,
  };
}

function shared(bytes: Uint8Array): Buffer {
  const body = Buffer.from(new SharedArrayBuffer(bytes.length));
  body.set(bytes);
  return body;
}

async function started(options: {
  readonly threads: number;
  readonly clock?: AdjustableClock;
  readonly logger?: Logger;
}): Promise<CodecThreads & AsyncDisposable> {
  const threads = new CodecThreads({
    clock: new SystemClock(),
    logger: silentLogger,
    bytesMin,
    ...options,
  });
  await allReady(threads, options.threads);
  return Object.assign(threads, { [Symbol.asyncDispose]: () => threads.close() });
}

/** Asks until all threads are there, as a server under load does. The test's own time limit bounds it. */
async function allReady(threads: CodecThreads, wanted: number): Promise<void> {
  const body = bodyOf(jsonProtocol, 'start');
  while (threads.ready < wanted) {
    await threads.decodePut('PutRecords', jsonProtocol, body);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('what threads read is what is read here, however many bodies are under way', async () => {
  await using threads = await started({ threads: 2 });
  const jobs = [jsonProtocol, cborProtocol].flatMap((protocol) =>
    Array.from({ length: 40 }, (_, i) => ({ protocol, body: bodyOf(protocol, `${i}`, 20 + i) })),
  );
  const decoded = jobs.map(({ protocol, body }) => threads.decodePut('PutRecords', protocol, body));
  assert.ok(decoded.every((each) => each instanceof Promise));
  assert.equal(threads.jobs, jobs.length);
  for (const [i, batch] of (await Promise.all(decoded)).entries()) {
    const here = inlineCodec.decodePut(
      'PutRecords',
      jobs[i]?.protocol ?? jsonProtocol,
      jobs[i]?.body ?? bodyOf(jsonProtocol, ''),
    );
    assert.ok(batch !== undefined && here !== undefined);
    assert.deepEqual(plain(batch), plain(here));
  }
  assert.equal(threads.jobs, 0);
});

test('more jobs than a thread may have are done here', async () => {
  await using threads = await started({ threads: 1 });
  const body = bodyOf(jsonProtocol, 'many');
  const decoded = Array.from({ length: 100 }, () => threads.decodePut('PutRecords', jsonProtocol, body));
  assert.equal(decoded.filter((each) => each instanceof Promise).length, 64);
  for (const batch of await Promise.all(decoded)) assert.equal(batch?.count, 50);
});

test('small bodies, bodies of private memory, and all without threads are read in the same turn', async () => {
  await using threads = await started({ threads: 1 });
  await using none = await started({ threads: 0 });
  const body = bodyOf(jsonProtocol, 'x');
  const small = bodyOf(jsonProtocol, 'x', 1).subarray(0, bytesMin - 1);
  assert.equal(small.length < bytesMin, true);
  for (const here of [
    threads.decodePut('PutRecords', jsonProtocol, small),
    threads.decodePut('PutRecords', jsonProtocol, Buffer.from(body)),
    none.decodePut('PutRecords', jsonProtocol, body),
  ]) {
    assert.equal(here instanceof Promise, false);
    assert.notEqual(here, undefined);
  }
});

test('a body that needs the general way is said to, and is still there', async () => {
  await using threads = await started({ threads: 1 });
  const body = shared(Buffer.from(bodyOf(jsonProtocol, 'k').toString().replace('"k-0"', '"k\\u002d0"')));
  const before = Buffer.from(body);
  assert.equal(await threads.decodePut('PutRecords', jsonProtocol, body), undefined);
  assert.deepEqual(Buffer.from(body), before);
});

test('memory of a payload is used again once its put was answered and the log forgot it', async () => {
  await using threads = await started({ threads: 1 });
  const { payloads } = threads;
  const decoded = async (salt: string): Promise<PutBatch> => {
    const body = bodyOf(jsonProtocol, salt, 400);
    const batch = await threads.decodePut('PutRecords', jsonProtocol, body);
    const here = inlineCodec.decodePut('PutRecords', jsonProtocol, body);
    assert.ok(batch !== undefined && here !== undefined);
    assert.deepEqual(plain(batch), plain(here));
    return batch;
  };
  assert.equal(payloads.freeBytes, 0);
  for (const salt of ['one', 'two', 'ten']) {
    const batch = await decoded(salt);
    assert.equal(payloads.freeBytes, 0, 'what was free is taken');
    threads.done(batch);
    assert.equal(payloads.freeBytes, 0, 'the log has it');
    payloads.done(batch.payload.buffer);
    assert.equal(payloads.freeBytes, batch.payload.buffer.byteLength);
    payloads.done(batch.payload.buffer);
    assert.equal(payloads.freeBytes, batch.payload.buffer.byteLength, 'it is given back once');
  }
  const batch = await decoded('it is short');
  assert.ok(batch.payload.buffer.byteLength > batch.payload.length);
});

test('a thread that fails is logged, its jobs are done here, and another comes after a pause', async () => {
  const logged: string[] = [];
  const logger = { ...silentLogger, error: (message: string) => logged.push(message) };
  const clock = new AdjustableClock(new SystemClock());
  clock.hold();
  await using threads = await started({ threads: 1, clock, logger });
  const body = bodyOf(jsonProtocol, 'x');
  // No thread knows this protocol: a bug, as far as it can see.
  const unknown = { ...jsonProtocol, contentType: 'application/unheard-of' };
  const failing = threads.decodePut('PutRecords', unknown, body);
  const behind = [1, 2, 3].map(() => threads.decodePut('PutRecords', jsonProtocol, body));
  assert.equal(await failing, undefined);
  for (const batch of await Promise.all(behind)) assert.equal(batch?.count, 50);
  assert.equal(threads.ready, 0);
  assert.equal(logged.length, 1);
  assert.equal(threads.decodePut('PutRecords', jsonProtocol, body) instanceof Promise, false);
  clock.advance(1_000);
  await allReady(threads, 1);
});

test('a close does here what threads have not done', async () => {
  const threads = await started({ threads: 2 });
  const body = bodyOf(jsonProtocol, 'x');
  const decoded = Array.from({ length: 20 }, () => threads.decodePut('PutRecords', jsonProtocol, body));
  await threads.close();
  for (const batch of await Promise.all(decoded)) assert.equal(batch?.count, 50);
  assert.equal(threads.decodePut('PutRecords', jsonProtocol, body) instanceof Promise, false);
});

test('pages that threads write are what is written here, and the page may change meanwhile', async () => {
  await using threads = await started({ threads: 2 });
  for (let round = 0; round < 5; round++) {
    const pages = Array.from({ length: 8 }, (_, i) => pageOf(`${round} ${i} ü`, 40 + 10 * i));
    const wanted = pages.map((page) => Buffer.from(inlineCodec.encodePage(jsonProtocol, page)));
    const encoded = pages.map((page) => threads.encodePage(jsonProtocol, page));
    assert.ok(encoded.every((each) => each instanceof Promise));
    for (const page of pages) for (const buffer of page.records.buffers) buffer.fill(0);
    for (const [i, bytes] of (await Promise.all(encoded)).entries()) {
      assert.equal(Buffer.from(bytes).toString(), wanted[i]?.toString());
    }
  }
});

test('small pages, pages in CBOR and more than a few at once are written in the same turn', async () => {
  await using threads = await started({ threads: 1 });
  const page = pageOf('x');
  assert.ok(threads.encodePage(jsonProtocol, pageOf('x', 3)) instanceof Uint8Array);
  assert.ok(threads.encodePage(cborProtocol, page) instanceof Uint8Array);
  const encoded = Array.from({ length: 10 }, () => threads.encodePage(jsonProtocol, page));
  assert.equal(encoded.filter((each) => each instanceof Promise).length, 4);
  const wanted = Buffer.from(inlineCodec.encodePage(jsonProtocol, page));
  for (const bytes of await Promise.all(encoded)) assert.deepEqual(Buffer.from(bytes), wanted);
});

test('pages of a thread that ends are written here', async () => {
  const threads = await started({ threads: 2 });
  const page = pageOf('x');
  const wanted = Buffer.from(inlineCodec.encodePage(jsonProtocol, page));
  const encoded = Array.from({ length: 8 }, () => threads.encodePage(jsonProtocol, page));
  await threads.close();
  for (const bytes of await Promise.all(encoded)) assert.deepEqual(Buffer.from(bytes), wanted);
});
