import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/setup.mjs';

const sources = fileURLToPath(new URL('../rust/', import.meta.url));
const target = path.join(root, 'node_modules', '.cache', 'millrace-rust');
const buildMsMax = 1_800_000;

export const rustSdk = {
  id: 'rust-sdk',
  name: 'AWS SDK for Rust',
  short: 'Rust',
  heavy: true,
  scenarios: [
    'life',
    'records',
    'reshard',
    'names',
    'trouble',
    'expiry',
    'settings',
    'fan-out',
    'tls',
    'large',
    'thousand-shards',
    'sparse',
    'crash',
  ],
  find,
};

/** The program as cargo builds it from its lockfile, or the reason why it cannot. */
function find() {
  if (cargo(['--version']).status !== 0) return { reason: 'there is no cargo' };
  const built = cargo(['build', '--locked', '--quiet', '--target-dir', target]);
  if (built.status !== 0)
    return { reason: `cargo could not build it: ${built.stderr?.trim().split('\n')[0]}` };
  const lock = readFileSync(path.join(sources, 'Cargo.lock'), 'utf8');
  const [, version] = /name = "aws-sdk-kinesis"\nversion = "(.+)"/.exec(lock) ?? [];
  return { version, program: path.join(target, 'debug', 'millrace-compat'), args: [] };
}

function cargo(args) {
  return spawnSync('cargo', args, { cwd: sources, encoding: 'utf8', timeout: buildMsMax });
}
