import { shardIdOf } from '@millrace/wire';
import * as errors from './errors.js';
import type { PutGate } from './put-gate.js';

/** Says which records of a put fail, and with which code. */
export interface RecordFaults {
  failRecords(
    stream: string,
    count: number,
    shardOf: (record: number) => string,
  ): ReadonlyMap<number, 'ProvisionedThroughputExceededException' | 'InternalFailure'> | undefined;
}

/** Faults of single records, as a gate of puts. */
export function recordFaultGate(faults: RecordFaults): PutGate {
  return {
    refuse({ stream, shards, slotOf }) {
      const shardOf = (record: number): string => shardIdOf(shards[slotOf[record] ?? 0]?.index ?? 0);
      const failed = faults.failRecords(stream.name, slotOf.length, shardOf);
      if (failed === undefined) return undefined;
      return new Map(
        [...failed].map(([record, code]) => [
          record,
          code === 'InternalFailure'
            ? errors.recordFailure()
            : errors.shardThroughputExceeded(stream, shardOf(record)),
        ]),
      );
    },
  };
}
