/**
 * `npm run bench`: measures Millrace beside kinesalite and the floors, and exits with 1 when a target is missed.
 *
 *      --seconds N    measured seconds of each load (6; of latencies at least 60)
 *      --runs N       interleaved runs (3)
 *      --only NAME    one case, may be repeated                 --list        names the cases
 *      --entrant NAME only these of a case's entrants, for work on one of them; targets are then not judged
 *      --quiet N      repeats a round, up to N times a case, in which others took more than 0.3 of a core (0)
 *      --json FILE    every figure of every run                 --dir DIR     where the data goes (bench/tmp)
 *      --rivals       builds ferrokinesis with cargo, once, and measures it too (some minutes)
 *      --gigabytes N  how much data the long cases (which run only when named by --only) and put-to-seen-beside have
 *      --profile DIR  a V8 processor profile of each Millrace   --no-build    measure what is built
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CASES } from '../bench/cases.mjs';
import { describeMachine, fileSystem, machineLine } from '../bench/machine.mjs';
import { killLoads } from '../bench/measure.mjs';
import { judge, progress, table } from '../bench/report.mjs';
import { killAll, RIVALS } from '../bench/servers.mjs';
import { root as ROOT, setUp } from './setup.mjs';

const WARM_MS = 2000;
const FERROKINESIS_VERSION = '0.7.0';
/** A round is noisy when something else took more than this of a core during one of its runs. */
const OTHERS_BUSY_MAX = 0.3;

function stop(message) {
  console.error(message);
  process.exit(2);
}

function readFlags() {
  try {
    return parseArgs({
      options: {
        seconds: { type: 'string', default: '6' },
        runs: { type: 'string', default: '3' },
        only: { type: 'string', multiple: true, default: [] },
        entrant: { type: 'string', multiple: true, default: [] },
        list: { type: 'boolean', default: false },
        quiet: { type: 'string', default: '0' },
        json: { type: 'string' },
        dir: { type: 'string', default: path.join(ROOT, 'bench/tmp') },
        rivals: { type: 'boolean', default: false },
        gigabytes: { type: 'string' },
        profile: { type: 'string' },
        'no-build': { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    if (!error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
    return stop(error.message);
  }
}

const flags = readFlags();

function positive(name) {
  const value = Number(flags[name]);
  if (!(value > 0)) stop(`--${name} wants a number above zero, not ${flags[name]}`);
  return value;
}

function chosenCases() {
  for (const name of flags.only)
    if (!CASES.some((known) => known.name === name)) stop(`no case is named ${name}; --list names them`);
  return CASES.filter((known) =>
    flags.only.length === 0 ? known.long !== true : flags.only.includes(known.name),
  );
}

async function prepare() {
  if (!flags['no-build']) await setUp();
  if (flags.rivals) buildRivals();
  if (fs.existsSync(path.join(ROOT, 'bench/node_modules/kinesalite'))) return;
  const npm = ['ci', '--prefix', 'bench', '--no-audit', '--no-fund', '--loglevel', 'error'];
  const { status } = spawnSync('npm', npm, {
    cwd: ROOT,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) stop('Installing what Millrace is compared with (npm ci --prefix bench) failed.');
}

/** Builds what is compared only when asked for; cargo does nothing where it is built already. */
function buildRivals() {
  const cargo = ['install', 'ferrokinesis', '--version', FERROKINESIS_VERSION, '--locked', '--root', RIVALS];
  const { status, error } = spawnSync('cargo', cargo, { stdio: 'inherit' });
  if (error !== undefined) stop(`--rivals needs cargo: ${error.message}`);
  if (status !== 0) stop('Building ferrokinesis failed.');
}

function invited(chosen) {
  const absent = flags.rivals ? [] : chosen.entrants.filter(({ rival }) => rival !== undefined);
  if (absent.length > 0)
    console.error(`${chosen.name}: without ${absent.map(({ label }) => label).join(', ')}; see --rivals`);
  return chosen.entrants.filter((entrant) => !absent.includes(entrant));
}

/** The rows whose entrants were measured. */
function judgeable(chosen, runs) {
  return chosen.rows.filter(({ beside }) => beside === undefined || runs.every((run) => run.has(beside)));
}

/** Measures a case's entrants in turn, round after round; noisy rounds are repeated while `repeats` last. */
async function measureCase(chosen, options, runCount) {
  const entrants = invited(chosen).filter(
    ({ label }) => flags.entrant.length === 0 || flags.entrant.includes(label),
  );
  const runs = [];
  let repeats = Number(flags.quiet);
  while (runs.length < runCount) {
    const round = new Map();
    for (const entrant of entrants) {
      const gigabytes = flags.gigabytes === undefined ? chosen.gigabytes : positive('gigabytes');
      const figures = await entrant.measure({ ...options, gigabytes });
      round.set(entrant.label, figures);
      console.error(progress(chosen.name, `${runs.length + 1}/${runCount}`, entrant.label, figures));
    }
    if (isNoisy(round) && repeats > 0) repeats--;
    else runs.push(round);
  }
  return runs;
}

function isNoisy(round) {
  return [...round.values()].some(({ othersBusy }) => othersBusy > OTHERS_BUSY_MAX);
}

async function main() {
  if (flags.list) {
    for (const known of CASES) console.log(`${known.name.padEnd(20)} ${known.title}`);
    return;
  }
  const cases = chosenCases();
  const runCount = positive('runs');
  const measureMs = positive('seconds') * 1000;
  await prepare();
  fs.mkdirSync(flags.dir, { recursive: true });
  const { name, onDisk } = fileSystem(flags.dir);
  if (!onDisk) stop(`${flags.dir} is on ${name}, where a sync costs nothing; choose a disk with --dir`);
  const root = fs.mkdtempSync(path.join(flags.dir, 'run-'));
  process.once('exit', () => {
    killLoads();
    killAll();
    fs.rmSync(root, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

  const machine = describeMachine(root);
  console.error(machineLine(machine));
  const profile =
    flags.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(flags.profile)}`];
  // A profile is of what is measured, not of the reading back.
  const times = { warmMs: WARM_MS, measureMs, ...(profile.length > 0 ? { readBack: false } : {}) };
  const options = { root, times, nodeOptions: profile };
  const rows = [];
  let noisy = 0;
  const record = { machine, seconds: measureMs / 1000, runs: runCount, cases: [] };
  for (const chosen of cases) {
    const runs = await measureCase(chosen, options, runCount);
    noisy += runs.filter(isNoisy).length;
    record.cases.push({
      name: chosen.name,
      title: chosen.title,
      runs: runs.map((figures) => Object.fromEntries(figures)),
    });
    if (flags.entrant.length === 0)
      rows.push(...judgeable(chosen, runs).map((row) => judge(row, chosen.entrants, runs)));
  }
  record.rows = rows;
  if (flags.json !== undefined) fs.writeFileSync(flags.json, `${JSON.stringify(record, undefined, 2)}\n`);
  if (rows.length > 0) console.log(`\n${table(rows)}\n\n${machineLine(machine)}`);
  if (noisy > 0)
    console.log(
      `something else was busy in ${noisy} of ${cases.length * runCount} rounds: do not trust their rates`,
    );
  const missed = rows.filter((row) => row.met === false);
  if (missed.length > 0) console.log(`${missed.length} target${missed.length === 1 ? '' : 's'} missed`);
  process.exitCode = missed.length > 0 ? 1 : 0;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
