/**
 * The answers of PutRecords and PutRecord, straight into their bytes: each entry is copied from a model, and the digits
 * of its sequence number and its shard are written over the zeros in there. So 1,000 shards cost what four do.
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
import type { PutResult, TakenRecord } from '../put-batch.js';
import { cborHead, cborText } from './cbor-head.js';

/** The bytes around what changes, for one protocol. */
interface Frame {
  /** Everything before the first record. */
  open(failed: number, count: number): Buffer;
  /** A taken record with zeros for what changes, up to the next one. */
  readonly entry: EntryModel;
  readonly separator: Buffer;
  /** Everything after the last record. */
  close(encryptionType: string | undefined): Buffer;
  /** A taken record as an answer of its own, with one member more. */
  withEncryption(entry: Buffer, encryptionType: string): Buffer;
}

interface EntryModel {
  readonly bytes: Buffer;
  /** Where the first digit of the sequence number is, and where the last one of the shard's index ends. */
  readonly digitsAt: number;
  readonly indexEnd: number;
}

const zeros = '0'.repeat(sequenceNumberDigits);
const zeroShardId = shardIdOf(0);

function modelOf(...parts: readonly Buffer[]): EntryModel {
  const bytes = Buffer.concat(parts);
  const indexEnd = bytes.lastIndexOf(zeroShardId) + zeroShardId.length;
  return { bytes, digitsAt: bytes.indexOf(zeros), indexEnd };
}

const refusedShape = structure('PutRecordsResultEntry', {
  ErrorCode: required(string()),
  ErrorMessage: required(string()),
});

const jsonFrame: Frame = {
  open: (failed) => Buffer.from(`{"FailedRecordCount":${failed},"Records":[`),
  entry: modelOf(Buffer.from(`{"SequenceNumber":"${zeros}","ShardId":"${zeroShardId}"},`)),
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
  entry: modelOf(
    cborHead(5, 2),
    cborText('SequenceNumber'),
    cborText(zeros),
    cborText('ShardId'),
    cborText(zeroShardId),
  ),
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
  const refusals = renderRefusals(protocol, result.errors);
  const open = frame.open(result.failedCount, result.count);
  const close = frame.close(encryptionType);
  const { entry, separator } = frame;
  let bytes = open.length + close.length + result.count * entry.bytes.length;
  for (const refusal of refusals.values()) bytes += refusal.length + separator.length;
  const body = Buffer.allocUnsafe(bytes);
  let at = open.copy(body, 0);
  for (let record = 0; record < result.count; record++) {
    const refusal = refusals.get(record);
    if (refusal === undefined) {
      const shard = present(
        result.shards[result.shardOf[record] ?? 0],
        'the shard of a record that was taken',
      );
      const { positions, arrivalsMs } = result;
      body.set(entry.bytes, at);
      writer.write(body, at + entry.digitsAt, shard, positions[record] ?? 0, arrivalsMs[record] ?? 0);
      writeIndex(body, at + entry.indexEnd, shard.index);
      at += entry.bytes.length;
    } else {
      at += refusal.copy(body, at);
      at += separator.copy(body, at);
    }
  }
  // What stands behind every entry is not wanted behind the last.
  if (result.count > 0) at -= separator.length;
  at += close.copy(body, at);
  assert(at <= body.length, 'an answer within its measure');
  return body.subarray(0, at);
}

/** One for all answers: it remembers no more than a second. */
const writer = new SequenceNumberWriter();

/** The digits of a shard's index over zeros, up to `end`. */
function writeIndex(body: Buffer, end: number, index: number): void {
  let at = end;
  for (let rest = index; rest > 0; rest = Math.floor(rest / 10)) body[--at] = 0x30 + (rest % 10);
}

/** The body of a PutRecord answer. */
export function encodePutRecordOutput(protocol: Protocol, taken: TakenRecord): Uint8Array {
  const { shard, position, arrivalMs, encryptionType } = taken;
  const frame = frameOf(protocol);
  const { entry, separator } = frame;
  const body = Buffer.allocUnsafe(entry.bytes.length - separator.length);
  entry.bytes.copy(body);
  writer.write(body, entry.digitsAt, shard, position, arrivalMs);
  writeIndex(body, entry.indexEnd, shard.index);
  return encryptionType === undefined ? body : frame.withEncryption(body, encryptionType);
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
