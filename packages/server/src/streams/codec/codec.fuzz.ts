/** Holds the hot codecs to the general way: where they answer, the answers are the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AwsError,
  cborProtocol,
  jsonProtocol,
  long,
  type Protocol,
  sequenceNumber,
  shardIdOf,
  structure,
  writeCborHead,
} from '@millrace/wire';
import fc from 'fast-check';
import { encodeStoredRecord } from '../stored-record.js';
import { encodeGetRecordsOutput, encodeRecords } from './get-records-output.js';
import { decodePutRecord, decodePutRecords } from './put-codec.js';
import { encodePutRecordsOutput } from './put-output.js';
import { finished } from './sliced.js';
import { generalBatch, plain } from './testing/general-way.js';
import { getRecordsOutputShape, putRecordsOutputShape, putRecordsShape } from './testing/sample-shapes.js';

const seed = Date.now();

function agree(protocol: Protocol, body: Uint8Array): void {
  for (const single of [false, true]) {
    const hot = (single ? decodePutRecord : decodePutRecords)(protocol, body);
    if (hot === undefined) continue;
    const general = generalBatch(protocol, body, single);
    assert.ok(general !== undefined, `only the hot way took ${Buffer.from(body).toString('latin1')}`);
    assert.deepEqual(plain(hot), plain(general));
  }
}

const key = fc.oneof(
  fc.string({ minLength: 1, maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 260 }),
);
const millisShape = structure('Rest', { MillisBehindLatest: long() });
const base64 = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const oddBase64 = fc.string({ unit: fc.constantFrom(...'AQgw09+/=-_ '), maxLength: 8 });
const digits = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 130n }).map(String),
  fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 41 }),
);
const rarely = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 20, arbitrary: usual }, { weight: 1, arbitrary: odd });
const anything = fc.jsonValue({ maxDepth: 2 });

/** One member: its name and its value as JSON text. */
type Member = readonly [string, string];
const asText = (value: unknown): string => JSON.stringify(value);
const escaped = (text: string): string =>
  `"${[...text].map((each) => (each < '\u0080' ? `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}` : each)).join('')}"`;
const textOf = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  rarely(value.map(asText), value.map(escaped));

function member(name: string, value: fc.Arbitrary<string>): fc.Arbitrary<Member> {
  return rarely(value, anything.map(asText)).map((text) => [name, text]);
}

const spaces = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 2 });
const gap = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: spaces });
const unknown = fc.tuple(
  fc.oneof(
    fc.constantFrom('Records', 'Data', 'PartitionKey', 'Other', '__proto__', 'StreamId', 'DryRun'),
    fc.string(),
  ),
  anything.map(asText),
);

/** An object of the members, sometimes with others among them, in any order, with spaces anywhere. */
function objectOf(...members: readonly fc.Arbitrary<Member>[]): fc.Arbitrary<string> {
  const extra = fc.oneof(
    { weight: 8, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(unknown, { maxLength: 2 }) },
  );
  return fc
    .tuple(fc.tuple(...members), extra, gap, gap, fc.boolean())
    .chain(([known, others, before, after, shuffled]) => {
      const all: Member[] = [...known, ...others];
      const render = (order: readonly Member[]): string =>
        `{${before}${order.map(([name, value]) => `${asText(name)}${after}:${before}${value}`).join(`${after},${before}`)}${after}}`;
      return shuffled
        ? fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }).map(render)
        : fc.constant(render(all));
    });
}

const dataMember = member('Data', textOf(rarely(base64, oddBase64)));
const keyMember = member('PartitionKey', textOf(key));
const hashKeyMember = member('ExplicitHashKey', textOf(digits));
const nameMember = member('StreamName', textOf(rarely(fc.constantFrom('flights', 'a-b_c.d'), fc.string())));
const arnMember = member(
  'StreamARN',
  textOf(fc.constantFrom('arn:aws:kinesis:us-east-1:123456789012:stream/flights', 'arn:x', '')),
);
const entry = fc.oneof(
  { weight: 4, arbitrary: objectOf(dataMember, keyMember) },
  { weight: 1, arbitrary: objectOf(dataMember, keyMember, hashKeyMember) },
  { weight: 1, arbitrary: objectOf(keyMember) },
);
const entries = fc.array(entry, { maxLength: 6 }).map((each) => `[${each.join(',')}]`);
const request = fc.oneof(
  objectOf(member('Records', entries), nameMember),
  objectOf(member('Records', entries), arnMember),
  objectOf(dataMember, keyMember, nameMember),
  objectOf(dataMember, keyMember, hashKeyMember, nameMember),
);

