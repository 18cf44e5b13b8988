/**
 * The contract of a log engine.
 *
 * A *log* is an ordered, append-only sequence of opaque records: one a shard, and some of our own (the catalog).
 * The contract is written so that a local disk, a Kafka cluster and an awkward test engine can all keep it, and so
 * that everything that crosses it is plain, transferable data: more threads may take requests in while one owns the
 * log.
 *
 *      create ──▶ open ──seal──▶ sealed ──┐
 *                  └───────────────────────┴──delete──▶ missing
 *
 * Invariants that every engine keeps, and that `contract-suite.ts` checks:
 * - Only what is durable is acknowledged, and only what is durable is visible to reads.
 * - Positions rise within a log. The records of one append to one log are consecutive; between appends there may be
 *   gaps. Nobody outside an engine computes position + 1: a read returns `nextPosition` even when it found nothing.
 * - Arrival times (milliseconds since the epoch) never fall within a log.
 * - trimmed ≤ synced ≤ written.
 * - After a seal nothing more is acknowledged, and the end position never changes again.
 */

/** A unique id: 1 to 128 characters of `[A-Za-z0-9_./:-]`. Never a stream's name: names come back, ids do not. */
export type LogId = string;

/** A place in a log: a non-negative safe integer. */
export type Position = number;

/**
 * Records for one or many logs. All arrays are the engine's to keep once `append` is called.
 *
 *      payload │ record 0 │ record 1 │ … │          record i = payload[ends[i − 1] .. ends[i])
 *      logOf   │     0    │     2    │              goes to logs[logOf[i]]
 */
export interface AppendBatch {
  /** The logs that the batch touches, each once. */
  readonly logs: readonly LogId[];
  /** For each record, the index into `logs`. Its length is the count of records. */
  readonly logOf: Uint32Array;
  /** For each record, where its bytes end in `payload`; they start where the previous record's end. */
  readonly ends: Uint32Array;
  readonly payload: Uint8Array;
  /** May use the space kept back for a full disk: for the commands that make room again, never for data. */
  readonly urgent?: boolean;
}

/** What became of a batch's records for one log: all of them or none. */
export type AppendOutcome =
  | { readonly kind: 'appended'; readonly firstPosition: Position; readonly arrivalMs: number }
  /** The log was sealed before the append; the records belong to its children now. */
  | { readonly kind: 'sealed' }
  /** No room on the disk. Nothing was written; the engine is healthy and resumes when there is room. */
  | { readonly kind: 'full' }
  /** An earlier write or sync failed. The engine takes no more writes until it is restarted; reads go on. */
  | { readonly kind: 'poisoned' }
  /** The engine cannot say whether the records are in the log. They may appear later, or never. */
  | { readonly kind: 'unknown' }
  /** There is no such log. */
  | { readonly kind: 'missing' };

export interface ReadRequest {
  readonly log: LogId;
  /** The first position wanted; a trimmed one reads from the first that is left. */
  readonly from: Position;
  readonly recordsMax: number;
  /** Bytes of records; the first record is returned whatever its size. */
  readonly bytesMax: number;
  /** The caller will say when it is through with the records, so that their memory may be lent. See `release`. */
  readonly borrowed?: boolean;
}

/**
 * Records as parallel arrays over shared buffers: record i is
 * `buffers[bufferOf[i]].subarray(starts[i], ends[i])`. The buffers belong to the engine: they are read, never written.
 */
export interface RecordBatch {
  readonly count: number;
  readonly positions: Float64Array;
  readonly arrivalsMs: Float64Array;
  readonly buffers: readonly Uint8Array[];
  readonly bufferOf: Uint32Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

export type ReadResult =
  | {
      readonly kind: 'records';
      readonly records: RecordBatch;
      /** Where to read on: after the last record returned, or past a gap or a trimmed part that held nothing. */
      readonly nextPosition: Position;
      /** The log as it was at this read. */
      readonly state: LogState;
      /**
       * There where records that were asked for as `borrowed` lie in memory that goes round. Called when nobody looks at them
       * any more: the memory then holds others. Without the call it is left to the collector.
       */
      readonly release?: () => void;
    }
  | { readonly kind: 'missing' };

export interface LogState {
  /** The first position that may still be read. */
  readonly firstPosition: Position;
  /** One past the last synced record (where the next one would be, or later). */
  readonly endPosition: Position;
  readonly sealed: boolean;
  /** Arrival of the newest record, 0 when there never was one. */
  readonly lastArrivalMs: number;
}

export type SealResult =
  | { readonly kind: 'sealed'; readonly endPosition: Position }
  | { readonly kind: 'missing' | 'full' | 'poisoned' | 'unknown' };

/** The outcome of create, trim and delete: each is idempotent, and durable when `done`. */
export type ControlOutcome = 'done' | 'full' | 'poisoned' | 'unknown';

export interface EngineHealth {
  /** Whether appends are taken: neither poisoned nor full. */
  readonly writable: boolean;
  /** Why not, in words for a person; undefined while writable. */
  readonly reason: string | undefined;
}

/** Counts since the engine was opened, for metrics, benches and tests. */
export interface EngineCounters {
  readonly appends: number;
  readonly records: number;
  readonly payloadBytes: number;
  readonly commits: number;
  readonly syncs: number;
  /** Time that those took. */
  readonly syncMs: number;
  readonly diskBytes: number;
}

/**
 * Calls reject only with `LogError`: `closed` after `close`, `busy` when a named limit of waiting calls is reached, and,
 * from reads, `damaged` or `disk`. What became of records is always an answer, never an error.
 */
export interface LogEngine {
  /** Makes logs, empty and open; those that exist are left as they are. Takes urgent space when the disk is full. */
  create(logs: readonly LogId[]): Promise<ControlOutcome>;
  /**
   * Appends a batch; one outcome for each of `batch.logs`, in their order. Never atomic across logs. What is appended after
   * the answer comes behind it; of two that are under way at the same time, the longer may come later.
   */
  append(batch: AppendBatch): Promise<readonly AppendOutcome[]>;
  read(request: ReadRequest): Promise<ReadResult>;
  /** The log's state now, or undefined when there is no such log. */
  state(log: LogId): LogState | undefined;
  /** The first position whose record arrived at or after `arrivalMs`; the end position when none did. */
  findByArrival(log: LogId, arrivalMs: number): Promise<Position | undefined>;
  /**
   * Resolves when the log holds a synced record at or after `position`, or when nothing more will come (sealed with
   * its end at or before `position`, or missing). Rejects with the signal's reason when that aborts first.
   */
  waitFor(log: LogId, position: Position, signal?: AbortSignal): Promise<void>;
  /** Ends a log for good. Idempotent: a second seal answers the same end position. */
  seal(log: LogId): Promise<SealResult>;
  /** Gives up all records before `before`. Space follows in the engine's own time. */
  trim(log: LogId, before: Position): Promise<ControlOutcome>;
  /** Removes logs and their records; those that are missing count as removed. Works on a full disk. */
  delete(logs: readonly LogId[]): Promise<ControlOutcome>;
  /** Every log there is. */
  list(): readonly LogId[];
  health(): EngineHealth;
  counters(): EngineCounters;
  /** Finishes and syncs what is in flight, refuses what comes after, and lets go of the directory. */
  close(): Promise<void>;
}
