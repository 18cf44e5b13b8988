/**
 * The answer of GetRecords, from stored records straight into its bytes.
 *
 *      {"Records":[{"SequenceNumber":"…","ApproximateArrivalTimestamp":1.7E9,"Data":"…","PartitionKey":"…"}, …],
 *       "NextShardIterator":"…","MillisBehindLatest":0,"ChildShards":[…]}
 *
 * `PartitionKey` is left out of a record that was put without one. One pass measures, one writes. Keys go in as they are
 * unless JSON must escape something in them. What follows the records is a few members a page, and the general encoder's
 * work.
 */
import { asBuffer, assert, copyBytes, present } from '@millrace/base';
import type { RecordBatch } from '@millrace/log';
import {
  cborHeadBytesMax,
  cborProtocol,
  list,
  long,
  type Protocol,
  required,
  SequenceNumberWriter,
  sequenceNumberDigits,
  string,
  structure,
  type ValueOf,
  writeCborHead,
} from '@millrace/wire';
import type { ShardIdentity } from '../put-batch.js';
import { storedDataStart, storedHeaderBytes } from '../stored-record.js';
import { cborHead, cborText } from './cbor-head.js';
import { base64Slice, latin1Write } from './native-text.js';
import { finished, pieceBytes, type Sliced, sliceBytes } from './sliced.js';

const childShardShape = structure('ChildShard', {
  ShardId: required(string()),
  ParentShards: required(list(string())),
  HashKeyRange: required(
    structure('HashKeyRange', { StartingHashKey: required(string()), EndingHashKey: required(string()) }),
  ),
});

/** The members that follow `Records`. */
const restShape = structure('GetRecordsOutput', {
  NextShardIterator: string(),
  MillisBehindLatest: long(),
  ChildShards: list(childShardShape),
});

type ChildShard = ValueOf<typeof childShardShape>;

/** What a page of records is answered with. */
export interface RecordsPage {
  readonly records: RecordBatch;
  /** The shard that the records are of. */
  readonly shard: ShardIdentity;
  /** Absent at the end of a closed shard. */
  readonly nextShardIterator: string | undefined;
  readonly millisBehindLatest: number;
  /** Present at the end of a closed shard alone. */
  readonly childShards: readonly ChildShard[] | undefined;
  /** Of every record; absent when they are not encrypted. */
  readonly encryptionType?: string | undefined;
}

/** What writing a page takes, in bytes as slices count them. */
export function pageWork({ records }: RecordsPage): number {
  let bytes = records.count * recordAloneBytes;
  for (let i = 0; i < records.count; i++) bytes += (records.ends[i] ?? 0) - (records.starts[i] ?? 0);
  return bytes;
}

/** The body of a GetRecords answer. */
export function encodeGetRecordsOutput(protocol: Protocol, page: RecordsPage): Uint8Array {
  return finished(encodePage(protocol, page));
}

/** Where a body of at most so many bytes is written. */
export type Allocate = (bytes: number) => Buffer;

/** The same in slices; the page stays as it is until then. */
export function* encodePage(
  protocol: Protocol,
  page: RecordsPage,
  allocate: Allocate = Buffer.allocUnsafe,
): Sliced<Uint8Array> {
  const rest = asBuffer(
    protocol.encode(restShape, {
      NextShardIterator: page.nextShardIterator,
      MillisBehindLatest: page.millisBehindLatest,
      ChildShards: page.childShards,
    }),
  );
  return yield* encodeRecords(protocol, page, rest, noMargins, allocate);
}

/** Bytes left free around what is encoded, for whoever frames it. */
export interface Margins {
  readonly before: number;
  readonly after: number;
}

const noMargins: Margins = { before: 0, after: 0 };

type Page = Pick<RecordsPage, 'records' | 'shard' | 'encryptionType'>;

/** A structure that begins with `Records`: those of `page`, then the members in `rest`, which has one at the least. */
export function encodeRecords(
  protocol: Protocol,
  page: Page,
  rest: Buffer,
  margins: Margins,
  allocate: Allocate = Buffer.allocUnsafe,
): Sliced<Uint8Array> {
  const encode = protocol.contentType === cborProtocol.contentType ? encodeCbor : encodeJson;
  return encode(page, rest, margins, allocate);
}

