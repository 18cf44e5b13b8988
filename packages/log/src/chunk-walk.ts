/**
 * Goes through one chunk that may be damaged: every block by itself, then the tables against what the blocks were.
 *
 *      │ block ✓ │ block ✗ ··· │ block ✓ │ …  │ page ✓ │ page ✗ │ trailer ✓ │
 *                └ up to the next header at its own place
 *
 * Invariant: blocks need no tables to be found: each names its chunk, its place and its log. So a chunk without a
 * trailer, or one that was cut, gives back all of its blocks that are there.
 */
import { assert, checksum } from '@millrace/base';
import { chunkName } from './chunk.js';
import { type BlockPlace, blockHeaderBytes, blockPlaceAt, runsOfBlock } from './chunk-block.js';
import {
  type BlockEntry,
  blockEntryAt,
  blockPlace,
  isTablePage,
  type LogEntry,
  logEntryAt,
  logPlace,
  tablePageBytes,
  tablePages,
} from './chunk-table.js';
import { type ChunkTrailer, chunkTrailerBytes, decodeChunkTrailer } from './chunk-trailer.js';
import type { ReadableFile } from './disk.js';
import type { FileWindow } from './file-window.js';
import type { Findings } from './finding.js';
import type { ManifestChunk } from './manifest.js';
import type { Run } from './run.js';

/** A chunk file and what its end says, if that is whole. */
export interface ChunkFileFound {
  /** The name it has. */
  readonly name: string;
  /** The number it should have: its trailer's, or, where that is damaged, its name's. */
  readonly number: number;
  readonly size: number;
  readonly trailer: ChunkTrailer | undefined;
}

/** Reads the trailer at the end of `file`. */
export async function findChunkFile(
  file: ReadableFile,
  name: string,
  number: number,
): Promise<ChunkFileFound> {
  const size = await file.size();
  const bytes = Buffer.alloc(chunkTrailerBytes);
  const read = size < chunkTrailerBytes ? 0 : await file.read(bytes, size - chunkTrailerBytes);
  const trailer = read === chunkTrailerBytes ? decodeChunkTrailer(bytes) : undefined;
  return { name, number: trailer?.chunk ?? number, size, trailer };
}

/** A block that is whole. */
export interface WalkedBlock extends BlockPlace {
  readonly runs: readonly Run[];
  /** Its bytes, good until the next block is asked for. */
  readonly bytes: Buffer;
}

export interface ChunkWalkOptions {
  readonly file: ReadableFile;
  readonly found: ChunkFileFound;
  /** What the manifest says of it, if there is one. */
  readonly named: ManifestChunk | undefined;
  readonly storeId: Uint8Array;
  readonly tag: number;
  readonly window: FileWindow;
  readonly findings: Findings;
  /** Whether a log is there still: one that was deleted while the chunk was made has blocks and no entry. */
  readonly exists: (log: number) => boolean;
  readonly block: (block: WalkedBlock) => Promise<void> | void;
}

export async function walkChunk(options: ChunkWalkOptions): Promise<void> {
  const { found, findings } = options;
  const { name, size, trailer } = found;
  const end = checkEnd(options) ? (trailer?.blocksEnd ?? size) : size;
  const blocks = await walkBlocks(options, end, trailer !== undefined);
  if (trailer === undefined) return;
  const tables = await readTables(options, trailer);
  if (tables === undefined) return;
  if (checksum(tables) !== trailer.tablesChecksum) {
    findings.damage('changed', name, 'its tables are not those that its end names', {
      offset: trailer.blocksEnd,
      bytes: tables.length,
    });
  } else if (blocks !== undefined) checkTables(options, trailer, tables, blocks);
}

