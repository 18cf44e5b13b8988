/**
 * The same batch the general way: from an input that was decoded and validated, whatever protocol it came in.
 */
import { assert } from '@millrace/base';
import { hashKeyToWords, hashKeyWords, md5, parseHashKey } from '@millrace/wire';
import type { PutBatch } from '../put-batch.js';
import { storedHeaderBytes, writeStoredHeader } from '../stored-record.js';
import type { DistributionStrategy } from '../stream.js';

export interface PutRecordsEntry {
  readonly Data: Uint8Array;
  /** Missing only where the stream's strategy is AUTO: the record is kept with an empty key. */
  readonly PartitionKey?: string | undefined;
  readonly ExplicitHashKey?: string | undefined;
}

/** What the inputs of PutRecords and PutRecord have in common. */
export interface PutStream {
  readonly StreamName?: string | undefined;
  readonly StreamARN?: string | undefined;
}

/**
 * The batch of a PutRecords input; a PutRecord input is one of its own records. Answers the first ExplicitHashKey
 * that is no hash key (2^128 or more) where there is one: AWS's answer for it differs with the operation. A stream of
 * strategy AUTO looks at no hash key.
 */
export function putBatchFromInput(
  stream: PutStream,
  records: readonly PutRecordsEntry[],
  strategy: DistributionStrategy = 'USER_PARTITION_KEY',
): PutBatch | { readonly invalidHashKey: string } {
  const count = records.length;
  const ends = new Uint32Array(count);
  const keyBytes = new Uint32Array(count);
  let bytes = 0;
  for (const [index, record] of records.entries()) {
    const length = Buffer.byteLength(record.PartitionKey ?? '', 'utf8');
    keyBytes[index] = length;
    bytes += storedHeaderBytes + length + record.Data.length;
    ends[index] = bytes;
  }
  const payload = Buffer.allocUnsafeSlow(bytes);
  const hashes = new Uint32Array(count * hashKeyWords);
  let at = 0;
  for (const [index, record] of records.entries()) {
    const keyAt = writeStoredHeader(payload, at, keyBytes[index] ?? 0);
    const dataAt = keyAt + payload.write(record.PartitionKey ?? '', keyAt, 'utf8');
    payload.set(record.Data, dataAt);
    at = dataAt + record.Data.length;
    assert(at === ends[index], 'a record as long as it was measured');
    const explicit = strategy === 'AUTO' ? undefined : record.ExplicitHashKey;
    if (explicit === undefined) md5(payload, keyAt, dataAt, hashes, index * hashKeyWords);
    else {
      const key = parseHashKey(explicit);
      if (key === undefined) return { invalidHashKey: explicit };
      hashKeyToWords(key, hashes, index * hashKeyWords);
    }
  }
  return { streamName: stream.StreamName, streamArn: stream.StreamARN, count, payload, ends, hashes };
}
