import * as controlErrors from '../control-errors.js';
import { retentionHoursMax, retentionHoursMin } from '../limits.js';
import type { Stream } from '../stream.js';
import { nameOf, type Streams } from '../streams.js';

/** What both operations on the retention do; they differ in the direction that they allow. */
export async function changeRetention(
  streams: Streams,
  stream: Stream,
  change: 'increase' | 'decrease',
  hours: number,
): Promise<void> {
  if (hours < retentionHoursMin) throw controlErrors.retentionTooShort(hours);
  if (hours > retentionHoursMax) throw controlErrors.retentionTooLong(hours);
  await streams.change({ type: 'retention', ...nameOf(stream), change, hours });
}
