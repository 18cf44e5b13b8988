/**
 * Certificates and keys on the disk.
 *
 *      DIR/tls/certificate.pem    0644, what clients are told to trust
 *      DIR/tls/key.pem            0600, in a directory of 0700
 *
 * Each is written whole or not at all. A crash between the two leaves a pair that does not match, which is made anew.
 */
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CertificatePair } from './self-signed.js';

export interface PairPaths {
  readonly cert: string;
  readonly key: string;
}

export function ownPairPaths(dataDir: string): PairPaths {
  const directory = path.join(path.resolve(dataDir), 'tls');
  return { cert: path.join(directory, 'certificate.pem'), key: path.join(directory, 'key.pem') };
}

/** Reads a pair. Rejects with the system's error, which names the file. */
export async function readPair(paths: PairPaths): Promise<CertificatePair> {
  const [cert, key] = await Promise.all([readFile(paths.cert, 'utf8'), readFile(paths.key, 'utf8')]);
  return { cert, key };
}

/** Writes a pair of our own, the key first. Rejects with the system's error. */
export async function writePair(paths: PairPaths, pair: CertificatePair): Promise<void> {
  await mkdir(path.dirname(paths.key), { recursive: true, mode: 0o700 });
  await writeWhole(paths.key, pair.key, 0o600);
  await writeWhole(paths.cert, pair.cert, 0o644);
  const directory = await open(path.dirname(paths.key), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** When either of the two last changed, as a mark that is another when one is written again. */
export async function pairMark(paths: PairPaths): Promise<string> {
  const marks = await Promise.all(
    [paths.cert, paths.key].map(async (each) => {
      const { mtimeMs, ino, size } = await stat(each);
      return `${mtimeMs}/${ino}/${size}`;
    }),
  );
  return marks.join(' ');
}

async function writeWhole(name: string, text: string, mode: number): Promise<void> {
  const draft = `${name}.new`;
  const file = await open(draft, 'w', mode);
  try {
    // One that a crash left behind keeps its mode when it is opened.
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, name);
}
