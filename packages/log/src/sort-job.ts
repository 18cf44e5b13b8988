/**
 * The work of making a chunk out of a journal file, as plain data that can go to another thread, and how it is done.
 *
 *      settler ──job──▶ sortJournal ──made, or nothing alive──▶ settler ──▶ manifest
 *                         reads the journal file, writes, syncs and closes the chunk: nobody knows that yet
 *
 * Invariant: the job touches two files and knows nothing else of the log. Ended by an error, it leaves no chunk behind.
 */
import type { Canaries } from './canaries.js';
import { chunkName } from './chunk.js';
import type { ChunkTrailer } from './chunk-trailer.js';
import { ChunkWriter } from './chunk-writer.js';
import type { Disk } from './disk.js';
import { FileWindow } from './file-window.js';
import { JournalSorter, SortBuffer } from './journal-sorter.js';
import type { ManifestChunk } from './manifest.js';

/** Where each log that exists stood when the job was made: four arrays, by rising number. */
export interface SortedLogs {
  readonly numbers: Uint32Array;
  /** Records before this are dead. */
  readonly firsts: Float64Array;
  /** Where it stands behind the file, unless it has records there; and the newest time until then. */
  readonly ends: Float64Array;
  readonly lastArrivalsMs: Float64Array;
}

export interface SortJob {
  /** The journal file: commits from `body` up to `end`. */
  readonly source: { readonly name: string; readonly body: number; readonly end: number };
  /** The number of the chunk. */
  readonly chunk: number;
  readonly storeId: Uint8Array;
  readonly tag: number;
  readonly logs: SortedLogs;
  /** The limits `settlingBytesMax`, `settlingSliceBytes`, `settlingSyncBytes` and `blockBytesMax`. */
  readonly bytesMax: number;
  readonly sliceBytes: number;
  readonly syncBytes: number;
  readonly blockBytesMax: number;
  readonly canaries: Canaries;
  /** In shared memory: not 0 once the chunk is not wanted any more. */
  readonly abandoned: Int32Array;
}

/** A chunk that is whole and synced, under a name that is not durable yet. */
export interface MadeChunk {
  readonly named: ManifestChunk;
  readonly trailer: ChunkTrailer;
}

/** Whoever does such jobs, here or elsewhere. Throws what `sortJournal` throws. */
export interface Sorter {
  sort(job: SortJob): Promise<MadeChunk | undefined>;
}

/** Asked between any two steps of long work. */
export type StopSign = Pick<AbortSignal, 'throwIfAborted'>;

/** Why a job ended that was abandoned. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';

  constructor() {
    super('the chunk is not wanted any more');
  }
}

/**
 * Makes the chunk; `undefined` when nothing in the file is alive. Throws `DiskError`, `LogError` code `damaged`, or
 * `Abandoned`.
 */
export async function sortJournal(
  disk: Pick<Disk, 'open' | 'remove'>,
  job: SortJob,
  memory = new SortBuffer(),
): Promise<MadeChunk | undefined> {
  const stop = stopSign(job.abandoned);
  const source = await disk.open(job.source.name, 'existing');
  try {
    const sorter = new JournalSorter(job, source, new FileWindow(job.sliceBytes), memory);
    return await writeChunk(disk, job, sorter, stop);
  } finally {
    await source.close();
  }
}

async function writeChunk(
  disk: Pick<Disk, 'open' | 'remove'>,
  job: SortJob,
  sorter: JournalSorter,
  stop: StopSign,
): Promise<MadeChunk | undefined> {
  // No file is made before there is something for it: on a full disk there may be no room for one.
  let sorted = await sorter.next(stop);
  if (sorted === undefined) return undefined;
  const name = chunkName(job.chunk);
  const file = await disk.open(name, 'create');
  try {
    const writer = new ChunkWriter({ ...job, file, number: job.chunk });
    while (sorted !== undefined) {
      await writer.write(sorted, stop);
      sorted = await sorter.next(stop);
    }
    return await writer.finish(sorter.fences());
  } catch (error) {
    await disk.remove(name);
    throw error;
  } finally {
    await file.close();
  }
}

function stopSign(abandoned: Int32Array): StopSign {
  return {
    throwIfAborted() {
      if (Atomics.load(abandoned, 0) !== 0) throw new Abandoned();
    },
  };
}
