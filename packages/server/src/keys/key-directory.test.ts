import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { seededRandom, systemRandom } from '@millrace/base';
import { KeyDirectory } from './key-directory.js';
import { MasterKeyError } from './master-keys.js';

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'millrace-keys-'));
  t.after(() => rm(made, { recursive: true, force: true }));
  return made;
}

test('a key is made when it is asked for, once, whoever asks, and is there for the next', async (t) => {
  const directory = path.join(await folder(t), 'deep', 'keys');
  const open = () => KeyDirectory.open(directory, systemRandom);
  const [one, two] = await Promise.all([open(), open()]);
  await assert.rejects(readdir(directory), 'nothing is made before');
  const named = await Promise.all([one.current(), two.current(), one.current()]);
  assert.equal(new Set(named).size, 1, 'of two servers that make one at once, both have the same');
  assert.deepEqual(await readdir(directory), ['master.key']);
  const salt = Buffer.alloc(16, 1);
  const [fingerprint = ''] = named;
  const bytes = (keys: KeyDirectory) => keys.dataKey(fingerprint, salt)?.export().toString('hex');
  assert.equal(bytes(one), bytes(two));
  assert.equal(bytes(await open()), bytes(one));
  assert.notEqual(one.dataKey(fingerprint, Buffer.alloc(16, 2))?.export().toString('hex'), bytes(one));
  const [, key = ''] = (await readFile(path.join(directory, 'master.key'), 'utf8')).split('\n');
  assert.ok(!key.includes(fingerprint), 'the fingerprint is no part of the key');
});

test('the last line is the key for what comes, and the others still open', async (t) => {
  const directory = await folder(t);
  const first = await KeyDirectory.open(directory, seededRandom(1));
  const old = await first.current();
  const file = path.join(directory, 'master.key');
  await writeFile(file, `${await readFile(file, 'utf8')}${'ab'.repeat(32)}\n`);
  const both = await KeyDirectory.open(directory, seededRandom(2));
  assert.notEqual(await both.current(), old);
  assert.ok(both.has(old) && both.has(await both.current()));
  assert.ok(!first.has(await both.current()));
});

test('a file that is none of ours, or open to others, is refused', async (t) => {
  const directory = await folder(t);
  const file = path.join(directory, 'master.key');
  const line = 'ab'.repeat(32);
  const refused = (code: string) =>
    assert.rejects(KeyDirectory.open(directory, systemRandom), (error: unknown) => {
      assert.ok(error instanceof MasterKeyError);
      assert.equal(error.code, code);
      assert.ok(!error.message.includes(line.slice(0, 8)), 'no key is told');
      return true;
    });
  const title = 'millrace-master-key 1';
  for (const text of ['', line, `${title}\n`, `${title}\n${line}0\n`, `${title}\n${'x'.repeat(20_000)}`]) {
    await writeFile(file, text, { mode: 0o600 });
    await refused('malformed');
  }
  await writeFile(file, `${title}\n${line}\n`);
  await KeyDirectory.open(directory, systemRandom);
  for (const mode of [0o640, 0o604, 0o666]) {
    await chmod(file, mode);
    await refused('exposed');
  }
  await rm(file);
  await writeFile(path.join(directory, 'file'), '');
  const beneath = KeyDirectory.open(path.join(directory, 'file'), systemRandom);
  await assert.rejects(beneath, /cannot be read \(ENOTDIR\)/);
});

test('a place where no key can be made is told, and not tried for ever', async () => {
  const keys = await KeyDirectory.open('/proc/no-such-place', systemRandom);
  await assert.rejects(keys.current(), (error: unknown) => {
    assert.ok(error instanceof MasterKeyError);
    assert.equal(error.code, 'unusable');
    return true;
  });
});
