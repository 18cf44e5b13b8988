/**
 * What faults are told about requests of this service: the stream that each is about and the shards that it touches,
 * out of whichever member says so; and the words in which AWS refuses them.
 */
import { shardIdOf } from '@millrace/wire';
import type { FaultSurface, Target } from '../dispatch/gate.js';
import type { Caller } from './address.js';
import { contextOf } from './address.js';
import { type PutRecordsEntry, putBatchFromInput } from './codec/put-input.js';
import * as errors from './errors.js';
import { type NamingInput, streamNameIn } from './naming-input.js';
import { openIterator, shardIteratorKind } from './shard-iterator.js';
import { ringOf } from './shard-ring.js';
import { parseShardId } from './stream.js';
import type { Streams } from './streams.js';

/** Operations whose error for too much is not LimitExceededException (the model's errors). */
const dataOperations = new Set(['PutRecord', 'PutRecords', 'GetRecords', 'GetShardIterator']);

export function faultSurface(streams: Streams): FaultSurface {
  return {
    targetOf: (operation, input, caller) => targetOf(streams, operation, input, caller),
    throttled: (operation, target, { account }) => {
      if (!dataOperations.has(operation)) return errors.rateExceeded(account, target?.stream);
      const [shard] = target?.shards ?? [];
      const named = { account, name: target?.stream ?? '' };
      if (target?.stream === undefined) return errors.throughputRefused(account);
      return shard === undefined
        ? errors.streamThroughputExceeded(named)
        : errors.shardThroughputExceeded(named, shard);
    },
    failed: () => errors.injectedFailure(),
    iteratorExpired: () => {
      const nowMs = streams.clock.now();
      const { iteratorLifeMs } = streams.limits;
      return errors.iteratorExpired(nowMs - iteratorLifeMs - 1, nowMs, iteratorLifeMs);
    },
  };
}

function targetOf(streams: Streams, operation: string, input: NamingInput, caller: Caller): Target {
  const iterator = text(input.ShardIterator);
  if (iterator !== undefined) return ofIterator(streams, iterator, caller);
  const stream = streamNameIn(input);
  if (stream === undefined) return {};
  const records =
    operation === 'PutRecords' ? input.Records : operation === 'PutRecord' ? [input] : undefined;
  if (records !== undefined) {
    return {
      stream,
      shards: shardsOfRecords(streams, stream, records as readonly PutRecordsEntry[], caller),
    };
  }
  const shards = [input.ShardId, input.ShardToSplit, input.ShardToMerge, input.AdjacentShardToMerge].flatMap(
    (each) => {
      const index = parseShardId(text(each) ?? '');
      return index === undefined ? [] : [shardIdOf(index)];
    },
  );
  return shards.length === 0 ? { stream } : { stream, shards };
}

/** The stream and the shard of an iterator, however old it is. */
function ofIterator(streams: Streams, token: string, caller: Caller): Target {
  const sealer = streams.sealerOf(shardIteratorKind);
  const { iteratorLifeMs } = streams.limits;
  const { streamName, shardIndex } = openIterator(sealer, contextOf(caller), token, 0, iteratorLifeMs);
  return { stream: streamName, shards: [shardIdOf(shardIndex)] };
}

function shardsOfRecords(
  streams: Streams,
  StreamName: string,
  records: readonly PutRecordsEntry[],
  caller: Caller,
): readonly string[] {
  const stream = streams.writable({ StreamName }, caller, 'PutRecords');
  if (stream.strategy === 'AUTO') {
    return streams.takeTurns(stream, records.length, caller).map(({ index }) => shardIdOf(index));
  }
  const batch = putBatchFromInput({ StreamName }, records);
  if ('invalidHashKey' in batch) return [];
  const ring = ringOf(stream);
  return ring.route(batch.hashes, batch.count).shards.map(({ index }) => shardIdOf(index));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
