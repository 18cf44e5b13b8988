/**
 * A strict, bounded reader of CBOR (RFC 8949), for bytes from outside: bytes → tree, as `coercion.ts` describes it.
 *
 *      item   = head [ content ]
 *      head   = major (3 bits) · info (5 bits) [ argument of 1, 2, 4 or 8 bytes, big-endian ]
 *      majors = 0 unsigned, 1 negative, 2 bytes, 3 text, 4 array, 5 map, 6 tag, 7 simple or float
 *
 * What a head promises is never believed: a string must be there in full, an array or map must have a byte for each
 * item that it claims, and both depth and number of items are bounded. Definite and indefinite lengths are read
 * (Java's SDKs write indefinite ones); keys must be text, the last of two equal ones counts, and nothing may follow
 * the one item.
 *
 * Tag 1 is a time. AWS's dialect puts whole milliseconds under it where the RFC has seconds; a float under it can
 * come only from a writer who follows the RFC, and is read as seconds (undocumented; we chose). Other tags are
 * passed over.
 */
import { isUtf8 } from 'node:buffer';
import { asBuffer } from '@millrace/base';
import { EpochTime, unreadableBody } from './coercion.js';

const depthMax = 100;
const itemsMax = 200_000;

const breakByte = 0xff;
const indefinite = -1;

/** The tree of the one item that `bytes` are. Throws `SerializationException` for anything else. */
export function decodeCbor(bytes: Uint8Array): unknown {
  const reader: Reader = {
    bytes: asBuffer(bytes),
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    at: 0,
    items: 0,
  };
  const tree = item(reader, depthMax);
  if (reader.at !== bytes.length) throw unreadableBody();
  return tree;
}

interface Reader {
  readonly bytes: Buffer;
  readonly view: DataView;
  at: number;
  items: number;
}

function item(reader: Reader, depthLeft: number): unknown {
  if (depthLeft === 0 || ++reader.items > itemsMax) throw unreadableBody();
  const initial = byte(reader);
  const info = initial & 0x1f;
  switch (initial >> 5) {
    case 0:
      return definite(argument(reader, info));
    case 1:
      return -1 - definite(argument(reader, info));
    case 2:
      return bytesItem(reader, argument(reader, info), 2);
    case 3:
      return text(reader, argument(reader, info));
    case 4:
      return array(reader, argument(reader, info), depthLeft);
    case 5:
      return map(reader, argument(reader, info), depthLeft);
    case 6:
      return tagged(reader, definite(argument(reader, info)), depthLeft);
    default:
      return simple(reader, info);
  }
}

function byte(reader: Reader): number {
  const value = reader.bytes[reader.at];
  if (value === undefined) throw unreadableBody();
  reader.at++;
  return value;
}

/** Moves past `count` bytes that must be there; answers where they begin. */
function take(reader: Reader, count: number): number {
  const start = reader.at;
  if (count > reader.bytes.length - start) throw unreadableBody();
  reader.at = start + count;
  return start;
}

function argument(reader: Reader, info: number): number {
  if (info < 24) return info;
  switch (info) {
    case 24:
      return byte(reader);
    case 25:
      return reader.view.getUint16(take(reader, 2));
    case 26:
      return reader.view.getUint32(take(reader, 4));
    case 27: {
      const start = take(reader, 8);
      return reader.view.getUint32(start) * 2 ** 32 + reader.view.getUint32(start + 4);
    }
    case 31:
      return indefinite;
    default:
      throw unreadableBody();
  }
}

function definite(value: number): number {
  if (value === indefinite) throw unreadableBody();
  return value;
}

/** Whether an indefinite item ends here; if so, moves past its end. */
function ended(reader: Reader): boolean {
  if (reader.bytes[reader.at] !== breakByte) return false;
  reader.at++;
  return true;
}

function bytesItem(reader: Reader, length: number, major: number): Uint8Array {
  if (length !== indefinite) {
    const start = take(reader, length);
    return new Uint8Array(reader.bytes.buffer, reader.bytes.byteOffset + start, length);
  }
  const chunks: Uint8Array[] = [];
  while (!ended(reader)) {
    if (++reader.items > itemsMax) throw unreadableBody();
    const initial = byte(reader);
    if (initial >> 5 !== major) throw unreadableBody();
    chunks.push(bytesItem(reader, definite(argument(reader, initial & 0x1f)), major));
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function text(reader: Reader, length: number): string {
  const bytes = bytesItem(reader, length, 3);
  if (!isUtf8(bytes)) throw unreadableBody();
  return asBuffer(bytes).toString('utf8');
}

function array(reader: Reader, length: number, depthLeft: number): unknown {
  const elements: unknown[] = [];
  if (length === indefinite) {
    while (!ended(reader)) elements.push(item(reader, depthLeft - 1));
    return elements;
  }
  if (length > reader.bytes.length - reader.at) throw unreadableBody();
  for (let index = 0; index < length; index++) elements.push(item(reader, depthLeft - 1));
  return elements;
}

function map(reader: Reader, length: number, depthLeft: number): unknown {
  // Without a prototype, so that `__proto__` is a key like any other.
  const entries: { [key: string]: unknown } = Object.create(null);
  if (length === indefinite) {
    while (!ended(reader)) entry(reader, entries, depthLeft);
    return entries;
  }
  if (length * 2 > reader.bytes.length - reader.at) throw unreadableBody();
  for (let index = 0; index < length; index++) entry(reader, entries, depthLeft);
  return entries;
}

function entry(reader: Reader, entries: { [key: string]: unknown }, depthLeft: number): void {
  const initial = byte(reader);
  if (initial >> 5 !== 3) throw unreadableBody();
  const key = text(reader, argument(reader, initial & 0x1f));
  entries[key] = item(reader, depthLeft - 1);
}

function tagged(reader: Reader, tag: number, depthLeft: number): unknown {
  const isFloat = (reader.bytes[reader.at] ?? 0) >> 5 === 7;
  const content = item(reader, depthLeft - 1);
  if (tag !== 1 || typeof content !== 'number') return content;
  return new EpochTime(isFloat ? content * 1000 : content);
}

function simple(reader: Reader, info: number): unknown {
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    case 22: // null
    case 23: // undefined
      return null;
    case 25:
      return half(reader.view.getUint16(take(reader, 2)));
    case 26:
      return reader.view.getFloat32(take(reader, 4));
    case 27:
      return reader.view.getFloat64(take(reader, 8));
    default:
      throw unreadableBody();
  }
}

/** IEEE 754 half precision. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
