/**
 * The log engine on a disk.
 *
 *      append, create, seal, trim, delete ──▶ group-commit ──▶ journal files
 *                                                  │ once synced                  │ settler, in the background
 *                                                  │                              ▼
 *                                                  │                         chunk files
 *                                                  ▼
 *      read, findByArrival ◀── tail (memory) or reader (files) ◀── registry: logs, positions, indexes
 *      state, waitFor      ◀────────────────────────────────────────┘
 *
 * Invariant: written ≥ synced ≥ trimmed for each log, and only what is synced is visible or acknowledged. This file
 * only connects the parts; each says its own invariant.
 */
import { endianness } from 'node:os';
import { assert, type Clock, type Random, systemRandom } from '@millrace/base';
import { AppendPreparation, type InSlices } from './append-preparation.js';
import type { Canaries } from './canaries.js';
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
import type { Disk, DiskLock } from './disk.js';
import { FrameCache } from './frame-cache.js';
import { GroupCommit } from './group-commit.js';
import type { Journal } from './journal.js';
import { type NativeLimits, nativeLimits } from './limits.js';
import { asLogError, LogError } from './log-error.js';
import { assertLogId } from './log-id.js';
import type { Settled } from './manifest-recovery.js';
import { MemoryBudget } from './memory-budget.js';
import { Page } from './page.js';
import { PageMemory, type PageSlabs } from './page-memory.js';
import { Reader } from './reader.js';
import { type Recovered, type RecoveryReport, recover } from './recovery.js';
import type { Registry } from './registry.js';
import { appendBytes, type Request } from './request.js';
import { Reserve } from './reserve.js';
import { ReturningCallers } from './returning-callers.js';
import { Settler } from './settler.js';
import type { SnapshotProgress, SnapshotResult, SnapshotTarget } from './snapshot.js';
import { SnapshotMaker } from './snapshot-maker.js';
import { type Sorter, sortJournal } from './sort-job.js';
import { Tail } from './tail.js';
import { Waiters, waitIsOver } from './waiters.js';

export interface NativeEngineOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** For the store's id and the reserve's bytes. Default: the operating system's. */
  readonly random?: Random;
  readonly limits?: Partial<NativeLimits>;
  /** Sorts journal files; whoever gives one closes it after the engine. Default: the caller's thread. */
  readonly sorter?: Sorter;
  /**
   * Real time, which nobody holds, and whose timers hold the process: on a slow disk commits are held for callers that
   * come back. Default: they are not.
   */
  readonly pace?: Clock;
  /** Told, once, when settling stops until the next opening, and why; the log goes on. */
  readonly settlingStopped?: (why: string) => void;
  /**
   * Told of the memory of payloads that the log looked at for the last time and gave to no reader, once for each: whoever
   * appended them may use it again, if they are through with it too. It may be called before the append is answered.
   */
  readonly forgotten?: (memory: ArrayBufferLike) => void;
  /** For what borrowed pages have of files. Default: they are not lent, and take memory of their own. */
  readonly slabs?: PageSlabs;
  /** How what a long append takes is done in slices, others having their turn in between. Default: at once. */
  readonly inSlices?: InSlices;
  /** For the simulator alone. */
  readonly canaries?: Canaries;
}

export interface NativeEngine extends LogEngine {
  /** The newest time that the disk knows: a clock that is to be believed must not stand before it. */
  readonly newestArrivalMs: number;
  readonly recovery: RecoveryReport;
  /** What waits to be written: prepared requests and their bytes, and calls that wait for room among them. */
  queued(): { readonly requests: number; readonly bytes: number; readonly waiting: number };
  /** What is held so as not to be read again, and the limit of that. */
  memory(): { readonly bytes: number; readonly bytesMax: number };
  /** How far old files are settled; `trouble` says why no more are, until the next opening. */
  settling(): SettlingState;
  /**
   * Copies the store as it stands at this call into an empty directory, where it opens as a store of its own: all that
   * was acknowledged before is in it. Everything goes on meanwhile. Rejects with `LogError`; what was made by then says
   * that it was never finished.
   */
  snapshot(target: SnapshotTarget, progress?: (progress: SnapshotProgress) => void): Promise<SnapshotResult>;
}

interface SettlingState {
  readonly chunks: number;
  readonly unsettledFiles: number;
  readonly trouble: string | undefined;
}

/** What a control request takes in the journal for each log, at most: a section and an id. */
const controlBytes = 256;

/**
 * Takes the disk's lock, recovers what is there, and opens it. Throws `LogError` with code `locked`, `foreign`,
 * `damaged` or `disk`.
 */
