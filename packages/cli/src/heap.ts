/**
 * What V8 is told of the program that it runs: a small heap that holds much memory outside it.
 *
 * V8 collects when heap and buffers together have grown by a share of what the heap itself takes. The server's heap is
 * 10 MB; the newest records, in memory up to a bound of their own, are buffers of 64 MiB. By V8's measure that is
 * always too much, so it marks the heap without a pause, in four threads: a third of the processor time of a put.
 */
import { setFlagsFromString } from 'node:v8';

/** By how much of itself the heap may grow before it is collected whole. More than this has no further effect. */
const growthPercent = 1000;

/**
 * Lets the heap grow before it is collected. For a process of our own alone, never for one that only embeds the
 * server. Read by V8 each time it sets its limit, and so safe to set in a process that runs.
 */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
}
