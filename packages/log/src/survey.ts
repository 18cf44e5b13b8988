/**
 * How much of each chunk is alive, and which chunks are worth rewriting.
 *
 *      chunks   │ 1: dead │ 2: a tenth alive │ 3: small │ 4: whole │ 5: half alive │
 *      so         goes     └── rewritten as one ───────┘   stays      rewritten
 *
 * Invariant: alive is what rewriting would keep, block by block, so that a rewritten chunk is not rewritten again before
 * more of it has died. Only neighbours become one: the chunks of a log stay in order.
 */
import type { Chunk } from './chunk.js';
import type { LogEntry } from './chunk-table.js';
import type { DiskFile } from './disk.js';
import type { Registry } from './registry.js';

export interface Surveyed {
  readonly chunk: Chunk;
  readonly liveBytes: number;
}

/** A chunk is rewritten when no more than this part of its blocks is alive. */
const sparseShare = 1 / 2;
/** A chunk that is smaller than this part of a full one is small: some small neighbours are worth making one. */
const smallShare = 1 / 8;
const smallNeighboursMin = 4;

/** The blocks of `entry` that hold anything alive: from the index `from` up to `to`. */
export async function liveBlocks(
  chunk: Chunk,
  file: DiskFile,
  entry: LogEntry,
  registry: Registry,
): Promise<{ readonly from: number; readonly to: number }> {
  const to = entry.firstBlock + entry.blockCount;
  const log = registry.byNumber(entry.log);
  if (entry.blockCount === 0 || log?.exists !== true || log.first >= entry.end) return { from: to, to };
  const { first } = log;
  return { from: await chunk.findBlock(file, entry, (block) => block.firstPosition <= first), to };
}

/** The bytes of all blocks of a chunk, whose file is `file`, that hold anything alive. */
export async function liveBytes(chunk: Chunk, file: DiskFile, registry: Registry): Promise<number> {
  let bytes = 0;
  for await (const entry of chunk.logs(file)) {
    const { from, to } = await liveBlocks(chunk, file, entry, registry);
    if (from === entry.firstBlock) bytes += from < to ? entry.bytes : 0;
    else for (let index = from; index < to; index++) bytes += (await chunk.block(file, index)).length;
  }
  return bytes;
}

/** The rows of neighbours to be rewritten, each as one chunk of at most `fullBytes`. */
export function rowsToRewrite(surveyed: readonly Surveyed[], fullBytes: number): Chunk[][] {
  const rows: Chunk[][] = [];
  let row: Surveyed[] = [];
  let rowBytes = 0;
  const end = (): void => {
    const isWorthIt = row.some(isSparse) || row.length >= smallNeighboursMin;
    if (isWorthIt) rows.push(row.map(({ chunk }) => chunk));
    row = [];
    rowBytes = 0;
  };
  for (const next of surveyed) {
    const isCandidate = isSparse(next) || next.liveBytes < fullBytes * smallShare;
    if (!isCandidate || rowBytes + next.liveBytes > fullBytes) end();
    if (!isCandidate) continue;
    row.push(next);
    rowBytes += next.liveBytes;
  }
  end();
  return rows;
}

/** Whether some neighbours are so small that they might become one, as far as is known without looking into them. */
export function hasSmallNeighbours(chunks: readonly Chunk[], fullBytes: number): boolean {
  let row = 0;
  for (const chunk of chunks) {
    row = chunk.blocksBytes < fullBytes * smallShare ? row + 1 : 0;
    if (row >= smallNeighboursMin) return true;
  }
  return false;
}

function isSparse({ chunk, liveBytes }: Surveyed): boolean {
  return liveBytes <= chunk.blocksBytes * sparseShare;
}
