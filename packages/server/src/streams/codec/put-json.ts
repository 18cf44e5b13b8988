/**
 * PutRecords and PutRecord from the bytes of their JSON, without a string or an object a record: structure is walked
 * byte by byte, data is jumped over by a native search for its closing quote and decoded straight into the payload.
 *
 *      request = { "Records" : [ entry, … ], "StreamName" : "…" }         members in any order, spaces anywhere
 *      entry   = { "Data" : "base64", "PartitionKey" : "…", "ExplicitHashKey" : "…" }
 *
 * It reads the JSON that producers write, and nothing else: an escape, a member twice, a nested value where none is
 * known, anything that is not JSON or not base64 makes it answer `undefined`, and the general way takes over. Where
 * it does answer, the answer is what the general way would have made of the request; a property test holds it to that.
 */
import { asBuffer } from '@millrace/base';
import type { PutBatch } from '../put-batch.js';
import { type Level, putMember, spells } from './member-name.js';
import type { PutName } from './put-codec.js';
import {
  addRecord,
  buildBatch,
  clearSpans,
  dataSpan,
  hashKeySpan,
  hasSpan,
  keySpan,
  noteSpan,
  noteStream,
  putSpans,
  spansPerRecord,
} from './put-spans.js';
import type { Sliced } from './sliced.js';

/** The batch of a put's body, or undefined when it needs the general way. */
export function* decodePutJson(
  name: PutName,
  body: Uint8Array,
  memory: ArrayBuffer | undefined,
): Sliced<PutBatch | undefined> {
  const single = name === 'PutRecord';
  const bytes = asBuffer(body);
  clearSpans(putSpans);
  if (single) addRecord(putSpans);
  const end = object(bytes, spaces(bytes, 0), single ? 'put-record' : 'put-records');
  if (end === strange || spaces(bytes, end) !== bytes.length) return undefined;
  return yield* buildBatch(putSpans, bytes, 'base64', memory);
}

/** Answered for a position by whatever found something out of the ordinary. */
const strange = -1;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Members that nobody knows, in all of a request; with more it is for the general way to be patient or not. */
const unknownMax = 2000;

/** Reads the object at `at`; answers where it ends. */
function object(bytes: Buffer, at: number, level: Level): number {
  if (bytes[at] !== openBrace) return strange;
  for (let next = spaces(bytes, at + 1); ; next = spaces(bytes, next + 1)) {
    if (bytes[next] !== quote) return strange;
    const nameEnd = plainTextEnd(bytes, next + 1);
    if (nameEnd === strange) return strange;
    const afterName = spaces(bytes, nameEnd + 1);
    if (bytes[afterName] !== colon) return strange;
    const valueEnd = member(bytes, next + 1, nameEnd, spaces(bytes, afterName + 1), level);
    if (valueEnd === strange) return strange;
    next = spaces(bytes, valueEnd);
    if (bytes[next] === closeBrace) return next + 1;
    if (bytes[next] !== comma) return strange;
  }
}

/** Reads the value at `at` of the member whose name is `bytes[nameStart .. nameEnd)`; answers where it ends. */
function member(bytes: Buffer, nameStart: number, nameEnd: number, at: number, level: Level): number {
  switch (putMember(bytes, nameStart, nameEnd, level)) {
    case 'Data':
      return data(bytes, at);
    case 'PartitionKey':
      return key(bytes, at);
    case 'ExplicitHashKey':
      return hashKey(bytes, at);
    case 'Records':
      return records(bytes, at);
    case 'StreamName':
      return stream(bytes, at, 'streamName');
    case 'StreamARN':
      return stream(bytes, at, 'streamArn');
    case undefined:
      return unknownValue(bytes, at);
    default:
      return strange;
  }
}

const nullWord = Buffer.from('null');

function records(bytes: Buffer, at: number): number {
  if (bytes[at] !== openBracket || putSpans.count > 0) return strange;
  let modelStart = strange;
  let modelEnd = strange;
  for (let next = spaces(bytes, at + 1); ; next = spaces(bytes, next + 1)) {
    if (!addRecord(putSpans)) return strange;
    let end = modelStart === strange ? strange : alike(bytes, next, modelStart, modelEnd);
    if (end === strange) end = object(bytes, next, 'entry');
    if (end === strange) return strange;
    modelStart = next;
    modelEnd = end;
    next = spaces(bytes, end);
    if (bytes[next] === closeBracket) return next + 1;
    if (bytes[next] !== comma) return strange;
  }
}

/**
 * Reads an entry that is laid out as the one before it, `bytes[modelStart .. modelEnd)`: the same bytes around other
 * data and another key. Producers write all of their entries so; what was found right once need not be taken apart
 * again. Answers where the entry ends, or `strange`, having noted nothing, when it is not so.
 */
