// Python packages for tests and for compat/, where python3 can be had (boto3, the AWS CLI and aws-kinesis-agg): the pinned ones, which
// python3 has already or pip installs into a folder that git ignores; else whatever versions python3 has. Run as a
// program it prints one JSON object:
//
//      {"python":"python3","path":"…","boto3":"1.44.5",…}     path: for PYTHONPATH, "" for none
//      {"reason":"…"}                                          there are none, and why
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './setup.mjs';

const clients = { boto3: '1.44.5', awscli: '1.46.3', 'aws-kinesis-agg': '1.2.3' };
const installMsMax = 180_000;
const askMsMax = 30_000;

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(pythonClients()));

export function pythonClients() {
  return pythonPackages(clients, ['boto3', 'awscli', 'aws_kinesis_agg.aggregator']);
}

/** Packages of exactly these versions that get on with each other, and the modules that show that they load. */
export function pythonPackages(pinned, modules) {
  const python = ['python3', 'python'].find((name) => python3(name));
  if (python === undefined) return { reason: 'there is no python3' };
  const pins = Object.entries(pinned).map(([name, version]) => `${name}==${version}`);
  const folder = path.join(
    root,
    'node_modules',
    '.cache',
    'millrace-python',
    pins.join('_').replaceAll('==', '-'),
  );
  const loaded = (where) => versions(python, where, Object.keys(pinned), modules);
  const earlier = existsSync(folder) ? loaded(folder) : undefined;
  if (earlier !== undefined) return earlier;
  const own = loaded('');
  if (own !== undefined && Object.entries(pinned).every(([name, version]) => own[name] === version))
    return own;
  const failure = install(python, pins, folder);
  if (failure !== undefined) return own ?? failure;
  return loaded(folder) ?? { reason: `what pip installed in ${folder} does not load` };
}

function python3(name) {
  const { status } = run(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']);
  return status === 0;
}

function versions(python, where, names, modules) {
  const ask = `
import importlib.metadata as metadata, json, ${modules.join(', ')}
print(json.dumps({name: metadata.version(name) for name in ${JSON.stringify(names)}}))`;
  const { status, stdout } = run(python, ['-c', ask], { PYTHONPATH: where });
  return status === 0 ? { python, path: where, ...JSON.parse(stdout) } : undefined;
}

/** Installs beside and renames, so that two test files may do it at once and a cut-off one leaves nothing half. */
function install(python, pins, folder) {
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
