// Builds a program out of a Go module, once for each state of its files, into a folder that git ignores:
//
//      node_modules/.cache/millrace-go/<name>-<hash of what it is built from>
//
// The modules come from wherever the machine's own Go has them from, at the versions and sums that the module pins.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/setup.mjs';

const cache = path.join(root, 'node_modules', '.cache', 'millrace-go');

/**
 * `{ program }`, or `{ reason }` where it cannot be had. `target` is the package of the program, where the module has
 * none of its own. A build that takes longer than `buildMsMax` is given up.
 */
export function goProgram(folder, { name, target = '.', buildMsMax }) {
  const { status, stdout } = go(folder, ['version']);
  if (status !== 0) return { reason: 'there is no go' };
  const program = path.join(cache, `${name}-${stateOf(folder, stdout)}`);
  if (existsSync(program)) return { program };
  // Built beside and renamed, so that one which was cut off leaves nothing half.
  const draft = `${program}.${process.pid}`;
  mkdirSync(cache, { recursive: true });
  const built = go(folder, ['build', '-trimpath', '-o', draft, target], buildMsMax);
  if (built.error?.code === 'ETIMEDOUT')
    return { reason: `go did not build it within ${buildMsMax / 60_000} minutes` };
  if (built.status !== 0)
    return { reason: `go could not build it: ${built.stderr?.trim().split('\n').at(-1)}` };
  if (existsSync(program)) rmSync(draft);
  else renameSync(draft, program);
  return { program };
}

/** The version of a module that a module's program is built with. */
export function moduleVersion(folder, module) {
  const { stdout } = go(folder, ['list', '-m', '-f', '{{.Version}}', module]);
  return stdout.trim().replace(/^v/, '');
}

function go(cwd, args, timeout = 60_000) {
  return spawnSync('go', args, { cwd, encoding: 'utf8', timeout });
}

function stateOf(folder, goVersion) {
  const hash = createHash('sha256').update(goVersion);
  const sources = readdirSync(folder).filter((file) => /\.(go|mod|sum)$/.test(file));
  for (const source of sources.sort()) hash.update(source).update(readFileSync(path.join(folder, source)));
  return hash.digest('hex').slice(0, 12);
}
