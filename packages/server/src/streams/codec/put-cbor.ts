/**
 * PutRecords and PutRecord from the bytes of their CBOR: heads are walked, keys and data stay where they are until
 * they are copied into the payload. Members as in `put-json.ts`, and the same bargain: it answers for the CBOR that
 * producers write (definite or indefinite maps and arrays, definite strings) and leaves the rest to the general way.
 */
import { asBuffer } from '@millrace/base';
import type { PutBatch } from '../put-batch.js';
import { type Level, type PutMember, putMember } from './member-name.js';
import type { PutName } from './put-codec.js';
import {
  addRecord,
  buildBatch,
  clearSpans,
  dataSpan,
  hashKeySpan,
  keySpan,
  noteSpan,
  noteStream,
  putSpans,
  recordsMax,
} from './put-spans.js';
import type { Sliced } from './sliced.js';

/** The batch of a put's body, or undefined when it needs the general way. */
export function* decodePutCbor(
  name: PutName,
  body: Uint8Array,
  memory: ArrayBuffer | undefined,
): Sliced<PutBatch | undefined> {
  const single = name === 'PutRecord';
  const cursor: Cursor = { bytes: asBuffer(body), at: 0, failed: false };
  clearSpans(putSpans);
  if (single) addRecord(putSpans);
  members(cursor, single ? 'put-record' : 'put-records');
  if (cursor.failed || cursor.at !== cursor.bytes.length) return undefined;
  return yield* buildBatch(putSpans, cursor.bytes, 'binary', memory);
}

/** Members of one map that are looked at; with more it is for the general way. */
const membersMax = 16;
const breakByte = 0xff;
const bytesMajor = 2;
const textMajor = 3;
const arrayMajor = 4;
const mapMajor = 5;

/** Reads heads; `at` moves on, and `failed` is set by whatever was out of the ordinary and never taken back. */
interface Cursor {
  readonly bytes: Buffer;
  at: number;
  failed: boolean;
}

/** `head` answers this for an indefinite length. */
const indefinite = -1;

/** Reads a head of `major`; answers its argument. Arguments of eight bytes are out of the ordinary here. */
function head(cursor: Cursor, major: number): number {
  const { bytes } = cursor;
  const initial = bytes[cursor.at] ?? breakByte;
  const info = initial & 0x1f;
  if (initial >> 5 !== major) return fail(cursor);
  if (info < 24) {
    cursor.at += 1;
    return info;
  }
  if (info === 31) {
    cursor.at += 1;
    return indefinite;
  }
  const width = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : 0;
  if (width === 0 || cursor.at + 1 + width > bytes.length) return fail(cursor);
  const argument = bytes.readUIntBE(cursor.at + 1, width);
  cursor.at += 1 + width;
  return argument;
}

function fail(cursor: Cursor): number {
  cursor.failed = true;
  return 0;
}

/** Whether an array or map of `length` items has none after `read`; moves past the break of an indefinite one. */
function ended(cursor: Cursor, length: number, read: number): boolean {
  if (length !== indefinite) return read >= length;
  if (cursor.bytes[cursor.at] !== breakByte) return false;
  cursor.at++;
  return true;
}

function members(cursor: Cursor, level: Level): void {
  const count = head(cursor, mapMajor);
  for (let read = 0; !cursor.failed && !ended(cursor, count, read); read++) {
    if (read === membersMax) {
      fail(cursor);
      return;
    }
    const nameEnd = string(cursor, textMajor);
    if (cursor.failed) return;
    member(cursor, putMember(cursor.bytes, stringStart, nameEnd, level));
  }
}

/** Where the last string that `string` read begins. */
let stringStart = 0;

/** Reads a definite string of `major`; answers where its content ends, and leaves where it begins in `stringStart`. */
function string(cursor: Cursor, major: number): number {
  const length = head(cursor, major);
  stringStart = cursor.at;
  if (cursor.failed || length === indefinite || length > cursor.bytes.length - cursor.at) return fail(cursor);
  cursor.at += length;
  return cursor.at;
}

function member(cursor: Cursor, name: PutMember | undefined): void {
  switch (name) {
    case 'Data':
      span(cursor, dataSpan, bytesMajor);
      break;
    case 'PartitionKey':
      span(cursor, keySpan, textMajor);
      break;
    case 'ExplicitHashKey':
      span(cursor, hashKeySpan, textMajor);
      break;
    case 'Records':
      records(cursor);
      break;
    case 'StreamName':
      stream(cursor, 'streamName');
      break;
    case 'StreamARN':
      stream(cursor, 'streamArn');
      break;
    default:
      // Members that nobody knows, and those that the hot way takes no part in.
      fail(cursor);
  }
}

function records(cursor: Cursor): void {
  const count = head(cursor, arrayMajor);
  if (count > recordsMax || putSpans.count > 0) fail(cursor);
  for (let read = 0; !cursor.failed && !ended(cursor, count, read); read++) {
    if (addRecord(putSpans)) members(cursor, 'entry');
    else fail(cursor);
  }
}

function span(cursor: Cursor, kind: number, major: number): void {
  const end = string(cursor, major);
  if (!cursor.failed && !noteSpan(putSpans, kind, stringStart, end)) fail(cursor);
}

function stream(cursor: Cursor, name: 'streamName' | 'streamArn'): void {
  const end = string(cursor, textMajor);
  if (cursor.failed || !noteStream(putSpans, name, cursor.bytes.toString('latin1', stringStart, end)))
    fail(cursor);
}
