import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { freePort } from './free-port.mjs';
import { bytesUnder, installInto, packAll, publishedPackages } from './pack.mjs';
import { root } from './setup.mjs';

// What a user gets who installs the package into an empty directory, and what the image is made of.

const installedBytesMax = 30_000_000;

const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-pack-'));
const app = path.join(folder, 'app');
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|MILLRACE|AWS|NODE_TEST)/.test(name)),
);

before(() => installInto(app, packAll(path.join(folder, 'tarballs'))));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A server of the installed package, by npx, until the test ends. */
async function serve(t, ...args) {
  const server = spawn('npx', ['--no', 'millrace', 'serve', '--port', '0', ...args], {
    cwd: app,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(async () => {
    server.kill();
    await once(server.stdout.resume(), 'close');
  });
  for await (const line of createInterface({ input: server.stdout })) {
    return /^Millrace is listening on (\S+)$/.exec(line)?.[1];
  }
}

function millrace(endpoint, ...args) {
  return spawnSync('npx', ['--no', 'millrace', ...args], {
    cwd: app,
    env: { ...environment, AWS_ENDPOINT_URL_KINESIS: endpoint },
    encoding: 'utf8',
  });
}

test('the package installs under 30 MB, and nothing is compiled', () => {
  const bytes = bytesUnder(path.join(app, 'node_modules'));
  assert.ok(bytes > 100_000 && bytes < installedBytesMax, `${bytes} bytes`);
  const modules = path.join(app, 'node_modules');
  for (const file of readdirSync(modules, { recursive: true })) {
    assert.doesNotMatch(file, /(^|[/\\])binding\.gyp$|\.node$/, 'native code');
    if (path.basename(file) !== 'package.json') continue;
    const { scripts = {} } = JSON.parse(readFileSync(path.join(modules, file), 'utf8'));
    for (const name of ['preinstall', 'install', 'postinstall']) assert.equal(scripts[name], undefined, file);
  }
});

test('each published package has its licence, its README and no tests', () => {
  for (const { manifest } of publishedPackages()) {
    const home = path.join(app, 'node_modules', manifest.name);
    for (const file of ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts']) {
      assert.ok(existsSync(path.join(home, file)), `${manifest.name} has ${file}`);
    }
    for (const file of readdirSync(home, { recursive: true })) {
      assert.doesNotMatch(file, /\.(test|fuzz|bench)\.|\.map$|tsbuildinfo/, manifest.name);
    }
  }
});

test('npx serves from it, and its commands put and read', async (t) => {
  const endpoint = await serve(t, '--ephemeral', '--create', 'orders:1');
  const put = millrace(endpoint, 'put', 'orders', 'hello', '--key', 'k');
  assert.match(put.stdout, /^accepted in shardId-000000000000 as \d{56}\n$/, put.stderr);
  assert.equal(millrace(endpoint, 'tail', 'orders', '--once', '--data').stdout, 'hello\n');
});

test('a program imports it, and an older one requires it', () => {
  const program = `
    (async () => {
      const millrace = await Millrace.start({ ephemeral: true });
      console.log(millrace.endpoint.startsWith('http://127.0.0.1:'));
      await millrace.close();
    })();`;
  for (const [kind, line] of [
    ['module', "import { Millrace } from 'millrace';"],
    ['commonjs', "const { Millrace } = require('millrace');"],
  ]) {
    const { stdout, stderr } = spawnSync(process.execPath, [`--input-type=${kind}`, '-e', line + program], {
      cwd: app,
      env: environment,
      encoding: 'utf8',
    });
    assert.equal(stdout, 'true\n', stderr);
  }
});

// No engine for images is asked for: the Dockerfile is held to what it would run.
const dockerfile = readFileSync(path.join(root, 'Dockerfile'), 'utf8').replaceAll(/\\\n\s*/g, '');
const instruction = (name) => [...dockerfile.matchAll(new RegExp(`^(?:HEALTHCHECK .*)?${name} (.*)$`, 'gm'))];
const settings = Object.fromEntries(
  instruction('ENV').flatMap(([, text]) => text.split(' ').map((pair) => pair.split('='))),
);
const here = (words) => words.map((word) => word.replace(/^\/app\//, `${app}${path.sep}`));

test('the image refuses to be open to others unless it is told that this is meant', () => {
  const [[, entry]] = instruction('ENTRYPOINT');
  const [program, ...args] = here(JSON.parse(entry));
  assert.equal(program, 'node');
  const { status, stderr } = spawnSync(process.execPath, [...args, 'serve'], {
    env: { ...environment, ...settings, MILLRACE_DATA: path.join(folder, 'data'), MILLRACE_PORT: '0' },
    encoding: 'utf8',
  });
  assert.equal(status, 2);
  assert.match(stderr, /^millrace: Others could reach 0\.0\.0\.0, .* say --insecure/);
});

test('the image’s command serves from its volume, and its health check tells', async (t) => {
  const [[, entry]] = instruction('ENTRYPOINT');
  const [[, command]] = instruction('CMD').filter(([line]) => line.startsWith('CMD'));
  const [[, health]] = instruction('CMD').filter(([line]) => line.startsWith('HEALTHCHECK'));
  const [, ...args] = here([...JSON.parse(entry), ...JSON.parse(command)]);
  const server = spawn(process.execPath, args, {
    env: {
      ...environment,
      ...settings,
      MILLRACE_INSECURE: '1',
      MILLRACE_DATA: path.join(folder, 'data'),
      MILLRACE_PORT: '0',
      MILLRACE_CREATE: 'orders:2',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => server.kill('SIGKILL'));
  let endpoint;
  for await (const line of createInterface({ input: server.stdout })) {
    endpoint = /^Millrace is listening on (\S+)$/.exec(line)?.[1];
    break;
  }
  const ask = (url) => {
    const [, ...words] = here(JSON.parse(health));
    return spawnSync(process.execPath, words, { env: { ...environment, AWS_ENDPOINT_URL_KINESIS: url } })
      .status;
  };
  assert.equal(ask(endpoint), 0);
  assert.equal(millrace(endpoint, 'wait', 'orders').stdout, 'orders is ACTIVE\n');
  server.kill('SIGTERM');
  const [code] = await once(server, 'exit');
  assert.equal(code, 0, 'docker stop is a clean end');
  assert.equal(ask(endpoint), 1);
});

test('the steps of the CI example start Millrace, and the tests after them find it', async (t) => {
  const workflow = readFileSync(path.join(root, 'examples', 'ci', 'github-actions.yml'), 'utf8');
  const [, job] = workflow.split(/^ {2}test(?:-with-a-service)?:$/m);
  const runs = [...job.matchAll(/^ {8}run: (?:\|\n((?: {10}.*\n)+)|(.*)\n)/gm)].map(
    ([, block, line]) => block ?? line,
  );
  const [install, start, check, said] = runs;
  assert.deepEqual([install, check, said], ['npm ci', 'npm test', 'cat millrace.log']);
  const given = path.join(folder, 'github-env');
  writeFileSync(given, '');
  // The port that nobody else has: where the example has the usual one.
  const port = await freePort();
  const surroundings = {
    ...environment,
    GITHUB_ENV: given,
    MILLRACE_PORT: String(port),
    AWS_ENDPOINT_URL_KINESIS: `http://127.0.0.1:${port}`,
  };
  // As GitHub runs a step; in a group of its own, so that the server can be ended with it.
  const step = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', start], {
    cwd: app,
    env: surroundings,
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  });
  t.after(() => process.kill(-step.pid, 'SIGKILL'));
  const [code] = await once(step, 'exit');
  assert.equal(code, 0);
  const set = Object.fromEntries(
    readFileSync(given, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/=(.*)/s)),
  );
  assert.deepEqual(Object.keys(set).sort(), [
    'AWS_ACCESS_KEY_ID',
    'AWS_DEFAULT_REGION',
    'AWS_ENDPOINT_URL_KINESIS',
    'AWS_REGION',
    'AWS_SECRET_ACCESS_KEY',
  ]);
  const listed = spawnSync('npx', ['--no', 'millrace', 'streams', '--json'], {
    cwd: app,
    env: { ...environment, ...set },
    encoding: 'utf8',
  });
  const shards = listed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ name, openShards }) => [name, openShards]);
  assert.deepEqual(shards, [
    ['orders', 4],
    ['payments', 2],
  ]);
});
