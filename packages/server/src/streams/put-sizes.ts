import { mib } from '@millrace/base';
import * as errors from './errors.js';
import { recordBytesOf } from './limits.js';
import type { PutBatch } from './put-batch.js';
import { storedDataStart, storedHeaderBytes } from './stored-record.js';
import type { Stream } from './stream.js';

/** Throws when a record is larger than the stream takes, or all together than a request may be. */
export function checkSizes(stream: Stream, batch: PutBatch, single: boolean, putBytesMax: number): void {
  const recordMax = recordBytesOf(stream.recordKibMax);
  const { count, ends, payload } = batch;
  let start = 0;
  for (let i = 0; i < count; i++) {
    const end = ends[i] ?? 0;
    const bytes = end - start - storedHeaderBytes;
    if (bytes > recordMax) {
      const dataBytes = end - storedDataStart(payload, start);
      const path = single ? 'data' : `records.${i + 1}.member.data`;
      const dataMax = dataBytes > recordMax ? recordMax : recordMax - (bytes - dataBytes);
      throw errors.recordTooLarge(path, dataBytes, dataMax);
    }
    start = end;
  }
  if (start - count * storedHeaderBytes > putBytesMax) throw errors.recordsTooLarge(putBytesMax / mib);
}
