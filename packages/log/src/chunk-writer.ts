/**
 * Writes a chunk file from front to back: blocks in the order in which they come, tables, trailer.
 *
 * Invariant: nothing leads to the file before `finish` has returned, with everything synced and the name durable. Each
 * write is at most `sliceBytes`, or one block, and others have their turn between any two.
 */
import { checksum } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { type BlockShape, blockLayout, placeBlock } from './chunk-block.js';
import { type BlockEntry, encodeTables, type LogEntry } from './chunk-table.js';
import { chunkTrailerBytes, encodeChunkTrailer } from './chunk-trailer.js';
import type { DiskFile } from './disk.js';
import type { MadeChunk, StopSign } from './sort-job.js';

/** A block that is about to be written. */
export interface WritableBlock extends BlockShape {
  readonly log: number;
  readonly firstPosition: number;
  readonly firstArrivalMs: number;
}

/** A log's part of a chunk, whatever blocks it has there. */
export type LogFence = Pick<LogEntry, 'log' | 'end' | 'lastArrivalMs'>;

/** Some blocks, one after another in `bytes`. */
export interface BlocksToWrite {
  readonly bytes: Buffer;
  readonly blocks: readonly WritableBlock[];
  /** Makes the block at `at` whole but for its place. Called once for each, in order. */
  seal(block: WritableBlock, at: number): void;
}

export interface ChunkWriterOptions {
  readonly file: DiskFile;
  readonly number: number;
  readonly storeId: Uint8Array;
  readonly tag: number;
  readonly sliceBytes: number;
  /** Synced whenever so much was written, so that the system never has to write all of it at once. */
  readonly syncBytes: number;
  readonly canaries: Canaries;
}

/** What the table of logs says of a log's blocks. */
type LogBlocks = Omit<LogEntry, keyof LogFence>;

const noBlocks: LogBlocks = { blockCount: 0, firstBlock: 0, bytes: 0, records: 0 };

interface WrittenBlock extends BlockEntry {
  readonly records: number;
}

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  readonly #blocks: WrittenBlock[] = [];
  #offset = 0;
  #unsyncedBytes = 0;
  #records = 0;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
  }

  /** Writes blocks that lie one after another in memory, each sealed just before. Of one log, older ones come first. */
  async write({ bytes, blocks, seal }: BlocksToWrite, stop: StopSign): Promise<void> {
    const { file, number, tag, sliceBytes } = this.#options;
    let start = 0;
    let at = 0;
    for (const block of blocks) {
      const { length } = blockLayout(block);
      if (at > start && at + length - start > sliceBytes) {
        await this.#flush(file, bytes.subarray(start, at), stop);
        start = at;
      }
      const offset = this.#offset + at - start;
      seal(block, at);
      placeBlock(bytes, at, number, offset, tag);
      const { log, firstPosition, firstArrivalMs, recordCount } = block;
      this.#blocks.push({ log, firstPosition, firstArrivalMs, offset, length, records: recordCount });
      this.#records += recordCount;
      at += length;
    }
    if (at > start) await this.#flush(file, bytes.subarray(start, at), stop);
  }

  /** Writes the tables for `fences`, which rise by log and name all logs that have blocks. */
  async finish(fences: readonly LogFence[]): Promise<MadeChunk> {
    const { file, number, storeId, tag, canaries } = this.#options;
    const blocks = this.#blocks.sort((a, b) => a.log - b.log);
    const ofLog = blocksByLog(blocks);
    const logs = fences.map((fence) => {
      const written = ofLog.get(fence.log) ?? noBlocks;
      const lost = canaries.lostIndexEntry && written.blockCount > 1 ? 1 : 0;
      return { ...fence, ...written, blockCount: written.blockCount - lost };
    });
    const tables = encodeTables(number, blocks, logs, tag);
    const parts = {
      chunk: number,
      storeId,
      blocksEnd: this.#offset,
      blockCount: blocks.length,
      logCount: logs.length,
      records: this.#records,
      tablesChecksum: checksum(tables),
    };
    const trailer = encodeChunkTrailer(parts);
    await file.write([tables, trailer], this.#offset);
    if (!canaries.manifestBeforeSync) await file.sync();
    const trailerChecksum = trailer.readUInt32LE(4);
    const bytes = this.#offset + tables.length + chunkTrailerBytes;
    return {
      named: { number, trailerChecksum, bytes, records: this.#records },
      trailer: { ...parts, checksum: trailerChecksum },
    };
  }

  async #flush(file: DiskFile, bytes: Buffer, stop: StopSign): Promise<void> {
    await file.write([bytes], this.#offset);
    this.#offset += bytes.length;
    this.#unsyncedBytes += bytes.length;
    if (this.#unsyncedBytes >= this.#options.syncBytes) {
      await file.sync();
      this.#unsyncedBytes = 0;
    }
    stop.throwIfAborted();
  }
}

/** The blocks of each log, which lie together in `blocks`. */
function blocksByLog(blocks: readonly WrittenBlock[]): ReadonlyMap<number, LogBlocks> {
  const ofLog = new Map<number, LogBlocks>();
  for (const [i, { log, length, records }] of blocks.entries()) {
    const before = ofLog.get(log) ?? { ...noBlocks, firstBlock: i };
    ofLog.set(log, {
      firstBlock: before.firstBlock,
      blockCount: before.blockCount + 1,
      bytes: before.bytes + length,
      records: before.records + records,
    });
  }
  return ofLog;
}
