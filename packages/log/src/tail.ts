/**
 * The newest batches, kept in memory by reference so that followers never read them from a file.
 *
 *      batches  oldest ──▶ │ b17 │ b18 │ b19 │ b20 │ ◀── newest, whatever their logs
 *      each log's runs       r       r           r       runs into those batches
 *
 * Invariant: at most `bytesMax` bytes are held, and no more than the budget leaves, counted as what the memory really is (a
 * small payload that is a view of a large buffer is copied first); the oldest batch goes first, and with it the first
 * run of each of its logs.
 */
import type { MemoryBudget, MemoryShare } from './memory-budget.js';
import type { RegisteredLog } from './registry.js';
import type { Run } from './run.js';

interface TailBatch {
  readonly logs: readonly RegisteredLog[];
  readonly runs: readonly Run[];
  readonly bytes: number;
}

/** What a run and its places in lists cost, and what a batch costs beside its bytes: estimated from their fields. */
const runBytes = 128;
const batchBytes = 256;
/** A payload whose buffer holds more than this besides it does not keep that buffer alive. */
const slackBytesMax = 16 * 1024;

export class Tail {
  readonly #bytesMax: number;
  readonly #memory: MemoryShare;
  #batches: (TailBatch | undefined)[] = [];
  #head = 0;

  constructor(budget: MemoryBudget, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#memory = budget.share(() => this.#evict());
  }

  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Adds the runs of one synced batch: `runs[i]` is of `logs[i]`. */
  push(logs: readonly RegisteredLog[], runs: readonly Run[]): void {
    const first = runs[0];
    if (first === undefined) return;
    const { payload, ends, order } = first.batch;
    const bytes =
      payload.byteLength + ends.byteLength + (order?.byteLength ?? 0) + runs.length * runBytes + batchBytes;
    for (let i = 0; i < runs.length; i++) (logs[i] as RegisteredLog).runs.push(runs[i] as Run);
    this.#batches.push({ logs, runs, bytes });
    this.#memory.take(bytes);
    while (this.#memory.bytes > this.#bytesMax) this.#evict();
  }

  #evict(): boolean {
    const batch = this.#batches[this.#head];
    if (batch === undefined) return false;
    this.#batches[this.#head++] = undefined;
    this.#memory.give(batch.bytes);
    for (let i = 0; i < batch.runs.length; i++) {
      const { runs } = batch.logs[i] as RegisteredLog;
      if (runs.at(0) === batch.runs[i]) runs.shift();
    }
    if (this.#head > 1024 && this.#head * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
    return true;
  }
}

/** `payload`, or a copy of it when it is a small part of a large buffer. */
export function withoutSlack(payload: Uint8Array): Uint8Array {
  const slack = payload.buffer.byteLength - payload.byteLength;
  return slack > Math.max(slackBytesMax, payload.byteLength) ? new Uint8Array(payload) : payload;
}
