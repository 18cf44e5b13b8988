/**
 * Where the parts of a put lie in the bytes of its request: what the hot decoders find, and what a batch is built
 * from once all of it has been found. Finding first and copying after lets members come in any order and the payload
 * be allocated at its exact size.
 *
 *      request   … "Data":"aGVsbG8=" … "PartitionKey":"k" …
 *                         ╰ data ╯                     ╰ key           spans[record · 6 …]: three pairs of
 *                                                                      start and end, absent = −1
 *
 * Nothing here judges syntax. Whatever is not plainly right ends in `undefined`, and the general way (decode,
 * validate) gives the answer, with the exact error where it is one.
 */
import { isUtf8 } from 'node:buffer';
import { copyBytes } from '@millrace/base';
import { endsBase64Clean, hashKeyWords, md5, parseHashKeyBytes } from '@millrace/wire';
import type { PutBatch } from '../put-batch.js';
import { keyBytesMax, storedHeaderBytes, writeStoredHeader } from '../stored-record.js';
import { base64Write, latin1Slice } from './native-text.js';
import { atOnceBytesMax, pieceBytes, type Sliced, sliceBytes } from './sliced.js';

/** As the model bounds PutRecords; PutRecord has one. */
export const recordsMax = 500;
const partitionKeyCharsMax = 256;
/** As the model bounds the blob; what the stream takes is for the operation to say. */
const dataBytesMax = 10 * 1024 * 1024;

/** Half of what the log copies rather than keeps. */
const pooledBytesMax = 2048;

/** The kinds of span that a record has. */
export const dataSpan = 0;
export const keySpan = 1;
export const hashKeySpan = 2;
/** A start and an end of each kind. */
export const spansPerRecord = 6;

const absent = -1;
const dash = 0x2d;
const underscore = 0x5f;
const equals = 0x3d;

/** The spans of one request. One for the process is enough: finding does not yield, and building copies before it does. */
export interface PutSpans {
  readonly spans: Int32Array;
  count: number;
  /** Members seen that nobody knows. */
  unknown: number;
  streamName: string | undefined;
  streamArn: string | undefined;
}

export const putSpans: PutSpans = {
  spans: new Int32Array(recordsMax * spansPerRecord),
  count: 0,
  unknown: 0,
  streamName: undefined,
  streamArn: undefined,
};

export function clearSpans(found: PutSpans): void {
  found.count = 0;
  found.unknown = 0;
  found.streamName = undefined;
  found.streamArn = undefined;
}

/** Makes room for one more record; false when there are too many. */
export function addRecord(found: PutSpans): boolean {
  if (found.count === recordsMax) return false;
  const from = found.count * spansPerRecord;
  for (let at = from; at < from + spansPerRecord; at++) found.spans[at] = absent;
  found.count++;
  return true;
}

/** Notes a span of the last record; false when it has one of that kind already. */
export function noteSpan(found: PutSpans, kind: number, start: number, end: number): boolean {
  const at = (found.count - 1) * spansPerRecord + kind * 2;
  if (found.spans[at] !== absent) return false;
  found.spans[at] = start;
  found.spans[at + 1] = end;
  return true;
}

/** Whether the last record has a span of that kind. */
export function hasSpan(found: PutSpans, kind: number): boolean {
  return found.spans[(found.count - 1) * spansPerRecord + kind * 2] !== absent;
}

/** What this process takes for a stream's name or ARN without asking the general way. */
const plainStreamName = /^[a-zA-Z0-9_.-]{1,128}$/;
const plainStreamArn = /^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream\/[a-zA-Z0-9_.-]{1,128}$/;

/** Notes the stream's name or ARN; false when it is there already or not a plain one. */
export function noteStream(found: PutSpans, member: 'streamName' | 'streamArn', text: string): boolean {
  const plain = member === 'streamName' ? plainStreamName : plainStreamArn;
  if (found[member] !== undefined || !plain.test(text)) return false;
  found[member] = text;
  return true;
}

/** The batch that the spans describe, in `memory` if it fits, or undefined when a part is missing or needs the general way. */
export function* buildBatch(
  found: PutSpans,
  body: Buffer,
  encoding: 'base64' | 'binary',
  memory: ArrayBuffer | undefined,
): Sliced<PutBatch | undefined> {
  const { count, streamName, streamArn } = found;
  if (count === 0 || (streamName === undefined && streamArn === undefined)) return undefined;
  const ends = new Uint32Array(count);
  const bytes = measure(found, body, encoding, ends);
  if (bytes === undefined) return undefined;
  const payload = payloadMemory(bytes, memory);
  const hashes = new Uint32Array(count * hashKeyWords);
  // Only what is done at once may use the spans of the process: others use them in between.
  const spans = body.length <= atOnceBytesMax ? found.spans : found.spans.slice(0, count * spansPerRecord);
  let gone = 0;
  for (let record = 0; record < count; record++) {
    const start = record === 0 ? 0 : (ends[record - 1] ?? 0);
    let to = fillKey(spans, body, record, payload, start, hashes);
    if (to === undefined) return undefined;
    const end = ends[record] ?? 0;
    const dataEnd = spans[record * spansPerRecord + 1] ?? absent;
    for (let from = spans[record * spansPerRecord] ?? absent; from < dataEnd; from += pieceBytes) {
      const pieceEnd = Math.min(from + pieceBytes, dataEnd);
      to = fillData(body, encoding, from, pieceEnd, payload, to, end);
      if (to === undefined) return undefined;
      gone += pieceEnd - from;
      if (gone >= sliceBytes) {
        yield gone;
        gone = 0;
      }
    }
    if (to !== end) return undefined;
  }
  if (encoding === 'base64' && !inStandardAlphabet(spans, count, body)) return undefined;
  return { streamName, streamArn, count, payload, ends, hashes };
}

