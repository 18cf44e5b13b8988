/**
 * A record as a person reads it: aggregates of the KPL taken apart, gzip unpacked, JSON and text shown as such, all else
 * as base64.
 *
 *      record ──aggregate?──▶ user records ──gzip?──▶ bytes ──JSON object or array?──▶ 'json'
 *                                                      └──printable UTF-8?──▶ 'text'
 *                                                      └──────────────────▶ 'base64'
 */
import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { userRecords } from '@millrace/wire';
import type { StoredRecord } from './kinesis/kinesis.js';
import { parsedJson } from './parsed-json.js';

export interface RecordView {
  readonly shardId: string;
  readonly sequenceNumber: string;
  /** Its place in an aggregate, from 0; undefined for a record of its own. */
  readonly subSequenceNumber: number | undefined;
  /** Undefined for a record that was put without one. */
  readonly partitionKey: string | undefined;
  readonly explicitHashKey: string | undefined;
  readonly arrivalMs: number;
  /** The user's bytes, as they were put. */
  readonly data: Uint8Array;
}

export interface Reading {
  readonly encoding: 'json' | 'text' | 'base64';
  readonly gzip: boolean;
  /** One string, whatever it is: JSON and text as they stand. */
  readonly text: string;
  /** The parsed value where `encoding` is 'json'. */
  readonly json: unknown;
}

/** A bomb of more than this is shown as the bytes that it came as. */
const unpackedBytesMax = 64 * 1024 * 1024;

/** Control characters other than tab and the ends of lines: what has them is not meant for reading. */
const unprintable = /(?![\t\r\n])\p{Cc}/u;

export function viewsOf(record: StoredRecord): readonly RecordView[] {
  const { shardId, sequenceNumber, arrivalMs } = record;
  const users = userRecords(record.data);
  if (users === undefined) return [{ ...record, subSequenceNumber: undefined, explicitHashKey: undefined }];
  return users.map((user, subSequenceNumber) => ({
    ...user,
    shardId,
    sequenceNumber,
    subSequenceNumber,
    arrivalMs,
  }));
}

export function readingOf(data: Uint8Array): Reading {
  const unpacked = unpack(data);
  const bytes = unpacked ?? data;
  const gzip = unpacked !== undefined;
  const text = isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : undefined;
  if (text === undefined || unprintable.test(text)) {
    return { encoding: 'base64', gzip, text: Buffer.from(bytes).toString('base64'), json: undefined };
  }
  const json = /^\s*[[{]/.test(text) ? parsedJson(text) : undefined;
  return { encoding: json === undefined ? 'text' : 'json', gzip, text, json };
}

/** Undefined for what is not gzip after all, or would be too large. */
function unpack(data: Uint8Array): Uint8Array | undefined {
  if (data[0] !== 0x1f || data[1] !== 0x8b) return undefined;
  try {
    return gunzipSync(data, { maxOutputLength: unpackedBytesMax });
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
