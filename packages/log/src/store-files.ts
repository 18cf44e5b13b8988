/**
 * Which files of a directory count, whatever their names say: by the manifest, by what journal headers and chunk
 * trailers say of themselves, and by the row that they must form.
 *
 *      chunk-0000000003   trailer says 5 ─▶ misplaced, and used as 5          journal-0000000008   missing in the row
 *      chunk-0000000007   not in the manifest ─▶ leftover                     thesis.txt           foreign
 *
 * Invariant: a file counts for at most one number, and a number for at most one file.
 */
import { chunkName, isChunkName } from './chunk.js';
import type { ChunkFileFound } from './chunk-walk.js';
import type { Findings } from './finding.js';
import { journalName, journalNumber, spareJournalName, unfinishedJournalName } from './journal.js';
import type { JournalFileFound } from './journal-walk.js';
import { type Manifest, manifestName, unfinishedManifestName } from './manifest.js';
import { reserveName, unfinishedReserveName } from './reserve.js';
import { unfinishedName } from './unfinished.js';

const ownNames: readonly string[] = [manifestName, reserveName, spareJournalName];
const passingNames: readonly string[] = [
  unfinishedReserveName,
  unfinishedJournalName,
  unfinishedManifestName,
];

const witnesses: readonly string[] = [
  reserveName,
  unfinishedReserveName,
  spareJournalName,
  unfinishedManifestName,
];

export function lookAtNames(names: readonly string[], findings: Findings): void {
  for (const name of names) {
    if (name === unfinishedName) {
      const message = 'a snapshot or a repair was being made here, and never finished';
      findings.damage('unfinished', name, message);
    } else if (passingNames.includes(name)) {
      findings.note('leftover', name, 'it was on its way to become another file when the process ended');
    } else if (!ownNames.includes(name) && journalNumber(name) === undefined && !isChunkName(name)) {
      findings.damage('foreign', name, 'no store of ours has such a file');
    }
  }
}

/**
 * A file that is only ever made in a store that has a journal, if there is one: without a journal it shows that this is no
 * new store, but one whose journal is gone.
 */
export function journalWitness(names: readonly string[]): string | undefined {
  return names.find((name) => witnesses.includes(name));
}

/** The journal files that count, in a row by the numbers that they should have. */
export function journalRow(
  files: readonly JournalFileFound[],
  manifest: Manifest | undefined,
  storeId: Uint8Array,
  findings: Findings,
): JournalFileFound[] {
  const byNumber = new Map<number, JournalFileFound>();
  for (const file of files) {
    const { name, number, header, newerVersion } = file;
    if (newerVersion !== undefined) {
      const message = `it has format ${newerVersion}, which this version does not read`;
      findings.damage('newer', name, message, { offset: 0 });
    } else if (header !== undefined && Buffer.compare(header.storeId, storeId) !== 0) {
      findings.damage('foreign', name, 'it belongs to another store', { offset: 0 });
    } else {
      if (name !== journalName(number)) misplaced(name, journalName(number), findings);
      if (byNumber.get(number)?.name !== journalName(number)) byNumber.set(number, file);
    }
  }
  const numbers = [...byNumber.keys()].sort((a, b) => a - b);
  const from = manifest?.journalFrom ?? numbers[0] ?? 1;
  const last = numbers.at(-1) ?? from;
  const row: JournalFileFound[] = [];
  for (const [number, { name }] of byNumber) {
    if (number < from) findings.note('leftover', name, 'all of it is settled, or nothing of it is needed');
  }
  for (let number = from; number <= Math.max(last, from); number++) {
    const file = byNumber.get(number);
    if (file !== undefined) row.push(file);
    else findings.damage('missing', journalName(number), missing(number, from, manifest));
  }
  return row;
}

function missing(number: number, from: number, manifest: Manifest | undefined): string {
  if (number > from) return 'it is not there, and files around it are';
  return manifest === undefined ? 'there is no journal' : 'the manifest says that the journal begins with it';
}

/** The chunks that the manifest names, in its order. */
export function namedChunks(
  files: readonly ChunkFileFound[],
  manifest: Manifest,
  findings: Findings,
): ChunkFileFound[] {
  const chunks: ChunkFileFound[] = [];
  const taken = new Set<ChunkFileFound>();
  for (const named of manifest.chunks) {
    const name = chunkName(named.number);
    const isIt = ({ trailer, number }: ChunkFileFound): boolean =>
      number === named.number && trailer?.checksum === named.trailerChecksum;
    const found =
      files.find((file) => file.name === name && isIt(file)) ??
      files.find(isIt) ??
      files.find((file) => file.name === name && file.number === named.number);
    if (found === undefined) {
      const other = files.find((file) => file.name === name);
      const instead =
        other === undefined ? '' : `, and a file with its name holds ${chunkName(other.number)}`;
      findings.damage('missing', name, `it is not there${instead}; it held ${named.records} records`);
      continue;
    }
    taken.add(found);
    chunks.push(found);
  }
  for (const file of files) {
    if (file.name !== chunkName(file.number)) misplaced(file.name, chunkName(file.number), findings);
    else if (!taken.has(file)) findings.note('leftover', file.name, 'the manifest does not name it');
  }
  return chunks;
}

function misplaced(name: string, holds: string, findings: Findings): void {
  const message = `it holds ${holds}: it was copied there, or swapped with it`;
  findings.damage('misplaced', name, message, { offset: 0 });
}
