/**
 * The answers of PutRecords and PutRecord, straight into their bytes: sequence numbers are written digit by digit by
 * a writer a shard, everything around them is made once a shard and copied.
 *
 *      {"FailedRecordCount":1,"Records":[{"SequenceNumber":"…","ShardId":"…"},{"ErrorCode":"…","ErrorMessage":"…"}]}
 *
 * Order of members as in the examples of AWS's API reference. `EncryptionType` is there only for encrypted streams.
 */
import { asBuffer, assert, present } from '@millrace/base';
import {
  type AwsError,
  cborProtocol,
  type Protocol,
  required,
  SequenceNumberWriter,
  sequenceNumberDigits,
  shardIdOf,
  string,
  structure,
} from '@millrace/wire';
import type { PutResult, ShardIdentity } from '../put-batch.js';
import { cborHead, cborText } from './cbor-head.js';

/** The bytes around what changes, for one protocol. */
interface Frame {
  /** Everything before the first record. */
  open(failed: number, count: number): Buffer;
  /** From the start of a taken record to the first digit of its sequence number. */
  readonly entryOpen: Buffer;
  /** From the last digit on. */
  entryClose(shardId: string): Buffer;
  readonly separator: Buffer;
  /** Everything after the last record. */
  close(encryptionType: string | undefined): Buffer;
  /** A taken record as an answer of its own, with one member more. */
  withEncryption(entry: Buffer, encryptionType: string): Buffer;
}

const refusedShape = structure('PutRecordsResultEntry', {
  ErrorCode: required(string()),
  ErrorMessage: required(string()),
});

const jsonFrame: Frame = {
  open: (failed) => Buffer.from(`{"FailedRecordCount":${failed},"Records":[`),
  entryOpen: Buffer.from('{"SequenceNumber":"'),
  entryClose: (shardId) => Buffer.from(`","ShardId":"${shardId}"}`),
  separator: Buffer.from(','),
  close: (encryptionType) =>
    Buffer.from(encryptionType === undefined ? ']}' : `],"EncryptionType":"${encryptionType}"}`),
  withEncryption: (entry, encryptionType) =>
    Buffer.concat([entry.subarray(0, -1), Buffer.from(`,"EncryptionType":"${encryptionType}"}`)]),
};

const cborFrame: Frame = {
  // An indefinite map, so that the members after the records need not be known before them.
  open: (failed, count) =>
    Buffer.concat([
      Buffer.of(0xbf),
      cborText('FailedRecordCount'),
      cborHead(0, failed),
      cborText('Records'),
      cborHead(4, count),
    ]),
  entryOpen: Buffer.concat([cborHead(5, 2), cborText('SequenceNumber'), cborHead(3, sequenceNumberDigits)]),
  entryClose: (shardId) => Buffer.concat([cborText('ShardId'), cborText(shardId)]),
  separator: Buffer.alloc(0),
  close: (encryptionType) =>
    encryptionType === undefined
      ? Buffer.of(0xff)
      : Buffer.concat([cborText('EncryptionType'), cborText(encryptionType), Buffer.of(0xff)]),
  withEncryption: (entry, encryptionType) =>
    Buffer.concat([cborHead(5, 3), entry.subarray(1), cborText('EncryptionType'), cborText(encryptionType)]),
};

/** The body of a PutRecords answer. */
export function encodePutRecordsOutput(
  protocol: Protocol,
  result: PutResult,
  encryptionType?: string,
): Uint8Array {
  const frame = frameOf(protocol);
  const writers = result.shards.map((shard) => new SequenceNumberWriter(shard));
  const closes = result.shards.map((shard) => frame.entryClose(shardIdOf(shard.index)));
  const refusals = renderRefusals(protocol, result.errors);
  const open = frame.open(result.failedCount, result.count);
  const close = frame.close(encryptionType);
  const { entryOpen, separator } = frame;
  const entryMax = Math.max(
    0,
    ...closes.map((entryClose) => entryOpen.length + sequenceNumberDigits + entryClose.length),
  );
  let bytes = open.length + close.length + result.count * (entryMax + separator.length);
  for (const refusal of refusals.values()) bytes += refusal.length;
  const body = Buffer.allocUnsafe(bytes);
  let at = open.copy(body, 0);
  for (let record = 0; record < result.count; record++) {
    if (record > 0) at += separator.copy(body, at);
    const refusal = refusals.get(record);
    if (refusal === undefined) {
      const shard = result.shardOf[record] ?? 0;
      body.set(entryOpen, at);
      at += entryOpen.length;
      const writer = present(writers[shard], 'the shard of a record that was taken');
      at = writer.write(body, at, result.positions[record] ?? 0, result.arrivalsMs[record] ?? 0);
      const entryClose = present(closes[shard], 'the end of an entry');
      body.set(entryClose, at);
      at += entryClose.length;
    } else at += refusal.copy(body, at);
  }
  at += close.copy(body, at);
  assert(at <= body.length, 'an answer within its measure');
  return body.subarray(0, at);
}

/** The body of a PutRecord answer: the record at `position` of `shard`. */
export function encodePutRecordOutput(
  protocol: Protocol,
  shard: ShardIdentity,
  position: number,
  arrivalMs: number,
  encryptionType?: string,
): Uint8Array {
  const frame = frameOf(protocol);
  const { entryOpen } = frame;
  const { writer, closes } = singleOf(shard);
  let close = closes.get(frame);
  if (close === undefined) {
    close = frame.entryClose(shardIdOf(shard.index));
    closes.set(frame, close);
  }
  const body = Buffer.allocUnsafe(entryOpen.length + sequenceNumberDigits + close.length);
  body.set(entryOpen);
  const end = writer.write(body, entryOpen.length, position, arrivalMs);
  body.set(close, end);
  return encryptionType === undefined ? body : frame.withEncryption(body, encryptionType);
}

/** What the answers to single puts into one shard have in common. */
interface SingleAnswers {
  readonly writer: SequenceNumberWriter;
  readonly closes: Map<Frame, Buffer>;
}

/** As long as the shard's picture in the catalog lives: shards that nothing is put into have none. */
const singles = new WeakMap<ShardIdentity, SingleAnswers>();

function singleOf(shard: ShardIdentity): SingleAnswers {
  let single = singles.get(shard);
  if (single === undefined) {
    single = { writer: new SequenceNumberWriter(shard), closes: new Map() };
    singles.set(shard, single);
  }
  return single;
}

/** The entries of records that were not taken, by record; few errors are shared by many records. */
function renderRefusals(
  protocol: Protocol,
  errors: ReadonlyMap<number, AwsError> | undefined,
): ReadonlyMap<number, Buffer> {
  const rendered = new Map<AwsError, Buffer>();
  const refusals = new Map<number, Buffer>();
  for (const [record, error] of errors ?? []) {
    let refusal = rendered.get(error);
    if (refusal === undefined) {
      const entry = { ErrorCode: error.code, ErrorMessage: error.message };
      refusal = asBuffer(protocol.encode(refusedShape, entry));
      rendered.set(error, refusal);
    }
    refusals.set(record, refusal);
  }
  return refusals;
}

function frameOf(protocol: Protocol): Frame {
  return protocol.contentType === cborProtocol.contentType ? cborFrame : jsonFrame;
}
