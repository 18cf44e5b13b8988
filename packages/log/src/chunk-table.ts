/**
 * The tables behind a chunk's blocks: where each block is, and which blocks each log has. Fixed-width entries in pages,
 * so that a look-up reads a few pages, each of which proves itself, and nothing has to be kept in memory.
 *
 *      page  = header entry*                   4096 bytes, the rest zeros
 *      header= magic:u32 "MRTP"                0
 *              checksum:u32                    4   of the page from byte 8 on
 *              chunk:u32                       8 ┐ a page is valid only at its own place
 *              page:u32                       12 ┘ counted from the first page of the blocks
 *              zero, to 64
 *      block = firstPosition:u64 firstArrivalMs:u64 offset:u64 length:u32 log:u32
 *      log   = log:u32 blockCount:u32 firstBlock:u32 zero:u32 end:u64 lastArrivalMs:u64 bytes:u64 records:u64 zero:u128
 *
 * Invariant: logs rise, and every log that existed when the chunk was made has an entry, with blocks or without. All
 * its records in older chunks are before `end` and arrived by `lastArrivalMs`; all in newer ones are not before either.
 * So the chunk that holds a position or a time is found by halving, whichever chunk one looks at.
 */
import { checksum } from '@millrace/base';
import type { Position } from './contract.js';
import { readU64, writeU64 } from './integers.js';

export const tablePageBytes = 4096;
const pageHeaderBytes = 64;
const pageMagic = 0x5054524d;
const blockEntryBytes = 32;
const logEntryBytes = 64;

const blocksInPage = (tablePageBytes - pageHeaderBytes) / blockEntryBytes;
export const logsInPage = (tablePageBytes - pageHeaderBytes) / logEntryBytes;

export interface BlockEntry {
  readonly firstPosition: Position;
  readonly firstArrivalMs: number;
  readonly offset: number;
  readonly length: number;
  readonly log: number;
}

export interface LogEntry {
  readonly log: number;
  readonly blockCount: number;
  readonly firstBlock: number;
  readonly end: Position;
  readonly lastArrivalMs: number;
  /** Of all its blocks. */
  readonly bytes: number;
  readonly records: number;
}

export interface TableCounts {
  readonly blockCount: number;
  readonly logCount: number;
}

export function tablePages(counts: TableCounts): number {
  return Math.ceil(counts.blockCount / blocksInPage) + Math.ceil(counts.logCount / logsInPage);
}

/** The page of block `index`, and of log `index`, and where in it. */
export function blockPlace(index: number): { readonly page: number; readonly at: number } {
  const at = pageHeaderBytes + (index % blocksInPage) * blockEntryBytes;
  return { page: Math.floor(index / blocksInPage), at };
}

export function logPlace(index: number, counts: TableCounts): { readonly page: number; readonly at: number } {
  const at = pageHeaderBytes + (index % logsInPage) * logEntryBytes;
  return { page: Math.ceil(counts.blockCount / blocksInPage) + Math.floor(index / logsInPage), at };
}

/** All pages, one after another. */
export function encodeTables(
  chunk: number,
  blocks: readonly BlockEntry[],
  logs: readonly LogEntry[],
  tag: number,
): Buffer {
  const counts = { blockCount: blocks.length, logCount: logs.length };
  const bytes = Buffer.alloc(tablePages(counts) * tablePageBytes);
  for (const [i, block] of blocks.entries()) {
    const { page, at } = blockPlace(i);
    const start = page * tablePageBytes + at;
    writeU64(bytes, block.firstPosition, start);
    writeU64(bytes, block.firstArrivalMs, start + 8);
    writeU64(bytes, block.offset, start + 16);
    bytes.writeUInt32LE(block.length, start + 24);
    bytes.writeUInt32LE(block.log, start + 28);
  }
  for (const [i, log] of logs.entries()) {
    const { page, at } = logPlace(i, counts);
    const start = page * tablePageBytes + at;
    bytes.writeUInt32LE(log.log, start);
    bytes.writeUInt32LE(log.blockCount, start + 4);
    bytes.writeUInt32LE(log.firstBlock, start + 8);
    writeU64(bytes, log.end, start + 16);
    writeU64(bytes, log.lastArrivalMs, start + 24);
    writeU64(bytes, log.bytes, start + 32);
    writeU64(bytes, log.records, start + 40);
  }
  for (let page = 0; page * tablePageBytes < bytes.length; page++) {
    const start = page * tablePageBytes;
    bytes.writeUInt32LE(pageMagic, start);
    bytes.writeUInt32LE(chunk, start + 8);
    bytes.writeUInt32LE(page, start + 12);
    bytes.writeUInt32LE(checksum(bytes.subarray(start + 8, start + tablePageBytes), tag), start + 4);
  }
  return bytes;
}

export function isTablePage(page: Buffer, chunk: number, index: number, tag: number): boolean {
  return (
    page.readUInt32LE(0) === pageMagic &&
    page.readUInt32LE(8) === chunk &&
    page.readUInt32LE(12) === index &&
    page.readUInt32LE(4) === checksum(page.subarray(8), tag)
  );
}

export function blockEntryAt(page: Buffer, at: number): BlockEntry {
  return {
    firstPosition: readU64(page, at),
    firstArrivalMs: readU64(page, at + 8),
    offset: readU64(page, at + 16),
    length: page.readUInt32LE(at + 24),
    log: page.readUInt32LE(at + 28),
  };
}

export function logEntryAt(page: Buffer, at: number): LogEntry {
  return {
    log: page.readUInt32LE(at),
    blockCount: page.readUInt32LE(at + 4),
    firstBlock: page.readUInt32LE(at + 8),
    end: readU64(page, at + 16),
    lastArrivalMs: readU64(page, at + 24),
    bytes: readU64(page, at + 32),
    records: readU64(page, at + 40),
  };
}
