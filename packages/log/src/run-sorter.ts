/**
 * Sorts the records of one journal file that was salvaged by log, in memory, and makes blocks of them.
 *
 * Invariant: of each log, what was added is in its blocks once and in order. What is held is what was added: one journal
 * file's records, at most.
 */

import { asBuffer } from '@millrace/base';
import { type BlockShape, blockHeaderBytes, blockLayout, sealBlock, writeRun } from './chunk-block.js';
import type { WritableBlock } from './chunk-writer.js';
import { wordBuffer } from './integers.js';
import type { Run } from './run.js';

/** A block that was made, and its bytes, sealed but for its place. */
export interface MadeBlock {
  readonly block: WritableBlock;
  readonly bytes: Buffer;
}

interface HeldRecord {
  readonly position: number;
  readonly arrivalMs: number;
  readonly bytes: Uint8Array;
}

export class RunSorter {
  readonly #logs = new Map<number, HeldRecord[]>();

  /** Copies the records of `run` from position `from` on. */
  add(log: number, run: Run, from: number): void {
    const { batch, firstPosition, count, arrivalMs, orderStart } = run;
    let held = this.#logs.get(log);
    if (held === undefined) {
      held = [];
      this.#logs.set(log, held);
    }
    for (let i = Math.max(0, from - firstPosition); i < count; i++) {
      const record = batch.order === undefined ? orderStart + i : (batch.order[orderStart + i] ?? 0);
      const start = record === 0 ? 0 : (batch.ends[record - 1] ?? 0);
      const bytes = batch.payload.subarray(start, batch.ends[record]);
      held.push({ position: firstPosition + i, arrivalMs, bytes: new Uint8Array(bytes) });
    }
  }

  /** The blocks of all logs, log after log. */
  *blocks(tag: number, blockBytesMax: number): Iterable<MadeBlock> {
    for (const log of [...this.#logs.keys()].sort((a, b) => a - b)) {
      let records: HeldRecord[] = [];
      let bytes = blockHeaderBytes;
      for (const record of this.#logs.get(log) ?? []) {
        const more = record.bytes.length + recordSlackBytes;
        if (records.length > 0 && bytes + more > blockBytesMax) {
          yield madeBlock(log, records, tag);
          records = [];
          bytes = blockHeaderBytes;
        }
        records.push(record);
        bytes += more;
      }
      if (records.length > 0) yield madeBlock(log, records, tag);
      this.#logs.delete(log);
    }
  }
}

/** What a record takes of a block beside its bytes, at most: a run of its own, its end, and padding. */
const recordSlackBytes = 32;

function madeBlock(log: number, records: readonly HeldRecord[], tag: number): MadeBlock {
  const runs: { position: number; arrivalMs: number; count: number }[] = [];
  let payloadBytes = 0;
  for (const { position, arrivalMs, bytes } of records) {
    const run = runs.at(-1);
    if (run !== undefined && run.position + run.count === position && run.arrivalMs === arrivalMs)
      run.count++;
    else runs.push({ position, arrivalMs, count: 1 });
    payloadBytes += bytes.length;
  }
  const shape: BlockShape = { runCount: runs.length, recordCount: records.length, payloadBytes };
  const { endsAt, payloadAt, length } = blockLayout(shape);
  const { bytes: target, words } = wordBuffer(length);
  target.fill(0);
  for (const [i, run] of runs.entries()) writeRun(words, 0, i, run.position, run.arrivalMs, run.count);
  let end = 0;
  for (const [i, { bytes }] of records.entries()) {
    asBuffer(bytes).copy(target, payloadAt + end);
    end += bytes.length;
    target.writeUInt32LE(end, endsAt + i * 4);
  }
  sealBlock(target, 0, log, shape, tag);
  const { position: firstPosition = 0, arrivalMs: firstArrivalMs = 0 } = records[0] ?? {};
  return { block: { ...shape, log, firstPosition, firstArrivalMs }, bytes: target };
}
