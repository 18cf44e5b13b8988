/** The general way of a put, which the hot decoders are held to: decode, validate, build. */
import assert from 'node:assert/strict';
import { AwsError, type Protocol, validate } from '@millrace/wire';
import type { PutBatch } from '../../put-batch.js';
import { putBatchFromInput } from '../put-input.js';
import { putRecordShape, putRecordsShape } from './sample-shapes.js';

/** The batch of `body`, or undefined when AWS would refuse it. */
export function generalBatch(protocol: Protocol, body: Uint8Array, single: boolean): PutBatch | undefined {
  try {
    const batch = single ? one(protocol, body) : many(protocol, body);
    return 'invalidHashKey' in batch ? undefined : batch;
  } catch (error) {
    assert.ok(error instanceof AwsError, `${error}`);
    return undefined;
  }
}

function many(protocol: Protocol, body: Uint8Array): ReturnType<typeof putBatchFromInput> {
  const input = protocol.decode(putRecordsShape, body);
  validate(putRecordsShape, input);
  return putBatchFromInput(input, input.Records);
}

function one(protocol: Protocol, body: Uint8Array): ReturnType<typeof putBatchFromInput> {
  const input = protocol.decode(putRecordShape, body);
  validate(putRecordShape, input);
  return putBatchFromInput(input, [input]);
}

/** A batch as something that compares and prints well. */
export function plain(batch: PutBatch): object {
  return { ...batch, payload: Buffer.from(batch.payload).toString('latin1') };
}
