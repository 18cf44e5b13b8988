/**
 * A page of records in shared memory, for another thread to encode. What was read from files for it lies in shared memory
 * already, where the log was given slabs of it (`SharedSlabs`); the rest is copied together.
 *
 *      buffers of the log   │ … record 0 │ … record 2 │ …      │ … record 1 │ …      slab │ … record 3 │ …
 *      page                 │ record 0 │ record 1 │ record 2 │                      slab │ … record 3 │ …
 *
 * The log's own buffers are not touched once the page is gathered.
 */
import { asBuffer, copyBytes, mib, present } from '@millrace/base';
import type { PageSlabs } from '@millrace/log';
import type { RecordsPage } from './get-records-output.js';
import { pieceBytes, type Sliced, sliceBytes } from './sliced.js';
import { granuleBytes } from './spare-memory.js';

/** Bytes that the records of a page take. */
export function recordBytesOf({ records }: RecordsPage): number {
  let bytes = 0;
  for (let i = 0; i < records.count; i++) bytes += (records.ends[i] ?? 0) - (records.starts[i] ?? 0);
  return bytes;
}

/** The page in shared memory, of which `take` answers so many bytes, or more, to be written here. */
export function* gatherPage(page: RecordsPage, take: (bytes: number) => Buffer): Sliced<RecordsPage> {
  const { records } = page;
  const { count } = records;
  const from = records.buffers.map(asBuffer);
  const isShared = from.map(({ buffer }) => buffer instanceof SharedArrayBuffer);
  const buffers = from.filter((_, i) => isShared[i]);
  const places = isShared.map((shared, i) => (shared ? buffers.indexOf(from[i] as Buffer) : -1));
  const bufferOf = new Uint32Array(count);
  const starts = records.starts.slice(0, count);
  const ends = records.ends.slice(0, count);
  let memory: Buffer | undefined;
  let at = 0;
  let copied = 0;
  for (let i = 0; i < count; i++) {
    const buffer = records.bufferOf[i] ?? 0;
    const place = present(places[buffer], 'the buffer of a record');
    if (place >= 0) {
      bufferOf[i] = place;
      continue;
    }
    const source = present(from[buffer], 'the buffer of a record');
    const end = ends[i] ?? 0;
    const start = starts[i] ?? 0;
    if (memory === undefined || at + end - start > memory.length) {
      memory = take(Math.max(end - start, pieceBytes));
      buffers.push(memory);
      at = 0;
    }
    bufferOf[i] = buffers.length - 1;
    starts[i] = at;
    for (let next = start; next < end; next += pieceBytes) {
      const pieceEnd = Math.min(next + pieceBytes, end);
      at = copyBytes(source, next, pieceEnd, memory, at);
      copied += pieceEnd - next;
      if (copied < sliceBytes) continue;
      yield copied;
      copied = 0;
    }
    ends[i] = at;
  }
  const { positions, arrivalsMs } = records;
  return {
    ...page,
    shard: { index: page.shard.index, createdMs: page.shard.createdMs },
    records: {
      count,
      positions: positions.slice(0, count),
      arrivalsMs: arrivalsMs.slice(0, count),
      buffers,
      bufferOf,
      starts,
      ends,
    },
  };
}

/** A slab this many times as long as needed is left for a page that needs it. */
const spareMax = 2;
/** Two whole pages of 10 MiB, and what is not used at the ends of their slabs. */
const freeBytesMax = 24 * mib;

/**
 * Shared memory for pages, used again: the log reads files into it, the rest of a page is gathered in it, and codec threads
 * encode it where it is. Fresh memory costs as much as the copy into it, and what nobody refers to any more is found late,
 * because shared memory is on no isolate's account.
 *
 * Invariant: a slab is free or one page's, and free slabs are at most `freeBytesMax` bytes; the oldest is let go first.
 */
export class SharedSlabs implements PageSlabs {
  /** Pieces of 1 MiB are what the log reads at a time; one record may be as long, and its block a little longer. */
  readonly slabBytes = mib + granuleBytes;
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  take(bytes: number): Buffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const slab = this.#free[i];
      if (slab === undefined || slab.length < bytes || slab.length > spareMax * bytes) continue;
      this.#free.splice(i, 1);
      this.#freeBytes -= slab.length;
      return slab;
    }
    return Buffer.from(new SharedArrayBuffer(Math.ceil(bytes / granuleBytes) * granuleBytes));
  }

  give(slab: Buffer): void {
    this.#free.push(slab);
    this.#freeBytes += slab.length;
    while (this.#freeBytes > freeBytesMax) this.#freeBytes -= this.#free.shift()?.length ?? 0;
  }
}
