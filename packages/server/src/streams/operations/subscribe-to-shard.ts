import { boolean, enumeration, eventStreamType, list, required, structure, timestamp } from '@millrace/wire';
import { streamingOperation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import {
  childShard,
  consumerArn,
  millisBehindLatest,
  record,
  sequenceNumber,
  shardId,
  streamId,
} from './shapes.js';

const input = structure('SubscribeToShardInput', {
  ConsumerARN: required(consumerArn),
  StreamId: streamId,
  ShardId: required(shardId),
  StartingPosition: required(
    structure('StartingPosition', {
      // In the order in which AWS's validation prints GetShardIterator's (kinesalite's tests).
      Type: required(
        enumeration('AFTER_SEQUENCE_NUMBER', 'LATEST', 'AT_TIMESTAMP', 'AT_SEQUENCE_NUMBER', 'TRIM_HORIZON'),
      ),
      SequenceNumber: sequenceNumber,
      Timestamp: timestamp,
    }),
  ),
  DryRun: boolean,
});

/** The events themselves are encoded by `consumers/shared-events.ts`. */
export const subscribeToShardEvent = structure('SubscribeToShardEvent', {
  Records: required(list(record)),
  // Required by the model, and absent at the end of a shard: KCL insists on it.
  ContinuationSequenceNumber: sequenceNumber,
  MillisBehindLatest: required(millisBehindLatest),
  ChildShards: list(childShard),
});

/** Errors over the stream have the body of every error: see `exceptionMessage`. */
const failure = (name: string) => structure(name, {});

/** What may come over the stream. */
const output = structure('SubscribeToShardOutput', {
  EventStream: required(
    structure('SubscribeToShardEventStream', {
      SubscribeToShardEvent: subscribeToShardEvent,
      ResourceNotFoundException: failure('ResourceNotFoundException'),
      ResourceInUseException: failure('ResourceInUseException'),
      KMSDisabledException: failure('KMSDisabledException'),
      KMSInvalidStateException: failure('KMSInvalidStateException'),
      KMSAccessDeniedException: failure('KMSAccessDeniedException'),
      KMSNotFoundException: failure('KMSNotFoundException'),
      KMSOptInRequired: failure('KMSOptInRequired'),
      KMSThrottlingException: failure('KMSThrottlingException'),
      InternalFailureException: failure('InternalFailureException'),
    }),
  ),
});

export const subscribeToShard = streamingOperation<Streams, typeof input, typeof output>({
  name: 'SubscribeToShard',
  input,
  output,
  errors: [
    errors.resourceNotFound,
    errors.invalidArgument,
    errors.resourceInUse,
    errors.limitExceeded,
    errors.accessDenied,
    errors.dryRun,
  ],
  async open(streams, request, context, protocol) {
    const { Type: type, SequenceNumber, Timestamp } = request.StartingPosition;
    const pieces = await streams.fanOut.subscribe(
      {
        ConsumerARN: request.ConsumerARN,
        ShardId: request.ShardId,
        point: { type, sequenceNumber: SequenceNumber, timestampMs: Timestamp },
        dryRun: request.DryRun === true,
      },
      context,
      protocol,
    );
    return { contentType: eventStreamType, pieces };
  },
});
