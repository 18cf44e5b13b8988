import assert from 'node:assert/strict';
import type { SpawnSyncReturns } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, cp, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
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

test('a signal to npx alone stops the server too', {
  timeout: 60_000,
  skip: process.platform === 'win32' && 'no signals',
}, async (t) => {
  // In a group of its own, so that whatever is left of it when this fails can be ended.
  const npx = spawn('npx', ['--no', 'millrace', 'serve', '--port', '0', '--ephemeral'], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  t.after(() => {
    if (!npx.stdout.closed && npx.pid !== undefined) process.kill(-npx.pid, 'SIGKILL');
  });
  await once(npx.stdout, 'data');
  npx.kill('SIGTERM');
  // The server holds the other end of this pipe for as long as it runs.
  await once(npx.stdout.resume(), 'close');
});

test('outside a checkout the demonstration says that it needs one', async (t) => {
  const folder = await temporaryFolder(t);
  const installed = path.join(folder, 'node_modules', 'millrace');
  await cp(path.join(checkout, 'packages', 'cli', 'dist'), path.join(installed, 'dist'), { recursive: true });
  await cp(path.dirname(shim), path.join(installed, 'bin'), { recursive: true });
  await writeFile(path.join(installed, 'package.json'), '{"type":"module","version":"1.2.3"}');
  await symlink(
    path.join(checkout, 'node_modules', '@millrace'),
    path.join(folder, 'node_modules', '@millrace'),
  );
  const millrace = (...args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [path.join(installed, 'bin', 'millrace.js'), ...args], { encoding: 'utf8' });
  const demo = millrace('demo', '--port', '0', '--data', path.join(folder, 'data'));
  assert.equal(demo.status, 2);
  assert.match(
    demo.stderr,
    /^millrace: the demonstration needs a checkout of Millrace, .*: run `npm start` there\n$/,
  );
  assert.equal(millrace('--version').stdout, '1.2.3\n', 'all else works there');
});
