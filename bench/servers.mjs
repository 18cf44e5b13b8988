/**
 * The servers under measurement: how each is started on a directory of its own, known to be up, and stopped.
 *
 * Invariant: whatever was started is stopped by its process id, and its directory removed, however a run ends.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../scripts/free-port.mjs';
import { call } from './calls.mjs';
import { Http1Connection } from './http1-connection.mjs';

const inBench = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const FLOORS = fileURLToPath(new URL('./floors.mjs', import.meta.url));
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 15_000;
/** How often a starting server is tried: the resolution of the time to the first answer. */
const TRY_EVERY_MS = 2;
const STDERR_BYTES_MAX = 4096;

const floor = (mode) => (port, dir) => [FLOORS, mode, String(port), dir];

/** Where cargo puts what is built for the bench alone. */
export const RIVALS = inBench('rivals');
const FERROKINESIS = path.join(RIVALS, 'bin', 'ferrokinesis');

const ferrokinesis = (...args) => ({
  program: FERROKINESIS,
  args: ['--create-stream-ms', '20', '--log-level', 'error', ...args],
});

/** The servers that are programs of their own, and not for node: built when asked for. */
const PROGRAMS = {
  'ferrokinesis durable': (port, dir) => ferrokinesis('--port', String(port), '--state-dir', dir),
  'ferrokinesis memory': (port) => ferrokinesis('--port', String(port)),
};

/** For each server of node's, the arguments for node. */
const COMMANDS = {
  millrace: (port, dir) => [
    inBench('../packages/cli/bin/millrace.js'),
    ...['serve', '--port', String(port), '--data', dir],
  ],
  kinesalite: (port, dir) => [
    inBench('node_modules/kinesalite/cli.js'),
    ...['--port', String(port), '--path', dir, '--createStreamMs', '20'],
  ],
  'floor http': floor('http'),
  'floor parse': floor('parse'),
  'floor durable': floor('durable'),
};

const running = new Set();

/** Ends, at once, every server that still runs; for the ends of the bench that nobody planned. */
export function killAll() {
  for (const server of running) server.child.kill('SIGKILL');
}

/**
 * Starts a server and waits for its first answer.
 *
 * @param dir an existing directory; nodeOptions e.g. `--cpu-prof`; env what is added to the environment
 * @returns `{ name, dir, port, pid, firstAnswerMs, stop, kill }`; `firstAnswerMs` counts from before the spawn
 */
export async function startServer(name, dir, nodeOptions = [], env = {}) {
  const port = await freePort();
  const spawned = performance.now();
  const { program, args } = PROGRAMS[name]?.(port, dir) ?? {
    program: process.execPath,
    args: [...nodeOptions, ...COMMANDS[name](port, dir)],
  };
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  const server = { name, dir, port, child, pid: child.pid, stderr: '', exited: undefined };
  running.add(server);
  child.stderr.on('data', (chunk) => {
    server.stderr = (server.stderr + chunk).slice(-STDERR_BYTES_MAX);
  });
  const exit = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      server.exited = `${name} ended with ${signal ?? `code ${code}`}`;
      running.delete(server);
      resolve({ code, signal });
    });
  });
  try {
    await firstAnswer(server, spawned);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    name,
    dir,
    port,
    pid: child.pid,
    firstAnswerMs: performance.now() - spawned,
    stop: () => stop(server, exit),
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

async function firstAnswer(server, spawned) {
  for (;;) {
    if (server.exited !== undefined)
      throw new Error(`${server.exited} before it answered:\n${server.stderr}`);
    try {
      const connection = await Http1Connection.connect(server.port);
      await call(connection, 'ListStreams', {});
      connection.close();
      return;
    } catch (error) {
      // Not listening yet, or listening and saying that it is not ready yet.
      if (error.code !== 'ECONNREFUSED' && error.status !== 503) throw error;
      if (performance.now() - spawned > START_MS_MAX)
        throw new Error(`${server.name} did not start`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
  }
}

/** Asks the server to end and waits; Millrace promises exit code 0, the others promise nothing. */
async function stop(server, exit) {
  if (server.exited !== undefined)
    throw new Error(`${server.exited} while it was measured:\n${server.stderr}`);
  server.child.kill('SIGTERM');
  const timer = setTimeout(() => server.child.kill('SIGKILL'), STOP_MS_MAX);
  const { code, signal } = await exit;
  clearTimeout(timer);
  if (server.name === 'millrace' && code !== 0)
    throw new Error(`millrace stopped with ${signal ?? `code ${code}`}, not 0:\n${server.stderr}`);
}

/** How many chunks were made of the journal so far, by the highest number of one; 0 where there are none. */
export function settlings(dir) {
  const numbers = fs
    .readdirSync(dir, { recursive: true })
    .map((name) => /(?:^|[/\\])chunk-(\d{10})$/.exec(name)?.[1] ?? '0');
  return Math.max(0, ...numbers.map(Number));
}

/** The bytes that the files under a directory take up on the disk, whatever is removed meanwhile. */
export function diskBytes(dir) {
  let bytes = 0;
  for (const entry of fs.readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    bytes += (fs.statSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  }
  return bytes;
}
