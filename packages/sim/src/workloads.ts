/** Every workload by its name. */
import { seededRandom } from '@millrace/base';
import { LogWorkload } from './log-workload.js';
import { nativeEngine } from './native-log.js';
import type { RunOptions, RunReport } from './run.js';
import { StreamsWorkload } from './streams-workload.js';

/** The limits come from a seed of their own, so that they do not shift what the workload draws. */
const limitsSeed = 0x6c696d69;

export const workloads = {
  log: (options: RunOptions): Promise<RunReport> =>
    new LogWorkload(options, nativeEngine(seededRandom(options.seed ^ limitsSeed), true)).run(),
  streams: (options: RunOptions): Promise<RunReport> =>
    new StreamsWorkload(options, nativeEngine(seededRandom(options.seed ^ limitsSeed), false)).run(),
};

export type WorkloadName = keyof typeof workloads;

export const workloadNames = Object.keys(workloads) as WorkloadName[];