/** Checks size and trailer; answers whether the trailer can be believed about where things are. */
function checkEnd(options: ChunkWalkOptions): boolean {
  const { found, named, findings, storeId } = options;
  const { name, size, trailer } = found;
  const offset = Math.max(0, size - chunkTrailerBytes);
  if (named !== undefined && size < named.bytes) {
    const place = { offset: size, bytes: named.bytes - size };
    findings.damage('cut', name, `it has ${size} bytes, and the manifest says ${named.bytes}`, place);
  } else if (trailer === undefined) {
    findings.damage('changed', name, 'its end, which says where its tables are, is not what was written', {
      offset,
      bytes: chunkTrailerBytes,
    });
  } else if (Buffer.compare(trailer.storeId, storeId) !== 0) {
    findings.damage('foreign', name, 'it is a chunk of another store', { offset });
  } else if (named !== undefined && (trailer.checksum !== named.trailerChecksum || size !== named.bytes)) {
    findings.damage('misplaced', name, `it is not the ${chunkName(named.number)} that the manifest names`, {
      offset,
    });
  } else if (trailer.blocksEnd + tablePages(trailer) * tablePageBytes + chunkTrailerBytes !== size) {
    findings.damage('changed', name, 'it is not as long as its end says', { offset });
    return false;
  }
  return true;
}

/** Hands on the blocks up to `end` that are whole; answers their places, or `undefined` when some are not. */
async function walkBlocks(
  options: ChunkWalkOptions,
  end: number,
  isExact: boolean,
): Promise<BlockPlace[] | undefined> {
  const { file, found, window, tag, findings } = options;
  window.attach(file, found.name, found.size);
  const places: BlockPlace[] = [];
  let damaged = false;
  let offset = 0;
  while (offset < end) {
    const place = await placeAt(options, offset, end);
    const at = place === undefined ? 0 : window.at(offset);
    const runs = place === undefined ? undefined : runsOfBlock(window.bytes, at, place, tag);
    if (place !== undefined && runs !== undefined && areInOrder(runs)) {
      const bytes = window.bytes.subarray(at, at + place.length);
      await options.block({ ...place, runs, bytes });
      places.push(place);
      offset += place.length;
      continue;
    }
    const next = place === undefined ? await nextBlock(options, offset + 8, end) : offset + place.length;
    // Without a trailer the tables follow the last block, and nobody knows where they begin.
    if (next === end && !isExact) return undefined;
    damaged = true;
    findings.damage('changed', found.name, 'a block of records is not what was written', {
      offset,
      bytes: next - offset,
    });
    offset = next;
  }
  return damaged ? undefined : places;
}

/** The place of the block whose header is at `offset`, all of it in the window; `undefined` when there is none. */
async function placeAt(
  options: ChunkWalkOptions,
  offset: number,
  end: number,
): Promise<BlockPlace | undefined> {
  const { window, tag, found } = options;
  if (offset + blockHeaderBytes > end) return undefined;
  if (!window.holds(offset, blockHeaderBytes) && !(await window.fill(offset, blockHeaderBytes)))
    return undefined;
  const place = blockPlaceAt(window.bytes, window.at(offset), tag);
  if (place === undefined || place.chunk !== found.number || place.offset !== offset) return undefined;
  const { length } = place;
  if (length < blockHeaderBytes || offset + length > end) return undefined;
  if (!window.holds(offset, length) && !(await window.fill(offset, length))) return undefined;
  return place;
}

async function nextBlock(options: ChunkWalkOptions, from: number, end: number): Promise<number> {
  for (let offset = from; offset < end; offset += 8) {
    if ((await placeAt(options, offset, end)) !== undefined) return offset;
  }
  return end;
}

/** What a checksum cannot say: that the writer was right. */
function areInOrder(runs: readonly Run[]): boolean {
  let position = 0;
  let arrivalMs = 0;
  for (const run of runs) {
    if (run.count === 0 || run.firstPosition < position || run.arrivalMs < arrivalMs) return false;
    position = run.firstPosition + run.count;
    arrivalMs = run.arrivalMs;
  }
  const ends = runs[0]?.batch.ends ?? new Uint32Array(0);
  let previous = 0;
  for (const end of ends) {
    if (end < previous) return false;
    previous = end;
  }
  return runs.length > 0 && previous <= (runs[0]?.batch.payload.length ?? 0);
}

