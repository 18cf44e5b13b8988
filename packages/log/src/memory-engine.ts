/**
 * The log engine that keeps everything in memory: for tests and for servers that promise to forget.
 *
 * Invariant: what is appended is at once durable in the only sense there is here, visible, and acknowledged. Its
 * memory is bounded by `bytesMax`; at the bound an append answers `full` until something is trimmed or deleted.
 */
import { assert, type Clock, mib } from '@millrace/base';
import type {
  AppendBatch,
  AppendOutcome,
  ControlOutcome,
  EngineCounters,
  EngineHealth,
  LogEngine,
  LogId,
  LogState,
  Position,
  ReadRequest,
  ReadResult,
  SealResult,
} from './contract.js';
import { type Grouping, groupByLog } from './grouping.js';
import { LogError } from './log-error.js';
import { assertLogId } from './log-id.js';
import { Page } from './page.js';
import { type BatchRecords, type Run, RunList } from './run.js';
import { Waiters, waitIsOver } from './waiters.js';

export interface MemoryEngineOptions {
  readonly clock: Clock;
  /** Payload bytes kept, all logs together; past it appends answer `full`. Default 1 GiB. */
  readonly bytesMax?: number;
}

const bytesMaxDefault = 1024 * mib;
const waitersMax = 100_000;

interface MemoryLog {
  readonly runs: RunList;
  firstPosition: Position;
  endPosition: Position;
  sealed: boolean;
  lastArrivalMs: number;
}

export function openMemoryEngine(options: MemoryEngineOptions): LogEngine {
  return new MemoryEngine(options);
}

/** The engine itself, with the two doors that the awkward engine needs: one log of a batch at a time, and gaps. */
export class MemoryEngine implements LogEngine {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #logs = new Map<LogId, MemoryLog>();
  readonly #waiters = new Waiters(waitersMax);
  #bytes = 0;
  #closed = false;
  #appends = 0;
  #records = 0;
  #payloadBytes = 0;

  constructor(options: MemoryEngineOptions) {
    this.#clock = options.clock;
    this.#bytesMax = options.bytesMax ?? bytesMaxDefault;
  }

