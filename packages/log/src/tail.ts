/**
 * The newest batches, kept in memory by reference so that followers never read them from a file.
 *
 *      batches  oldest ──▶ │ b17 │ b18 │ b19 │ b20 │ ◀── newest, whatever their logs
 *      each log's runs       r       r           r       runs into those batches
 *      their memory        │  m4       │  m5 │  m6 │     one piece of it may be under some batches that follow each other
 *
 * Invariant: at most `bytesMax` bytes are held, and no more than the budget leaves, counted as what the memory really is (a
 * small payload that is a view of a large buffer is copied first); the oldest batch goes first, and with it the first
 * run of each of its logs. Memory that the last batch over it has left, and that no reader was given, is told of: whoever made
 * it may use it again.
 */
import type { Position } from './contract.js';
import type { MemoryBudget, MemoryShare } from './memory-budget.js';
import type { Page } from './page.js';
import type { RegisteredLog } from './registry.js';
import type { Run } from './run.js';

interface TailBatch {
  readonly logs: readonly RegisteredLog[];
  readonly runs: readonly Run[];
  readonly bytes: number;
  readonly held: HeldMemory;
}

/** Memory under batches of the tail. */
interface HeldMemory {
  readonly memory: ArrayBufferLike;
  batches: number;
  lent: boolean;
}

/** What a run and its places in lists cost, and what a batch costs beside its bytes: estimated from their fields. */
const runBytes = 128;
const batchBytes = 256;
/** A payload whose buffer holds more than this besides it does not keep that buffer alive. */
const slackBytesMax = 16 * 1024;

export class Tail {
  readonly #bytesMax: number;
  readonly #memory: MemoryShare;
  readonly #forgotten: ((memory: ArrayBufferLike) => void) | undefined;
  readonly #held = new Map<ArrayBufferLike, HeldMemory>();
  #batches: (TailBatch | undefined)[] = [];
  #head = 0;

  /** `forgotten` is told of memory, once, when nothing here refers to it any more, nor ever will somebody who read. */
  constructor(budget: MemoryBudget, bytesMax: number, forgotten?: (memory: ArrayBufferLike) => void) {
    this.#bytesMax = bytesMax;
    this.#forgotten = forgotten;
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
    const held = this.#hold(payload.buffer);
    const bytes = ends.byteLength + (order?.byteLength ?? 0) + runs.length * runBytes + batchBytes;
    for (let i = 0; i < runs.length; i++) (logs[i] as RegisteredLog).runs.push(runs[i] as Run);
    this.#batches.push({ logs, runs, bytes, held });
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
    this.#release(batch.held, batch.runs[0]?.batch.lent === true);
    if (this.#head > 1024 && this.#head * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
    return true;
  }

  #hold(memory: ArrayBufferLike): HeldMemory {
    const known = this.#held.get(memory);
    const held = known ?? { memory, batches: 0, lent: false };
    held.batches++;
    if (known !== undefined) return held;
    this.#held.set(memory, held);
    this.#memory.take(memory.byteLength);
    return held;
  }

  #release(held: HeldMemory, lent: boolean): void {
    held.batches--;
    held.lent ||= lent;
    if (held.batches > 0) return;
    this.#held.delete(held.memory);
    this.#memory.give(held.memory.byteLength);
    if (!held.lent) this.#forgotten?.(held.memory);
  }
}

/** Fills `page` from the runs in memory, if they go on at `position`. */
export function shareTail(log: RegisteredLog, from: Position, page: Page): Position {
  let position = from;
  const first = log.runs.at(0);
  if (first === undefined || first.firstPosition > position) return position;
  for (let i = log.runs.find(position); !page.full; i++) {
    const run = log.runs.at(i);
    if (run === undefined) return Math.max(position, log.end);
    run.batch.lent = true;
    position = page.share(run, Math.max(position, run.firstPosition));
  }
  return position;
}

/** `payload`, or a copy of it when it is a small part of a large buffer. */
export function withoutSlack(payload: Uint8Array): Uint8Array {
  const slack = payload.buffer.byteLength - payload.byteLength;
  return slack > Math.max(slackBytesMax, payload.byteLength) ? new Uint8Array(payload) : payload;
}
