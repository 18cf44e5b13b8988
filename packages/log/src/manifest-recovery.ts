/**
 * What is settled, at an opening: the manifest, the chunks that it names, and the leftovers that it does not.
 *
 *      manifest ─▶ chunks 3 5 6: there? the very ones? (length, trailer)        journal from 9 on
 *      chunk 7, journal 8, manifest.new                                        leftovers of a switch that a crash cut off
 *
 * Invariant: nothing is removed before the whole opening is known to be good; then only files with our names that no
 * manifest needs. Chunks' blocks are not read: what an opening costs does not grow with them.
 */
import { checksum } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { Chunk, checkLeftoverChunk, chunkName, isChunkName, openChunkTrailer } from './chunk.js';
import { ChunkSet } from './chunk-set.js';
import type { Disk } from './disk.js';
import { FilePool } from './file-pool.js';
import { journalName, journalNumber } from './journal.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import { decodeManifest, type Manifest, manifestName, unfinishedManifestName } from './manifest.js';
import type { MemoryBudget } from './memory-budget.js';
import { journalWitness } from './store-files.js';
import { TableCache } from './table-cache.js';

/** What is settled, ready for reading, and what settling goes on with. */
export interface Settled {
  readonly pool: FilePool;
  readonly chunks: ChunkSet;
  readonly cache: TableCache;
  readonly nextChunk: number;
}

export interface SettledOptions {
  readonly disk: Disk;
  readonly limits: NativeLimits;
  readonly budget: MemoryBudget;
  readonly canaries: Canaries;
}

/** The manifest, if there is one. */
export async function readManifest(disk: Disk, names: readonly string[]): Promise<Manifest | undefined> {
  if (!names.includes(manifestName)) return undefined;
  const file = await disk.open(manifestName, 'existing');
  let bytes: Buffer;
  try {
    bytes = Buffer.alloc(await file.size());
    const read = await file.read(bytes, 0);
    bytes = bytes.subarray(0, read);
  } finally {
    await file.close();
  }
  const manifest = decodeManifest(bytes);
  if (manifest === undefined) throw new LogError('damaged', `${manifestName} is damaged`);
  if ('version' in manifest) {
    throw new LogError(
      'foreign',
      `${manifestName} has format ${manifest.version}, which this version does not read`,
    );
  }
  return manifest;
}

/** Opens the chunks of `manifest`, which must all be there. */
export async function openSettled(
  options: SettledOptions,
  manifest: Manifest | undefined,
  names: readonly string[],
  storeId: Uint8Array,
): Promise<Settled> {
  const { disk, limits, budget, canaries } = options;
  const pool = new FilePool(disk, limits.filesOpenMax, canaries);
  const cache = new TableCache(budget, limits.tableCacheBytesMax);
  if (manifest !== undefined && Buffer.compare(manifest.storeId, storeId) !== 0) {
    throw new LogError('foreign', `${manifestName} belongs to another store`);
  }
  const tag = checksum(storeId);
  const chunks: Chunk[] = [];
  for (const named of manifest?.chunks ?? []) {
    const name = chunkName(named.number);
    if (!names.includes(name)) throw new LogError('damaged', `${name} is missing`);
    const trailer = await openChunkTrailer(disk, named, storeId);
    chunks.push(new Chunk(named, pool.add(name), trailer, cache, tag));
  }
  const needed = new Set(chunks.map(({ name }) => name));
  for (const name of names) if (isChunkName(name) && !needed.has(name)) await checkLeftoverChunk(disk, name);
  return { pool, chunks: new ChunkSet(pool, chunks), cache, nextChunk: manifest?.nextChunk ?? 1 };
}

/** Removes what a switch that did not come to its end has left. */
export async function removeLeftovers(
  disk: Disk,
  manifest: Manifest | undefined,
  names: readonly string[],
): Promise<void> {
  const needed = new Set(manifest?.chunks.map(({ number }) => chunkName(number)));
  const isLeftover = (name: string): boolean =>
    name === unfinishedManifestName ||
    (isChunkName(name) && !needed.has(name)) ||
    (journalNumber(name) ?? Number.POSITIVE_INFINITY) < (manifest?.journalFrom ?? 0);
  const leftovers = names.filter(isLeftover);
  if (leftovers.length === 0) return;
  // The process may have died between the manifest's rename and the directory's sync: were that name lost with the power,
  // and these removals not, the manifest of before would want what is gone.
  await disk.syncDirectory();
  for (const name of leftovers) await disk.remove(name);
}

/** Without manifest and journal there must be nothing that is only made after them: else the journal is gone, and no store new. */
export function refuseRemains(names: readonly string[]): void {
  const chunk = names.find(isChunkName);
  if (chunk !== undefined)
    throw new LogError('damaged', `the journal and the manifest of ${chunk} are missing`);
  const witness = journalWitness(names);
  if (witness !== undefined)
    throw new LogError(
      'damaged',
      `${journalName(1)} is missing, and ${witness}, which is made after it, is there`,
    );
}

/** The journal's first file must be the one that the manifest begins with. */
export function checkJournalStart(numbers: readonly number[], manifest: Manifest | undefined): void {
  if (manifest === undefined || numbers[0] === manifest.journalFrom) return;
  throw new LogError('damaged', `${journalName(manifest.journalFrom)} is missing`);
}