function alike(bytes: Buffer, at: number, modelStart: number, modelEnd: number): number {
  const from = (putSpans.count - 2) * spansPerRecord;
  const { spans } = putSpans;
  const dataStart = spans[from] ?? strange;
  const dataEnd = spans[from + 1] ?? strange;
  const keyStart = spans[from + 2] ?? strange;
  const keyEnd = spans[from + 3] ?? strange;
  if (dataStart < 0 || keyStart < 0 || spans[from + 4] !== -1) return strange;
  const dataFirst = dataStart < keyStart;
  const firstStart = dataFirst ? dataStart : keyStart;
  const firstEnd = dataFirst ? dataEnd : keyEnd;
  const secondStart = dataFirst ? keyStart : dataStart;
  const secondEnd = dataFirst ? keyEnd : dataEnd;
  if (!same(bytes, at, modelStart, firstStart)) return strange;
  const first = at + firstStart - modelStart;
  const firstTo = dataFirst ? bytes.indexOf(quote, first) : textEnd(bytes, first);
  if (firstTo < 0 || !same(bytes, firstTo, firstEnd, secondStart)) return strange;
  const second = firstTo + secondStart - firstEnd;
  const secondTo = dataFirst ? textEnd(bytes, second) : bytes.indexOf(quote, second);
  if (secondTo < 0 || !same(bytes, secondTo, secondEnd, modelEnd)) return strange;
  noteSpan(putSpans, dataFirst ? dataSpan : keySpan, first, firstTo);
  noteSpan(putSpans, dataFirst ? keySpan : dataSpan, second, secondTo);
  return secondTo + modelEnd - secondEnd;
}

/** Whether the bytes from `at` on are those of `model .. modelEnd`. */
function same(bytes: Buffer, at: number, model: number, modelEnd: number): boolean {
  for (let offset = modelEnd - model - 1; offset >= 0; offset--) {
    if (bytes[at + offset] !== bytes[model + offset]) return false;
  }
  return true;
}

function data(bytes: Buffer, at: number): number {
  if (bytes[at] !== quote) return strange;
  const end = bytes.indexOf(quote, at + 1);
  // Backslashes and whatever else is not base64 are found when the data is decoded.
  return end < 0 || !noteSpan(putSpans, dataSpan, at + 1, end) ? strange : end + 1;
}

function key(bytes: Buffer, at: number): number {
  if (bytes[at] !== quote) return strange;
  const end = textEnd(bytes, at + 1);
  return end === strange || !noteSpan(putSpans, keySpan, at + 1, end) ? strange : end + 1;
}

function hashKey(bytes: Buffer, at: number): number {
  if (bytes[at] !== quote) return hasSpan(putSpans, hashKeySpan) ? strange : nothing(bytes, at);
  const end = plainTextEnd(bytes, at + 1);
  return end === strange || !noteSpan(putSpans, hashKeySpan, at + 1, end) ? strange : end + 1;
}

function stream(bytes: Buffer, at: number, name: 'streamName' | 'streamArn'): number {
  if (bytes[at] !== quote) return putSpans[name] !== undefined ? strange : nothing(bytes, at);
  const end = plainTextEnd(bytes, at + 1);
  if (end === strange || !noteStream(putSpans, name, bytes.toString('latin1', at + 1, end))) return strange;
  return end + 1;
}

/** Passes over a null where a text is expected: the member is not there. */
function nothing(bytes: Buffer, at: number): number {
  return spells(bytes, at, nullWord) ? at + nullWord.length : strange;
}

/** Passes over the value of a member that nobody knows, if it is a plain text, number or word. */
function unknownValue(bytes: Buffer, at: number): number {
  if (++putSpans.unknown > unknownMax) return strange;
  if (bytes[at] === quote) {
    const end = plainTextEnd(bytes, at + 1);
    return end === strange ? strange : end + 1;
  }
  const end = Math.min(bytes.length, at + scalarBytesMax);
  let to = at;
  while (to < end && isScalarByte(bytes[to] ?? 0)) to++;
  return scalar.test(bytes.toString('latin1', at, to)) ? to : strange;
}

/** JSON's words and numbers. */
const scalar = /^(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$/;
const scalarBytesMax = 64;

/** Letters, digits, `+`, `-` and `.`. */
function isScalarByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x45 ||
    (byte >= 0x2b && byte <= 0x2e && byte !== comma)
  );
}

/** The first position from `at` on that holds no JSON whitespace. */
function spaces(bytes: Buffer, at: number): number {
  let next = at;
  for (;;) {
    const byte = bytes[next];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return next;
    next++;
  }
}

/** Where the closing quote is of a text that begins at `start` and has no escapes; bytes above ASCII may be in it. */
function textEnd(bytes: Buffer, start: number): number {
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) return at;
    if (byte === backslash || byte < 0x20) return strange;
  }
  return strange;
}

/** The same, of ASCII alone. */
function plainTextEnd(bytes: Buffer, start: number): number {
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) return at;
    if (byte === backslash || byte < 0x20 || byte >= 0x80) return strange;
  }
  return strange;
}
