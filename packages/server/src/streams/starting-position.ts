/**
 * The five ways to say where an iterator or a subscription begins, as positions in the shard's log. AWS's checks in AWS's order and
 * words (kinesalite, against AWS).
 *
 *      TRIM_HORIZON            the first that is left
 *      LATEST                  after everything that can be read now
 *      AT_TIMESTAMP            the first that arrived at or after
 *      AT_SEQUENCE_NUMBER      that one, or the next that is there
 *      AFTER_SEQUENCE_NUMBER   the first after it
 *
 * A sequence number need not be a record's: the shard's own start and end are taken too.
 */
import type { Position } from '@millrace/log';
import * as errors from './errors.js';
import { parseStartingSequenceNumber } from './foreign-sequence-number.js';
import type { Reader } from './reader.js';
import type { Shard, Stream } from './stream.js';

export type StartingType =
  | 'AT_SEQUENCE_NUMBER'
  | 'AFTER_SEQUENCE_NUMBER'
  | 'TRIM_HORIZON'
  | 'LATEST'
  | 'AT_TIMESTAMP';

export interface StartingPoint {
  readonly type: StartingType;
  readonly sequenceNumber?: string | undefined;
  readonly timestampMs?: number | undefined;
}

export async function startingPosition(
  reader: Reader,
  stream: Stream,
  shard: Shard,
  point: StartingPoint,
  nowMs: number,
  operationName: string,
): Promise<Position> {
  const { type, sequenceNumber, timestampMs } = point;
  if (sequenceNumber !== undefined) {
    if (type === 'TRIM_HORIZON' || type === 'LATEST') throw errors.startingSequenceNumberMisused(type, true);
    // AWS looks at a sequence number with AT_TIMESTAMP too, and then takes it for AFTER (kinesalite); we take the time.
    const position = positionOf(stream, shard, sequenceNumber, operationName);
    if (type !== 'AT_TIMESTAMP') return within(reader, stream, shard, type, position);
  }
  switch (type) {
    case 'TRIM_HORIZON':
      return 0;
    case 'LATEST':
      return reader.latest(stream, shard);
    case 'AT_TIMESTAMP':
      if (timestampMs === undefined) throw errors.timestampMissing();
      if (timestampMs > nowMs) throw errors.timestampInFuture(timestampMs, nowMs);
      return reader.at(stream, shard, timestampMs);
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      throw errors.startingSequenceNumberMisused(type, false);
  }
}

/** The position that a sequence number of this shard names: −1 for its start, infinite for its end. */
function positionOf(stream: Stream, shard: Shard, value: string, operationName: string): number {
  const parsed = parseStartingSequenceNumber(value);
  if (parsed === undefined)
    throw errors.startingSequenceNumberInvalid(stream, value, shard.index, operationName);
  if (parsed.shardIndex !== shard.index) {
    throw errors.startingSequenceNumberOfOtherShard(parsed.shardIndex, shard.index);
  }
  if (parsed.shardCreatedS !== Math.floor(shard.createdMs / 1000)) {
    throw errors.startingSequenceNumberOfOtherStream(stream, value, shard.index, operationName);
  }
  return parsed.position;
}

/** A place to read from that is no further than the shard's end: what lies beyond was never given out. */
function within(
  reader: Reader,
  stream: Stream,
  shard: Shard,
  type: StartingType,
  position: number,
): Position {
  const from = type === 'AFTER_SEQUENCE_NUMBER' ? position + 1 : position;
  return Math.min(Math.max(0, from), reader.latest(stream, shard));
}
