/**
 * Reads shards from their start in pages, as fast as a server answers. Records are counted by what every record has
 * one of, without parsing: a page of 10,000 records is 14 MB of JSON, and the reader must not be what is measured.
 */

import { horizon } from './calls.mjs';
import { connect } from './connect.mjs';
import { cborMap, cborText, cborUnsigned, jsonRequest, KEY_BYTES, offsetsOf, request } from './requests.mjs';

export const PAGE_RECORDS = 10_000;
/** Empty pages in a row after which records that should be there are missing. */
const EMPTY_PAGES_MAX = 50;
const AT_THE_TIP = /"MillisBehindLatest":0[,}]/;
/** Longer than any page without records. */
const TIP_BYTES_MAX = 4096;

/** Asks for one page; answers its records and the next iterator. `body` is valid until the next call. */
async function page(connection, { protocol, format }, iterator) {
  const asked =
    format === 'cbor'
      ? request(
          protocol,
          'GetRecords',
          'cbor',
          cborMap([
            [cborText('ShardIterator'), cborText(iterator)],
            [cborText('Limit'), cborUnsigned(PAGE_RECORDS)],
          ]),
        )
      : jsonRequest(protocol, 'GetRecords', { ShardIterator: iterator, Limit: PAGE_RECORDS });
  const { status, body } = await connection.send(asked);
  if (status !== 200)
    throw new Error(`GetRecords was answered with ${status}: ${body.toString('latin1', 0, 300)}`);
  const keys = offsetsOf(body, format === 'cbor' ? 'PartitionKey' : '"PartitionKey":"');
  return { body, keys, next: format === 'cbor' ? nextInCbor(body) : nextInJson(body) };
}

function nextInJson(body) {
  const name = '"NextShardIterator":"';
  const start = body.lastIndexOf(name) + name.length;
  if (start < name.length) throw new Error('a page has no next iterator');
  return body.toString('latin1', start, body.indexOf('"', start));
}

function nextInCbor(body) {
  const name = 'NextShardIterator';
  const at = body.lastIndexOf(name) + name.length;
  if (at < name.length) throw new Error('a page has no next iterator');
  const long = body[at] === 0x79;
  if (!long && body[at] !== 0x78) throw new Error('the next iterator is not a text of 24 to 65,535 bytes');
  const length = long ? body.readUInt16BE(at + 1) : body[at + 1];
  const start = at + (long ? 3 : 2);
  return body.toString('latin1', start, start + length);
}

/**
 * One reader on a connection of its own that goes through a shard of `shardRecords` records again and again.
 *
 * @param onPage called with the count of records of each page that has come in
 * @returns the number of whole passes
 */
export async function readLoad({ port, stream, shardId, shardRecords, protocol, format }, stop, onPage) {
  const connection = await connect(protocol, port);
  // Iterators come over HTTP/1.1: what is measured is the pages.
  const control = await connect('http1', port);
  let passes = 0;
  try {
    while (!stop()) {
      let iterator = await horizon(control, stream, shardId);
      let read = 0;
      let empty = 0;
      while (read < shardRecords && !stop()) {
        const { keys, next } = await page(connection, { protocol, format }, iterator);
        iterator = next;
        read += keys.length;
        empty = keys.length === 0 ? empty + 1 : 0;
        if (empty > EMPTY_PAGES_MAX)
          throw new Error(`read ${read} of ${shardRecords} records, then nothing more`);
        onPage(keys.length);
      }
      if (read > shardRecords) throw new Error(`read ${read} records where ${shardRecords} were put`);
      if (read === shardRecords) passes++;
    }
  } finally {
    connection.close();
    control.close();
  }
  return passes;
}

/** Goes through a shard once, to its tip. @returns how many records it had, and the bytes of the pages */
export async function readOnce({ port, stream, shardId, protocol, format }) {
  const connection = await connect(protocol, port);
  const control = await connect('http1', port);
  let records = 0;
  try {
    let iterator = await horizon(control, stream, shardId);
    for (let empty = 0; empty < EMPTY_PAGES_MAX; ) {
      const { body, keys, next } = await page(connection, { protocol, format }, iterator);
      iterator = next;
      records += keys.length;
      empty = keys.length === 0 ? empty + 1 : 0;
      const tip = body.length < TIP_BYTES_MAX ? body : body.subarray(body.length - TIP_BYTES_MAX);
      if (AT_THE_TIP.test(tip.toString('latin1'))) break;
    }
  } finally {
    connection.close();
    control.close();
  }
  return records;
}

/**
 * Reads everything back and holds it against what was sent: each acknowledged record is there, once, with its data.
 * Order within a shard is not compared: requests on several connections have none.
 */
export async function readBack({ port, stream, shardIds }, sent) {
  const seen = new Uint8Array(sent.records);
  const connection = await connect('http1', port);
  let found = 0;
  try {
    for (const shardId of shardIds) {
      let iterator = await horizon(connection, stream, shardId);
      for (let empty = 0; empty < EMPTY_PAGES_MAX; ) {
        const { body, keys, next } = await page(connection, { protocol: 'http1', format: 'json' }, iterator);
        iterator = next;
        found += tick(body, keys, sent, seen);
        empty = keys.length === 0 ? empty + 1 : 0;
        if (empty > 0 && AT_THE_TIP.test(body.toString('latin1', 0, TIP_BYTES_MAX))) break;
      }
    }
  } finally {
    connection.close();
  }
  if (found !== sent.records)
    throw new Error(`${sent.records} records were acknowledged, ${found} were read back`);
}

/** Marks a page's records as seen; throws at one that was never sent, was seen before or has other data. */
function tick(body, keys, sent, seen) {
  const data = offsetsOf(body, '"Data":"');
  if (data.length !== keys.length) throw new Error('a page has records without data');
  for (let i = 0; i < keys.length; i++) {
    const at = keys[i] + '"PartitionKey":"'.length;
    const key = body.toString('latin1', at, at + KEY_BYTES);
    const number = Number.parseInt(key.slice(0, 8), 16);
    const index = Number.parseInt(key.slice(9), 10);
    const put = sent.bodies[sent.bodyOf[number]];
    const place = number * sent.recordsPerRequest + index;
    if (put === undefined || seen[place] !== 0) throw new Error(`record ${key} was read twice or never sent`);
    seen[place] = 1;
    const start = data[i] + '"Data":"'.length;
    const expected = put.base64[index];
    if (
      body[start + expected.length] !== 0x22 ||
      body.toString('latin1', start, start + expected.length) !== expected
    )
      throw new Error(`record ${key} has other data than was put`);
  }
  return keys.length;
}
