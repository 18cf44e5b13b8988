/**
 * Microseconds a record for each hot codec, beside what JSON.parse and JSON.stringify take for the same bytes.
 * The best of many rounds, so that a neighbour's work on the same machine shows less.
 *
 *      node packages/server/dist/streams/codec/codec.bench.js
 */
import { randomBytes } from 'node:crypto';
import { cborProtocol, jsonProtocol } from '@millrace/wire';
import { encodeStoredRecord } from '../stored-record.js';
import { encodeGetRecordsOutput } from './get-records-output.js';
import { decodePutRecords } from './put-codec.js';
import { putBatchFromInput } from './put-input.js';
import { encodePutRecordsOutput } from './put-output.js';
import { putRecordsShape } from './testing/sample-shapes.js';

const rounds = 30;
const roundMs = 20;

function bench(name: string, records: number, work: () => unknown): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < roundMs) {
      work();
      calls++;
    }
    best = Math.min(best, ((performance.now() - start) * 1000) / calls / records);
  }
  process.stdout.write(`${best.toFixed(3).padStart(8)} µs/record  ${name}\n`);
}

const shard = { index: 7, createdMs: 1_700_000_000_000 };

function benchPut(dataBytes: number): void {
  const count = 500;
  const records = Array.from({ length: count }, (_, index) => ({
    Data: new Uint8Array(randomBytes(dataBytes)),
    PartitionKey: `partition-key-${index}`,
  }));
  const input = { Records: records, StreamName: 'flights' };
  for (const protocol of [jsonProtocol, cborProtocol]) {
    const body = protocol.encode(putRecordsShape, input);
    const what = `${dataBytes} B, ${protocol.contentType}`;
    bench(`PutRecords decode, hot, ${what}`, count, () => decodePutRecords(protocol, body));
    bench(`PutRecords decode, general, ${what}`, count, () => {
      const decoded = protocol.decode(putRecordsShape, body);
      return putBatchFromInput(decoded, decoded.Records);
    });
    if (protocol === jsonProtocol) {
      const text = Buffer.from(body);
      bench(`JSON.parse alone, ${what}`, count, () => JSON.parse(text.toString('utf8')));
    }
  }
}

function benchPutOutput(): void {
  const count = 500;
  const result = {
    count,
    shards: [shard, { index: 8, createdMs: shard.createdMs }],
    shardOf: Uint32Array.from({ length: count }, (_, index) => index % 2),
    positions: Float64Array.from({ length: count }, (_, index) => 1_000_000 + Math.floor(index / 2)),
    arrivalsMs: new Float64Array(count).fill(1_720_000_000_123),
    failedCount: 0,
    errors: undefined,
  };
  bench('PutRecords encode, JSON', count, () => encodePutRecordsOutput(jsonProtocol, result));
  bench('PutRecords encode, CBOR', count, () => encodePutRecordsOutput(cborProtocol, result));
  const text = JSON.parse(Buffer.from(encodePutRecordsOutput(jsonProtocol, result)).toString('utf8'));
  bench('JSON.stringify of the same', count, () => Buffer.from(JSON.stringify(text)));
}

function benchGet(dataBytes: number): void {
  const count = 5000;
  const stored = Array.from({ length: count }, (_, index) =>
    encodeStoredRecord(`partition-key-${index}`, randomBytes(dataBytes)),
  );
  const ends = Uint32Array.from(stored, (record) => record.length);
  for (let index = 1; index < count; index++) ends[index] = (ends[index] ?? 0) + (ends[index - 1] ?? 0);
  const page = {
    records: {
      count,
      positions: Float64Array.from({ length: count }, (_, index) => index),
      arrivalsMs: Float64Array.from(
        { length: count },
        (_, index) => 1_720_000_000_000 + Math.floor(index / 100),
      ),
      buffers: [Buffer.concat(stored)],
      bufferOf: new Uint32Array(count),
      starts: Uint32Array.from({ length: count }, (_, index) => (index === 0 ? 0 : (ends[index - 1] ?? 0))),
      ends,
    },
    shard,
    nextShardIterator: 'A'.repeat(224),
    millisBehindLatest: 0,
    childShards: undefined,
  };
  bench(`GetRecords encode, JSON, ${dataBytes} B`, count, () => encodeGetRecordsOutput(jsonProtocol, page));
  bench(`GetRecords encode, CBOR, ${dataBytes} B`, count, () => encodeGetRecordsOutput(cborProtocol, page));
  const text = JSON.parse(Buffer.from(encodeGetRecordsOutput(jsonProtocol, page)).toString('utf8'));
  bench(`JSON.stringify of the same (base64 given), ${dataBytes} B`, count, () =>
    Buffer.from(JSON.stringify(text)),
  );
}

benchPut(1024);
benchPut(100);
benchPutOutput();
benchGet(1024);
benchGet(100);
