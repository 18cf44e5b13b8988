/**
 * A page of records gathered into one piece of shared memory, for another thread to encode.
 *
 *      buffers of the log   │ … record 0 │ … record 2 │ …      │ … record 1 │ …
 *      memory               │ record 0 │ record 1 │ record 2 │
 *
 * The log's own buffers are not touched once the page is gathered, and the rest of the page is copied: what is gathered
 * belongs to nobody else.
 */
import { asBuffer, mib, present } from '@millrace/base';
import type { RecordsPage } from './get-records-output.js';
import { pieceBytes, type Sliced, sliceBytes } from './sliced.js';

/** Bytes that the records of a page take. */
export function recordBytesOf({ records }: RecordsPage): number {
  let bytes = 0;
  for (let i = 0; i < records.count; i++) bytes += (records.ends[i] ?? 0) - (records.starts[i] ?? 0);
  return bytes;
}

/** The page with its records in `memory`, which has room for them. */
export function* gatherPage(page: RecordsPage, memory: Buffer): Sliced<RecordsPage> {
  const { records } = page;
  const { count } = records;
  const buffers = records.buffers.map(asBuffer);
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  let at = 0;
  let sliceAt = 0;
  for (let i = 0; i < count; i++) {
    const buffer = present(buffers[records.bufferOf[i] ?? 0], 'the buffer of a record');
    const end = records.ends[i] ?? 0;
    starts[i] = at;
    for (let from = records.starts[i] ?? 0; from < end; from += pieceBytes) {
      at += buffer.copy(memory, at, from, Math.min(from + pieceBytes, end));
      if (at - sliceAt < sliceBytes) continue;
      yield at - sliceAt;
      sliceAt = at;
    }
    ends[i] = at;
  }
  return {
    ...page,
    shard: { index: page.shard.index, createdMs: page.shard.createdMs },
    records: {
      count,
      positions: records.positions.slice(0, count),
      arrivalsMs: records.arrivalsMs.slice(0, count),
      buffers: [memory],
      bufferOf: new Uint32Array(count),
      starts,
      ends,
    },
  };
}

/** A page has 10 MiB of records at the most, and what their headers take. */
const spareBytesMax = 12 * mib;
const sparesMax = 2;

/** Shared memory for pages, used again: fresh memory costs as much as the copy into it. */
export class PageMemory {
  readonly #spares: Buffer[] = [];

  take(bytes: number): Buffer {
    const found = this.#spares.findIndex((spare) => spare.length >= bytes);
    const [spare] = found < 0 ? [] : this.#spares.splice(found, 1);
    return spare ?? Buffer.from(new SharedArrayBuffer(Math.ceil(bytes / mib) * mib));
  }

  /** Gives back what nobody reads any more. */
  give(memory: Buffer): void {
    if (memory.length > spareBytesMax) return;
    this.#spares.push(memory);
    if (this.#spares.length > sparesMax) this.#spares.shift();
  }
}
