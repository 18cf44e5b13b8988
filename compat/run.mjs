// npm run compat: every client against every scenario that it has a program for. See README.md.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compatibilityPage, pagePath } from '../scripts/compatibility.mjs';
import { root, setUp } from '../scripts/setup.mjs';
import { absent } from './clients/absent.mjs';
import { clients } from './clients/index.mjs';
import { runListings } from './listings.mjs';
import { readResults, resultsPath } from './results.mjs';
import { scenarios } from './scenarios.mjs';
import { clientEnvironment, startCrashing, startMillrace } from './server.mjs';
import { printedTable } from './table.mjs';
import { keepThroughput } from './throughput/figures.mjs';
import { measureThroughput } from './throughput/measure.mjs';

/** Ten clusters of a client, two at a time, on a machine that is busy. */
const clientMsMax = 2_700_000;
const clientsAtOnce = 2;

const [first, directory] = process.argv.slice(2);
if (first === '--listings') process.exit(await runListings(directory));

if (first === '--throughput') process.exit(await runThroughput());

const flags = process.argv.slice(2).filter((each) => each.startsWith('-'));
const wanted = process.argv.slice(2).filter((each) => !each.startsWith('-'));
const check = flags.includes('--check');
const quick = flags.includes('--quick');
const wantedClients = wanted.filter((name) => clients.some(({ id }) => id === name));
const wantedScenarios = wanted.filter((name) => scenarios.some(({ id }) => id === name));
for (const name of wanted) {
  if (![...wantedClients, ...wantedScenarios].includes(name))
    fail(
      `there is no client or scenario ${name}: ${[...clients, ...scenarios].map(({ id }) => id).join(', ')}`,
    );
}
for (const flag of flags) {
  if (!['--check', '--quick'].includes(flag))
    fail(`unknown option ${flag}: there are --check, --quick, --listings and --throughput`);
}

await setUp();
const { streamsOperations, streamsStreamingOperations } = await import(
  path.join(root, 'packages/server/dist/streams/operations/index.js')
);
const offered = new Set([...streamsOperations, ...streamsStreamingOperations].map(({ name }) => name));
/** What the server does not offer yet is not asked. */
const asked = scenarios.filter(
  ({ id, needs = [] }) =>
    needs.every((operation) => offered.has(operation)) &&
    (wantedScenarios.length === 0 || wantedScenarios.includes(id)),
);
const chosen = clients.filter(({ id, heavy = false, scenarios: has }) =>
  wantedClients.length > 0
    ? wantedClients.includes(id)
    : !(quick && heavy) && asked.some((scenario) => has.includes(scenario.id)),
);
const queue = [...chosen];
const answers = new Map();
await Promise.all(
  Array.from({ length: clientsAtOnce }, async () => {
    for (let client = queue.shift(); client !== undefined; client = queue.shift()) {
      answers.set(client.id, await runClient(client));
    }
  }),
);

console.log(printedTable(chosen, asked, answers));
if (wanted.length === 0) for (const { name, reason } of absent) console.log(`${name}: not run, ${reason}`);
const failures = [...answers.values()].flatMap(({ results = [] }) => results.filter(({ passed }) => !passed));
for (const { client, scenario, error } of failures) console.log(`\n${client}: ${scenario}\n${error}`);
if (!check) await keep();
process.exitCode = failures.length === 0 ? 0 : 1;

/** How fast the fastest clients are; kept unless --check is said. Answers the exit code. */
async function runThroughput() {
  await setUp();
  const throughput = await measureThroughput();
  if (throughput === undefined || process.argv.includes('--check')) return 0;
  keepThroughput(throughput);
  writeFileSync(pagePath, await compatibilityPage());
  return 0;
}

/** Version and results of one client, or the reason why it was skipped. */
async function runClient(client) {
  const found = client.find();
  if (found.reason !== undefined) return { reason: found.reason };
  const names = asked
    .map(({ id }) => id)
    .filter((id) => client.scenarios.includes(id) && !found.without?.includes(id));
  const server = await startMillrace();
  const crashing = names.includes('crash') ? await startCrashing() : undefined;
  try {
    const environment = { ...found.environment, ...crashing?.environment };
    const lines = await runProgram({ ...found, environment }, names, server);
    return { version: found.version, results: lines.map((line) => ({ client: client.name, ...line })) };
  } finally {
    await crashing?.stop();
    await server.stop();
  }
}

/** One result for each scenario; those that the program did not come to have failed with what it said last. */
async function runProgram({ program, args, environment }, names, server) {
  const child = spawn(program, [...args, ...names], {
    env: {
      ...clientEnvironment(server),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timeout = setTimeout(() => child.kill('SIGKILL'), clientMsMax);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-4096);
  });
  child.on('error', (error) => {
    said = error.message;
  });
  const results = [];
  for await (const line of createInterface({ input: child.stdout })) {
    try {
      results.push(JSON.parse(line));
    } catch {
      results.push({
        scenario: 'the program',
        passed: false,
        operations: [],
        error: `printed no JSON: ${line}`,
      });
    }
  }
  clearTimeout(timeout);
  const silent = names.filter((name) => !results.some(({ scenario }) => scenario === name));
  return [
    ...results,
    ...silent.map((scenario) => ({
      scenario,
      passed: false,
      operations: [],
      error: `no answer; it said: ${said}`,
    })),
  ];
}

/** What was proven takes the place of what was before; what did not run stays. */
async function keep() {
  const kept = readResults();
  for (const { id } of chosen) {
    const { version, results } = answers.get(id);
    if (results === undefined) continue;
    const earlier = wantedScenarios.length > 0 && kept[id]?.version === version ? kept[id].scenarios : {};
    const now = results.map(({ scenario, passed, operations }) => [
      scenario,
      passed ? { passed, operations: [...operations].sort() } : { passed },
    ]);
    kept[id] = { version, scenarios: { ...earlier, ...Object.fromEntries(now) } };
  }
  const inOrder = Object.fromEntries(
    clients.flatMap(({ id }) => (kept[id] === undefined ? [] : [[id, kept[id]]])),
  );
  writeFileSync(resultsPath, `${JSON.stringify(inOrder, null, 2)}\n`);
  writeFileSync(pagePath, await compatibilityPage());
}

function fail(sentence) {
  console.error(sentence);
  process.exit(2);
}

if (process.argv[1] !== fileURLToPath(import.meta.url)) fail('compat/run.mjs is a program and no module');
