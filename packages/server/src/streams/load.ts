/**
 * How much on-demand streams take, in *units*: what one shard is made for, 1 MiB or 1000 records a second, whichever is
 * more. Noted at each put, counted over the time since it was last looked at, and remembered as the highest of each of
 * thirty days: AWS's document of on-demand mode makes room for twice the peak of the last thirty.
 *
 * The shards that it was given are remembered so, too: it keeps them for as long. Nothing of this is written down. A stream
 * that is met for the first time (a restart, a change of mode) keeps what it has from today on: so nothing is taken away
 * too early, and at most thirty days too late.
 */
import { mib } from '@millrace/base';
import { dayMs } from './limits.js';
import type { PutBatch, PutResult } from './put-batch.js';
import type { Stream } from './stream.js';

const shardBytesPerSecond = mib;
const shardRecordsPerSecond = 1000;

interface Taken {
  bytes: number;
  records: number;
}

/** What streams have taken since they were last looked at, by incarnation and shard. */
export class LoadMeter {
  readonly #taken = new Map<number, Map<number, Taken>>();

  /** Notes what of `batch` was taken. */
  note(stream: Stream, batch: PutBatch, result: PutResult): void {
    const shards = this.#taken.get(stream.incarnation) ?? new Map<number, Taken>();
    this.#taken.set(stream.incarnation, shards);
    for (let i = 0; i < result.count; i++) {
      const shard = result.shards[result.shardOf[i] ?? 0];
      if (shard === undefined || result.errors?.has(i) === true) continue;
      const bytes = (batch.ends[i] ?? 0) - (i === 0 ? 0 : (batch.ends[i - 1] ?? 0));
      const taken = shards.get(shard.index);
      if (taken === undefined) shards.set(shard.index, { bytes, records: 1 });
      else {
        taken.bytes += bytes;
        taken.records++;
      }
    }
  }

  /** Units by stream and shard over the last `elapsedMs`, and forgets them. */
  read(elapsedMs: number): ReadonlyMap<number, ReadonlyMap<number, number>> {
    const seconds = Math.max(1, elapsedMs) / 1000;
    const read = new Map<number, ReadonlyMap<number, number>>();
    for (const [incarnation, shards] of this.#taken) {
      const units = new Map<number, number>();
      for (const [index, { bytes, records }] of shards) {
        units.set(index, Math.max(bytes / shardBytesPerSecond, records / shardRecordsPerSecond) / seconds);
      }
      read.set(incarnation, units);
    }
    this.#taken.clear();
    return read;
  }
}

/** The highest of each of the last days, by rising day; plain and never changed. */
export type Peaks = readonly { readonly day: number; readonly most: number }[];

const peakDays = 30;

export function withPeak(peaks: Peaks, nowMs: number, most: number): Peaks {
  const day = Math.floor(nowMs / dayMs);
  const last = peaks.at(-1);
  if (last?.day === day) return last.most >= most ? peaks : [...peaks.slice(0, -1), { day, most }];
  return [...peaks.filter((peak) => peak.day > day - peakDays), { day, most }];
}

export function highest(peaks: Peaks): number {
  return peaks.reduce((most, peak) => Math.max(most, peak.most), 0);
}
