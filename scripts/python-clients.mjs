// boto3 and the AWS CLI for the tests, where python3 can be had: those of an earlier run, or those that python3 has
// already, or pinned ones installed with pip into a folder that git ignores. Prints one JSON object:
//
//      {"python":"python3","path":"…","boto3":"1.43.11","awscli":"1.45.11"}     path: for PYTHONPATH, "" for none
//      {"reason":"…"}                                                            there are none, and why
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root } from './setup.mjs';

const pins = ['boto3==1.43.11', 'awscli==1.45.11'];
const installMsMax = 180_000;
const askMsMax = 30_000;
const folder = path.join(
  root,
  'node_modules',
  '.cache',
  'millrace-python',
  pins.join('_').replaceAll('==', '-'),
);

console.log(JSON.stringify(clients()));

function clients() {
  const python = ['python3', 'python'].find((name) => python3(name));
  if (python === undefined) return { reason: 'there is no python3' };
  const there = (existsSync(folder) ? versions(python, folder) : undefined) ?? versions(python, '');
  if (there !== undefined) return there;
  const failure = install(python);
  return failure ?? versions(python, folder) ?? { reason: `what pip installed in ${folder} does not load` };
}

function python3(name) {
  const { status } = run(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']);
  return status === 0;
}

function versions(python, where) {
  const { status, stdout } = run(
    python,
    ['-c', 'import boto3, awscli; print(boto3.__version__, awscli.__version__)'],
    { PYTHONPATH: where },
  );
  if (status !== 0) return undefined;
  const [boto3, awscli] = stdout.trim().split(' ');
  return { python, path: where, boto3, awscli };
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
