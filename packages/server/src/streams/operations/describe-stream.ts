import { boolean, integer, list, required, structure, timestamp } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { parseShardId, visibleShards } from '../stream.js';
import type { Streams } from '../streams.js';
import { describedShard, describedStream } from './described.js';
import {
  addressed,
  encryptionType,
  enhancedMonitoring,
  keyId,
  shard,
  shardId,
  streamArn,
  streamModeDetails,
  streamName,
  streamStatus,
} from './shapes.js';

const input = structure('DescribeStreamInput', {
  ...addressed,
  Limit: integer({ min: 1, max: 10_000 }),
  ExclusiveStartShardId: shardId,
});

const output = structure('DescribeStreamOutput', {
  StreamDescription: required(
    structure('StreamDescription', {
      StreamName: required(streamName),
      StreamARN: required(streamArn),
      StreamStatus: required(streamStatus),
      StreamModeDetails: streamModeDetails,
      Shards: required(list(shard)),
      HasMoreShards: required(boolean),
      RetentionPeriodHours: required(integer()),
      StreamCreationTimestamp: required(timestamp),
      EnhancedMonitoring: required(enhancedMonitoring),
      EncryptionType: encryptionType,
      KeyId: keyId,
    }),
  ),
});

export const describeStream = operation<Streams, typeof input, typeof output>({
  name: 'DescribeStream',
  input,
  output,
  errors: [errors.resourceNotFound, errors.limitExceeded, errors.invalidArgument, errors.accessDenied],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'DescribeStream');
    const shardsMax = streams.limits.describedShardsMax;
    const limit = Math.min(request.Limit ?? shardsMax, shardsMax);
    const after = request.ExclusiveStartShardId;
    const afterIndex = after === undefined ? -1 : parseShardId(after);
    // The words for an id that is none are those of the other operations; AWS's own are undocumented.
    if (after !== undefined && afterIndex === undefined) throw errors.shardNotFound(stream, after);
    const nowMs = streams.clock.now();
    const shards = visibleShards(stream, nowMs).filter((each) => each.index > (afterIndex ?? -1));
    return {
      StreamDescription: {
        ...describedStream(stream, nowMs),
        Shards: shards.slice(0, limit).map(describedShard),
        HasMoreShards: shards.length > limit,
      },
    };
  },
});
