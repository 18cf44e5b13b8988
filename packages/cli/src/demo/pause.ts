import type { Clock } from '@millrace/base';
import { sleep } from '@millrace/base';

/** Waits `ms`, or less when `signal` aborts: for loops that look at the signal themselves. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
