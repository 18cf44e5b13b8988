/**
 * The log behind all control state. A command's way:
 *
 *      author ──append──▶ log ──read, in order──▶ fold ──▶ new view, outcome ──▶ author
 *
 * Invariants:
 * - The views are what the log folds to, in order; nothing changes them but commands read back from it.
 * - A command is decided once. When the engine cannot say whether an append is in the log, the log is read to its end;
 *   a command that is not there is appended again under the same id, and the fold passes over the second of two.
 * - At most `limits.commandsBetweenSnapshots` commands, and what fails to be written of snapshots, are ever replayed.
 */

import type { Random } from '@millrace/base';
import { assert } from '@millrace/base';
import type { AppendOutcome, LogEngine, Position, RecordBatch } from '@millrace/log';
import { LogError } from '@millrace/log';
import { CatalogError } from './catalog-error.js';
import type { CommandRecord, SnapshotPart } from './catalog-record.js';
import { damaged, decodeRecord, decodeSnapshot, encodeCommand, encodeSnapshot } from './catalog-record.js';
import type { AnyFold, Fold } from './fold.js';

export interface CatalogLimits {
  /** After so many commands the state is written into the log and the log before it trimmed. */
  readonly commandsBetweenSnapshots: number;
  /** Characters in one record of a snapshot. */
  readonly snapshotPartChars: number;
  readonly commandBytesMax: number;
  /** Commands under way at once; more are refused. */
  readonly commandsInFlightMax: number;
  /** How often an append whose outcome is unknown is tried again. */
  readonly attemptsMax: number;
  /** Ids of decided commands that are remembered, to know a repeated one. */
  readonly recentIdsMax: number;
}

const defaultCatalogLimits: CatalogLimits = {
  commandsBetweenSnapshots: 4096,
  snapshotPartChars: 256 * 1024,
  commandBytesMax: 512 * 1024,
  commandsInFlightMax: 4096,
  attemptsMax: 5,
  recentIdsMax: 8192,
};

export interface CatalogOptions {
  readonly engine: LogEngine;
  readonly random: Random;
  readonly folds: readonly AnyFold[];
  readonly limits?: Partial<CatalogLimits>;
  /** Told why a snapshot could not be written; the catalog goes on and tries again later. */
  readonly onSnapshotFailure?: (reason: string) => void;
}

export const catalogLog = 'catalog';

const readRecordsMax = 1024;
const readBytesMax = 4 * 1024 * 1024;

/** Opens the catalog in `engine`, folding everything its log holds into `folds`. */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const catalog = new Catalog(options);
  await catalog.replay();
  return catalog;
}

export class Catalog {
  readonly limits: CatalogLimits;
  readonly #engine: LogEngine;
  readonly #random: Random;
  readonly #folds: ReadonlyMap<string, AnyFold>;
  readonly #onSnapshotFailure: (reason: string) => void;
  /** Everything before this position is folded. */
  #next: Position = 0;
  #lastMs = 0;
  readonly #recent = new Set<string>();
  #sinceSnapshot = 0;
  #inFlight = 0;
  /** The read of the log that is under way. One at a time: commands are folded in order. */
  #reading: Promise<number> | undefined;
  #snapshotting: Promise<void> | undefined;
  #closed = false;

  constructor(options: CatalogOptions) {
    this.limits = { ...defaultCatalogLimits, ...options.limits };
    this.#engine = options.engine;
    this.#random = options.random;
    this.#folds = new Map(options.folds.map((fold) => [fold.name, fold]));
    this.#onSnapshotFailure = options.onSnapshotFailure ?? (() => {});
  }

  /** Time of the newest command: a restart must not run before it. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Position up to which the views stand: rises with every command. */
  get version(): Position {
    return this.#next;
  }