/**
 * Room for a payload. A small one shares Node's pool of such, where it costs a tenth of memory of its own: the log
 * copies small payloads, and only large ones stay where they are.
 */
function payloadMemory(bytes: number, given: ArrayBuffer | undefined): Buffer {
  if (given !== undefined && given.byteLength >= bytes) return Buffer.from(given, 0, bytes);
  return bytes <= pooledBytesMax ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes);
}

/** Fills `ends` and answers the payload's size; undefined when a part is missing or beyond its bounds. */
function measure(
  found: PutSpans,
  body: Buffer,
  encoding: 'base64' | 'binary',
  ends: Uint32Array,
): number | undefined {
  const { spans } = found;
  let bytes = 0;
  for (let record = 0; record < found.count; record++) {
    const at = record * spansPerRecord;
    const dataStart = spans[at] ?? absent;
    const dataEnd = spans[at + 1] ?? absent;
    const keyStart = spans[at + 2] ?? absent;
    const keyBytes = (spans[at + 3] ?? absent) - keyStart;
    if (dataStart === absent || keyStart === absent || keyBytes < 1 || keyBytes > keyBytesMax)
      return undefined;
    const dataBytes = encoding === 'binary' ? dataEnd - dataStart : base64Bytes(body, dataStart, dataEnd);
    if (dataBytes === undefined || dataBytes > dataBytesMax) return undefined;
    bytes += storedHeaderBytes + keyBytes + dataBytes;
    ends[record] = bytes;
  }
  return bytes;
}

/** How many bytes base64 of that length and padding spells; undefined when it cannot be right. */
function base64Bytes(body: Buffer, start: number, end: number): number | undefined {
  const length = end - start;
  if (length % 4 !== 0) return undefined;
  if (length === 0) return 0;
  const padding = body[end - 1] !== equals ? 0 : body[end - 2] !== equals ? 1 : 2;
  if (padding > 0 && !endsBase64Clean(body[end - padding - 1] ?? 0, padding)) return undefined;
  return (length / 4) * 3 - padding;
}

/** Copies header and key and hashes the record; answers where the data goes. */
function fillKey(
  spans: Int32Array,
  body: Buffer,
  record: number,
  payload: Buffer,
  start: number,
  hashes: Uint32Array,
): number | undefined {
  const at = record * spansPerRecord;
  const keyStart = spans[at + 2] ?? absent;
  const keyEnd = spans[at + 3] ?? absent;
  let to = writeStoredHeader(payload, start, keyEnd - keyStart);
  let seen = 0;
  for (let from = keyStart; from < keyEnd; from++) {
    const byte = body[from] ?? 0;
    payload[to++] = byte;
    seen |= byte;
  }
  if (!isKey(body, keyStart, keyEnd, seen)) return undefined;
  const hashStart = spans[at + 4] ?? absent;
  if (hashStart === absent) md5(body, keyStart, keyEnd, hashes, record * hashKeyWords);
  else if (!parseHashKeyBytes(body, hashStart, spans[at + 5] ?? absent, hashes, record * hashKeyWords)) {
    return undefined;
  }
  return to;
}

/** Whether the bytes are a partition key; `seen` is all of them or-ed together. */
function isKey(body: Buffer, start: number, end: number, seen: number): boolean {
  if (seen < 0x80) return end - start <= partitionKeyCharsMax;
  return (
    isUtf8(body.subarray(start, end)) && body.toString('utf8', start, end).length <= partitionKeyCharsMax
  );
}

/**
 * Copies a piece of a record's data to `payload[at]`, all of it or as much as is a multiple of four characters; answers
 * where the next goes, or undefined when it is not base64.
 */
function fillData(
  body: Buffer,
  encoding: 'base64' | 'binary',
  from: number,
  to: number,
  payload: Buffer,
  at: number,
  end: number,
): number | undefined {
  if (encoding === 'binary') return copyBytes(body, from, to, payload, at);
  // Node passes over what is not base64, so that anything wrong shows as bytes missing: of n characters a wrong one
  // always costs the last byte. What it lets through is looked for afterwards.
  const bytes = Math.min(((to - from) / 4) * 3, end - at);
  return base64Write(payload, latin1Slice(body, from, to), at, bytes) === bytes ? at + bytes : undefined;
}

/**
 * Node also reads the URL's alphabet (`-` for `+`, `_` for `/`), which AWS refuses. Keys and names are full of both,
 * so each is looked for from one span of data to the next.
 */
function inStandardAlphabet(spans: Int32Array, count: number, body: Buffer): boolean {
  return !occursInData(spans, count, body, dash) && !occursInData(spans, count, body, underscore);
}

function occursInData(spans: Int32Array, count: number, body: Buffer, byte: number): boolean {
  let next = 0;
  for (let record = 0; record < count; record++) {
    const span = record * spansPerRecord;
    const from = spans[span] ?? absent;
    if (next < from) next = body.indexOf(byte, from);
    if (next < 0) return false;
    if (next < (spans[span + 1] ?? absent)) return true;
  }
  return false;
}
