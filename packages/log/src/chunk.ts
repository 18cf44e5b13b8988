/**
 * A chunk: the immutable file that one or more journal files were settled into, sorted by log.
 *
 *      │ log 3: block block block │ log 7: block │ …        │ table of blocks │ table of logs │ trailer │
 *
 * Invariant: of what is read of it, every page and block is checked against its place before it is believed; what is
 * wrong is damage, named with its file and offset. Nothing of it is kept in memory but its trailer.
 */
import { type BlockPlace, runsOfBlock } from './chunk-block.js';
import {
  type BlockEntry,
  blockEntryAt,
  blockPlace,
  isTablePage,
  type LogEntry,
  logEntryAt,
  logPlace,
  logsInPage,
  tablePageBytes,
  tablePages,
} from './chunk-table.js';
import { type ChunkTrailer, chunkTrailerBytes, decodeChunkTrailer } from './chunk-trailer.js';
import type { Disk, DiskFile } from './disk.js';
import type { PooledFile } from './file-pool.js';
import type { FileWindow } from './file-window.js';
import type { Lanes } from './lanes.js';
import { LogError } from './log-error.js';
import type { ManifestChunk } from './manifest.js';
import type { Run } from './run.js';
import type { TableCache } from './table-cache.js';

const chunkNamePattern = /^chunk-(\d{10})$/;

export function chunkName(chunk: number): string {
  return `chunk-${String(chunk).padStart(10, '0')}`;
}

export function isChunkName(name: string): boolean {
  return chunkNamePattern.test(name);
}

/** Reads the trailer of the chunk that a manifest names, and checks that it is that very one. */
export async function openChunkTrailer(
  disk: Disk,
  named: ManifestChunk,
  storeId: Uint8Array,
): Promise<ChunkTrailer> {
  const name = chunkName(named.number);
  const file = await disk.open(name, 'existing');
  try {
    const size = await file.size();
    const trailer = await readTrailer(file, size);
    checkPlace(name, named.number, trailer);
    if (size !== named.bytes) {
      throw new LogError('damaged', `${name} is damaged: it has ${size} bytes, not ${named.bytes}`);
    }
    const isNamed =
      trailer !== undefined &&
      trailer.chunk === named.number &&
      trailer.checksum === named.trailerChecksum &&
      Buffer.compare(trailer.storeId, storeId) === 0 &&
      trailer.blocksEnd + tablePages(trailer) * tablePageBytes + chunkTrailerBytes === size;
    if (!isNamed) {
      throw new LogError('damaged', `${name} is damaged at offset ${size - chunkTrailerBytes}`);
    }
    return trailer;
  } finally {
    await file.close();
  }
}

/** Throws when a chunk that no manifest names is none of its name: a leftover is removed, a copy is somebody's. */
export async function checkLeftoverChunk(disk: Disk, name: string): Promise<void> {
  const file = await disk.open(name, 'existing');
  try {
    checkPlace(name, Number(chunkNamePattern.exec(name)?.[1]), await readTrailer(file, await file.size()));
  } finally {
    await file.close();
  }
}

async function readTrailer(file: DiskFile, size: number): Promise<ChunkTrailer | undefined> {
  if (size < chunkTrailerBytes) return undefined;
  const bytes = Buffer.alloc(chunkTrailerBytes);
  const read = await file.read(bytes, size - chunkTrailerBytes);
  return read === chunkTrailerBytes ? decodeChunkTrailer(bytes) : undefined;
}

function checkPlace(name: string, number: number, trailer: ChunkTrailer | undefined): void {
  if (trailer === undefined || trailer.chunk === number) return;
  throw new LogError(
    'damaged',
    `${name} holds ${chunkName(trailer.chunk)}: it was copied there, or swapped with it`,
  );
}

/** Bytes of a chunk that lie together, and where they go in a piece. */
interface Extent {
  readonly offset: number;
  length: number;
  readonly at: number;
}

/** Some of a log's blocks in a chunk, which are read and kept together. */
export interface BlockPiece {
  readonly blocks: readonly BlockEntry[];
  readonly extents: readonly Extent[];
  readonly bytes: number;
}

interface LoadedBlock {
  readonly bytes: Buffer;
  readonly runs: readonly Run[];
}

/** A log's entry, and where it stands in the table of logs. */
export interface FoundEntry extends LogEntry {
  readonly index: number;
}

export class Chunk {
  readonly named: ManifestChunk;
  readonly file: PooledFile;
  readonly #trailer: ChunkTrailer;
  readonly #cache: TableCache;
  readonly #tag: number;

  constructor(named: ManifestChunk, file: PooledFile, trailer: ChunkTrailer, cache: TableCache, tag: number) {
    this.named = named;
    this.file = file;
    this.#trailer = trailer;
    this.#cache = cache;
    this.#tag = tag;
  }

  get name(): string {
    return this.file.name;
  }

