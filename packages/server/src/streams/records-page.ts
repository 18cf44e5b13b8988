import type { RecordBatch } from '@millrace/log';
import type { Addressed } from './address.js';
import type { Shard, Stream } from './stream.js';

export interface GetRecordsRequest extends Addressed {
  readonly ShardIterator: string;
  readonly Limit?: number | undefined;
}

export interface GetRecordsResult {
  readonly stream: Stream;
  readonly shard: Shard;
  readonly records: RecordBatch;
  /** Undefined when the shard has ended. */
  readonly nextIterator: string | undefined;
  readonly millisBehindLatest: number;
  /** The shards that took over, when this one has ended. */
  readonly children: readonly Shard[];
  /** Of every record of the page. */
  readonly encryptionType: 'KMS' | undefined;
  /** There where the records were borrowed of the log, to be called when nobody looks at them any more. */
  readonly release: (() => void) | undefined;
}
