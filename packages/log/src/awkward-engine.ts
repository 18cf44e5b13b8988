/**
 * The log engine that does everything its contract allows and a caller would rather not meet: gaps between appends,
 * slow and interleaved appends, outcomes nobody knows, seals that race puts. For tests of the code above the log.
 *
 *      append ──▶ wait ──▶ log by log:  ┬─ appended
 *                                       ├─ unknown, and appended        (wait) between any two
 *                                       ├─ unknown, and appended later
 *                                       └─ unknown, and never appended
 *
 * Invariant: it keeps the contract (the same suite runs against it), and the same `random` and clock give the same run.
 */
import { type Clock, chance, type Random, sleep } from '@millrace/base';
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
import { groupByLog } from './grouping.js';
import { LogError } from './log-error.js';
import { MemoryEngine } from './memory-engine.js';

export interface AwkwardEngineOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The most positions left empty after an append. Default 3. */
  readonly gapMax?: number;
  /** The longest wait before any step, in milliseconds of the clock. Default 5. */
  readonly slowMsMax?: number;
  /** How often an outcome is `unknown`, 0 to 1. Default 0.05. */
  readonly unknownChance?: number;
  readonly bytesMax?: number;
}

export function openAwkwardEngine(options: AwkwardEngineOptions): LogEngine {
  return new AwkwardEngine(options);
}

class AwkwardEngine implements LogEngine {
  readonly #memory: MemoryEngine;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #gapMax: number;
  readonly #slowMsMax: number;
  readonly #unknownChance: number;
  /** What is under way, so that `close` can wait for it. */
  readonly #pending = new Set<Promise<unknown>>();
  #closed = false;
  #appends = 0;

  constructor(options: AwkwardEngineOptions) {
    this.#memory = new MemoryEngine(options);
    this.#clock = options.clock;
    this.#random = options.random;
    this.#gapMax = options.gapMax ?? 3;
    this.#slowMsMax = options.slowMsMax ?? 5;
    this.#unknownChance = options.unknownChance ?? 0.05;
  }

  append(batch: AppendBatch): Promise<readonly AppendOutcome[]> {
    return this.#track(async () => {
      this.#appends++;
      const grouping = groupByLog(batch);
      const records = { payload: batch.payload, ends: batch.ends, order: grouping.order };
      const apply = (index: number): AppendOutcome => {
        const outcome = this.#memory.appendToOne(batch, grouping, records, index);
        this.#memory.leaveGap(batch.logs[index] as LogId, this.#random.integer(this.#gapMax + 1));
        return outcome;
      };
      const outcomes: AppendOutcome[] = [];
      for (let index = 0; index < batch.logs.length; index++) {
        await this.#wait();
        outcomes.push(
          chance(this.#random, this.#unknownChance) ? this.#unknown(() => apply(index)) : apply(index),
        );
      }
      return outcomes;
    });
  }

  create(logs: readonly LogId[]): Promise<ControlOutcome> {
    return this.#control(() => this.#memory.create(logs));
  }

  trim(log: LogId, before: Position): Promise<ControlOutcome> {
    return this.#control(() => this.#memory.trim(log, before));
  }

  delete(logs: readonly LogId[]): Promise<ControlOutcome> {
    return this.#control(() => this.#memory.delete(logs));
  }

  seal(log: LogId): Promise<SealResult> {
    return this.#track(async () => {
      await this.#wait();
      const sealed = await this.#memory.seal(log);
      return chance(this.#random, this.#unknownChance) ? { kind: 'unknown' } : sealed;
    });
  }

  read(request: ReadRequest): Promise<ReadResult> {
    return this.#track(async () => {
      await this.#wait();
      return this.#memory.read(request);
    });
  }

  findByArrival(log: LogId, arrivalMs: number): Promise<Position | undefined> {
    return this.#memory.findByArrival(log, arrivalMs);
  }

  waitFor(log: LogId, position: Position, signal?: AbortSignal): Promise<void> {
    return this.#memory.waitFor(log, position, signal);
  }

  state(log: LogId): LogState | undefined {
    return this.#memory.state(log);
  }

  list(): readonly LogId[] {
    return this.#memory.list();
  }

  health(): EngineHealth {
    return this.#memory.health();
  }

  counters(): EngineCounters {
    return { ...this.#memory.counters(), appends: this.#appends, commits: this.#appends };
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#pending.size > 0) await Promise.allSettled([...this.#pending]);
    await this.#memory.close();
  }

  /** Done or not, now or later: the caller is not told. */
  #unknown(apply: () => unknown): AppendOutcome {
    const fate = this.#random.integer(3);
    if (fate === 0) apply();
    if (fate === 1) void this.#track(() => this.#wait().then(apply), true);
    return { kind: 'unknown' };
  }

  #control(apply: () => Promise<ControlOutcome>): Promise<ControlOutcome> {
    return this.#track(async () => {
      await this.#wait();
      if (!chance(this.#random, this.#unknownChance)) return apply();
      if (chance(this.#random, 0.5)) await apply();
      return 'unknown';
    });
  }

  async #wait(): Promise<void> {
    const delayMs = this.#random.integer(this.#slowMsMax + 1);
    if (delayMs > 0) await sleep(this.#clock, delayMs);
  }

  async #track<T>(work: () => Promise<T>, started = false): Promise<T> {
    if (this.#closed && !started) throw new LogError('closed', 'the log was closed');
    const result = work();
    this.#pending.add(result);
    try {
      return await result;
    } finally {
      this.#pending.delete(result);
    }
  }
}