test(`JSON of every layout is read alike (seed ${seed})`, () => {
  let taken = 0;
  fc.assert(
    fc.property(request, (text) => {
      const body = Buffer.from(text);
      agree(jsonProtocol, body);
      if (decodePutRecords(jsonProtocol, body) ?? decodePutRecord(jsonProtocol, body)) taken++;
    }),
    { seed, numRuns: 3000 },
  );
  assert.ok(taken > 500, `the hot way took ${taken} of 3000`);
});

const change = fc.record({
  at: fc.nat(),
  byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from('"\\{}[]:,=-_ 0null'))),
  kind: fc.constantFrom('set', 'set', 'insert', 'remove', 'cut'),
});

function changed(
  body: Uint8Array,
  changes: readonly { at: number; byte: number; kind: string }[],
): Uint8Array {
  let bytes = [...body];
  for (const { at, byte, kind } of changes) {
    const index = bytes.length === 0 ? 0 : at % bytes.length;
    if (kind === 'set') bytes[index] = byte;
    else if (kind === 'insert') bytes.splice(index, 0, byte);
    else if (kind === 'remove') bytes.splice(index, 1);
    else bytes = bytes.slice(0, index);
  }
  return Uint8Array.from(bytes);
}

const putRecords = fc.record({
  Records: fc.array(
    fc.record(
      {
        Data: fc.uint8Array({ maxLength: 30 }),
        PartitionKey: key,
        ExplicitHashKey: digits,
      },
      { requiredKeys: ['Data', 'PartitionKey'], noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 5 },
  ),
  StreamName: fc.constantFrom('flights', 'a-b_c.d'),
});

for (const protocol of [jsonProtocol, cborProtocol]) {
  test(`a put is read alike, and with bytes changed too: ${protocol.contentType} (seed ${seed})`, () => {
    fc.assert(
      fc.property(putRecords, fc.array(change, { maxLength: 3 }), (input, changes) => {
        agree(protocol, changed(protocol.encode(putRecordsShape, input), changes));
      }),
      { seed, numRuns: 3000 },
    );
  });
}

/** CBOR with lengths given or left open, as `open` says in turn. */
function openCbor(value: unknown, open: () => boolean): Buffer {
  const head = (major: number, argument: number): Buffer => {
    const target = Buffer.alloc(9);
    return target.subarray(0, writeCborHead(target, 0, major, argument));
  };
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  const major = Array.isArray(value) ? 4 : 5;
  const items = Array.isArray(value)
    ? value
    : Object.entries(value as object).filter(([, each]) => each !== undefined);
  const parts = items.map((each: unknown) =>
    major === 4
      ? openCbor(each, open)
      : Buffer.concat((each as unknown[]).map((part) => openCbor(part, open))),
  );
  return open()
    ? Buffer.concat([Buffer.of((major << 5) | 31), ...parts, Buffer.of(0xff)])
    : Buffer.concat([head(major, items.length), ...parts]);
}

test(`CBOR with open and given lengths is read alike, and always taken (seed ${seed})`, () => {
  fc.assert(
    fc.property(putRecords, fc.infiniteStream(fc.boolean()), (input, open) => {
      const body = openCbor(input, () => open.next().value);
      agree(cborProtocol, body);
      const taken = decodePutRecords(cborProtocol, body) !== undefined;
      assert.equal(taken, generalBatch(cborProtocol, body, false) !== undefined);
    }),
    { seed, numRuns: 1000 },
  );
});

const shard = fc.record({
  index: fc.integer({ min: 0, max: 9999 }),
  createdMs: fc.integer({ min: 0, max: 2e12 }),
});
const when = fc.integer({ min: 0, max: 2e12 });

test(`answers of PutRecords say what the general encoder says (seed ${seed})`, () => {
  const outcome = fc.record({
    shard: fc.nat(),
    position: fc.integer({ min: 0, max: 2 ** 50 }),
    arrivalMs: when,
    message: fc.option(fc.string({ unit: 'binary' }), { nil: undefined, freq: 1 }),
  });
  fc.assert(
    fc.property(
      fc.array(shard, { minLength: 1, maxLength: 4 }),
      fc.array(outcome, { maxLength: 20 }),
      fc.constantFrom(undefined, 'KMS'),
      (shards, outcomes, encryption) => {
        const errors = new Map<number, AwsError>();
        outcomes.forEach(({ message }, index) => {
          if (message !== undefined) errors.set(index, new AwsError('InternalFailure', message));
        });
        const result = {
          count: outcomes.length,
          shards,
          shardOf: Uint32Array.from(outcomes, (each) => each.shard % shards.length),
          positions: Float64Array.from(outcomes, (each) => each.position),
          arrivalsMs: Float64Array.from(outcomes, (each) => each.arrivalMs),
          failedCount: errors.size,
          errors,
        };
        const expected = {
          FailedRecordCount: errors.size,
          Records: outcomes.map((each, index) => {
            const error = errors.get(index);
            const of = shards[each.shard % shards.length];
            if (error !== undefined || of === undefined) {
              return { ErrorCode: error?.code, ErrorMessage: error?.message };
            }
            return {
              SequenceNumber: sequenceNumber(of, each.position, each.arrivalMs),
              ShardId: shardIdOf(of.index),
            };
          }),
          EncryptionType: encryption,
        };
        for (const protocol of [jsonProtocol, cborProtocol]) {
          assert.deepEqual(
            protocol.decode(putRecordsOutputShape, encodePutRecordsOutput(protocol, result, encryption)),
            protocol.decode(putRecordsOutputShape, protocol.encode(putRecordsOutputShape, expected)),
          );
        }
      },
    ),
    { seed, numRuns: 500 },
  );
});

test(`answers of GetRecords are the general encoder's, byte for byte (seed ${seed})`, () => {
  const stored = fc.record({
    // Empty: put without one.
    key: fc.string({ unit: 'binary', maxLength: 30 }),
    data: fc.uint8Array({ maxLength: 50 }),
    skipped: fc.integer({ min: 1, max: 3 }),
    laterMs: fc.constantFrom(0, 0, 1, 999, 123456),
    buffer: fc.nat({ max: 2 }),
  });
  const child = fc.record(
    {
      ShardId: fc.string(),
      ParentShards: fc.array(fc.string(), { maxLength: 2 }),
      HashKeyRange: fc.record(
        { StartingHashKey: fc.string(), EndingHashKey: fc.string() },
        { noNullPrototype: true },
      ),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(
      shard,
      when,
      fc.array(stored, { maxLength: 20 }),
      fc.option(fc.string(), { nil: undefined }),
      fc.option(fc.array(child, { maxLength: 2 }), { nil: undefined }),
      fc.constantFrom(undefined, 'KMS'),
      (of, startMs, records, nextShardIterator, childShards, encryptionType) => {
        const buffers: Buffer[] = [Buffer.from('..'), Buffer.alloc(0), Buffer.from('.')];
        const places = records.map((each) => {
          const before = buffers[each.buffer] ?? Buffer.alloc(0);
          buffers[each.buffer] = Buffer.concat([before, encodeStoredRecord(each.key, each.data)]);
          return { start: before.length, end: buffers[each.buffer]?.length ?? 0 };
        });
        let position = 0;
        let arrivalMs = startMs;
        const moments = records.map((each) => {
          position += each.skipped;
          arrivalMs += each.laterMs;
          return { position, arrivalMs };
        });
        const page = {
          records: {
            count: records.length,
            positions: Float64Array.from(moments, (each) => each.position),
            arrivalsMs: Float64Array.from(moments, (each) => each.arrivalMs),
            buffers,
            bufferOf: Uint32Array.from(records, (each) => each.buffer),
            starts: Uint32Array.from(places, (each) => each.start),
            ends: Uint32Array.from(places, (each) => each.end),
          },
          shard: of,
          nextShardIterator,
          millisBehindLatest: 12,
          childShards,
          encryptionType,
        };
        const output = {
          Records: records.map((each, index) => ({
            SequenceNumber: sequenceNumber(of, moments[index]?.position ?? 0, moments[index]?.arrivalMs ?? 0),
            ApproximateArrivalTimestamp: moments[index]?.arrivalMs ?? 0,
            Data: each.data,
            PartitionKey: each.key === '' ? undefined : each.key,
            EncryptionType: encryptionType,
          })),
          NextShardIterator: nextShardIterator,
          MillisBehindLatest: 12,
          ChildShards: childShards,
        };
        for (const protocol of [jsonProtocol, cborProtocol]) {
          const hot = Buffer.from(encodeGetRecordsOutput(protocol, page));
          const general = Buffer.from(protocol.encode(getRecordsOutputShape, output));
          assert.equal(hot.toString('latin1'), general.toString('latin1'));
          // Events of a subscription are the same with room around them.
          const rest = Buffer.from(protocol.encode(millisShape, { MillisBehindLatest: 12 }));
          const framed = Buffer.from(finished(encodeRecords(protocol, page, rest, { before: 9, after: 4 })));
          const event = { Records: output.Records, MillisBehindLatest: 12 };
          assert.equal(
            framed.subarray(9, -4).toString('latin1'),
            Buffer.from(protocol.encode(getRecordsOutputShape, event)).toString('latin1'),
          );
        }
      },
    ),
    { seed, numRuns: 500 },
  );
});
