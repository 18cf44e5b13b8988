/** What nearly every client asks for: read at the start. All others (`index.ts`) are read with the first of them. */
import { createStream } from './create-stream.js';
import { describeStream } from './describe-stream.js';
import { describeStreamSummary } from './describe-stream-summary.js';
import { getRecords } from './get-records.js';
import { getShardIterator } from './get-shard-iterator.js';
import { listShards } from './list-shards.js';
import { listStreams } from './list-streams.js';
import { putRecord } from './put-record.js';
import { putRecords } from './put-records.js';

export const frequentOperations = [
  createStream,
  describeStream,
  describeStreamSummary,
  getRecords,
  getShardIterator,
  listShards,
  listStreams,
  putRecord,
  putRecords,
] as const;
