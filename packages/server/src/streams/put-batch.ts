import { present } from '@millrace/base';
import type { AwsError } from '@millrace/wire';

/**
 * The records of one PutRecords or PutRecord call on their way to the log, as plain, transferable arrays: decoders
 * fill it from bytes, the domain routes it by hash, the log keeps `payload` as it is.
 *
 *      payload │ stored record 0 │ stored record 1 │ …      stored record i = payload[ends[i − 1] .. ends[i])
 *      hashes  │ w0 w1 w2 w3 │ w0 w1 w2 w3 │ …               128 bits a record, most significant word first
 *
 * A stored record is what `stored-record.ts` says: the partition key and the data.
 */
export interface PutBatch {
  readonly streamName: string | undefined;
  readonly streamArn: string | undefined;
  readonly count: number;
  readonly payload: Uint8Array;
  readonly ends: Uint32Array;
  /** MD5 of the partition key, or the explicit hash key: four words a record. */
  readonly hashes: Uint32Array;
}

/** The shard that an answer names: what its id and its sequence numbers are made of. */
export interface ShardIdentity {
  /** The number in `shardId-000000000007`. */
  readonly index: number;
  readonly createdMs: number;
}

/** What became of each record of a batch, as parallel arrays. */
export interface PutResult {
  readonly count: number;
  readonly shards: readonly ShardIdentity[];
  /** For each record, the index into `shards`. */
  readonly shardOf: Uint32Array;
  readonly positions: Float64Array;
  readonly arrivalsMs: Float64Array;
  readonly failedCount: number;
  /** What clients are told of records that were put while the stream had a key. */
  readonly encryptionType?: 'KMS' | undefined;
  /** Sparse, by record: set where the record was not taken. Undefined when all were. */
  readonly errors: ReadonlyMap<number, AwsError> | undefined;
}

/** Where a single record was taken: what its answer says. */
export interface TakenRecord {
  readonly shard: ShardIdentity;
  readonly position: number;
  readonly arrivalMs: number;
  readonly encryptionType?: 'KMS' | undefined;
}

/** The one record of a put; throws why it was not taken. */
export function takenRecord(result: PutResult): TakenRecord {
  const error = result.errors?.get(0);
  if (error !== undefined) throw error;
  const shard = present(result.shards[result.shardOf[0] ?? 0], 'the shard of a record that was taken');
  const { positions, arrivalsMs, encryptionType } = result;
  return { shard, position: positions[0] ?? 0, arrivalMs: arrivalsMs[0] ?? 0, encryptionType };
}
