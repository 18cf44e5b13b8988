/**
 * A record as one line of JSON: what `tail --json` prints, `replay` keeps in a file, and `replay` and nobody else reads
 * back.
 *
 *      {"shardId":"shardId-000000000000","sequenceNumber":"4957…","partitionKey":"k",
 *       "arrival":"2026-11-21T11:08:02.123Z","encoding":"text","data":"hello"}
 *
 * `encoding` says what `data` is: a JSON value, a text, or base64. `partitionKey` is left out of a record that was put
 * without one. `subSequenceNumber` and `explicitHashKey` are there where an aggregate had them, `gzip` where the bytes
 * were packed and `data` is not.
 */
import { parsedJson } from './parsed-json.js';
import type { RecordView } from './record-view.js';
import { readingOf } from './record-view.js';
import { UsageError } from './usage-error.js';

export interface KeptRecord {
  readonly partitionKey: string | undefined;
  readonly explicitHashKey: string | undefined;
  readonly arrivalMs: number;
  readonly data: Uint8Array;
}

/** For a program to read: JSON as a value, gzip unpacked. */
export function decodedLine(record: RecordView): string {
  const { encoding, gzip, text, json } = readingOf(record.data);
  return line(record, { ...(gzip ? { gzip } : {}), encoding, data: encoding === 'json' ? json : text });
}

/** For a file: every byte of the data as it was put. */
export function exactLine(record: RecordView): string {
  const text = Buffer.from(record.data).toString('utf8');
  const exact = Buffer.from(text, 'utf8').equals(record.data);
  return line(
    record,
    exact
      ? { encoding: 'text', data: text }
      : { encoding: 'base64', data: Buffer.from(record.data).toString('base64') },
  );
}

function line(record: RecordView, data: object): string {
  const { shardId, sequenceNumber, subSequenceNumber, partitionKey, explicitHashKey, arrivalMs } = record;
  const arrival = new Date(arrivalMs).toISOString();
  return JSON.stringify({
    shardId,
    sequenceNumber,
    subSequenceNumber,
    partitionKey,
    explicitHashKey,
    arrival,
    ...data,
  });
}

/** Reads a line back; `where` names it in the complaint. */
export function parseLine(text: string, where: string): KeptRecord {
  const complaint = `${where} is no record; give lines as \`millrace tail --json\` prints them`;
  const value = parsedJson(text);
  if (typeof value !== 'object' || value === null) throw new UsageError(complaint);
  const { partitionKey, explicitHashKey, arrival, encoding, gzip, data } = value as Readonly<
    Record<string, unknown>
  >;
  const arrivalMs = typeof arrival === 'string' ? Date.parse(arrival) : Number.NaN;
  if (partitionKey !== undefined && typeof partitionKey !== 'string') throw new UsageError(complaint);
  if (Number.isNaN(arrivalMs) || data === undefined) throw new UsageError(complaint);
  if (gzip === true) {
    throw new UsageError(
      `${where} was unpacked from gzip; keep records with \`millrace replay STREAM FILE\``,
    );
  }
  const bytes =
    encoding === 'json'
      ? Buffer.from(JSON.stringify(data), 'utf8')
      : Buffer.from(String(data), encoding === 'base64' ? 'base64' : 'utf8');
  return {
    partitionKey,
    explicitHashKey: typeof explicitHashKey === 'string' ? explicitHashKey : undefined,
    arrivalMs,
    data: bytes,
  };
}