  async create(logs: readonly LogId[]): Promise<ControlOutcome> {
    this.#assertOpen();
    for (const id of logs) {
      assertLogId(id);
      if (this.#logs.has(id)) continue;
      const log = { runs: new RunList(), firstPosition: 0, endPosition: 0, sealed: false, lastArrivalMs: 0 };
      this.#logs.set(id, log);
    }
    return 'done';
  }

  async append(batch: AppendBatch): Promise<readonly AppendOutcome[]> {
    this.#assertOpen();
    const grouping = groupByLog(batch);
    const records = { payload: batch.payload, ends: batch.ends, order: grouping.order };
    this.#appends++;
    return batch.logs.map((_, index) => this.appendToOne(batch, grouping, records, index));
  }

  /** Appends what a batch holds for its log number `index`. */
  appendToOne(batch: AppendBatch, grouping: Grouping, records: BatchRecords, index: number): AppendOutcome {
    const id = batch.logs[index] as LogId;
    const orderStart = index === 0 ? 0 : (grouping.stops[index - 1] as number);
    const count = (grouping.stops[index] as number) - orderStart;
    const log = this.#logs.get(id);
    if (log === undefined) return { kind: 'missing' };
    if (log.sealed) return { kind: 'sealed' };
    const firstPosition = log.endPosition;
    const arrivalMs = Math.max(this.#clock.now(), log.lastArrivalMs);
    if (count === 0) return { kind: 'appended', firstPosition, arrivalMs };
    const run: Run = { batch: records, firstPosition, count, arrivalMs, orderStart };
    const bytes = runBytes(run);
    if (this.#bytes + bytes > this.#bytesMax && batch.urgent !== true) return { kind: 'full' };
    log.runs.push(run);
    log.endPosition += count;
    log.lastArrivalMs = arrivalMs;
    this.#bytes += bytes;
    this.#records += count;
    this.#payloadBytes += bytes;
    this.#waiters.wake(id, this.state(id));
    return { kind: 'appended', firstPosition, arrivalMs };
  }

  /** Leaves `positions` of a log empty for ever. */
  leaveGap(id: LogId, positions: number): void {
    const log = this.#logs.get(id);
    if (log !== undefined && !log.sealed) log.endPosition += positions;
  }

  async read(request: ReadRequest): Promise<ReadResult> {
    this.#assertOpen();
    const log = this.#logs.get(request.log);
    const state = this.state(request.log);
    if (log === undefined || state === undefined) return { kind: 'missing' };
    const page = new Page(request.recordsMax, request.bytesMax);
    let position = Math.max(request.from, log.firstPosition);
    for (let i = log.runs.find(position); !page.full; i++) {
      const run = log.runs.at(i);
      if (run === undefined) {
        position = Math.max(position, log.endPosition);
        break;
      }
      position = page.share(run, Math.max(position, run.firstPosition));
    }
    return { kind: 'records', records: page.finish(), nextPosition: position, state };
  }

  state(id: LogId): LogState | undefined {
    const log = this.#logs.get(id);
    if (log === undefined) return undefined;
    const { firstPosition, endPosition, sealed, lastArrivalMs } = log;
    return { firstPosition, endPosition, sealed, lastArrivalMs };
  }

  async findByArrival(id: LogId, arrivalMs: number): Promise<Position | undefined> {
    this.#assertOpen();
    const log = this.#logs.get(id);
    if (log === undefined) return undefined;
    const run = log.runs.at(log.runs.findArrival(arrivalMs));
    return run === undefined ? log.endPosition : Math.max(run.firstPosition, log.firstPosition);
  }

  async waitFor(id: LogId, position: Position, signal?: AbortSignal): Promise<void> {
    this.#assertOpen();
    signal?.throwIfAborted();
    if (waitIsOver(this.state(id), position)) return;
    await this.#waiters.wait(id, position, signal);
  }

  async seal(id: LogId): Promise<SealResult> {
    this.#assertOpen();
    const log = this.#logs.get(id);
    if (log === undefined) return { kind: 'missing' };
    log.sealed = true;
    this.#waiters.wake(id, this.state(id));
    return { kind: 'sealed', endPosition: log.endPosition };
  }

  async trim(id: LogId, before: Position): Promise<ControlOutcome> {
    this.#assertOpen();
    const log = this.#logs.get(id);
    if (log === undefined) return 'done';
    log.firstPosition = Math.max(log.firstPosition, Math.min(before, log.endPosition));
    this.#dropRuns(log, log.firstPosition);
    return 'done';
  }

  async delete(logs: readonly LogId[]): Promise<ControlOutcome> {
    this.#assertOpen();
    for (const id of logs) {
      const log = this.#logs.get(id);
      if (log === undefined) continue;
      this.#dropRuns(log, log.endPosition);
      this.#logs.delete(id);
      this.#waiters.wake(id, undefined);
    }
    return 'done';
  }

  list(): readonly LogId[] {
    return [...this.#logs.keys()];
  }

  health(): EngineHealth {
    const full = this.#bytes >= this.#bytesMax;
    return { writable: !full, reason: full ? `${this.#bytesMax} bytes of memory are in use` : undefined };
  }

  counters(): EngineCounters {
    return {
      appends: this.#appends,
      records: this.#records,
      payloadBytes: this.#payloadBytes,
      commits: this.#appends,
      syncs: 0,
      syncMs: 0,
      diskBytes: 0,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiters.rejectAll(new LogError('closed', 'the log was closed'));
  }

  #dropRuns(log: MemoryLog, before: Position): void {
    for (let run = log.runs.at(0); run !== undefined; run = log.runs.at(0)) {
      if (run.firstPosition + run.count > before) return;
      this.#bytes -= runBytes(run);
      log.runs.shift();
    }
    assert(this.#bytes >= 0, 'more bytes were dropped than kept');
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogError('closed', 'the log was closed');
  }
}

function runBytes(run: Run): number {
  const { ends, order } = run.batch;
  let bytes = 0;
  for (let i = run.orderStart; i < run.orderStart + run.count; i++) {
    const record = order === undefined ? i : (order[i] as number);
    bytes += (ends[record] as number) - (record === 0 ? 0 : (ends[record - 1] as number));
  }
  return bytes;
}
