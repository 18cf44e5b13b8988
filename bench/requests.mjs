/**
 * The requests that the load generator sends, built once and only touched up between sends.
 *
 *      partition key = rrrrrrrr-iii      r: the number of the request in hexadecimal, i: the record's place in it
 *
 * Invariant: no two records of a run share a partition key, so that no server can gain by remembering one, and a
 * record that is read back says which request it came from.
 */
import { randomBytes } from 'node:crypto';
import { http1Request } from './http1-connection.mjs';
import { http2Request } from './http2-connection.mjs';

export const KEY_BYTES = 12;
const REQUEST_DIGITS = 8;
const PLACEHOLDER = '########';

const CONTENT_TYPE = { json: 'application/x-amz-json-1.1', cbor: 'application/x-amz-cbor-1.1' };

/** The headers that a signing client sends; the signature is well-formed and false, since no server here checks it. */
function headersFor(operation, format) {
  return [
    ['host', '127.0.0.1'],
    ['user-agent', 'millrace-bench'],
    ['content-type', CONTENT_TYPE[format]],
    ['x-amz-target', `Kinesis_20131202.${operation}`],
    ['x-amz-date', '20260101T000000Z'],
    [
      'authorization',
      'AWS4-HMAC-SHA256 Credential=BENCH/20260101/us-east-1/kinesis/aws4_request, ' +
        `SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
    ],
  ];
}

/** A request for any operation; `protocol` is `http1` or `h2c`, `body` the encoded input. */
export function request(protocol, operation, format, body) {
  const build = protocol === 'h2c' ? http2Request : http1Request;
  return build(headersFor(operation, format), body);
}

export function jsonRequest(protocol, operation, input) {
  return request(protocol, operation, 'json', Buffer.from(JSON.stringify(input)));
}

/** A PutRecords (or, for one record, PutRecord) request whose partition keys can be renumbered. */
export class PutRequest {
  #keyOffsets;

  constructor({ protocol, format, stream, recordsPerRequest, recordBytes }) {
    const single = recordsPerRequest === 1;
    this.records = Array.from({ length: recordsPerRequest }, (_, i) => ({
      data: randomBytes(recordBytes),
      key: `${PLACEHOLDER}-${String(i).padStart(KEY_BYTES - REQUEST_DIGITS - 1, '0')}`,
    }));
    this.base64 = this.records.map((record) => record.data.toString('base64'));
    const body = format === 'cbor' ? this.#cbor(stream, single) : this.#json(stream, single);
    this.request = request(protocol, single ? 'PutRecord' : 'PutRecords', format, body);
    this.#keyOffsets = offsetsOf(body, PLACEHOLDER);
    if (this.#keyOffsets.length !== recordsPerRequest) throw new Error('a placeholder was lost in the body');
  }

  /** Gives every record of the request a partition key that no other record has. */
  renumber(number) {
    const digits = number.toString(16).padStart(REQUEST_DIGITS, '0');
    for (const offset of this.#keyOffsets) this.request.write(digits, offset);
  }

  // Members in the order in which the AWS SDK for JavaScript writes them.
  #json(stream, single) {
    const records = this.records.map((record, i) => ({ Data: this.base64[i], PartitionKey: record.key }));
    const input = single ? { StreamName: stream, ...records[0] } : { Records: records, StreamName: stream };
    return Buffer.from(JSON.stringify(input));
  }

  #cbor(stream, single) {
    const pair = (record) => [
      cborText('Data'),
      cborBytes(record.data),
      cborText('PartitionKey'),
      cborText(record.key),
    ];
    const name = [cborText('StreamName'), cborText(stream)];
    if (single) return Buffer.concat([cborHead(5, 3), ...name, ...pair(this.records[0])]);
    const records = this.records.flatMap((record) => [cborHead(5, 2), ...pair(record)]);
    return Buffer.concat([
      cborHead(5, 2),
      cborText('Records'),
      cborHead(4, this.records.length),
      ...records,
      ...name,
    ]);
  }
}

/** A CBOR head: major type and argument (RFC 8949, section 3). */
function cborHead(major, value) {
  const type = major << 5;
  if (value < 24) return Buffer.from([type | value]);
  if (value < 0x100) return Buffer.from([type | 24, value]);
  if (value < 0x1_0000) return Buffer.from([type | 25, value >> 8, value & 0xff]);
  return Buffer.from([type | 26, value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
}

export function cborText(value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([cborHead(3, bytes.length), bytes]);
}

function cborBytes(bytes) {
  return Buffer.concat([cborHead(2, bytes.length), bytes]);
}

export function cborMap(entries) {
  return Buffer.concat([cborHead(5, entries.length), ...entries.flat()]);
}

export function cborUnsigned(value) {
  return cborHead(0, value);
}

/** Where `needle` stands in `bytes`, every time. */
export function offsetsOf(bytes, needle) {
  const offsets = [];
  for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length))
    offsets.push(at);
  return offsets;
}
