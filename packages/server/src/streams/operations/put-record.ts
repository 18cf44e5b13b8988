import { present } from '@millrace/base';
import { boolean, required, sequenceNumber as sequenceNumberOf, shardIdOf, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import { withBatch } from '../codec/codec.js';
import { putBatchFromInput } from '../codec/put-input.js';
import { encodePutRecordOutput } from '../codec/put-output.js';
import * as errors from '../errors.js';
import type { PutResult, ShardIdentity } from '../put-batch.js';
import type { Streams } from '../streams.js';
import { addressed, data, encryptionType, hashKey, partitionKey, sequenceNumber, shardId } from './shapes.js';

/** `PartitionKey` may be left out where the strategy is AUTO: see `put-records.ts`. */
const input = structure('PutRecordInput', {
  ...addressed,
  Data: required(data),
  PartitionKey: partitionKey,
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
    if (stream.strategy !== 'AUTO' && request.PartitionKey === undefined)
      throw errors.memberMissing('partitionKey');
    const batch = putBatchFromInput(request, [request], stream.strategy);
    if ('invalidHashKey' in batch) throw errors.explicitHashKeyOutOfRange(batch.invalidHashKey);
    const { SequenceNumberForOrdering: ordering } = request;
    if (ordering !== undefined) {
      if (stream.strategy === 'AUTO') throw errors.orderingNotAllowed(stream);
      streams.checkOrdering(stream, ordering);
    }
    if (request.DryRun === true) {
      streams.checkPut(batch, context, true);
      throw errors.wouldHaveSucceeded();
    }
    const result = await streams.put(batch, context, true);
    const { shard, position, arrivalMs } = taken(result);
    return {
      ShardId: shardIdOf(shard.index),
      SequenceNumber: sequenceNumberOf(shard, position, arrivalMs),
      EncryptionType: result.encryptionType,
    };
  },
  hot(streams, protocol, body, context) {
    return withBatch(streams.codec.decodePut('PutRecord', protocol, body), async (batch) => {
      const result = await streams.put(batch, context, true);
      streams.codec.done(batch);
      const { shard, position, arrivalMs } = taken(result);
      return encodePutRecordOutput(protocol, shard, position, arrivalMs, result.encryptionType);
    });
  },
});

/** The one record of a put; throws why it was not taken. */
function taken(result: PutResult): { shard: ShardIdentity; position: number; arrivalMs: number } {
  const error = result.errors?.get(0);
  if (error !== undefined) throw error;
  const shard = present(result.shards[result.shardOf[0] ?? 0], 'the shard of a record that was taken');
  return { shard, position: result.positions[0] ?? 0, arrivalMs: result.arrivalsMs[0] ?? 0 };
}
