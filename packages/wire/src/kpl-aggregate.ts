/**
 * Many user records in the data of one Kinesis record, as Amazon's producer library (KPL) packs them and every KCL takes
 * them apart again. Evidence: aggregation-format.md and the sources of awslabs/amazon-kinesis-producer; reading by
 * amazon-kinesis-client; held against Amazon's own Python `aws-kinesis-agg` by compat/.
 *
 *      aggregate := F3 89 9A C2 · message · MD5(message) (16 bytes)
 *      message   := ( 0A len key )*                     field 1, the table of partition keys
 *                   ( 12 len digits )*                  field 2, the table of explicit hash keys
 *                   ( 1A len record )*                  field 3
 *      record    := 08 index · [ 10 index ] · 1A len data · ( 22 len tag )*
 *
 * `len` and `index` are protobuf varints; the fields may come in any order, and unknown ones are passed over.
 *
 * Invariant: what is not an aggregate to the last byte (magic, digest, protobuf, indexes) is none at all, so that a
 * plain record that happens to begin like one is still delivered whole, as KCL has it.
 */
import { asBuffer, assert, concatBytes } from '@millrace/base';
import { md5 } from './md5.js';

export interface UserRecord {
  readonly partitionKey: string;
  /** In decimal digits; undefined where the key's own hash says where it belongs. */
  readonly explicitHashKey: string | undefined;
  readonly data: Uint8Array;
}

const magic = Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2);
const digestBytes = 16;

const field = { partitionKey: 1, explicitHashKey: 2, record: 3 } as const;
const recordField = { partitionKeyIndex: 1, explicitHashKeyIndex: 2, data: 3 } as const;
const wireType = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;

/** A varint of 64 bits takes no more. */
const varintBytesMax = 10;

/** The user records in `data`, in order, or undefined when it is a plain record. Their data are views of `data`. */
export function userRecords(data: Uint8Array): readonly UserRecord[] | undefined {
  const messageEnd = data.length - digestBytes;
  if (messageEnd <= magic.length || magic.some((byte, i) => data[i] !== byte)) return undefined;
  const message = data.subarray(magic.length, messageEnd);
  if (!asBuffer(digestOf(message)).equals(data.subarray(messageEnd))) return undefined;
  try {
    return parse(message);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** Packs `records`, at least one, into the data of one record. */
export function aggregate(records: readonly UserRecord[]): Uint8Array {
  assert(records.length > 0, 'an aggregate holds at least one record');
  const keys = tableOf(records.map(({ partitionKey }) => partitionKey));
  const hashKeys = tableOf(records.flatMap(({ explicitHashKey }) => explicitHashKey ?? []));
  const message = concatBytes([
    ...[...keys.keys()].map((key) => lengthField(field.partitionKey, Buffer.from(key, 'utf8'))),
    ...[...hashKeys.keys()].map((key) => lengthField(field.explicitHashKey, Buffer.from(key, 'utf8'))),
    ...records.map(({ partitionKey, explicitHashKey, data }) =>
      lengthField(
        field.record,
        concatBytes([
          indexField(recordField.partitionKeyIndex, keys.get(partitionKey)),
          ...(explicitHashKey === undefined
            ? []
            : [indexField(recordField.explicitHashKeyIndex, hashKeys.get(explicitHashKey))]),
          lengthField(recordField.data, data),
        ]),
      ),
    ),
  ]);
  return concatBytes([magic, message, digestOf(message)]);
}

function digestOf(message: Uint8Array): Uint8Array {
  const words = new Uint32Array(digestBytes / 4);
  md5(message, 0, message.length, words, 0);
  const digest = Buffer.alloc(digestBytes);
  words.forEach((word, i) => {
    digest.writeUInt32BE(word, i * 4);
  });
  return digest;
}

/** Each key once, with its place. */
function tableOf(keys: readonly string[]): ReadonlyMap<string, number> {
  const table = new Map<string, number>();
  for (const key of keys) if (!table.has(key)) table.set(key, table.size);
  return table;
}

function lengthField(number: number, bytes: Uint8Array): Uint8Array {
  return concatBytes([varint(number * 8 + wireType.length), varint(bytes.length), bytes]);
}

function indexField(number: number, index = 0): Uint8Array {
  return concatBytes([varint(number * 8 + wireType.varint), varint(index)]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...bytes, rest);
}

/** The message is no AggregatedRecord; caught in `userRecords`. */
class Malformed extends Error {}

/** A field of a message: its number, and its bytes or its number. */
interface Field {
  readonly number: number;
  readonly bytes: Uint8Array | undefined;
  readonly value: number;
}

function parse(message: Uint8Array): readonly UserRecord[] {
  const keys: string[] = [];
  const hashKeys: string[] = [];
  const records: Uint8Array[] = [];
  for (const { number, bytes } of fields(message)) {
    if (number === field.partitionKey) keys.push(text(bytes));
    else if (number === field.explicitHashKey) hashKeys.push(text(bytes));
    else if (number === field.record) records.push(bytes ?? fail());
  }
  return records.map((record) => parseRecord(record, keys, hashKeys));
}

function parseRecord(record: Uint8Array, keys: readonly string[], hashKeys: readonly string[]): UserRecord {
  let partitionKey: string | undefined;
  let explicitHashKey: string | undefined;
  let data: Uint8Array | undefined;
  for (const { number, bytes, value } of fields(record)) {
    if (number === recordField.partitionKeyIndex) partitionKey = keys[value] ?? fail();
    else if (number === recordField.explicitHashKeyIndex) explicitHashKey = hashKeys[value] ?? fail();
    else if (number === recordField.data) data = bytes ?? fail();
  }
  return { partitionKey: partitionKey ?? fail(), explicitHashKey, data: data ?? fail() };
}

function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < varintBytesMax; i++) {
      const byte = message[at++] ?? fail();
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte < 0x80) return value;
    }
    return fail();
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) fail();
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = readVarint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case wireType.varint:
        yield { number, bytes: undefined, value: readVarint() };
        break;
      case wireType.length:
        yield { number, bytes: take(readVarint()), value: Number.NaN };
        break;
      case wireType.fixed64:
        take(8);
        break;
      case wireType.fixed32:
        take(4);
        break;
      default:
        fail();
    }
  }
}

function text(bytes: Uint8Array | undefined): string {
  return asBuffer(bytes ?? fail()).toString('utf8');
}

function fail(): never {
  throw new Malformed('not an aggregate');
}
