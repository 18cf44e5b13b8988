/**
 * ListShards' filters: which shards of a lineage to list, by AWS's document of `ShardFilter`.
 *
 *      AT_LATEST        open now                       FROM_TRIM_HORIZON   all that still hold records
 *      AT_TRIM_HORIZON  open at the oldest instant     FROM_TIMESTAMP      open at, or opened after, the instant
 *      AT_TIMESTAMP     open at the instant            AFTER_SHARD_ID      with a higher id
 *
 * "Open at t" counts both ends, as the document does: a record that arrived in the very millisecond of a reshard may
 * be in the parent, so parent and children are both listed.
 */
import * as errors from './errors.js';
import type { Shard, Stream } from './stream.js';
import { horizonMs, parseShardId } from './stream.js';

export const shardFilterTypes = [
  'AFTER_SHARD_ID',
  'AT_TRIM_HORIZON',
  'FROM_TRIM_HORIZON',
  'AT_LATEST',
  'AT_TIMESTAMP',
  'FROM_TIMESTAMP',
] as const;

export interface ShardFilter {
  readonly Type: (typeof shardFilterTypes)[number];
  readonly ShardId?: string | undefined;
  readonly Timestamp?: number | undefined;
}

/** Whether the filter lists a shard. Throws when the filter lacks what its type needs, or has what is another's. */
export function shardFilter(
  filter: ShardFilter | undefined,
  stream: Stream,
  nowMs: number,
): (shard: Shard) => boolean {
  if (filter === undefined) return () => true;
  if (filter.ShardId !== undefined && filter.Type !== 'AFTER_SHARD_ID')
    throw errors.shardFilterExcess(filter.Type, 'ShardId');
  if (filter.Timestamp !== undefined && !filter.Type.endsWith('_TIMESTAMP'))
    throw errors.shardFilterExcess(filter.Type, 'Timestamp');
  const oldestMs = Math.max(stream.createdMs, horizonMs(stream, nowMs));
  switch (filter.Type) {
    case 'AFTER_SHARD_ID': {
      if (filter.ShardId === undefined) throw errors.shardFilterIncomplete(filter.Type, 'ShardId');
      const after = parseShardId(filter.ShardId);
      if (after === undefined) throw errors.shardNotFound(stream, filter.ShardId);
      return (shard) => shard.index > after;
    }
    case 'AT_LATEST':
      return (shard) => shard.closed === undefined;
    case 'AT_TRIM_HORIZON':
      return (shard) => openAt(shard, oldestMs);
    case 'FROM_TRIM_HORIZON':
      return (shard) => openFrom(shard, oldestMs);
    case 'AT_TIMESTAMP': {
      const atMs = Math.max(oldestMs, timestampOf(filter, nowMs));
      return (shard) => openAt(shard, atMs);
    }
    case 'FROM_TIMESTAMP': {
      const fromMs = timestampOf(filter, nowMs);
      return (shard) => openFrom(shard, fromMs);
    }
  }
}

function timestampOf(filter: ShardFilter, nowMs: number): number {
  const { Timestamp: timestampMs } = filter;
  if (timestampMs === undefined) throw errors.shardFilterIncomplete(filter.Type, 'Timestamp');
  if (timestampMs > nowMs) throw errors.timestampInFuture(timestampMs, nowMs);
  return timestampMs;
}

function openAt(shard: Shard, atMs: number): boolean {
  return shard.openedMs <= atMs && openFrom(shard, atMs);
}

function openFrom(shard: Shard, fromMs: number): boolean {
  return shard.closed === undefined || shard.closed.atMs >= fromMs;
}