/** All pages, or `undefined` when some are not what was written. */
async function readTables(options: ChunkWalkOptions, trailer: ChunkTrailer): Promise<Buffer | undefined> {
  const { file, found, tag, findings } = options;
  const pages = tablePages(trailer);
  if (trailer.blocksEnd + pages * tablePageBytes + chunkTrailerBytes > found.size) return undefined;
  const tables = Buffer.alloc(pages * tablePageBytes);
  const read = await file.read(tables, trailer.blocksEnd);
  let whole = read === tables.length;
  for (let page = 0; page < pages; page++) {
    const bytes = tables.subarray(page * tablePageBytes, (page + 1) * tablePageBytes);
    if (isTablePage(bytes, found.number, page, tag)) continue;
    whole = false;
    findings.damage('changed', found.name, 'a page of its tables is not what was written', {
      offset: trailer.blocksEnd + page * tablePageBytes,
      bytes: tablePageBytes,
    });
  }
  return whole ? tables : undefined;
}

/** Holds the tables against the blocks: each is there once, in order, under its log. */
function checkTables(
  options: ChunkWalkOptions,
  trailer: ChunkTrailer,
  tables: Buffer,
  blocks: readonly BlockPlace[],
): void {
  const { found, findings } = options;
  const wrong = (message: string): void =>
    findings.damage('records', found.name, message, { offset: trailer.blocksEnd });
  if (blocks.length !== trailer.blockCount) {
    wrong(`it has ${blocks.length} blocks, and its end says ${trailer.blockCount}`);
    return;
  }
  const byOffset = new Map(blocks.map((block) => [block.offset, block]));
  const byLog = new Map<number, { first: number; count: number; bytes: number }>();
  let log = 0;
  for (let i = 0; i < trailer.blockCount; i++) {
    const entry = blockAt(tables, i);
    const block = byOffset.get(entry.offset);
    byOffset.delete(entry.offset);
    if (entry.length !== block?.length || entry.log !== block.log || entry.log < log) {
      wrong(`entry ${i} of its table of blocks leads to no such block`);
      return;
    }
    log = entry.log;
    const held = byLog.get(log) ?? { first: i, count: 0, bytes: 0 };
    byLog.set(log, held);
    held.count++;
    held.bytes += entry.length;
  }
  let previous = 0;
  for (let i = 0; i < trailer.logCount; i++) {
    const entry = logAt(tables, i, trailer);
    const held = byLog.get(entry.log) ?? { first: entry.firstBlock, count: 0, bytes: 0 };
    byLog.delete(entry.log);
    if (entry.log <= previous) wrong(`its table of logs is out of order at entry ${i}`);
    previous = entry.log;
    const isSame = entry.firstBlock === held.first || held.count === 0;
    if (isSame && entry.blockCount === held.count && entry.bytes === held.bytes) continue;
    wrong(`its table of logs knows ${entry.blockCount} of the ${held.count} blocks of log ${entry.log}`);
  }
  for (const number of byLog.keys()) {
    if (options.exists(number)) wrong(`its table of logs does not know log ${number}`);
  }
}

function blockAt(tables: Buffer, index: number): BlockEntry {
  const { page, at } = blockPlace(index);
  return blockEntryAt(tables.subarray(page * tablePageBytes, (page + 1) * tablePageBytes), at);
}

function logAt(tables: Buffer, index: number, trailer: ChunkTrailer): LogEntry {
  const { page, at } = logPlace(index, trailer);
  assert((page + 1) * tablePageBytes <= tables.length, 'the tables are all there');
  return logEntryAt(tables.subarray(page * tablePageBytes, (page + 1) * tablePageBytes), at);
}