export async function openNativeEngine(options: NativeEngineOptions): Promise<NativeEngine> {
  assert(endianness() === 'LE', 'the journal is written in the byte order of little-endian machines');
  const limits = nativeLimits(options.limits);
  const canaries = options.canaries ?? {};
  const random = options.random ?? systemRandom;
  const { disk, clock } = options;
  const sorter = options.sorter ?? { sort: (job) => sortJournal(disk, job) };
  const lock = await asLogError(() => disk.lock());
  try {
    return await asLogError(async () => {
      const budget = new MemoryBudget(limits.memoryBytesMax);
      // What is made first gives way first: the tables come last.
      const frames = new FrameCache(budget, limits.keptFrameBytesMin);
      const tail = new Tail(budget, limits.tailBytesMax, options.forgotten);
      const recovered = await recover({ disk, limits, budget, canaries, random, nowMs: clock.now() });
      const { journal } = recovered;
      try {
        const reserve = new Reserve(disk, random, limits.reserveBytes, () => journal.syncDirectory());
        await reserve.open(await disk.list());
        const callers = new ReturningCallers(options.pace);
        const { settlingStopped = () => {}, slabs, inSlices } = options;
        const writing = { lock, reserve, sorter, callers, settlingStopped, inSlices };
        const reading = { recovered, budget, frames, tail, slabs };
        const engine = new OpenNativeEngine({ disk, clock, limits, canaries, ...writing, ...reading });
        await engine.begin();
        return engine;
      } catch (error) {
        await recovered.settled.pool.close();
        throw error;
      }
    });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface NativeEngineParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly limits: NativeLimits;
  readonly canaries: Canaries;
  readonly lock: DiskLock;
  readonly reserve: Reserve;
  readonly sorter: Sorter;
  readonly callers: ReturningCallers;
  readonly settlingStopped: (why: string) => void;
  readonly recovered: Recovered;
  readonly budget: MemoryBudget;
  readonly frames: FrameCache;
  readonly tail: Tail;
  readonly slabs: PageSlabs | undefined;
  readonly inSlices: InSlices | undefined;
}

class OpenNativeEngine implements NativeEngine {
  readonly recovery: RecoveryReport;
  readonly newestArrivalMs: number;
  readonly #limits: NativeLimits;
  readonly #lock: DiskLock;
  readonly #journal: Journal;
  readonly #settled: Settled;
  readonly #settler: Settler;
  readonly #registry: Registry;
  readonly #writer: GroupCommit;
  readonly #reader: Reader;
  readonly #waiters: Waiters;
  readonly #budget: MemoryBudget;
  readonly #tail: Tail;
  readonly #preparation: AppendPreparation;
  readonly #snapshots: SnapshotMaker;
  readonly #slabs: PageSlabs | undefined;
  #closing: Promise<void> | undefined;
  #appends = 0;
  #records = 0;
  #payloadBytes = 0;
  #commitsBefore = 0;
  #syncsBefore = 0;

  constructor(parts: NativeEngineParts) {
    const { disk, clock, limits, canaries, lock, reserve, sorter, callers } = parts;
    const { recovered, budget, frames, tail } = parts;
    const { journal, registry, settled, newestMs, report } = recovered;
    this.recovery = report;
    this.newestArrivalMs = newestMs;
    this.#limits = limits;
    this.#budget = budget;
    this.#slabs = parts.slabs;
    this.#tail = tail;
    this.#preparation = new AppendPreparation(parts.inSlices, journal.chain.tag, limits);
    this.#lock = lock;
    this.#journal = journal;
    this.#registry = registry;
    this.#settled = settled;
    const settling = { disk, limits, canaries, journal, registry, reserve, sorter };
    this.#settler = new Settler({ ...settled, ...settling, stopped: parts.settlingStopped });
    this.#reader = new Reader(journal, settled.chunks, limits, budget, frames);
    const { settlingSliceBytes: sliceBytes } = limits;
    this.#snapshots = new SnapshotMaker({ disk, journal, chunks: settled.chunks, sliceBytes });
    this.#waiters = new Waiters(limits.waitersMax);
    const changed = (id: LogId): void => {
      if (this.#waiters.count > 0 && this.#waiters.has(id)) this.#waiters.wake(id, this.state(id));
    };
    const writing = { clock, limits, canaries, journal, registry, tail, reserve, callers, newestMs, changed };
    this.#writer = new GroupCommit({ ...writing, settler: this.#settler });
  }

  /** Makes the new generation durable, and names what recovery kept as synced, before anything is served. */
  async begin(): Promise<void> {
    await this.#writer.mark();
    if (this.#writer.poisoned) throw new LogError('disk', this.#writer.trouble ?? 'the disk fails');
    this.#commitsBefore = this.#writer.commits;
    this.#syncsBefore = this.#writer.syncs;
    this.#writer.sweep();
  }

  append(batch: AppendBatch): Promise<readonly AppendOutcome[]> {
    const bytes = appendBytes(batch, this.#limits);
    this.#appends++;
    this.#records += batch.ends.length;
    this.#payloadBytes += batch.payload.length;
    if (this.#preparation.isWanted(batch)) return this.#appendLong(batch, bytes);
    return this.#submit((answer) => ({ kind: 'append', batch, bytes, prepared: undefined, answer }));
  }

  create(logs: readonly LogId[]): Promise<ControlOutcome> {
    for (const id of logs) assertLogId(id);
    const bytes = controlBytes * (logs.length + 1);
    return this.#submit((answer) => ({ kind: 'create', logs, bytes, answer }));
  }

  delete(logs: readonly LogId[]): Promise<ControlOutcome> {
    const bytes = controlBytes * (logs.length + 1);
    return this.#submit((answer) => ({ kind: 'delete', logs, bytes, answer }));
  }

  seal(log: LogId): Promise<SealResult> {
    return this.#submit((answer) => ({ kind: 'seal', log, bytes: controlBytes, answer }));
  }

  trim(log: LogId, before: Position): Promise<ControlOutcome> {
    return this.#submit((answer) => ({ kind: 'trim', log, before, bytes: controlBytes, answer }));
  }

  async read(request: ReadRequest): Promise<ReadResult> {
    this.#assertOpen();
    const log = this.#registry.get(request.log);
    if (log === undefined) return { kind: 'missing' };
    const slabs = request.borrowed === true ? this.#slabs : undefined;
    const memory = slabs && new PageMemory(slabs);
    const page = new Page(request.recordsMax, request.bytesMax, memory?.take);
    let position = Math.max(request.from, log.first);
    const tailFirst = this.#tail.firstPosition(log) ?? log.end;
    if (position < tailFirst) position = await this.#reader.read(log, position, page);
    position = this.#tail.read(log, position, page);
    const result = { records: page.finish(), nextPosition: position, state: log.state };
    return { kind: 'records', ...result, ...(memory && { release: () => memory.release() }) };
  }

  state(id: LogId): LogState | undefined {
    return this.#registry.get(id)?.state;
  }

  async findByArrival(id: LogId, arrivalMs: number): Promise<Position | undefined> {
    this.#assertOpen();
    const log = this.#registry.get(id);
    if (log === undefined) return undefined;
    const { end } = log;
    if (log.lastArrivalMs < arrivalMs) return end;
    if (arrivalMs <= log.noneBeforeMs) return log.first;
    const { first } = log;
    const inTail = this.#tail.findArrival(log, arrivalMs);
    const found = inTail ?? (await this.#reader.findArrival(log, arrivalMs));
    if (found !== undefined && found <= first) log.noneBeforeMs = Math.max(log.noneBeforeMs, arrivalMs);
    return Math.max(log.first, found ?? end);
  }

  async waitFor(id: LogId, position: Position, signal?: AbortSignal): Promise<void> {
    this.#assertOpen();
    signal?.throwIfAborted();
    if (waitIsOver(this.state(id), position)) return;
    await this.#waiters.wait(id, position, signal);
  }

  list(): readonly LogId[] {
    return Array.from(this.#registry.existing(), (log) => log.id);
  }

  health(): EngineHealth {
    const reason = this.#closing === undefined ? this.#writer.trouble : 'the log was closed';
    return { writable: reason === undefined, reason };
  }

  counters(): EngineCounters {
    return {
      appends: this.#appends,
      records: this.#records,
      payloadBytes: this.#payloadBytes,
      commits: this.#writer.commits - this.#commitsBefore,
      syncs: this.#writer.syncs - this.#syncsBefore,
      syncMs: this.#writer.syncMs,
      diskBytes: this.#journal.bytes + this.#settled.chunks.bytes,
    };
  }

  queued(): { readonly requests: number; readonly bytes: number; readonly waiting: number } {
    return this.#writer.queued;
  }

  memory(): { readonly bytes: number; readonly bytesMax: number } {
    const { bytes, bytesMax } = this.#budget;
    return { bytes, bytesMax };
  }

  settling(): SettlingState {
    const { unsettledFiles, trouble } = this.#settler;
    return { chunks: this.#settled.chunks.chunks.length, unsettledFiles, trouble };
  }

  snapshot(target: SnapshotTarget, progress?: (progress: SnapshotProgress) => void): Promise<SnapshotResult> {
    return asLogError(async () => {
      this.#assertOpen();
      return this.#snapshots.make(target, progress);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#waiters.rejectAll(new LogError('closed', 'the log was closed'));
    await asLogError(async () => {
      try {
        // Appends that are being prepared came before the call.
        await this.#preparation.idle();
        this.#writer.stop();
        await this.#snapshots.stop();
        await this.#writer.mark();
        await this.#writer.idle();
        await this.#reader.idle();
        await this.#journal.closeLanes();
        await this.#settled.pool.close();
      } finally {
        await this.#lock.release();
      }
    });
  }

  /** Not `async`: one more promise around each call costs a put of one record as much as queueing it does. */
  #submit<T>(make: (answer: (value: T) => void) => Request): Promise<T> {
    return new Promise((resolve) => {
      this.#assertOpen();
      this.#enqueue(make(resolve));
    });
  }

  /** It came before `close`, so it is queued, though it may be prepared after that. */
  async #appendLong(batch: AppendBatch, bytes: number): Promise<readonly AppendOutcome[]> {
    this.#assertOpen();
    const prepared = await this.#preparation.prepare(batch);
    return new Promise((answer) => this.#enqueue({ kind: 'append', batch, bytes, prepared, answer }));
  }

  #enqueue(request: Request): void {
    const fits = request.bytes <= this.#limits.commitBytesMax;
    assert(fits, `a call of ${request.bytes} bytes does not fit into a commit`);
    this.#writer.submit(request);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new LogError('closed', 'the log was closed');
  }
}
