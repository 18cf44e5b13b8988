/**
 * A large batch in parts, each for a frame of its own, so that it is read back, checked and copied a part at a time and
 * holds up nobody.
 *
 *      batch │ r0 r1 r2 │ r3 │ r4 r5 │        a part is as many records as fit, one at the least
 *
 * Invariant: parts follow each other as the records do, over the same memory; the records of a log stay in their order.
 */
import type { AppendBatch } from './contract.js';

/** `batch` in parts of at most `bytesMax`, or of one record. */
export function batchParts(batch: AppendBatch, bytesMax: number): readonly AppendBatch[] {
  const { ends, payload } = batch;
  if (payload.length <= bytesMax || ends.length <= 1) return [batch];
  const parts: AppendBatch[] = [];
  let first = 0;
  let start = 0;
  for (let i = 1; i <= ends.length; i++) {
    const end = ends[i - 1] as number;
    if (i < ends.length && (ends[i] as number) - start <= bytesMax) continue;
    parts.push({
      logs: batch.logs,
      logOf: batch.logOf.subarray(first, i),
      ends: ends.subarray(first, i).map((each) => each - start),
      payload: payload.subarray(start, end),
    });
    first = i;
    start = end;
  }
  return parts;
}

/** How many parts there are at the most: each two of a row hold more than `bytesMax`. */
export function batchPartsMax(batch: AppendBatch, bytesMax: number): number {
  if (batch.payload.length <= bytesMax) return 1;
  return Math.min(batch.ends.length, 1 + 2 * Math.ceil(batch.payload.length / Math.max(1, bytesMax)));
}
