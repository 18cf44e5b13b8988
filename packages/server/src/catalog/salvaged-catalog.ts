/**
 * The catalog out of a log that may have lost records: what is left is folded as far as it goes, and each record that
 * does not fit is said and passed over. An opening never does that: only who looks at damage, or repairs it.
 *
 *      snapshot (the newest that is whole) ─▶ commands behind it ─▶ views, and what was wrong on the way
 */
import type { Position } from '@millrace/log';
import { CatalogError } from './catalog-error.js';
import { type CommandRecord, decodeRecord, decodeSnapshot, type SnapshotPart } from './catalog-record.js';
import type { AnyFold } from './fold.js';

export interface FoundRecord {
  readonly position: Position;
  readonly arrivalMs: number;
  readonly bytes: Uint8Array;
}

export interface SalvagedCatalog {
  /** What was wrong, in sentences. */
  readonly problems: readonly string[];
  /** Sections in it that none of the folds is for. */
  readonly otherSections: readonly string[];
  /** Ids of the commands that were decided, for the next snapshot. */
  readonly recent: readonly string[];
  readonly lastMs: number;
}

const problemsMax = 100;

/** Folds `records`, in any order, into `folds`. Throws `CatalogError` code `newer` alone. */
export function foldSalvaged(records: readonly FoundRecord[], folds: readonly AnyFold[]): SalvagedCatalog {
  const byName = new Map(folds.map((fold) => [fold.name, fold]));
  const problems: string[] = [];
  const others = new Set<string>();
  const recent = new Set<string>();
  let lastMs = 0;
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof CatalogError) || error.code === 'newer') throw error;
      if (problems.length < problemsMax) problems.push(error.message);
    }
  };
  const commands: { readonly found: FoundRecord; readonly record: CommandRecord }[] = [];
  const snapshots = new SnapshotFinder();
  for (const found of [...records].sort((a, b) => a.position - b.position)) {
    attempt(() => {
      const record = decodeRecord(found.bytes, found.position);
      if (record.kind === 'command') commands.push({ found, record });
      else snapshots.add(record, found.position);
    });
  }
  const { newest } = snapshots;
  if (newest !== undefined) {
    attempt(() => {
      const snapshot = decodeSnapshot(newest.parts, newest.position);
      lastMs = snapshot.atMs;
      for (const id of snapshot.recent) recent.add(id);
      for (const [name, json] of Object.entries(snapshot.sections)) {
        const fold = byName.get(name);
        if (fold === undefined) others.add(name);
        else attempt(() => fold.restore(json, newest.position));
      }
    });
  }
  for (const { found, record } of commands) {
    if (found.position < (newest?.through ?? 0) || recent.has(record.id)) continue;
    recent.add(record.id);
    lastMs = Math.max(lastMs, found.arrivalMs);
    const fold = byName.get(record.section);
    if (fold === undefined) others.add(record.section);
    else attempt(() => fold.apply(record, { atMs: lastMs, position: found.position }));
  }
  return { problems, otherSections: [...others], recent: [...recent], lastMs };
}

/** Puts parts together, and keeps the newest snapshot of which all are there. */
class SnapshotFinder {
  newest:
    | { readonly through: Position; readonly position: Position; readonly parts: SnapshotPart[] }
    | undefined;
  #parts: SnapshotPart[] = [];

  add(part: SnapshotPart, position: Position): void {
    if (part.part === 0) this.#parts = [];
    const [first = part] = this.#parts;
    // A part that does not follow: some before it are gone, and the snapshot with them.
    if (part.part !== this.#parts.length || first.snapshot !== part.snapshot) return;
    this.#parts.push(part);
    if (part.part + 1 < part.parts) return;
    this.newest = { through: part.through, position, parts: this.#parts };
    this.#parts = [];
  }
}
