import { integer, required, structure, timestamp } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { describedStream } from './described.js';
import {
  addressed,
  encryptionType,
  enhancedMonitoring,
  keyId,
  recordDistributionStrategy,
  recordKib,
  streamArn,
  streamId,
  streamModeDetails,
  streamName,
  streamStatus,
} from './shapes.js';
import { describedWarmThroughput, warmThroughputObject } from './warm-throughput.js';

/** What a stream is, without its shards: the answer is as small for ten thousand shards as for one. */
const input = structure('DescribeStreamSummaryInput', addressed);

const count = integer({ min: 0, max: 1_000_000 });

const output = structure('DescribeStreamSummaryOutput', {
  StreamDescriptionSummary: required(
    structure('StreamDescriptionSummary', {
      StreamName: required(streamName),
      StreamARN: required(streamArn),
      StreamId: streamId,
      StreamStatus: required(streamStatus),
      StreamModeDetails: streamModeDetails,
      RetentionPeriodHours: required(integer()),
      StreamCreationTimestamp: required(timestamp),
      EnhancedMonitoring: required(enhancedMonitoring),
      EncryptionType: encryptionType,
      KeyId: keyId,
      OpenShardCount: required(count),
      ConsumerCount: count,
      WarmThroughput: warmThroughputObject,
      MaxRecordSizeInKiB: recordKib,
      RecordDistributionStrategy: recordDistributionStrategy,
    }),
  ),
});

export const describeStreamSummary = operation<Streams, typeof input, typeof output>({
  name: 'DescribeStreamSummary',
  input,
  output,
  errors: [errors.resourceNotFound, errors.limitExceeded, errors.invalidArgument, errors.accessDenied],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'DescribeStreamSummary');
    return {
      StreamDescriptionSummary: {
        ...describedStream(stream, streams.clock.now()),
        OpenShardCount: stream.status === 'CREATING' ? 0 : stream.openShards,
        ConsumerCount: stream.consumers.length,
        WarmThroughput: describedWarmThroughput(stream),
        MaxRecordSizeInKiB: stream.recordKibMax,
        RecordDistributionStrategy: stream.mode === 'ON_DEMAND' ? stream.strategy : undefined,
      },
    };
  },
});
