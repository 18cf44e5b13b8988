import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { mib, seededRandom } from '@millrace/base';
import { blockingDisk } from './blocking-disk.js';

/** A file system in memory, which refuses direct writes: where there is one. */
const memory = '/dev/shm';
const roots = [tmpdir(), ...(existsSync(memory) ? [memory] : [])];

async function withDirectory(root: string, work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(root, 'millrace-blocking-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

for (const root of roots) {
  describe(`a blocking disk in ${root}`, () => {
    it('keeps what is written from front to back, whatever the lengths, and cuts nothing off', async () => {
      await withDirectory(root, async (directory) => {
        const random = seededRandom(11);
        const disk = blockingDisk(directory);
        const lengths = [1, 4095, 3, 4093, 70_000, mib, 8, 2 * mib + 5, 100, 4096, 17];
        for (const syncEvery of [1, 3, lengths.length]) {
          const name = `file-${syncEvery}`;
          const file = await disk.open(name, 'create');
          const written: Buffer[] = [];
          let length = 0;
          for (const [i, bytes] of lengths.entries()) {
            const parts = [random.bytes(bytes), random.bytes(i)];
            await file.write(parts, length);
            written.push(...parts.map((part) => Buffer.from(part)));
            length += bytes + i;
            if ((i + 1) % syncEvery !== 0) continue;
            await file.sync();
            assert.equal(await file.size(), length);
            assert.ok((await readFile(join(directory, name))).equals(Buffer.concat(written)));
          }
          await file.close();
          const again = await disk.open(name, 'existing');
          const read = Buffer.alloc(length + 10);
          assert.equal(await again.read(read, 0), length);
          assert.equal(await again.read(read.subarray(0, 10), length - 4), 4);
          await again.close();
          await disk.remove(name);
        }
      });
    });

    it('says what is wrong as the other disk does', async () => {
      await withDirectory(root, async (directory) => {
        const disk = blockingDisk(directory);
        await writeFile(join(directory, 'there'), 'x');
        await assert.rejects(disk.open('there', 'create'), { name: 'DiskError', code: 'exists' });
        await assert.rejects(disk.open('not there', 'existing'), { name: 'DiskError', code: 'missing' });
        await assert.rejects(disk.remove('not there'), { name: 'DiskError', code: 'missing' });
      });
    });
  });
}
