/**
 * `npm run sim`: runs seeds, tells what happened, and exits with 1 when a promise was broken.
 *
 *      --seed S        the first seed (1)              --seeds K      how many (1)
 *      --steps N       steps of each run (3000)        --workload W   log, streams or all (all)
 *      --canary NAME   plants a bug in the engine      --trace        tells everything that happens
 *      --workers W     processes (2 from 100 seeds on, else 1)
 *      --crashes-min C of many seeds: exits with 1 when there were fewer crashes, for then they prove less (0)
 *
 * One seed tells its crashes; many tell how far they are.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SystemClock } from '@millrace/base';
import { canaries } from './open-log.js';
import type { RunReport } from './run.js';
import { replayCommand, runSeed, runSeeds, type SeedRange, Totals } from './seeds.js';
import { type WorkloadName, workloadNames } from './workloads.js';

const stepsDefault = 3000;
/** Failing seeds told by a run of many; it stops there. */
const failuresMax = 10;
const progressEveryMs = 5000;

class UsageError extends Error {}

/** Rejections that nobody handled. */
const strays: unknown[] = [];

interface Arguments extends SeedRange {
  readonly trace: boolean;
  readonly workers: number;
  readonly crashesMin: number;
  /** This process was started by another to run some of its seeds. */
  readonly worker: boolean;
}

function parse(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      stride: { type: 'string', default: '1' },
      steps: { type: 'string', default: String(stepsDefault) },
      workload: { type: 'string', default: 'all' },
      canary: { type: 'string' },
      workers: { type: 'string' },
      'crashes-min': { type: 'string', default: '0' },
      trace: { type: 'boolean', default: false },
      worker: { type: 'boolean', default: false },
    },
  });
  const count = whole('--seeds', values.seeds);
  return {
    first: whole('--seed', values.seed),
    count,
    stride: whole('--stride', values.stride),
    steps: whole('--steps', values.steps),
    workloads:
      values.workload === 'all' ? workloadNames : [oneOf('--workload', values.workload, workloadNames)],
    canary: values.canary === undefined ? undefined : oneOf('--canary', values.canary, canaries),
    workers:
      values.workers === undefined ? (count < 100 ? 1 : 2) : Math.max(1, whole('--workers', values.workers)),
    crashesMin: whole('--crashes-min', values['crashes-min']),
    trace: values.trace,
    worker: values.worker,
  };
}

function whole(flag: string, value: string): number {
  if (!/^\d{1,10}$/.test(value)) throw new UsageError(`${flag} wants a whole number, not ${value}`);
  return Number(value);
}

function oneOf<T extends string>(flag: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found === undefined) throw new UsageError(`${flag} wants one of ${known.join(', ')}, not ${value}`);
  return found;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One seed, with its crashes, or with everything. */
async function replay(args: Arguments, name: WorkloadName): Promise<RunReport> {
  const { first: seed, steps, canary } = args;
  tell(`${name}, seed ${seed}, ${steps} steps${canary === undefined ? '' : `, canary ${canary}`}`);
  const report = await runSeed(
    name,
    { seed, steps, canary, trace: args.trace ? tell : undefined, tell },
    strays,
  );
  const totals = new Totals();
  totals.add(report);
  tell(`  ${totals}`);
  tell(
    `  trace ${report.traceHash}: ${report.violation === undefined ? 'every promise was kept' : 'BROKEN'}`,
  );
  return report;
}

function tellFailure(report: RunReport, args: Arguments): void {
  tell(`BROKEN by ${report.workload}, seed ${report.seed}: ${report.violation}`);
  tell(`  replay it with: ${replayCommand(report, args.steps, args.canary)}`);
}

/** Many seeds, in this process or over several. */
async function runMany(args: Arguments): Promise<Totals> {
  const clock = new SystemClock();
  const startedMs = clock.now();
  const totals = new Totals();
  let toldMs = startedMs;
  const progress = (): void => {
    const seconds = ((clock.now() - startedMs) / 1000).toFixed(0);
    const runs = args.count * args.workloads.length;
    tell(`${totals.runs} of ${runs} runs, ${totals.crashes.toLocaleString('en')} crashes, ${seconds} s`);
  };
  const told = (report: RunReport): boolean => {
    totals.add(report);
    if (report.violation !== undefined) tellFailure(report, args);
    if (clock.now() - toldMs >= progressEveryMs) {
      toldMs = clock.now();
      progress();
    }
    return totals.failures.length < failuresMax;
  };
  if (args.workers === 1) await runSeeds(args, told, strays);
  else await runWorkers(args, told);
  progress();
  tell(`${totals.stepsARun.toLocaleString('en')} steps a run: ${totals}`);
  return totals;
}

/** Each of `workers` processes takes every `workers`-th seed and sends its reports. */
async function runWorkers(args: Arguments, told: (report: RunReport) => boolean): Promise<void> {
  const children: ChildProcess[] = [];
  const stopAll = (): void => {
    for (const child of children) child.kill();
  };
  const ended = Array.from({ length: args.workers }, (_, k) => {
    const count = Math.ceil((args.count - k) / args.workers);
    const child = fork(fileURLToPath(import.meta.url), workerFlags(args, k, count));
    children.push(child);
    child.on('message', (message) => {
      if (!told(message as RunReport)) stopAll();
    });
    // Its last reports may arrive after its end; they are all there once its channel is closed.
    const silent = new Promise<void>((resolve) => child.once('disconnect', resolve));
    const exited = new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (code === 0 || signal !== null) resolve();
        else reject(new Error(`a worker ended with ${code}`));
      });
    });
    return Promise.all([silent, exited]);
  });
  try {
    await Promise.all(ended);
  } finally {
    stopAll();
  }
}

function workerFlags(args: Arguments, k: number, count: number): string[] {
  const flags = ['--seed', args.first + k, '--seeds', count, '--stride', args.workers, '--steps', args.steps];
  if (args.workloads.length === 1) flags.push('--workload', args.workloads[0] ?? '');
  if (args.canary !== undefined) flags.push('--canary', args.canary);
  return [...flags.map(String), '--worker'];
}

/** What a process that `runWorkers` started does. */
async function work(args: Arguments): Promise<void> {
  process.on('disconnect', () => process.exit());
  let sent = Promise.resolve();
  const send = (report: RunReport): boolean => {
    sent = new Promise((resolve) => process.send?.(report, () => resolve()));
    return true;
  };
  await runSeeds(args, send, strays);
  await sent;
  process.disconnect?.();
}

async function main(): Promise<void> {
  process.on('unhandledRejection', (reason) => strays.push(reason));
  let args: Arguments;
  try {
    args = parse(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
    return;
  }
  if (args.worker) return work(args);
  if (args.count > 1) {
    const totals = await runMany(args);
    const { crashes, failures } = totals;
    if (crashes < args.crashesMin)
      tell(
        `${args.crashesMin.toLocaleString('en')} crashes were wanted, not ${crashes.toLocaleString('en')}`,
      );
    if (failures.length > 0 || crashes < args.crashesMin) process.exitCode = 1;
    return;
  }
  for (const name of args.workloads) {
    const report = await replay(args, name);
    if (report.violation === undefined) continue;
    tellFailure(report, args);
    process.exitCode = 1;
  }
}

await main();