  /**
   * Appends `command` and answers what `fold` decided of it. `urgent` may use the space kept back for a full disk:
   * for commands that make room. Rejects with `CatalogError`; only after code `unknown` may the command have been, or
   * be yet, taken.
   */
  async submit<State, Command, Outcome>(
    fold: Fold<State, Command, Outcome>,
    command: Command,
    urgent = false,
  ): Promise<Outcome> {
    if (this.#closed) throw new CatalogError('closed', 'the catalog is closed');
    if (this.#inFlight >= this.limits.commandsInFlightMax) {
      throw new CatalogError('busy', `${this.#inFlight} commands are under way; try again`);
    }
    const id = Buffer.from(this.#random.bytes(12)).toString('hex');
    const bytes = encodeCommand(id, fold.name, fold.section.rules, fold.section.toJson(command));
    if (bytes.length > this.limits.commandBytesMax) {
      throw new CatalogError(
        'too-large',
        `a command of ${bytes.length} bytes; ${this.limits.commandBytesMax} are the most`,
      );
    }
    this.#inFlight++;
    fold.expect(id);
    try {
      for (let attempt = 0; attempt < this.limits.attemptsMax; attempt++) {
        const outcome = await this.#append([bytes], urgent);
        if (outcome.kind === 'appended') await this.#foldThrough(outcome.firstPosition);
        else if (outcome.kind === 'unknown') await this.#foldToEnd();
        else throw refusal(outcome.kind);
        const decided = fold.decided(id);
        if (decided !== undefined) return decided.outcome;
      }
      throw new CatalogError(
        'unknown',
        `after ${this.limits.attemptsMax} attempts the log cannot say whether it has the command`,
      );
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      throw new CatalogError('unknown', `the log cannot be read back: ${error.message}`, { cause: error });
    } finally {
      fold.forget(id);
      this.#inFlight--;
    }
  }

  /** Folds what the log holds. For `openCatalog` alone. */
  async replay(): Promise<void> {
    const created = await this.#engine.create([catalogLog]);
    if (created !== 'done') throw refusal(created);
    const { commands, snapshot } = await this.#readAll();
    if (snapshot !== undefined) this.#restore(snapshot);
    for (const { position, arrivalMs, record } of commands) {
      if (position >= (snapshot?.through ?? 0)) this.#decide(record, position, arrivalMs);
    }
    for (const fold of this.#folds.values()) fold.publish();
  }

  /** Refuses what comes after and waits for what is under way. The engine stays open: it is not the catalog's. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#snapshotting;
    await this.#reading;
  }

  async #append(records: readonly Uint8Array[], urgent: boolean): Promise<AppendOutcome> {
    const ends = new Uint32Array(records.length);
    let end = 0;
    for (const [i, record] of records.entries()) ends[i] = end += record.length;
    const [outcome] = await this.#engine.append({
      logs: [catalogLog],
      logOf: new Uint32Array(records.length),
      ends,
      payload:
        records.length === 1 && records[0] !== undefined
          ? records[0]
          : new Uint8Array(Buffer.concat(records)),
      urgent,
    });
    return outcome ?? { kind: 'unknown' };
  }

  async #foldThrough(position: Position): Promise<void> {
    // A read that was under way may have begun before the append; the one after it must find the record.
    for (let idle = 0; this.#next <= position; ) {
      idle = (await this.#foldMore()) === 0 ? idle + 1 : 0;
      assert(idle <= 2, `the log does not show position ${position}, which it acknowledged`);
    }
    this.#snapshotIfDue();
  }

  async #foldToEnd(): Promise<void> {
    await this.#reading;
    while ((await this.#foldMore()) > 0);
  }

  /** Reads and folds the next stretch of the log, or waits for whoever does; answers how many records it had. */
  #foldMore(): Promise<number> {
    this.#reading ??= this.#readAndFold().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAndFold(): Promise<number> {
    const { records, nextPosition } = await this.#read(this.#next);
    for (let i = 0; i < records.count; i++) {
      const position = records.positions[i] ?? 0;
      const record = decodeRecord(recordBytes(records, i), position);
      if (record.kind === 'command') this.#decide(record, position, records.arrivalsMs[i] ?? 0);
    }
    this.#next = Math.max(this.#next, nextPosition);
    for (const fold of this.#folds.values()) fold.publish();
    return records.count;
  }

  async #read(from: Position): Promise<{ records: RecordBatch; nextPosition: Position; end: Position }> {
    const read = await this.#engine.read({
      log: catalogLog,
      from,
      recordsMax: readRecordsMax,
      bytesMax: readBytesMax,
    });
    if (read.kind === 'missing') throw new CatalogError('damaged', "the catalog's log is gone");
    return { records: read.records, nextPosition: read.nextPosition, end: read.state.endPosition };
  }

