/**
 * Writes a chunk file from front to back: blocks, tables, trailer.
 *
 * Invariant: nothing leads to the file before `finish` has returned, with everything synced and the name durable. Each
 * write is at most `sliceBytes`, or one block, and others have their turn between any two.
 */
import { checksum } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { type BlockShape, blockLayout, placeBlock } from './chunk-block.js';
import { type BlockEntry, encodeTables, type LogEntry } from './chunk-table.js';
import { type ChunkTrailer, chunkTrailerBytes, encodeChunkTrailer } from './chunk-trailer.js';
import type { DiskFile } from './disk.js';
import type { ManifestChunk } from './manifest.js';

/** A block that is about to be written. */
export interface WritableBlock extends BlockShape {
  readonly log: number;
  readonly firstPosition: number;
  readonly firstArrivalMs: number;
}

/** A log's part of a chunk, whatever blocks it has there. */
export type LogFence = Pick<LogEntry, 'log' | 'end' | 'lastArrivalMs'>;

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

interface WrittenLog {
  blockCount: number;
  readonly firstBlock: number;
  bytes: number;
  records: number;
}

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  readonly #blocks: BlockEntry[] = [];
  readonly #logs = new Map<number, WrittenLog>();
  #offset = 0;
  #unsyncedBytes = 0;
  #records = 0;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
  }

  /** Writes sealed blocks that lie one after another in `bytes`, `seal` called for each just before. */
  async write(
    bytes: Buffer,
    blocks: readonly WritableBlock[],
    seal: (block: WritableBlock, at: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { file, number, tag, sliceBytes } = this.#options;
    let start = 0;
    let at = 0;
    for (const block of blocks) {
      const { length } = blockLayout(block);
      if (at > start && at + length - start > sliceBytes) {
        await this.#flush(file, bytes.subarray(start, at), signal);
        start = at;
      }
      const offset = this.#offset + at - start;
      seal(block, at);
      placeBlock(bytes, at, number, offset, tag);
      this.#note(block, offset, length);
      at += length;
    }
    if (at > start) await this.#flush(file, bytes.subarray(start, at), signal);
  }

  /** Writes the tables for `fences`, which rise by log and name all logs that have blocks. */
  async finish(fences: readonly LogFence[]): Promise<{ named: ManifestChunk; trailer: ChunkTrailer }> {
    const { file, number, storeId, tag, canaries } = this.#options;
    const logs = fences.map((fence) => this.#entry(fence, canaries));
    const tables = encodeTables(number, this.#blocks, logs, tag);
    const parts = {
      chunk: number,
      storeId,
      blocksEnd: this.#offset,
      blockCount: this.#blocks.length,
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

  async #flush(file: DiskFile, bytes: Buffer, signal: AbortSignal): Promise<void> {
    await file.write([bytes], this.#offset);
    this.#offset += bytes.length;
    this.#unsyncedBytes += bytes.length;
    if (this.#unsyncedBytes >= this.#options.syncBytes) {
      await file.sync();
      this.#unsyncedBytes = 0;
    }
    signal.throwIfAborted();
  }

  #note(block: WritableBlock, offset: number, length: number): void {
    const { log, firstPosition, firstArrivalMs, recordCount } = block;
    const written = this.#logs.get(log) ?? {
      blockCount: 0,
      firstBlock: this.#blocks.length,
      bytes: 0,
      records: 0,
    };
    this.#logs.set(log, written);
    written.blockCount++;
    written.bytes += length;
    written.records += recordCount;
    this.#records += recordCount;
    this.#blocks.push({ firstPosition, firstArrivalMs, offset, length, log });
  }

  #entry(fence: LogFence, canaries: Canaries): LogEntry {
    const { log, end, lastArrivalMs } = fence;
    const written = this.#logs.get(log) ?? { blockCount: 0, firstBlock: 0, bytes: 0, records: 0 };
    const blockCount =
      canaries.lostIndexEntry && written.blockCount > 1 ? written.blockCount - 1 : written.blockCount;
    return { ...written, log, end, lastArrivalMs, blockCount };
  }
}
