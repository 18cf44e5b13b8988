/** The native engine as the workloads run it: with limits so small that every bound is met, and some by every seed. */
import { kib, pick, type Random } from '@millrace/base';
import { type NativeLimits, openNativeEngine } from '@millrace/log';
import { spoilingSlabs } from './borrowed-pages.js';
import type { EngineUnderTest } from './open-log.js';

/** One append of any workload fits into the least of these. */
const commitBytesMax = [80 * kib, 256 * kib];

const reserveBytes = 32 * kib;
/** A header, a commit or two, and what rounding to blocks takes. */
const slackBytes = 32 * kib;

/** Limits that stay the same over the lives of one run, as those of one machine do. */
function smallLimits(random: Random): Partial<NativeLimits> {
  return {
    journalFileBytesMax: pick(random, [4 * kib, 16 * kib, 64 * kib]),
    commitBytesMax: pick(random, commitBytesMax),
    gatheredPayloadBytesMax: pick(random, [0, 64, 4 * kib]),
    framePayloadBytesMax: pick(random, [100, 2 * kib, 64 * kib]),
    appendSliceBytes: pick(random, [64, 1 * kib, 64 * kib]),
    queueBytesMax: pick(random, [1 * kib, 256 * kib]),
    queueRequestsMax: pick(random, [4, 64]),
    tailBytesMax: pick(random, [0, 4 * kib, 256 * kib]),
    indexSpacingBytes: pick(random, [64, 1 * kib]),
    indexEntriesMax: pick(random, [2, 8]),
    readBytesMax: pick(random, [512, 8 * kib]),
    readsMax: pick(random, [1, 4]),
    readScanBytesMax: pick(random, [2 * kib, 64 * kib]),
    filesOpenMax: pick(random, [1, 8]),
    reserveBytes,
    deadBytesMax: pick(random, [2 * kib, 64 * kib]),
    unsettledFilesMax: pick(random, [1, 8]),
    settlingBytesMax: pick(random, [1 * kib, 16 * kib]),
    settlingSliceBytes: pick(random, [512, 8 * kib]),
    settlingSyncBytes: pick(random, [1 * kib, 16 * kib]),
    blockBytesMax: pick(random, [256, 4 * kib]),
    tableCacheBytesMax: pick(random, [0, 64 * kib]),
    keptFrameBytesMin: pick(random, [0, 64 * kib]),
    commitsInFlightMax: pick(random, [1, 2, 3, 5]),
    commitsInFlightBytesMax: pick(random, [2 * kib, 64 * kib]),
    commitBesideBytesMin: pick(random, [0, 300, 4 * kib]),
  };
}

/** How many calls may wait, by kind: so few that some are told that the log is busy. */
function fewWaiting(random: Random): Partial<NativeLimits> {
  return {
    waitingRequestsMax: pick(random, [1, 4, 65_536]),
    readsWaitingMax: pick(random, [1, 65_536]),
    waitersMax: pick(random, [2, 100_000]),
  };
}

/** One slice, then whoever else is ready: what is asked for meanwhile overtakes a long append. */
async function inSlices<T>(work: Generator<number, T, void>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await Promise.resolve();
  }
}

/** `busy`: calls may be turned away because too many wait. */
export function nativeEngine(random: Random, busy: boolean): EngineUnderTest {
  const limits = { ...smallLimits(random), ...(busy ? fewWaiting(random) : {}) };
  return {
    busy,
    restBytesMax: reserveBytes + (limits.deadBytesMax ?? 0) + slackBytes,
    open: ({ disk, clock, random: chances, canary }) =>
      openNativeEngine({
        disk,
        clock,
        random: chances,
        limits,
        slabs: spoilingSlabs(),
        inSlices,
        ...(canary === undefined ? {} : { canaries: { [canary]: true } }),
      }),
  };
}