  /**
   * The entry of log `number`; `undefined` when the log is younger than the chunk. `file` is the chunk's, leased. It is
   * looked for at the index `near` first: logs stand at about the same place in all chunks.
   */
  async log(file: DiskFile, number: number, near?: number): Promise<FoundEntry | undefined> {
    let low = 0;
    let high = this.#trailer.logCount;
    if (near !== undefined && near < high) {
      const entry = await this.#logAt(file, near);
      if (entry.log === number) return { ...entry, index: near };
      if (entry.log > number) high = near;
      else low = near + 1;
    }
    // First by the pages' first entries, so that few pages are touched; then within one.
    while (low < high) {
      const middle = (low + high) >>> 1;
      const pageStart = middle - (middle % logsInPage);
      const probe = pageStart > low ? pageStart : middle;
      const entry = await this.#logAt(file, probe);
      if (entry.log === number) return { ...entry, index: probe };
      if (entry.log > number) high = probe;
      else low = probe + 1;
    }
    return undefined;
  }

  /** Every log's entry, in order. */
  async *logs(file: DiskFile): AsyncIterable<LogEntry> {
    for (let i = 0; i < this.#trailer.logCount; i++) yield await this.#logAt(file, i);
  }

  /** The index of the last block of `entry` that `isBefore` holds for; of its first block when there is none. */
  async findBlock(
    file: DiskFile,
    entry: LogEntry,
    isBefore: (block: BlockEntry) => boolean,
  ): Promise<number> {
    let low = entry.firstBlock;
    let high = low + entry.blockCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(await this.block(file, middle))) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, entry.firstBlock);
  }

  async block(file: DiskFile, index: number): Promise<BlockEntry> {
    const { page, at } = blockPlace(index);
    return blockEntryAt(await this.#page(file, page), at);
  }

  /** The bytes of all blocks. */
  get blocksBytes(): number {
    return this.#trailer.blocksEnd;
  }

  /** A block, checked: its bytes and its runs, good until the window is used again. */
  async load(file: DiskFile, window: FileWindow, block: BlockEntry): Promise<LoadedBlock> {
    const { offset, length, log } = block;
    window.attach(file, this.name, this.#trailer.blocksEnd);
    if (!window.holds(offset, length) && !(await window.fill(offset, length))) throw this.#damaged(offset);
    const place: BlockPlace = { chunk: this.named.number, log, offset, length };
    const at = window.at(offset);
    const runs = runsOfBlock(window.bytes, at, place, this.#tag);
    if (runs === undefined) throw this.#damaged(offset);
    return { bytes: window.bytes.subarray(at, at + length), runs };
  }

  /** The blocks of `entry` from `index` on that come to about `bytesWanted`, at least one. */
  async piece(file: DiskFile, entry: LogEntry, index: number, bytesWanted: number): Promise<BlockPiece> {
    const blocks: BlockEntry[] = [];
    const extents: Extent[] = [];
    let bytes = 0;
    for (let i = index; i < entry.firstBlock + entry.blockCount; i++) {
      if (bytes >= bytesWanted) break;
      const block = await this.block(file, i);
      const { offset, length } = block;
      const last = extents.at(-1);
      if (last !== undefined && last.offset + last.length === offset) last.length += length;
      else extents.push({ offset, length, at: bytes });
      blocks.push(block);
      bytes += length;
    }
    return { blocks, extents, bytes };
  }

  /** The runs of a piece, each block checked, in `buffer`. What lies together is one read; when it fails, none is under way. */
  async loadPiece(file: DiskFile, piece: BlockPiece, lanes: Lanes, buffer: Buffer): Promise<Run[]> {
    const reads = await Promise.allSettled(
      piece.extents.map(({ offset, length, at }) =>
        lanes.use(async () => {
          const read = await file.read(buffer.subarray(at, at + length), offset);
          if (read < length) throw this.#damaged(offset);
        }),
      ),
    );
    const failed = reads.find((read) => read.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    let at = 0;
    return piece.blocks.flatMap(({ log, offset, length }) => {
      const place: BlockPlace = { chunk: this.named.number, log, offset, length };
      const runs = runsOfBlock(buffer, at, place, this.#tag);
      if (runs === undefined) throw this.#damaged(offset);
      at += length;
      return runs;
    });
  }

  async #logAt(file: DiskFile, index: number): Promise<LogEntry> {
    const { page, at } = logPlace(index, this.#trailer);
    return logEntryAt(await this.#page(file, page), at);
  }

  async #page(file: DiskFile, index: number): Promise<Buffer> {
    const { number } = this.named;
    const cached = this.#cache.get(number, index);
    if (cached !== undefined) return cached;
    const offset = this.#trailer.blocksEnd + index * tablePageBytes;
    const page = Buffer.allocUnsafeSlow(tablePageBytes);
    const read = await file.read(page, offset);
    if (read < tablePageBytes || !isTablePage(page, number, index, this.#tag)) throw this.#damaged(offset);
    this.#cache.put(number, index, page);
    return page;
  }

  #damaged(offset: number): LogError {
    return new LogError('damaged', `${this.name} is damaged at offset ${offset}`);
  }
}
