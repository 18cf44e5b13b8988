/** Many runs: what to run, in what order, and what they add up to. */
import type { Canary } from './open-log.js';
import type { RunReport } from './run.js';
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

/** Runs every seed of `range` through every workload; `told` may stop it by answering false. */
export async function runSeeds(range: SeedRange, told: (report: RunReport) => boolean): Promise<void> {
  const { steps, canary } = range;
  for (let i = 0; i < range.count; i++) {
    const seed = range.first + i * range.stride;
    for (const name of range.workloads) {
      const report = await workloads[name]({ seed, steps, canary, trace: undefined, tell: undefined });
      if (!told(report)) return;
    }
    // Lets messages and signals in: within a run nothing reaches the event loop.
    await new Promise((resolve) => setImmediate(resolve));
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
