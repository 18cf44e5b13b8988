/**
 * Shapes that several operations share. Members are those of the newest @aws-sdk/client-kinesis; bounds, patterns and
 * enumerations are those of the service model 2013-12-02.
 */
import {
  blob,
  enumeration,
  integer,
  list,
  long,
  map,
  required,
  string,
  structure,
  timestamp,
} from '@millrace/wire';
import { distributionStrategies, shardLevelMetrics, streamModes } from '../stream.js';

export const streamName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' });
export const streamArn = string({ min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+' });
/** Reserved by AWS ("not implemented"): taken, checked, and not looked at. */
export const streamId = string({ min: 1, max: 24, pattern: '[a-z0-9]{20}-[a-z0-9]{3}' });
export const shardId = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' });
export const hashKey = string({ pattern: '0|([1-9]\\d{0,38})' });
export const sequenceNumber = string({ pattern: '0|([1-9]\\d{0,128})' });
export const shardIterator = string({ min: 1, max: 512 });
export const nextToken = string({ min: 1, max: 1_048_576 });
export const partitionKey = string({ min: 1, max: 256 });
export const data = blob({ min: 0, max: 10_485_760 });
export const encryptionType = enumeration('NONE', 'KMS');
export const keyId = string({ min: 1, max: 2048 });
export const streamStatus = enumeration('CREATING', 'DELETING', 'ACTIVE', 'UPDATING');
export const recordKib = integer({ min: 1024, max: 10240 });
export const tagKey = string({ min: 1, max: 128 });
const tagValue = string({ min: 0, max: 256 });
export const tagMap = map(tagKey, tagValue, { min: 1, max: 200 });
export const tagKeys = list(tagKey, { min: 1, max: 50 });
export const tagList = list(structure('Tag', { Key: required(tagKey), Value: tagValue }), {
  min: 0,
  max: 200,
});
export const resourceArn = string({
  min: 1,
  max: 2048,
  pattern: 'arn:aws.*:kinesis:.*:\\d{12}:.*stream/\\S+',
});
export const policy = string();
export const warmMibps = integer({ min: 0 });
export const recordDistributionStrategy = enumeration(...distributionStrategies);

export const consumerName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' });
export const consumerArn = string({
  min: 1,
  max: 2048,
  pattern: '^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+',
});

const consumerMembers = {
  ConsumerName: required(consumerName),
  ConsumerARN: required(consumerArn),
  ConsumerStatus: required(enumeration('CREATING', 'DELETING', 'ACTIVE')),
  ConsumerCreationTimestamp: required(timestamp),
} as const;

export const consumer = structure('Consumer', consumerMembers);
export const consumerDescription = structure('ConsumerDescription', {
  ...consumerMembers,
  StreamARN: required(streamArn),
});

/** How every operation but CreateStream says which stream it means. */
export const addressed = { StreamName: streamName, StreamARN: streamArn, StreamId: streamId } as const;

export const streamModeDetails = structure('StreamModeDetails', {
  StreamMode: required(enumeration(...streamModes)),
});

const hashKeyRange = structure('HashKeyRange', {
  StartingHashKey: required(hashKey),
  EndingHashKey: required(hashKey),
});

export const shard = structure('Shard', {
  ShardId: required(shardId),
  ParentShardId: shardId,
  AdjacentParentShardId: shardId,
  HashKeyRange: required(hashKeyRange),
  SequenceNumberRange: required(
    structure('SequenceNumberRange', {
      StartingSequenceNumber: required(sequenceNumber),
      EndingSequenceNumber: sequenceNumber,
    }),
  ),
});

export const childShard = structure('ChildShard', {
  ShardId: required(shardId),
  ParentShards: required(list(shardId)),
  HashKeyRange: required(hashKeyRange),
});

export const metricsNames = list(enumeration(...shardLevelMetrics, 'ALL'), { min: 1, max: 7 });

export const enhancedMonitoring = list(structure('EnhancedMetrics', { ShardLevelMetrics: metricsNames }));

export const record = structure('Record', {
  SequenceNumber: required(sequenceNumber),
  ApproximateArrivalTimestamp: timestamp,
  Data: required(data),
  /** Absent where a stream of strategy AUTO took the record without one; the SDK's `Record` has it optional. */
  PartitionKey: partitionKey,
  EncryptionType: encryptionType,
});

export const millisBehindLatest = long({ min: 0 });
