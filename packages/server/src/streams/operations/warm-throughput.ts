import type { ValueOf } from '@millrace/wire';
import { structure } from '@millrace/wire';
import * as controlErrors from '../control-errors.js';
import { warmMibpsMax } from '../limits.js';
import type { Stream } from '../stream.js';
import { warmMibps } from './shapes.js';

export const warmThroughputObject = structure('WarmThroughputObject', {
  TargetMiBps: warmMibps,
  CurrentMiBps: warmMibps,
});

/** A shard takes 1 MiB/s; undefined for a stream that was never asked to be ready for anything. */
export function describedWarmThroughput(stream: Stream): ValueOf<typeof warmThroughputObject> | undefined {
  const target = stream.pending?.warmMibps ?? stream.warmMibps;
  return target === undefined ? undefined : { TargetMiBps: target, CurrentMiBps: stream.openShards };
}

export function checkWarmThroughput(mibps: number): void {
  if (mibps > warmMibpsMax) throw controlErrors.warmThroughputTooHigh(mibps);
}
