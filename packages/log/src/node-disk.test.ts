import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DiskError, type DiskLock } from './disk.js';
import { nodeDisk } from './node-disk.js';

/** Takes the lock `takers` times at once, says how often that worked, and holds on until it is killed. */
const takerScript = `
  import { nodeDisk } from ${JSON.stringify(new URL('./node-disk.js', import.meta.url).href)};
  const [directory, takers] = process.argv.slice(1);
  const disk = await nodeDisk(directory);
  process.stdin.once('data', async () => {
    const results = await Promise.allSettled(Array.from({ length: Number(takers) }, () => disk.lock()));
    const codes = results.map((result) => (result.status === 'fulfilled' ? 'held' : result.reason.code));
    console.log(JSON.stringify(codes));
  });
  console.log('ready');
  setInterval(() => {}, 1000);
`;

interface Taker {
  readonly process: ChildProcess;
  take(): Promise<string[]>;
  kill(): Promise<void>;
}

async function startTaker(directory: string, takers: number): Promise<Taker> {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', takerScript, directory, String(takers)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const line = async (): Promise<string> => {
    const [data] = (await once(child.stdout, 'data')) as [Buffer];
    return data.toString().trim();
  };
  assert.equal(await line(), 'ready');
  return {
    process: child,
    take: () => {
      const answer = line();
      child.stdin.write('go\n');
      return answer.then((text) => JSON.parse(text) as string[]);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('a directory as a disk', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-disk-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('makes its directory, for its owner alone', async () => {
    const path = join(directory, 'deep', 'er');
    await nodeDisk(path);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
  });

  it('writes, reads, cuts, renames and removes', async () => {
    const disk = await nodeDisk(join(directory, 'files'));
    const file = await disk.open('one', 'create');
    const parts = Array.from({ length: 3000 }, (_, i) => Buffer.from(String(i % 10)));
    await file.write([Buffer.alloc(0), ...parts], 0);
    await file.write([Buffer.from('abc'), Buffer.from('def')], 3000);
    await file.sync();
    assert.equal(await file.size(), 3006);
    const target = Buffer.alloc(20);
    assert.equal(await file.read(target, 2996), 10);
    assert.equal(target.toString('utf8', 0, 10), '6789abcdef');
    await file.truncate(5);
    assert.equal(await file.read(target, 0), 5);
    await file.close();
    await disk.rename('one', 'two');
    await disk.syncDirectory();
    assert.deepEqual(await disk.list(), ['two']);
    await disk.remove('two');
    assert.deepEqual(await disk.list(), []);
  });

  it('shows neither its locks nor what systems put into directories', async () => {
    const path = join(directory, 'hidden');
    const disk = await nodeDisk(path);
    const lock = await disk.lock();
    await mkdir(join(path, 'lost+found'));
    await writeFile(join(path, '.DS_Store'), '');
    assert.deepEqual(await disk.list(), []);
    await lock.release();
  });

  it('answers with codes, and with the error of the system as their cause', async () => {
    const disk = await nodeDisk(join(directory, 'codes'));
    const rejects = async (call: Promise<unknown>, code: string): Promise<void> => {
      await assert.rejects(call, (error) => {
        assert.ok(
          error instanceof DiskError && error.code === code && error.cause instanceof Error,
          String(error),
        );
        return true;
      });
    };
    await rejects(disk.open('none', 'existing'), 'missing');
    await (await disk.open('some', 'create')).close();
    await rejects(disk.open('some', 'create'), 'exists');
    await rejects(disk.remove('none'), 'missing');
    await rejects(nodeDisk(join(directory, 'codes', 'some')), 'exists');
    const closed = await disk.open('some', 'existing');
    await closed.close();
    await rejects(closed.sync(), 'io');
    if (process.getuid?.() === 0) return;
    await chmod(join(directory, 'codes'), 0o500);
    await rejects(disk.open('more', 'create'), 'denied');
    await rejects(nodeDisk(join(directory, 'codes')), 'denied');
    await chmod(join(directory, 'codes'), 0o700);
  });
});

describe('the lock of a directory', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-lock-'));
  });
  after(() => rm(directory, { recursive: true }));

  const locked = { name: 'DiskError', code: 'locked' };

  it('is held by one, and can be taken again once it is released', async () => {
    const path = join(directory, 'one');
    const disk = await nodeDisk(path);
    for (let round = 0; round < 3; round++) {
      const lock = await disk.lock();
      await assert.rejects(disk.lock(), locked);
      await assert.rejects((await nodeDisk(path)).lock(), locked);
      await lock.release();
    }
    assert.deepEqual(await readdir(path), []);
  });

  it('goes with the process that held it, even one that was killed', async () => {
    const path = join(directory, 'killed');
    const taker = await startTaker(path, 1);
    assert.deepEqual(await taker.take(), ['held']);
    const disk = await nodeDisk(path);
    await assert.rejects(disk.lock(), locked);
    await taker.kill();
    const lock = await disk.lock();
    await lock.release();
    assert.deepEqual(await readdir(path), []);
  });

  it('goes to exactly one of many who find it stale at once, in many processes', async () => {
    const path = join(directory, 'stale');
    const holder = await startTaker(path, 1);
    await holder.take();
    const takers = await Promise.all(Array.from({ length: 4 }, () => startTaker(path, 5)));
    await holder.kill();
    const codes = (await Promise.all(takers.map((taker) => taker.take()))).flat();
    assert.equal(codes.filter((code) => code === 'held').length, 1, codes.join());
    assert.equal(codes.filter((code) => code === 'locked').length, 19, codes.join());
    await Promise.all(takers.map((taker) => taker.kill()));
    const lock = await (await nodeDisk(path)).lock();
    await lock.release();
    assert.deepEqual(await readdir(path), []);
  });

  it('is never held by two while many take and release it', async () => {
    const disk = await nodeDisk(join(directory, 'busy'));
    let holders = 0;
    let taken = 0;
    const take = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        let lock: DiskLock;
        try {
          lock = await disk.lock();
        } catch (error) {
          assert.ok(error instanceof DiskError && error.code === 'locked', String(error));
          continue;
        }
        holders++;
        taken++;
        assert.equal(holders, 1);
        await new Promise((resolve) => setImmediate(resolve));
        holders--;
        await lock.release();
      }
    };
    await Promise.all(Array.from({ length: 8 }, take));
    assert.ok(taken > 0);
  });

  it('works in a directory whose path is longer than the name of a socket can be', {
    skip: process.platform !== 'linux' && 'other systems refuse such a path with an error that says so',
  }, async () => {
    const path = join(directory, 'x'.repeat(100), 'y'.repeat(100));
    const disk = await nodeDisk(path);
    const lock = await disk.lock();
    await assert.rejects(disk.lock(), locked);
    await lock.release();
    const taker = await startTaker(path, 1);
    assert.deepEqual(await taker.take(), ['held']);
    await taker.kill();
    await (await disk.lock()).release();
    assert.deepEqual(await readdir(path), []);
  });
});
