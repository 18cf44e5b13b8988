/**
 * The answer of a look through a whole store: what is wrong, and of each log what is there and what is gone.
 */
import type { LogId, Position } from './contract.js';
import type { Finding } from './finding.js';
import type { LostRange } from './log-track.js';
import { type WalkedStore, type WalkOptions, walkStore } from './store-walk.js';

export interface CheckedLog {
  /** `undefined`: what named it is damaged; it had this number. */
  readonly id: LogId | undefined;
  readonly number: number;
  readonly first: Position;
  readonly end: Position;
  readonly sealed: boolean;
  readonly lastArrivalMs: number;
  /** Those that are there. */
  readonly records: number;
  /** Those that are gone, in order. */
  readonly lost: readonly LostRange[];
}

export interface StoreReport {
  /** Whether nothing is damaged. */
  readonly sound: boolean;
  readonly findings: readonly Finding[];
  /** Findings that were not kept. */
  readonly findingsMore: number;
  /** Whether any part of the store could say which logs there are. */
  readonly logsKnown: boolean;
  readonly logs: readonly CheckedLog[];
  readonly files: number;
  readonly bytes: number;
}

/** Looks the store in `view` through, changing nothing. Rejects with `DiskError` when it cannot be looked at at all. */
export async function checkStore(options: WalkOptions): Promise<StoreReport> {
  return reportOf(await walkStore(options));
}

export function reportOf(walked: WalkedStore): StoreReport {
  const { findings, tracks, files, bytes } = walked;
  const logs = Array.from(tracks.existing(), (track): CheckedLog => {
    const { id, number, end, sealed, lastArrivalMs, records } = track;
    return { id, number, first: track.first ?? end, end, sealed, lastArrivalMs, records, lost: track.lost() };
  });
  return {
    sound: findings.damaged === 0,
    findings: findings.list,
    findingsMore: findings.more,
    logsKnown: tracks.known,
    logs,
    files,
    bytes,
  };
}
