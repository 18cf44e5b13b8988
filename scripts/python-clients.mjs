// boto3, the AWS CLI and aws-kinesis-agg for tests and for compat/, where python3 can be had: the pinned ones, which
// python3 has already or pip installs into a folder that git ignores; else whatever versions python3 has. Run as a
// program it prints one JSON object:
//
//      {"python":"python3","path":"…","boto3":"1.43.11",…}     path: for PYTHONPATH, "" for none
//      {"reason":"…"}                                          there are none, and why
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './setup.mjs';

const pinned = { boto3: '1.43.11', awscli: '1.45.11', 'aws-kinesis-agg': '1.2.3' };
const pins = Object.entries(pinned).map(([name, version]) => `${name}==${version}`);
const installMsMax = 180_000;
const askMsMax = 30_000;
const folder = path.join(
  root,
  'node_modules',
  '.cache',
  'millrace-python',
  pins.join('_').replaceAll('==', '-'),
);

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(pythonClients()));

export function pythonClients() {
  const python = ['python3', 'python'].find((name) => python3(name));
  if (python === undefined) return { reason: 'there is no python3' };
  const earlier = existsSync(folder) ? versions(python, folder) : undefined;
  if (earlier !== undefined) return earlier;
  const own = versions(python, '');
  if (own !== undefined && Object.entries(pinned).every(([name, version]) => own[name] === version))
    return own;
  const failure = install(python);
  if (failure !== undefined) return own ?? failure;
  return versions(python, folder) ?? { reason: `what pip installed in ${folder} does not load` };
}

function python3(name) {
  const { status } = run(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']);
  return status === 0;
}

function versions(python, where) {
  const names = JSON.stringify(Object.keys(pinned));
  const ask = `
import importlib.metadata as metadata, json, boto3, awscli, aws_kinesis_agg.aggregator
print(json.dumps({name: metadata.version(name) for name in ${names}}))`;
  const { status, stdout } = run(python, ['-c', ask], { PYTHONPATH: where });
  return status === 0 ? { python, path: where, ...JSON.parse(stdout) } : undefined;
}

/** Installs beside and renames, so that two test files may do it at once and a cut-off one leaves nothing half. */
function install(python) {
  const draft = `${folder}.${process.pid}`;
  mkdirSync(path.dirname(folder), { recursive: true });
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', draft, ...pins];
  const { status, stderr, error } = run(python, args, {}, installMsMax);
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    const last = (stderr ?? '').trim().split('\n').at(-1);
    return { reason: `pip could not install ${pins.join(' and ')}: ${error?.message ?? last}` };
  }
  if (existsSync(folder)) rmSync(draft, { recursive: true, force: true });
  else renameSync(draft, folder);
  return undefined;
}

function run(program, args, environment = {}, timeout = askMsMax) {
  return spawnSync(program, args, {
    encoding: 'utf8',
    timeout,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
}
