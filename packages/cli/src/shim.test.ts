import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { checkout, temporaryFolder } from './testing/millrace-process.js';

const shim = path.join(checkout, 'packages', 'cli', 'bin', 'millrace.js');

test('before the build it says in one line what to do', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(path.join(folder, 'bin'));
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
  const alone = path.join(folder, 'bin', 'millrace.js');
  await copyFile(shim, alone);
  const { status, stdout, stderr } = spawnSync(process.execPath, [alone, 'serve'], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /^millrace: not built yet .*: run `npm run build` in the checkout first\n$/);
});

test('npm can link it as it is committed', {
  skip: process.platform === 'win32' && 'no executable bits',
}, async () => {
  const { mode } = await stat(shim);
  assert.equal(mode & 0o111, 0o111);
});
