import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { checkout } from './millrace-process.js';

export type PythonClients =
  | { readonly python: string; readonly path: string; readonly boto3: string; readonly awscli: string }
  | { readonly reason: string };

/** boto3 and the AWS CLI, as scripts/python-clients.mjs finds or installs them. */
export function pythonClients(): PythonClients {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(checkout, 'scripts', 'python-clients.mjs')],
    {
      encoding: 'utf8',
    },
  );
  if (stdout === '') return { reason: `scripts/python-clients.mjs failed: ${stderr}` };
  return JSON.parse(stdout);
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program on `input` in the checkout, with nothing of AWS set but the endpoint, a region and credentials. */
export function run(
  program: string,
  args: readonly string[],
  input: string,
  endpoint: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE|AWS|NODE_TEST)/.test(name));
  const child = spawn(program, args, {
    cwd: checkout,
    env: {
      ...Object.fromEntries(inherited),
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs Python with boto3 and the AWS CLI at hand. */
export function runPython(clients: PythonClients, script: string, endpoint: string): Promise<Ran> {
  if ('reason' in clients) throw new Error(clients.reason);
  return run(clients.python, ['-'], script, endpoint, { PYTHONPATH: clients.path });
}

/**
 * Runs a shell script in which `aws` is the AWS CLI. From pip comes its version 1, which takes `--data` as it
 * stands and does not know the option by which version 2 is told to.
 */
export function runShell(clients: PythonClients, script: string, endpoint: string): Promise<Ran> {
  const aws =
    'reason' in clients
      ? ''
      : `aws() {
  local arguments=()
  while [ $# -gt 0 ]; do
    if [ "$1" = --cli-binary-format ]; then shift 2; else arguments+=("$1"); shift; fi
  done
  ${clients.python} -m awscli "\${arguments[@]}"
}
`;
  const environment: Record<string, string> = 'reason' in clients ? {} : { PYTHONPATH: clients.path };
  return run('bash', ['-euo', 'pipefail', '-s'], aws + script, endpoint, environment);
}
