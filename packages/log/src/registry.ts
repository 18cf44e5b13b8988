/**
 * Every log there is: its number in the journal, where it stands, and where its records are.
 *
 *      joined   what the commit under way will make of it      written ─┐
 *      durable  what the last synced commit made of it         synced  ─┴▶ what anyone outside sees
 *
 * Invariant: first ≤ end ≤ joinedEnd. Live commits and recovery apply frames through the same methods, so that a
 * reopened registry is the one that was closed. `anchors` counts, for each journal file, the logs whose oldest
 * unsettled records are in it: the oldest file is dead when it anchors none.
 */
import { assert } from '@millrace/base';
import type { LogId, LogState, Position } from './contract.js';
import type { CheckpointLog } from './journal-header.js';
import { LogIndex } from './log-index.js';
import { LogRuns } from './log-runs.js';
import type { SortedLogs } from './sort-job.js';

export class RegisteredLog {
  readonly id: LogId;
  readonly number: number;
  readonly index: LogIndex;
  /** Where the tail has its newest records. */
  readonly runs = new LogRuns();
  first: Position = 0;
  end: Position = 0;
  sealed = false;
  lastArrivalMs = 0;
  /** No record that is left arrived before this: spares looking for older ones. 0 when nothing is known. */
  noneBeforeMs = 0;
  /** Whether its creation, and not yet its deletion, is synced. */
  exists = false;
  joinedEnd: Position = 0;
  joinedSealed = false;
  joinedDeleted = false;

  constructor(id: LogId, number: number, index: LogIndex) {
    this.id = id;
    this.number = number;
    this.index = index;
  }

  /** Where the journal takes over: records before this are in chunks. */
  get settledEnd(): Position {
    return this.index.firstPosition ?? this.end;
  }

  get state(): LogState {
    return {
      firstPosition: this.first,
      endPosition: this.end,
      sealed: this.sealed,
      lastArrivalMs: this.lastArrivalMs,
    };
  }
}

export class Registry {
  readonly #indexSpacingBytes: number;
  readonly #indexEntriesMax: number;
  readonly #byId = new Map<LogId, RegisteredLog>();
  readonly #byNumber = new Map<number, RegisteredLog>();
  readonly #anchors = new Map<number, number>();
  #nextNumber = 1;
  /** Records that were trimmed or deleted since the registry was made. */
  deadRecords = 0;

  constructor(limits: { readonly indexSpacingBytes: number; readonly indexEntriesMax: number }) {
    this.#indexSpacingBytes = limits.indexSpacingBytes;
    this.#indexEntriesMax = limits.indexEntriesMax;
  }

  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Whether any log has records in the journal. */
  get anchored(): boolean {
    return this.#anchors.size > 0;
  }

  /** Whether a log's oldest records are in `file`. */
  anchoredIn(file: number): boolean {
    return this.#anchors.has(file);
  }

  /** The log as the outside sees it. */
  get(id: LogId): RegisteredLog | undefined {
    const log = this.#byId.get(id);
    return log?.exists === true ? log : undefined;
  }

  /** The log as the commit under way sees it. */
  joined(id: LogId): RegisteredLog | undefined {
    return this.#byId.get(id);
  }

  byNumber(number: number): RegisteredLog | undefined {
    return this.#byNumber.get(number);
  }

