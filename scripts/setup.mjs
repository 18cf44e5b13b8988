// What every script begins with, on a machine that has Node and npm and nothing else: a Node that is new enough,
// dependencies that match the lockfile, and a build that is up to date. Each step is skipped when it has nothing to do.
//
// This file is parsed by whatever Node the visitor has: nothing newer than ES2020, no dependencies, so that an old
// one gets a sentence instead of a syntax error.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const nodeVersionMin = [20, 19];

/** A sentence for whoever runs a Node that is too old; undefined when it is new enough. */
export function nodeComplaint(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  const [majorMin, minorMin] = nodeVersionMin;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return undefined;
  return `Millrace needs Node.js ${majorMin}.${minorMin} or newer, and this is ${version}: install a newer one from https://nodejs.org and run the command again.`;
}

/**
 * Whether what is installed is what the lockfile says. npm writes what it installed into
 * `node_modules/.package-lock.json` in the lockfile's own words; only packages for other platforms may be missing.
 */
export function installMatches(lock, installed) {
  return Object.entries(lock.packages).every(([where, wanted]) => {
    if (where === '') return true;
    const found = installed.packages[where];
    if (found === undefined) return wanted.optional === true || wanted.devOptional === true;
    return (
      found.version === wanted.version &&
      found.integrity === wanted.integrity &&
      found.link === wanted.link &&
      same(found.dependencies, wanted.dependencies) &&
      same(found.bin, wanted.bin)
    );
  });
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function installNeeded() {
  const hidden = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return true;
  try {
    const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
    return !installMatches(read(path.join(root, 'package-lock.json')), read(hidden));
  } catch (error) {
    console.error(`Reading ${hidden} failed (${error.message}); installing again.`);
    return true;
  }
}

/** Shows that something takes its time: one line, with dots on a terminal, and what it took at the end. */
function progress(what) {
  const startedMs = Date.now();
  const live = process.stderr.isTTY === true;
  process.stderr.write(live ? `${what} …` : `${what} …\n`);
  const ticking = setInterval(() => {
    if (live) process.stderr.write(`\r${what} … ${Math.round((Date.now() - startedMs) / 1000)} s`);
  }, 1000);
  return (outcome) => {
    clearInterval(ticking);
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
    if (live) process.stderr.write(`\r\x1b[2K${what}: ${outcome} in ${seconds} s\n`);
    else if (outcome !== 'done') process.stderr.write(`${what}: ${outcome} after ${seconds} s\n`);
  };
}

/** Runs a program to its end with its output kept back; answers its exit code and all it said. */
function runQuietly(program, args) {
  return new Promise((resolve) => {
    // npm on Windows is a batch file, which Node starts only through a shell.
    const shell = process.platform === 'win32' && program === 'npm';
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell });
    const said = [];
    child.stdout.on('data', (chunk) => said.push(chunk));
    child.stderr.on('data', (chunk) => said.push(chunk));
    child.on('error', (error) => resolve({ code: 127, said: error.message }));
    child.on('close', (code) => resolve({ code, said: Buffer.concat(said).toString('utf8') }));
  });
}

async function install() {
  const done = progress('Installing dependencies (npm ci)');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code, said } =
    npm !== undefined && /\.c?js$/.test(npm)
      ? await runQuietly(process.execPath, [npm, ...args])
      : await runQuietly('npm', args);
  done(code === 0 ? 'done' : 'failed');
  if (code === 0) return;
  process.stderr.write(said);
  fail('npm ci failed (its words are above): check the network and run the command again.');
}

/** `tsc -b` looks at every file's time and hash itself, and is back at once when nothing changed. */
async function build() {
  const built = existsSync(path.join(root, 'packages', 'cli', 'dist', 'main.js'));
  const done = built ? undefined : progress('Building (tsc -b)');
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, said } = await runQuietly(process.execPath, [tsc, '-b']);
  if (done !== undefined) done(code === 0 ? 'done' : 'failed');
  if (code === 0) return;
  process.stderr.write(said);
  fail('The build failed: the compiler’s words are above.');
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

export function checkNode() {
  const complaint = nodeComplaint(process.version);
  if (complaint !== undefined) fail(complaint);
}

/** Node, dependencies, build: after this the checkout is ready to run. Ends the process when it cannot be. */
export async function setUp() {
  checkNode();
  if (installNeeded()) await install();
  await build();
}

/** Runs Node on `args` in the checkout, with our terminal, and answers its exit code. */
export function runNode(args) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return signal === null ? (status ?? 1) : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setUp();
