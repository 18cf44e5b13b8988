/** One run of one workload: what it is given and what it reports. */
import type { Canary } from './open-log.js';

export interface RunOptions {
  readonly seed: number;
  /** Operations performed and moves of the clock, recoveries included. */
  readonly steps: number;
  readonly canary: Canary | undefined;
  /** Gets a line for everything that happens. */
  readonly trace: ((line: string) => void) | undefined;
  /** Gets a line for each crash and each recovery. */
  readonly tell: ((line: string) => void) | undefined;
}

export interface RunReport {
  readonly workload: 'log' | 'streams';
  readonly seed: number;
  /** The promise that was broken; undefined when all were kept. */
  readonly violation: string | undefined;
  readonly traceHash: string;
  readonly counts: Readonly<Record<string, number>>;
}
