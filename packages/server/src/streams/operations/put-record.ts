import type { ValueOf } from '@millrace/wire';
import { boolean, required, sequenceNumber as sequenceNumberOf, shardIdOf, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import { putBatchFromInput } from '../codec/put-input.js';
import * as errors from '../errors.js';
import type { PutResult } from '../put-batch.js';
import type { Streams } from '../streams.js';
import { addressed, data, encryptionType, hashKey, partitionKey, sequenceNumber, shardId } from './shapes.js';

/** `PartitionKey` is required: see `put-records.ts`. */
const input = structure('PutRecordInput', {
  ...addressed,
  Data: required(data),
  PartitionKey: required(partitionKey),
  ExplicitHashKey: hashKey,
  SequenceNumberForOrdering: sequenceNumber,
  DryRun: boolean,
});

const output = structure('PutRecordOutput', {
  ShardId: required(shardId),
  SequenceNumber: required(sequenceNumber),
  EncryptionType: encryptionType,
});

export const putRecord = operation<Streams, typeof input, typeof output>({
  name: 'PutRecord',
  input,
  output,
  errors: [
    errors.resourceNotFound,
    errors.invalidArgument,
    errors.throughputExceeded,
    ...errors.kmsErrors,
    errors.accessDenied,
    errors.dryRun,
    errors.internalFailure,
  ],
  async handle(streams, request, context) {
    // AWS's order: the stream, the hash key, the ordering (kinesalite).
    const stream = streams.writable(request, context, 'PutRecord');
    const batch = putBatchFromInput(request, [request]);
    if ('invalidHashKey' in batch) throw errors.explicitHashKeyOutOfRange(batch.invalidHashKey);
    const { SequenceNumberForOrdering: ordering } = request;
    if (ordering !== undefined) streams.checkOrdering(stream, ordering);
    if (request.DryRun === true) {
      streams.checkPut(batch, context, true);
      throw errors.wouldHaveSucceeded();
    }
    return answered(await streams.put(batch, context, true));
  },
});

function answered(result: PutResult): ValueOf<typeof output> {
  const error = result.errors?.get(0);
  if (error !== undefined) throw error;
  const shard = result.shards[result.shardOf[0] ?? 0];
  if (shard === undefined) throw errors.storageFailure('unknown');
  return {
    ShardId: shardIdOf(shard.index),
    SequenceNumber: sequenceNumberOf(shard, result.positions[0] ?? 0, result.arrivalsMs[0] ?? 0),
  };
}
