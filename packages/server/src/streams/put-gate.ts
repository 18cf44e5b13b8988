import type { AwsError } from '@millrace/wire';
import type { Shard, Stream } from './stream.js';

/** Records on their way to their shards: record i goes to `shards[slotOf[i]]` and ends at `ends[i]` of its payload. */
export interface RoutedRecords {
  readonly stream: Stream;
  readonly shards: readonly Shard[];
  readonly slotOf: Uint32Array;
  readonly ends: Uint32Array;
}

/** What may refuse single records, in the turn of their append: rates and faults. */
export interface PutGate {
  /** The records that are refused, each with what its client is told; undefined when none is. */
  refuse(records: RoutedRecords): ReadonlyMap<number, AwsError> | undefined;
}

/** Those there are, in their order; undefined for none, which is what puts look at. */
export function putGates(...gates: readonly (PutGate | undefined)[]): readonly PutGate[] | undefined {
  const standing = gates.filter((gate) => gate !== undefined);
  return standing.length === 0 ? undefined : standing;
}
