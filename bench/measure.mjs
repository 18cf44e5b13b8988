/** One measurement: a fresh server on a fresh directory, one load process, and everything cleaned up behind them. */
import { fork } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadAverage, meter, residentMb } from './process-figures.mjs';
import { diskBytes, settlings, startServer } from './servers.mjs';

const LOAD = fileURLToPath(new URL('./load.mjs', import.meta.url));
const IDLE_AFTER_START_MS = 2000;
const IDLE_QUIET_MS = 5000;

const loads = new Set();

export function killLoads() {
  for (const load of loads) load.kill('SIGKILL');
}

/** @returns what `work(dir)` answers, for a directory that is removed afterwards */
export async function withDirectory(name, root, work) {
  const dir = fs.mkdtempSync(path.join(root, `${name.replace(' ', '-')}-`));
  try {
    return await work(dir);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** @returns what `work(server)` answers, for a server on `dir` that is stopped afterwards */
export async function withServerOn(name, dir, { nodeOptions, env }, work) {
  const server = await startServer(name, dir, name === 'millrace' ? nodeOptions : [], env);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** @param options `{ root, nodeOptions, env }` @returns what `work(server)` answers */
function withServer(name, options, work) {
  return withDirectory(name, options.root, (dir) => withServerOn(name, dir, options, work));
}

/** Runs one load job against a fresh server. */
export function measureLoad(name, job, options) {
  return withServer(name, options, async (server) => {
    const before = loadAverage();
    const weights = {};
    const figures = await runLoad({ ...job, port: server.port, serverPid: server.pid }, () => {
      weights.diskBytes = diskBytes(server.dir);
      weights.settlings = settlings(server.dir);
      weights.residentMb = residentMb(server.pid);
    });
    return { ...figures, ...weights, loadAverage: before };
  });
}

/** Runs `job` against a fresh server while another load process runs `heavy` against it. */
export function measureBeside(name, job, heavy, options) {
  return withServer(name, options, async (server) => {
    const before = loadAverage();
    const { port, pid: serverPid } = server;
    let figures;
    const done = await runLoad({ ...heavy, port }, async () => {
      figures = await runLoad({ ...job, port, serverPid });
      figures.residentMb = residentMb(serverPid);
    });
    return { ...figures, ...done, loadAverage: before };
  });
}

/**
 * Runs one job in a process of its own. `onMeasured` is called when the load has measured, or has others measure; the
 * load goes on once it resolves.
 */
export function runLoad(job, onMeasured = () => {}) {
  return new Promise((resolve, reject) => {
    const child = fork(LOAD, { stdio: 'inherit' });
    loads.add(child);
    child.once('exit', (code, signal) => {
      loads.delete(child);
      reject(new Error(`the load process ended with ${signal ?? `code ${code}`}`));
    });
    child.on('message', (message) => {
      if (message.measured) {
        Promise.resolve(onMeasured()).then(() => child.send({}), reject);
      } else if (message.error !== undefined) reject(new Error(`the load failed: ${message.error}`));
      else resolve(message.result);
    });
    child.send(job);
  });
}

/** From before the spawn to the first answer, and resident memory while nothing is asked. */
export function measureStart(name, options) {
  return withServer(name, options, async (server) => {
    const shares = meter(server.pid);
    await pause(IDLE_AFTER_START_MS);
    const afterStart = residentMb(server.pid);
    await pause(IDLE_QUIET_MS);
    const idleMb = Math.max(afterStart, residentMb(server.pid));
    return { firstAnswerMs: server.firstAnswerMs, idleMb, othersBusy: shares().othersBusy };
  });
}
