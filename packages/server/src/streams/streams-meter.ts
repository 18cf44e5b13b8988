import type { RecordBatch } from '@millrace/log';
import { storedHeaderBytes } from './stored-record.js';
import type { Stream } from './stream.js';

/** Told of what goes into streams and comes out of them; bytes are those of keys and data. */
export interface StreamsMeter {
  took(stream: Stream, records: number, bytes: number, refused: number): void;
  gave(stream: Stream, records: number, bytes: number): void;
}

/** Keys and data of stored records. */
export function storedBytes({ count, starts, ends }: RecordBatch): number {
  let bytes = -count * storedHeaderBytes;
  for (let i = 0; i < count; i++) bytes += (ends[i] ?? 0) - (starts[i] ?? 0);
  return bytes;
}
