import { boolean, enumeration, required, structure, timestamp } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { addressed, sequenceNumber, shardId, shardIterator } from './shapes.js';

const input = structure('GetShardIteratorInput', {
  ...addressed,
  ShardId: required(shardId),
  // In the order in which AWS's validation prints them (kinesalite's tests).
  ShardIteratorType: required(
    enumeration('AFTER_SEQUENCE_NUMBER', 'LATEST', 'AT_TIMESTAMP', 'AT_SEQUENCE_NUMBER', 'TRIM_HORIZON'),
  ),
  StartingSequenceNumber: sequenceNumber,
  Timestamp: timestamp,
  DryRun: boolean,
});

const output = structure('GetShardIteratorOutput', { ShardIterator: shardIterator });

export const getShardIterator = operation<Streams, typeof input, typeof output>({
  name: 'GetShardIterator',
  input,
  output,
  errors: [
    errors.resourceNotFound,
    errors.invalidArgument,
    errors.throughputExceeded,
    errors.accessDenied,
    errors.dryRun,
    errors.internalFailure,
  ],
  async handle(streams, request, context) {
    const iterator = await streams.polling.shardIterator(request, context, request.ShardId, {
      type: request.ShardIteratorType,
      sequenceNumber: request.StartingSequenceNumber,
      timestampMs: request.Timestamp,
    });
    if (request.DryRun === true) throw errors.wouldHaveSucceeded();
    return { ShardIterator: iterator };
  },
});