  *existing(): Iterable<RegisteredLog> {
    for (const log of this.#byId.values()) if (log.exists) yield log;
  }

  /** Gives a new log the next number; it does not exist until `created`. */
  make(id: LogId): RegisteredLog {
    return this.#make(id, this.#nextNumber);
  }

  created(log: RegisteredLog): void {
    log.exists = true;
  }

  appended(
    log: RegisteredLog,
    position: Position,
    count: number,
    arrivalMs: number,
    file: number,
    offset: number,
  ): void {
    const empty = log.index.length === 0;
    log.index.add(position, arrivalMs, file, offset);
    if (log.first === log.end) log.noneBeforeMs = arrivalMs;
    log.end = position + count;
    log.lastArrivalMs = arrivalMs;
    if (empty) this.#anchor(file);
  }

  sealed(log: RegisteredLog): void {
    log.sealed = true;
  }

  trimmed(log: RegisteredLog, first: Position): void {
    if (first <= log.first) return;
    const before = log.first;
    log.first = Math.min(first, log.end);
    this.deadRecords += log.first - before;
    const anchor = log.index.firstFile;
    log.index.trim(log.first, log.end);
    this.#moveAnchor(anchor, log.index.firstFile);
  }

  deleted(log: RegisteredLog): void {
    log.exists = false;
    this.deadRecords += log.end - log.first;
    this.#moveAnchor(log.index.firstFile, 0);
    this.#forget(log);
  }

  /** Takes back what joined a commit that did not come to be. */
  rollBack(log: RegisteredLog): void {
    log.joinedEnd = log.end;
    log.joinedSealed = log.sealed;
    log.joinedDeleted = false;
    if (!log.exists) this.#forget(log);
  }

  /** What recovery applied is what the next commit builds on. */
  settle(): void {
    for (const log of this.#byId.values()) this.rollBack(log);
  }

  /** The journal files before `file` are settled: their records are in chunks. */
  journalBeginsWith(file: number): void {
    for (const log of this.existing()) {
      const anchor = log.index.firstFile;
      if (anchor === 0 || anchor >= file) continue;
      log.index.dropBefore(file);
      this.#moveAnchor(anchor, log.index.firstFile);
    }
  }

  checkpoint(): CheckpointLog[] {
    const logs: CheckpointLog[] = [];
    for (const log of this.existing()) {
      const { number, id, sealed, first, end, lastArrivalMs } = log;
      logs.push({ number, id, sealed, first, end, lastArrivalMs });
    }
    return logs;
  }

  /** Where every log stands, for settling the oldest journal file. */
  sorted(): SortedLogs {
    const logs = [...this.existing()].sort((a, b) => a.number - b.number);
    return {
      numbers: Uint32Array.from(logs, (log) => log.number),
      firsts: Float64Array.from(logs, (log) => log.first),
      ends: Float64Array.from(logs, (log) => log.settledEnd),
      lastArrivalsMs: Float64Array.from(logs, (log) => log.index.firstArrivalMs ?? log.lastArrivalMs),
    };
  }

  restore(logs: readonly CheckpointLog[], nextNumber: number): void {
    assert(this.#byId.size === 0, 'a checkpoint is restored into an empty registry');
    for (const { number, id, sealed, first, end, lastArrivalMs } of logs) {
      const log = this.#make(id, number);
      Object.assign(log, { sealed, first, end, lastArrivalMs, exists: true });
    }
    this.#nextNumber = Math.max(this.#nextNumber, nextNumber);
  }

  /** A log that a create frame names, with the number that it was given then. */
  recreate(id: LogId, number: number): RegisteredLog {
    return this.#make(id, number);
  }

  #make(id: LogId, number: number): RegisteredLog {
    assert(!this.#byId.has(id) && !this.#byNumber.has(number), `log ${id} (${number}) is made twice`);
    const log = new RegisteredLog(id, number, new LogIndex(this.#indexSpacingBytes, this.#indexEntriesMax));
    this.#byId.set(id, log);
    this.#byNumber.set(number, log);
    this.#nextNumber = Math.max(this.#nextNumber, number + 1);
    return log;
  }

  #forget(log: RegisteredLog): void {
    this.#byId.delete(log.id);
    this.#byNumber.delete(log.number);
  }

  #anchor(file: number): void {
    this.#anchors.set(file, (this.#anchors.get(file) ?? 0) + 1);
  }

  #moveAnchor(from: number, to: number): void {
    if (from === to) return;
    if (from !== 0) {
      const left = (this.#anchors.get(from) ?? 0) - 1;
      assert(left >= 0, `file ${from} anchors fewer than no logs`);
      if (left === 0) this.#anchors.delete(from);
      else this.#anchors.set(from, left);
    }
    if (to !== 0) this.#anchor(to);
  }
}
