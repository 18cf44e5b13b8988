/** A store of `fixtures/` on a disk in memory, the newest unless named, and what must be read of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DiskView } from '../disk.js';
import { MemoryDisk } from './memory-disk.js';

const fixtures = fileURLToPath(new URL('../../fixtures/', import.meta.url));

export function fixtureDisk(name = readdirSync(fixtures).sort().at(-1)): {
  readonly disk: MemoryDisk;
  readonly lines: readonly string[];
} {
  const folder = `${fixtures}${name}`;
  const disk = new MemoryDisk();
  for (const name of readdirSync(`${folder}/log`)) disk.put(name, readFileSync(`${folder}/log/${name}`));
  return { disk, lines: readFileSync(`${folder}/records.txt`, 'utf8').trimEnd().split('\n') };
}

export function viewOf(disk: MemoryDisk): DiskView {
  return { list: () => disk.list(), read: (name) => disk.open(name, 'existing') };
}
