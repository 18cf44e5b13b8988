/**
 * `repair.json` in a data directory that a repair has made: where from, when, and what was lost, so that a later check
 * tells what has been known from what is new.
 *
 *      {"format":"millrace-repair","version":1,"from":"/srv/data","at":"2026-11-21T11:00:00.000Z",
 *       "lost":[{"log":"stream-1/shard-0","from":40,"to":52},{"log":"stream-1/shard-1","from":7,"to":90,"atMost":true}]}
 */
import type { LogId, Position } from '@millrace/log';
import type { StoreReport } from '@millrace/log/upkeep';

import { nameOfLog } from './mend-catalog.js';

export const repairNoteName = 'repair.json';
const format = 'millrace-repair';
const version = 1;

export interface LostPositions {
  readonly log: LogId;
  readonly from: Position;
  readonly to: Position;
  /** Whether it is not known how many of them there were; the positions are not given again. */
  readonly atMost?: boolean;
}

export function encodeRepairNote(from: string, atMs: number, lost: readonly LostPositions[]): string {
  return `${JSON.stringify({ format, version, from, at: new Date(atMs).toISOString(), lost }, null, 2)}\n`;
}

/** What the note says was lost; undefined when it is none of ours. */
export function parseRepairNote(text: string): readonly LostPositions[] | undefined {
  let note: unknown;
  try {
    note = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof note !== 'object' || note === null) return undefined;
  const { format: is, version: of, lost } = note as Readonly<Record<string, unknown>>;
  if (is !== format || of !== version || !Array.isArray(lost)) return undefined;
  return lost.every(isLost) ? lost : undefined;
}

function isLost(value: unknown): value is LostPositions {
  if (typeof value !== 'object' || value === null) return false;
  const { log, from, to } = value as Readonly<Record<string, unknown>>;
  return typeof log === 'string' && Number.isSafeInteger(from) && Number.isSafeInteger(to);
}

/** Whether all of `range` is known to be lost, by one note or by several that lie side by side. */
export function isNoted(
  notes: readonly LostPositions[],
  log: LogId,
  range: { readonly from: Position; readonly to: Position },
): boolean {
  let { from } = range;
  const ofLog = notes.filter((note) => note.log === log).sort((a, b) => a.from - b.from);
  for (const note of ofLog) if (note.from <= from && note.to > from) from = note.to;
  return from >= range.to;
}

export function lostOf(report: StoreReport): LostPositions[] {
  return report.logs.flatMap(({ id, number, lost }) =>
    lost.map(({ from, to, atMost }) => ({
      log: id ?? nameOfLog(number),
      from,
      to,
      ...(atMost ? { atMost } : {}),
    })),
  );
}
