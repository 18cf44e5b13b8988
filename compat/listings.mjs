// npm run compat -- --listings DIR: the Python listings of documents, run as they are written. See README.md.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonClients } from '../scripts/python-clients.mjs';
import { setUp } from '../scripts/setup.mjs';
import { clientEnvironment, startMillrace } from './server.mjs';

/** A producer of a thousand events, waits of ten seconds between two looks: listings take their time. */
const documentMsMax = 300_000;
const program = fileURLToPath(new URL('python/run_listings.py', import.meta.url));

/** Runs every document of the directory; prints what became of each listing; answers the exit code. */
export async function runListings(directory) {
  if (directory === undefined || !existsSync(directory) || !statSync(directory).isDirectory()) {
    console.log(`skipped: ${directory ?? 'nothing'} is not a directory of documents`);
    return 0;
  }
  const found = pythonClients();
  if (found.reason !== undefined) {
    console.log(`skipped: ${found.reason}`);
    return 0;
  }
  await setUp();
  let broken = 0;
  for (const name of readdirSync(directory).sort()) {
    console.log(`\n${name}`);
    broken += await runDocument(path.join(directory, name), found);
  }
  console.log(broken === 0 ? '\nnothing broke' : `\n${broken} answers were none of AWS's`);
  return broken === 0 ? 0 : 1;
}

/** How many answers of Kinesis's were none of AWS's. */
async function runDocument(document, { python, path: modules }) {
  const server = await startMillrace();
  try {
    const child = spawn(python, [program, document], {
      env: { ...clientEnvironment(server), PYTHONPATH: modules },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timeout = setTimeout(() => child.kill('SIGKILL'), documentMsMax);
    let said = '';
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-2048);
    });
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      printed += chunk;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    clearTimeout(timeout);
    const told = printed
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
    for (const listing of told) console.log(summary(listing));
    if (code !== 0) console.log(`  the program ended with ${code}: ${said}`);
    const broken = told.flatMap((listing) => Object.values(listing.broken ?? {}));
    return broken.reduce((sum, count) => sum + count, code === 0 ? 0 : 1);
  } finally {
    await server.stop();
  }
}

function summary({ made, line, read, given = [], ended, called = {}, answered, refused, broken }) {
  if (made !== undefined) return `  streams made before: ${made.join(', ') || 'none'}`;
  const counts = (of) =>
    Object.entries(of ?? {})
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const parts = [`  line ${line}, ${read}: ${ended}`];
  if (given.length > 0) parts.push(`given: ${given.join(', ')}`);
  for (const [name, outcome] of Object.entries(called)) parts.push(`called ${name}: ${outcome}`);
  if (counts(answered) !== '') parts.push(`answered: ${counts(answered)}`);
  if (counts(refused) !== '') parts.push(`refused: ${counts(refused)}`);
  if (counts(broken) !== '') parts.push(`BROKEN: ${counts(broken)}`);
  return parts.join('\n    ');
}