const jsonOpen = Buffer.from('{"Records":[');
const entryOpen = Buffer.from('{"SequenceNumber":"');
const beforeTime = Buffer.from('","ApproximateArrivalTimestamp":');
const beforeData = Buffer.from(',"Data":"');
const beforeKey = Buffer.from('","PartitionKey":"');
/** `String` of a double is never longer. */
const timeBytesMax = 25;
/** What a record takes beside its data, counted as bytes that take as long. */
const recordAloneBytes = 512;
/** Whole groups of three bytes, so that one piece of base64 ends where the next begins. */
const encodedPieceBytes = pieceBytes - (pieceBytes % 3);
/** A control character is six: `\u0001`. */
const escapedBytesMax = 6;

function jsonEntryClose(encryption: string | undefined): Buffer {
  return Buffer.from(encryption === undefined ? '"}' : `","EncryptionType":"${encryption}"}`);
}

/** At most how many bytes the page takes in JSON, without what follows its records. */
function measureJson({ records, encryptionType }: Page, buffers: readonly Buffer[]): number {
  const glue = entryOpen.length + beforeTime.length + beforeData.length + beforeKey.length + 1;
  const fixed = glue + jsonEntryClose(encryptionType).length + sequenceNumberDigits + timeBytesMax;
  return jsonOpen.length + measure(records, buffers, fixed, escapedBytesMax, base64Length) + 1;
}

/** What follows the records is hardly ever longer: an iterator, a number, two shards. */
const restBytesMost = 4096;

/** About how many bytes the page's body is given in JSON: less is rare, and then it finds memory for itself. */
export function jsonBytesOf(page: RecordsPage): number {
  return measureJson(page, page.records.buffers.map(asBuffer)) + restBytesMost;
}

function* encodeJson(
  page: Page,
  rest: Buffer,
  { before, after }: Margins,
  allocate: Allocate,
): Sliced<Uint8Array> {
  const { records } = page;
  const encryption = page.encryptionType;
  const entryClose = jsonEntryClose(encryption);
  const buffers = records.buffers.map(asBuffer);
  const body = allocate(before + measureJson(page, buffers) + rest.length + after);
  const writer = new SequenceNumberWriter();
  let timeMs = Number.NaN;
  let prefix = Buffer.alloc(0);
  let at = before + jsonOpen.copy(body, before);
  let gone = 0;
  for (let record = 0; record < records.count; record++) {
    const buffer = present(buffers[records.bufferOf[record] ?? 0], 'the buffer of a record');
    const start = records.starts[record] ?? 0;
    const end = records.ends[record] ?? 0;
    const arrivalMs = records.arrivalsMs[record] ?? 0;
    if (arrivalMs !== timeMs) {
      timeMs = arrivalMs;
      const time = Buffer.from(String(arrivalMs / 1000));
      prefix = Buffer.concat([entryOpen, Buffer.alloc(sequenceNumberDigits), beforeTime, time, beforeData]);
    }
    if (record > 0) body[at++] = 0x2c;
    body.set(prefix, at);
    writer.write(body, at + entryOpen.length, page.shard, records.positions[record] ?? 0, arrivalMs);
    at += prefix.length;
    const dataStart = storedDataStart(buffer, start);
    gone += recordAloneBytes;
    for (let from = dataStart; from < end; from += encodedPieceBytes) {
      const pieceEnd = Math.min(from + encodedPieceBytes, end);
      at += latin1Write(body, base64Slice(buffer, from, pieceEnd), at, body.length - at);
      gone += pieceEnd - from;
      if (gone < sliceBytes) continue;
      yield gone;
      gone = 0;
    }
    const keyStart = start + storedHeaderBytes;
    if (keyStart < dataStart) {
      body.set(beforeKey, at);
      at = writeJsonText(body, at + beforeKey.length, buffer, keyStart, dataStart);
    }
    at += entryClose.copy(body, at);
  }
  body[at++] = 0x5d; // ]
  body[at++] = 0x2c; // , in the place of the brace that `rest` opens with
  at += rest.copy(body, at, 1);
  assert(at + after <= body.length, 'an answer within its measure');
  return body.subarray(0, at + after);
}

/** Writes UTF-8 as the inside of a JSON text; answers where it ends. */
function writeJsonText(target: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  let to = at;
  for (let from = start; from < end; from++) {
    const byte = bytes[from] ?? 0;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) {
      const escaped = JSON.stringify(bytes.toString('utf8', start, end));
      return at + target.write(escaped.slice(1, -1), at, 'utf8');
    }
    target[to++] = byte;
  }
  return to;
}

