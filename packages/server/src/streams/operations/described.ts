/** Streams and shards in the members of AWS: the values that several operations answer with. */

import type { HashKeyRange, ValueOf } from '@millrace/wire';
import { endingSequenceNumber, shardIdOf, startingSequenceNumber } from '@millrace/wire';
import { type Consumer, consumerArnOf, createdS } from '../consumers/consumer.js';
import type { Shard, Stream } from '../stream.js';
import { arnOf, keyIdAt } from '../stream.js';
import type { childShard, consumer as consumerShape, shard as shardShape } from './shapes.js';

export function describedShard(shard: Shard): ValueOf<typeof shardShape> {
  const [parent, adjacent] = shard.parents;
  return {
    ShardId: shardIdOf(shard.index),
    ParentShardId: parent === undefined ? undefined : shardIdOf(parent),
    AdjacentParentShardId: adjacent === undefined ? undefined : shardIdOf(adjacent),
    HashKeyRange: describedRange(shard.range),
    SequenceNumberRange: {
      StartingSequenceNumber: startingSequenceNumber(shard),
      EndingSequenceNumber:
        shard.closed === undefined ? undefined : endingSequenceNumber(shard, shard.closed.atMs),
    },
  };
}

export function describedChild(shard: Shard): ValueOf<typeof childShard> {
  return {
    ShardId: shardIdOf(shard.index),
    ParentShards: shard.parents.map(shardIdOf),
    HashKeyRange: describedRange(shard.range),
  };
}

export function describedConsumer(stream: Stream, consumer: Consumer): ValueOf<typeof consumerShape> {
  return {
    ConsumerName: consumer.name,
    ConsumerARN: consumerArnOf(stream, consumer),
    ConsumerStatus: consumer.status,
    ConsumerCreationTimestamp: createdS(consumer) * 1000,
  };
}

/** What DescribeStream and DescribeStreamSummary both say, at `nowMs`. */
export function describedStream(stream: Stream, nowMs: number) {
  const keyId = keyIdAt(stream, nowMs);
  return {
    StreamName: stream.name,
    StreamARN: arnOf(stream),
    StreamStatus: stream.status,
    StreamModeDetails: { StreamMode: stream.mode },
    RetentionPeriodHours: stream.retentionHours,
    // AWS answers whole seconds here (kinesalite's tests).
    StreamCreationTimestamp: Math.floor(stream.createdMs / 1000) * 1000,
    EnhancedMonitoring: [{ ShardLevelMetrics: stream.shardLevelMetrics }],
    EncryptionType: keyId === null ? 'NONE' : 'KMS',
    KeyId: keyId ?? undefined,
  } as const;
}

function describedRange(range: HashKeyRange): { StartingHashKey: string; EndingHashKey: string } {
  return { StartingHashKey: range.start.toString(), EndingHashKey: range.end.toString() };
}
