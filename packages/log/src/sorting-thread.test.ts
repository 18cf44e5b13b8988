import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { seededRandom } from '@millrace/base';
import { type NativeEngine, openNativeEngine } from './native-engine.js';
import { nodeDisk } from './node-disk.js';
import { type Sorter, type SortJob, sortJournal } from './sort-job.js';
import { SortingThread } from './sorting-thread.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, readAll } from './testing/ledger.js';

const limits = {
  journalFileBytesMax: 20_000,
  reserveBytes: 0,
  tailBytesMax: 0,
  settlingBytesMax: 6000,
  settlingSliceBytes: 1000,
  settlingSyncBytes: 4000,
  blockBytesMax: 2000,
};
const logs = ['a', 'b', 'c'];

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sorting-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function open(directory: string, sorter: Sorter | undefined): Promise<NativeEngine> {
  return openNativeEngine({
    disk: await nodeDisk(directory),
    clock: new EagerClock(),
    random: seededRandom(7),
    limits,
    ...(sorter !== undefined && { sorter }),
  });
}

/** The same records whenever it is called; more than a few journal files. */
async function fill(engine: NativeEngine): Promise<void> {
  await engine.create(logs);
  for (let i = 0; i < 150; i++) {
    const records = Array.from({ length: 1 + (i % 7) }, (_, r) => {
      const log = logs[(i * 5 + r * r) % logs.length] as string;
      return [log, `${i} ${r} ${'x'.repeat((i * 31 + r * 17) % 300)}`] as const;
    });
    await engine.append(batchOf(records));
  }
}

async function settled(engine: NativeEngine): Promise<void> {
  while (engine.settling().unsettledFiles > 0 && engine.settling().trouble === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(engine.settling().trouble, undefined);
}

async function thread(directory: string, failed: (error: unknown) => void): Promise<SortingThread> {
  return new SortingThread({ directory, disk: await nodeDisk(directory), failed });
}

const unexpected = (error: unknown): void => assert.fail(String(error));

async function chunks(directory: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('chunk')).sort();
  const files = new Map<string, Buffer>();
  for (const name of names) files.set(name, await readFile(join(directory, name)));
  return files;
}

/** Has each job done by the thread, and `before` called for each. */
function watched(sorter: Sorter, before: (job: SortJob) => SortJob): Sorter {
  return { sort: (job) => sorter.sort(before(job)) };
}

describe('a sorting thread', () => {
  it('makes the chunks that the main thread would have made', async () => {
    await withDirectory(async (here) => {
      const engine = await open(here, undefined);
      await fill(engine);
      await settled(engine);
      await withDirectory(async (there) => {
        const sorter = await thread(there, unexpected);
        const other = await open(there, sorter);
        await fill(other);
        await settled(other);
        assert.deepEqual(await chunks(there), await chunks(here));
        assert.ok((await chunks(there)).size >= 3);
        for (const log of logs) assert.deepEqual(await readAll(other, log), await readAll(engine, log));
        await other.close();
        await sorter.close();
      });
      await engine.close();
    });
  });

  it('says what the disk said, and what is damaged', async () => {
    await withDirectory(async (directory) => {
      const sorter = await thread(directory, unexpected);
      const jobs: SortJob[] = [];
      const note = (job: SortJob): SortJob => {
        jobs.push({ ...job, chunk: 99, source: { ...job.source, name: 'kept' } });
        return job;
      };
      const engine = await open(directory, watched(sorter, note));
      await fill(engine);
      await settled(engine);
      const [job] = jobs as [SortJob];
      const missing = { name: 'DiskError', code: 'missing', retryable: false };
      await assert.rejects(sorter.sort(job), missing);
      await writeFile(join(directory, 'kept'), Buffer.alloc(job.source.end));
      const damaged = { name: 'LogError', code: 'damaged' };
      await assert.rejects(sorter.sort(job), damaged);
      await assert.rejects(sortJournal(await nodeDisk(directory), job), damaged);
      await rm(join(directory, 'kept'));
      assert.ok(!(await chunks(directory)).has('chunk-0000000099'), 'nothing is left of a chunk that failed');
      await engine.close();
      await sorter.close();
    });
  });

  it('that ends under a job leaves it to the main thread', async () => {
    await withDirectory(async (directory) => {
      const failures: string[] = [];
      const sorter = await thread(directory, (error) => failures.push(String(error)));
      let ended = false;
      const end = (job: SortJob): SortJob => {
        if (!ended) setImmediate(() => void sorter.close());
        ended = true;
        return job;
      };
      const engine = await open(directory, watched(sorter, end));
      await fill(engine);
      await settled(engine);
      assert.equal((await readAll(engine, 'a')).length > 0, true);
      assert.equal(failures.length, 1, failures.join());
      await engine.close();
      await sorter.close();
    });
  });

  it('that cannot be told of a job leaves it to the main thread', async () => {
    await withDirectory(async (directory) => {
      let failures = 0;
      const sorter = await thread(directory, () => failures++);
      const uncloneable = { canaries: {}, toString: () => '' };
      const engine = await open(
        directory,
        watched(sorter, (job) => ({ ...job, ...uncloneable })),
      );
      await fill(engine);
      await settled(engine);
      assert.ok(failures > 0);
      assert.equal((await chunks(directory)).size, failures);
      await engine.close();
      await sorter.close();
    });
  });
});