const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4;

/** At most how many bytes the records take: `fixed` each, and the length of key and data as they are written. */
function measure(
  records: RecordBatch,
  buffers: readonly Buffer[],
  fixed: number,
  keyFactor: number,
  dataLength: (bytes: number) => number,
): number {
  let bytes = 0;
  for (let record = 0; record < records.count; record++) {
    const buffer = present(buffers[records.bufferOf[record] ?? 0], 'the buffer of a record');
    const start = records.starts[record] ?? 0;
    const end = records.ends[record] ?? 0;
    const dataStart = storedDataStart(buffer, start);
    assert(dataStart <= end && end <= buffer.length, 'a stored record as long as its header says');
    bytes += fixed + (dataStart - start - storedHeaderBytes) * keyFactor + dataLength(end - dataStart);
  }
  return bytes;
}

const cborSequenceNumber = Buffer.concat([cborText('SequenceNumber'), cborHead(3, sequenceNumberDigits)]);
const cborTime = Buffer.concat([cborText('ApproximateArrivalTimestamp'), cborHead(6, 1)]);
const cborData = cborText('Data');
const cborKey = cborText('PartitionKey');
const cborRecords = cborText('Records');

function* encodeCbor(
  page: Page,
  rest: Buffer,
  { before, after }: Margins,
  allocate: Allocate,
): Sliced<Uint8Array> {
  const { records } = page;
  const encryption = page.encryptionType;
  const encrypted =
    encryption === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([cborText('EncryptionType'), cborText(encryption)]);
  const members = encryption === undefined ? 4 : 5;
  const prefixOf = (memberCount: number): Buffer =>
    Buffer.concat([
      cborHead(5, memberCount),
      cborSequenceNumber,
      Buffer.alloc(sequenceNumberDigits),
      cborTime,
    ]);
  const prefix = prefixOf(members);
  // As long: the head of a map of a few members is one byte.
  const keylessPrefix = prefixOf(members - 1);
  const digitsAt = 1 + cborSequenceNumber.length;
  const fixedMax = prefix.length + cborData.length + cborKey.length + encrypted.length + 3 * cborHeadBytesMax;
  const buffers = records.buffers.map(asBuffer);
  const bytes = measure(records, buffers, fixedMax, 1, (length) => length);
  const glue = cborRecords.length + 2 * cborHeadBytesMax + rest.length;
  const body = allocate(before + bytes + glue + after);
  // `rest` is a map of a few members, whose head is one byte; the whole is that map with `Records` in front.
  let at = writeCborHead(body, before, 5, 1 + ((rest[0] ?? 0) & 0x1f));
  at += cborRecords.copy(body, at);
  at = writeCborHead(body, at, 4, records.count);
  const writer = new SequenceNumberWriter();
  let gone = 0;
  for (let record = 0; record < records.count; record++) {
    const buffer = present(buffers[records.bufferOf[record] ?? 0], 'the buffer of a record');
    const start = records.starts[record] ?? 0;
    const end = records.ends[record] ?? 0;
    const arrivalMs = records.arrivalsMs[record] ?? 0;
    const dataStart = storedDataStart(buffer, start);
    const keyStart = start + storedHeaderBytes;
    const keyed = keyStart < dataStart;
    body.set(keyed ? prefix : keylessPrefix, at);
    writer.write(body, at + digitsAt, page.shard, records.positions[record] ?? 0, arrivalMs);
    at = writeCborHead(body, at + prefix.length, 0, arrivalMs);
    at += cborData.copy(body, at);
    at = writeCborHead(body, at, 2, end - dataStart);
    gone += recordAloneBytes;
    for (let from = dataStart; from < end; from += pieceBytes) {
      const pieceEnd = Math.min(from + pieceBytes, end);
      at = copyBytes(buffer, from, pieceEnd, body, at);
      gone += pieceEnd - from;
      if (gone < sliceBytes) continue;
      yield gone;
      gone = 0;
    }
    if (keyed) {
      at += cborKey.copy(body, at);
      at = writeCborHead(body, at, 3, dataStart - keyStart);
      at += buffer.copy(body, at, keyStart, dataStart);
    }
    at += encrypted.copy(body, at);
  }
  at += rest.copy(body, at, 1);
  assert(at + after <= body.length, 'an answer within its measure');
  return body.subarray(0, at + after);
}
