/**
 * A batch's records grouped by log, so that the records of one log are found without walking those of the others.
 *
 *      logOf   │ 0 │ 2 │ 0 │ 1 │ 2 │
 *      order   │ 0   2 │ 3 │ 1   4 │   ◀── record indices, log after log, each in the batch's order
 *      stops   └──── 2 ┴ 3 ┴──── 5       where each log's part of them ends
 *
 * Invariant: the stops rise to the number of records, and `order` is a permutation of their indices. A batch for one
 * log needs no order: its records already lie as they are wanted.
 */
import { assert } from '@millrace/base';
import type { AppendBatch } from './contract.js';

export interface Grouping {
  /** For each of the batch's logs, where its records end in `order`; they begin where the previous log's end. */
  readonly stops: Uint32Array;
  readonly order: Uint32Array | undefined;
}

/** Groups `batch`, and asserts on the way that it is well-formed. */
export function groupByLog(batch: AppendBatch): Grouping {
  const { logs, logOf, ends, payload } = batch;
  const records = ends.length;
  assert(logOf.length === records, 'a batch names one log for each record');
  const stops = new Uint32Array(logs.length);
  let previous = 0;
  for (let i = 0; i < records; i++) {
    const end = ends[i] as number;
    const log = logOf[i] as number;
    assert(end >= previous && log < logs.length, 'a record ends before it starts, or has no log');
    stops[log] = (stops[log] as number) + 1;
    previous = end;
  }
  assert(previous <= payload.length, 'a record ends past the payload');
  if (logs.length <= 1) return { stops, order: undefined };
  // From how many there are of each log to where each begins; filling in the order moves that to where it ends.
  let begin = 0;
  for (let s = 0; s < logs.length; s++) {
    const count = stops[s] as number;
    stops[s] = begin;
    begin += count;
  }
  const order = new Uint32Array(records);
  for (let i = 0; i < records; i++) {
    const log = logOf[i] as number;
    const at = stops[log] as number;
    order[at] = i;
    stops[log] = at + 1;
  }
  return { stops, order };
}
