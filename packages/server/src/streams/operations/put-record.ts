import { boolean, required, sequenceNumber as sequenceNumberOf, shardIdOf, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import { withBatch } from '../codec/codec.js';
import { putBatchFromInput } from '../codec/put-input.js';
import { encodePutRecordOutput } from '../codec/put-output.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import {
  addressed,
  data,
  encryptionType as encryption,
  hashKey,
  partitionKey,
  sequenceNumber,
  shardId,
} from './shapes.js';

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
  EncryptionType: encryption,
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
    const { shard, position, arrivalMs, encryptionType } = await streams.putOne(batch, context);
    return {
      ShardId: shardIdOf(shard.index),
      SequenceNumber: sequenceNumberOf(shard, position, arrivalMs),
      EncryptionType: encryptionType,
    };
  },
  hot(streams, protocol, body, context) {
    // A chain, and not `async`: of a put of one record each promise counts.
    return withBatch(streams.codec.decodePut('PutRecord', protocol, body), (batch) =>
      streams.putOne(batch, context).then((taken) => {
        streams.codec.done(batch);
        return encodePutRecordOutput(protocol, taken);
      }),
    );
  },
});
