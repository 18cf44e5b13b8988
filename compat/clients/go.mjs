import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/setup.mjs';

const sources = fileURLToPath(new URL('../go/', import.meta.url));
const program = path.join(root, 'node_modules', '.cache', 'millrace-go', 'program');
const buildMsMax = 600_000;

export const goSdk = {
  id: 'go-sdk',
  name: 'AWS SDK for Go v2',
  short: 'Go v2',
  scenarios: ['life', 'records', 'reshard', 'names', 'trouble', 'expiry', 'settings', 'fan-out', 'tls'],
  find,
};

/** The program as Go builds it from its pinned modules, or the reason why it cannot. */
function find() {
  if (go(['version']).status !== 0) return { reason: 'there is no go' };
  const built = go(['build', '-trimpath', '-o', program, '.']);
  if (built.status !== 0)
    return { reason: `go could not build it: ${built.stderr?.trim().split('\n').at(-1)}` };
  const listed = go(['list', '-m', '-f', '{{.Version}}', 'github.com/aws/aws-sdk-go-v2/service/kinesis']);
  return { version: listed.stdout.trim().replace(/^v/, ''), program, args: [] };
}

function go(args) {
  return spawnSync('go', args, { cwd: sources, encoding: 'utf8', timeout: buildMsMax });
}
