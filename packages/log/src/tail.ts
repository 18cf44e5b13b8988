/**
 * The newest batches, kept in memory by reference so that followers never read them from a file.
 *
 *      batches  oldest ──▶ │ 17 │ 18 │ 19 │ 20 │ ◀── newest, whatever their logs
 *      a batch             payload, ends, order │ for each section: log, position, stop        shared by all its logs
 *      each log's runs     (17, 3) (18, 0) (20, 7)       the section s of batch b: see log-runs.ts
 *      their memory        │  m4       │  m5 │  m6 │     one piece of it may be under some batches that follow each other
 *
 * Invariant: at most `bytesMax` bytes are held, and no more than the budget leaves, counted as what the memory really is (a
 * small payload that is a view of a large buffer is copied first); the oldest batch goes first, whole, so that no log keeps
 * a batch alive that the others are through with. Memory that the last batch over it has left, and that no reader was
 * given, is told of: whoever made it may use it again.
 */
import { present } from '@millrace/base';
import type { Position } from './contract.js';
import type { Sections } from './frame.js';
import type { MemoryBudget, MemoryShare } from './memory-budget.js';
import type { Page } from './page.js';
import type { RegisteredLog } from './registry.js';
import type { BatchRecords, Run } from './run.js';

interface TailBatch {
  readonly records: BatchRecords;
  readonly sections: Sections<RegisteredLog>;
  readonly bytes: number;
  readonly held: HeldMemory;
}

/** Memory under batches of the tail. */
interface HeldMemory {
  readonly memory: ArrayBufferLike;
  batches: number;
  lent: boolean;
}

/** What a section costs with its run, and a batch beside its bytes: estimated from their fields. */
const sectionBytes = 40;
const batchBytes = 512;
/** A payload whose buffer holds more than this besides it does not keep that buffer alive. */
const slackBytesMax = 16 * 1024;

export class Tail {
  readonly #bytesMax: number;
  readonly #memory: MemoryShare;
  readonly #forgotten: ((memory: ArrayBufferLike) => void) | undefined;
  readonly #held = new Map<ArrayBufferLike, HeldMemory>();
  #batches: (TailBatch | undefined)[] = [];
  #head = 0;
  /** The number of the batch at the head, of 32 bits. */
  #oldest = 0;

  /** `forgotten` is told of memory, once, when nothing here refers to it any more, nor ever will somebody who read. */
  constructor(budget: MemoryBudget, bytesMax: number, forgotten?: (memory: ArrayBufferLike) => void) {
    this.#bytesMax = bytesMax;
    this.#forgotten = forgotten;
    this.#memory = budget.share(() => this.#evict());
  }

  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Adds what one synced frame gave to the logs of its sections. */
  push(records: BatchRecords, sections: Sections<RegisteredLog>): void {
    const { payload, ends, order } = records;
    const { logs } = sections;
    const held = this.#hold(payload.buffer);
    const bytes = ends.byteLength + (order?.byteLength ?? 0) + logs.length * sectionBytes + batchBytes;
    const number = (this.#oldest + this.#batches.length - this.#head) >>> 0;
    for (let s = 0; s < logs.length; s++) logs[s]?.runs.push(number, s, this.#oldest);
    this.#batches.push({ records, sections, bytes, held });
    this.#memory.take(bytes);
    while (this.#memory.bytes > this.#bytesMax) this.#evict();
  }

  /** The first position of `log` that is here; `undefined` when nothing of it is. */
  firstPosition(log: RegisteredLog): Position | undefined {
    return this.#first(log)?.firstPosition;
  }

  /** The position of the first record that arrived at or after `arrivalMs`, if what arrived before it is here, too. */
  findArrival(log: RegisteredLog, arrivalMs: number): Position | undefined {
    const first = this.#first(log);
    if (first === undefined || first.arrivalMs >= arrivalMs) return undefined;
    const at = this.#search(log, (run) => this.#run(log, run).arrivalMs >= arrivalMs);
    return at === log.runs.length ? undefined : this.#run(log, at).firstPosition;
  }

  /** Fills `page` by reference from `from` on, if that is here; answers where to read on. */
  read(log: RegisteredLog, from: Position, page: Page): Position {
    const first = this.firstPosition(log);
    if (first === undefined || first > from) return from;
    let position = from;
    let at = this.#search(log, (run) => {
      const { firstPosition, count } = this.#run(log, run);
      return firstPosition + count > position;
    });
    for (; !page.full; at++) {
      if (at === log.runs.length) return Math.max(position, log.end);
      const run = this.#run(log, at);
      run.batch.lent = true;
      position = page.share(run, Math.max(position, run.firstPosition));
    }
    return position;
  }

  #first(log: RegisteredLog): Run | undefined {
    log.runs.dropBefore(this.#oldest);
    return log.runs.length === 0 ? undefined : this.#run(log, 0);
  }

  /** Run `at` of those that the log has here. */
  #run(log: RegisteredLog, at: number): Run {
    const index = this.#head + ((log.runs.batchOf(at) - this.#oldest) >>> 0);
    const { records, sections } = present(this.#batches[index], 'a batch with a run of the log');
    const section = log.runs.sectionOf(at);
    const { positions, stops, arrivalMs } = sections;
    const orderStart = section === 0 ? 0 : (stops[section - 1] as number);
    const count = (stops[section] as number) - orderStart;
    return { batch: records, firstPosition: positions[section] as number, count, arrivalMs, orderStart };
  }

  /** The first run that `holds`, which all behind it do, too; the number of runs when none does. */
  #search(log: RegisteredLog, holds: (run: number) => boolean): number {
    let low = 0;
    let high = log.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #evict(): boolean {
    const batch = this.#batches[this.#head];
    if (batch === undefined) return false;
    this.#batches[this.#head++] = undefined;
    this.#memory.give(batch.bytes);
    const number = this.#oldest;
    this.#oldest = (number + 1) >>> 0;
    for (const log of batch.sections.logs) log?.runs.evicted(number);
    this.#release(batch.held, batch.records.lent === true);
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

/** Whether `payload` is a small part of a large buffer: the tail wants a copy of it. */
export function hasSlack(payload: Uint8Array): boolean {
  const slack = payload.buffer.byteLength - payload.byteLength;
  return slack > Math.max(slackBytesMax, payload.byteLength);
}
