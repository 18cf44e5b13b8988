/**
 * The chunks of a store whose manifest is lost, and the order that it had: of a log's records the earlier ones are in
 * the older chunk. Numbers do not tell, because a rewritten chunk takes the place of those that it was made of.
 */
import type { ChunkFileFound } from './chunk-walk.js';
import type { Position } from './contract.js';
import type { JournalFileFound } from './journal-walk.js';

/** A chunk, and where each log that has records in it ends there. */
export interface ChunkEnds {
  readonly chunk: ChunkFileFound;
  readonly ends: ReadonlyMap<number, Position>;
}

/** Oldest first; of those that have no log in common, the lower number. */
export function orderedByRecords(chunks: readonly ChunkEnds[]): ChunkFileFound[] {
  const left = [...chunks].sort((a, b) => a.chunk.number - b.chunk.number);
  const ordered: ChunkFileFound[] = [];
  while (left.length > 0) {
    const next = left.findIndex((one) => left.every((other) => other === one || !isBefore(other, one)));
    for (const { chunk } of left.splice(Math.max(0, next), 1)) ordered.push(chunk);
  }
  return ordered;
}

function isBefore(a: ChunkEnds, b: ChunkEnds): boolean {
  for (const [log, end] of a.ends) {
    const other = b.ends.get(log);
    if (other !== undefined && end !== other) return end < other;
  }
  return false;
}

/** The chunks of the store, when no manifest says which count: all, each once. */
export function chunksOfStore(files: readonly ChunkFileFound[], storeId: Uint8Array): ChunkFileFound[] {
  const byNumber = new Map<number, ChunkFileFound>();
  for (const file of files) {
    const { trailer } = file;
    if (trailer !== undefined && Buffer.compare(trailer.storeId, storeId) !== 0) continue;
    const there = byNumber.get(file.number);
    if (there?.trailer === undefined) byNumber.set(file.number, file);
  }
  return [...byNumber.values()];
}

/** The store that most files say they are of; `undefined` when none says anything. */
export function commonStoreId(
  journals: readonly JournalFileFound[],
  chunks: readonly ChunkFileFound[],
): Uint8Array | undefined {
  const counts = new Map<string, number>();
  for (const { storeId } of [
    ...journals.map(({ header }) => header),
    ...chunks.map(({ trailer }) => trailer),
  ].filter((one) => one !== undefined)) {
    const key = Buffer.from(storeId).toString('hex');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return first === undefined ? undefined : new Uint8Array(Buffer.from(first[0], 'hex'));
}
