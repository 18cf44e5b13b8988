/** Many runs: what to run, in what order, and what they add up to. */
import type { Canary } from './open-log.js';
import type { RunOptions, RunReport } from './run.js';
import { type WorkloadName, workloads } from './workloads.js';

export interface SeedRange {
  /** Seeds first, first + stride, … of which there are `count`. */
  readonly first: number;
  readonly count: number;
  readonly stride: number;
  readonly steps: number;
  readonly workloads: readonly WorkloadName[];
  readonly canary: Canary | undefined;
}

/**
 * Runs one seed. A rejection that nobody handles is a broken promise, too: whoever owns the process puts them into
 * `strays`.
 */
export async function runSeed(
  name: WorkloadName,
  options: RunOptions,
  strays: readonly unknown[] = [],
): Promise<RunReport> {
  const before = strays.length;
  const report = await workloads[name](options);
  // Lets messages, signals and strays in: within a run nothing reaches the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  if (strays.length === before || report.violation !== undefined) return report;
  const reason = strays[before];
  const told = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  return { ...report, violation: `a rejection that nobody handled: ${told}` };
}

/** Runs every seed of `range` through every workload; `told` may stop it by answering false. */
export async function runSeeds(
  range: SeedRange,
  told: (report: RunReport) => boolean,
  strays: readonly unknown[] = [],
): Promise<void> {
  const { steps, canary } = range;
  for (let i = 0; i < range.count; i++) {
    const seed = range.first + i * range.stride;
    for (const name of range.workloads) {
      const report = await runSeed(name, { seed, steps, canary, trace: undefined, tell: undefined }, strays);
      if (!told(report)) return;
    }
  }
}

/** The sums of reports. */
export class Totals {
  runs = 0;
  readonly failures: RunReport[] = [];
  readonly #counts = new Map<string, number>();

  add(report: RunReport): void {
    this.runs++;
    if (report.violation !== undefined) this.failures.push(report);
    for (const [name, count] of Object.entries(report.counts)) {
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
    }
  }

  /** Crashes of processes and of the power, those in recoveries among them. */
  get crashes(): number {
    return (this.#counts.get('processCrashes') ?? 0) + (this.#counts.get('powerFailures') ?? 0);
  }

  get stepsARun(): number {
    return Math.round((this.#counts.get('steps') ?? 0) / Math.max(1, this.runs));
  }

  toString(): string {
    const counts = [...this.#counts].map(([name, count]) => `${words(name)} ${count.toLocaleString('en')}`);
    return counts.join(', ');
  }
}

/** `processCrashes` → `process crashes` */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export function replayCommand(report: RunReport, steps: number, canary: Canary | undefined): string {
  const flags = `--workload ${report.workload} --seed ${report.seed} --steps ${steps}`;
  return `npm run sim -- ${flags}${canary === undefined ? '' : ` --canary ${canary}`}`;
}