  #decide(record: CommandRecord, position: Position, arrivalMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, arrivalMs);
    if (this.#recent.has(record.id)) return;
    this.#remember(record.id);
    this.#sinceSnapshot++;
    const fold = this.#folds.get(record.section);
    if (fold === undefined) {
      throw new CatalogError(
        'newer',
        `the catalog's record at position ${position} is of the section ${JSON.stringify(record.section)}, which this Millrace does not have: use the newer one`,
      );
    }
    fold.apply(record, { atMs: this.#lastMs, position });
  }

  #remember(id: string): void {
    this.#recent.add(id);
    for (const oldest of this.#recent) {
      if (this.#recent.size <= this.limits.recentIdsMax) break;
      this.#recent.delete(oldest);
    }
  }

  async #readAll(): Promise<{ commands: readonly Replayed[]; snapshot: FoundSnapshot | undefined }> {
    const commands: Replayed[] = [];
    let snapshot: FoundSnapshot | undefined;
    let parts: SnapshotPart[] = [];
    // A snapshot reaches as far as had been read, which may be amid the parts of the one before, and what it covers is
    // trimmed: the rest of those parts comes first then, and says nothing.
    let cut: string | undefined;
    for (let from = 0; ; ) {
      const { records, nextPosition, end } = await this.#read(from);
      for (let i = 0; i < records.count; i++) {
        const position = records.positions[i] ?? 0;
        const record = decodeRecord(recordBytes(records, i), position);
        if (record.kind === 'command') {
          commands.push({ position, arrivalMs: records.arrivalsMs[i] ?? 0, record });
          continue;
        }
        const isFirst = commands.length === 0 && parts.length === 0 && snapshot === undefined;
        if (record.part > 0 && isFirst && (cut ?? record.snapshot) === record.snapshot) {
          cut = record.snapshot;
          continue;
        }
        if (record.part === 0) parts = [];
        if (record.part !== parts.length || (parts[0] ?? record).snapshot !== record.snapshot) {
          throw damaged(position, 'is a part of a snapshot that does not follow the one before it');
        }
        parts.push(record);
        if (parts.length === record.parts) {
          snapshot = { through: record.through, position, parts };
          parts = [];
        }
      }
      this.#next = Math.max(this.#next, nextPosition);
      if (nextPosition >= end || nextPosition <= from) break;
      from = nextPosition;
    }
    if (cut !== undefined && snapshot === undefined)
      throw damaged(0, 'and all behind it follow a snapshot that is not there');
    return { commands, snapshot };
  }

  #restore(found: FoundSnapshot): void {
    const snapshot = decodeSnapshot(found.parts, found.position);
    this.#lastMs = snapshot.atMs;
    for (const id of snapshot.recent) this.#recent.add(id);
    for (const [name, json] of Object.entries(snapshot.sections)) {
      const fold = this.#folds.get(name);
      if (fold === undefined) {
        throw new CatalogError(
          'newer',
          `the catalog's snapshot has the section ${JSON.stringify(name)}, which this Millrace does not have: use the newer one`,
        );
      }
      fold.restore(json, found.position);
    }
  }

  #snapshotIfDue(): void {
    if (this.#sinceSnapshot < this.limits.commandsBetweenSnapshots || this.#snapshotting !== undefined)
      return;
    this.#sinceSnapshot = 0;
    this.#snapshotting = this.#snapshot()
      .catch((error: unknown) => {
        if (!(error instanceof LogError)) throw error;
        this.#onSnapshotFailure(error.message);
      })
      .finally(() => {
        this.#snapshotting = undefined;
      });
  }

  async #snapshot(): Promise<void> {
    const through = this.#next;
    const sections = Object.fromEntries([...this.#folds].map(([name, fold]) => [name, fold.snapshot()]));
    const snapshot = { atMs: this.#lastMs, recent: [...this.#recent], sections };
    const id = Buffer.from(this.#random.bytes(12)).toString('hex');
    const outcome = await this.#append(
      encodeSnapshot(id, through, snapshot, this.limits.snapshotPartChars),
      false,
    );
    if (outcome.kind !== 'appended') {
      this.#onSnapshotFailure(outcome.kind);
      return;
    }
    const trimmed = await this.#engine.trim(catalogLog, through);
    if (trimmed !== 'done') this.#onSnapshotFailure(trimmed);
  }
}

interface Replayed {
  readonly position: Position;
  readonly arrivalMs: number;
  readonly record: CommandRecord;
}

interface FoundSnapshot {
  readonly through: Position;
  readonly position: Position;
  readonly parts: readonly SnapshotPart[];
}

function recordBytes(records: RecordBatch, i: number): Uint8Array {
  const buffer = records.buffers[records.bufferOf[i] ?? 0] ?? new Uint8Array(0);
  return buffer.subarray(records.starts[i] ?? 0, records.ends[i] ?? 0);
}

function refusal(kind: 'full' | 'poisoned' | 'unknown' | 'sealed' | 'missing'): CatalogError {
  switch (kind) {
    case 'full':
      return new CatalogError('full', 'the disk is full; the command was not taken');
    case 'poisoned':
      return new CatalogError('poisoned', 'an earlier write failed; nothing is written until a restart');
    case 'unknown':
      return new CatalogError('unknown', 'the log cannot say whether it has the command');
    case 'sealed':
    case 'missing':
      return new CatalogError('damaged', `the catalog's log is ${kind}`);
  }
}
