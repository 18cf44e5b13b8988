import { systemRandom } from '@millrace/base';
import type { Arguments } from '../arguments.js';
import type { Host } from '../host.js';
import { Kinesis } from './kinesis.js';
import { targetOf } from './target.js';

export interface Manner {
  readonly signal?: AbortSignal;
  /** How long a server that cannot be reached is waited for; default not at all. */
  readonly patienceMs?: number;
}

/** Runs `use` with the server that flags and environment name, and lets go of its connections at the end. */
export async function withKinesis<T>(
  host: Host,
  given: Arguments,
  manner: Manner,
  use: (kinesis: Kinesis) => Promise<T>,
): Promise<T> {
  const kinesis = new Kinesis(targetOf(given, host), {
    clock: host.clock,
    random: systemRandom,
    ...manner,
    onWait: (error) => host.errors.write(`millrace: ${error.message}; waiting\n`),
  });
  try {
    return await use(kinesis);
  } finally {
    kinesis.close();
  }
}
