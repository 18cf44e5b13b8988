/**
 * `millrace env`: the variables that point AWS's clients at a server, in the words of a shell.
 *
 *      eval "$(millrace env)"        millrace env --shell fish | source        millrace env --shell dotenv >> $GITHUB_ENV
 */
import path from 'node:path';
import type { Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import type { Host } from '../host.js';
import { targetOf, targetOptions } from '../kinesis/target.js';

const shells = ['bash', 'fish', 'powershell', 'cmd', 'dotenv'] as const;
type Shell = (typeof shells)[number];

const options: readonly Option[] = [
  {
    name: 'shell',
    value: shells.join('|'),
    text: 'whose words (default: those of the shell that SHELL names; dotenv is NAME=value, for files)',
  },
  { name: 'unset', text: 'print what takes the variables away again' },
  ...targetOptions,
];

export const env: Command = {
  name: 'env',
  summary: 'print the variables that point AWS clients at a server',
  usage: 'env [options]',
  description: [
    'Prints the endpoint, a region and credentials for a shell to evaluate: then every AWS SDK, and the AWS CLI, speaks to this server for Kinesis. Only the Kinesis endpoint is set; all other services stay where they are. The credentials are placeholders: Millrace does not check them, and AWS will not take them, so that nothing meant for here goes there.',
  ],
  options,
  examples: [
    ['eval "$(millrace env)"', 'bash, zsh'],
    ['millrace env --shell fish | source', 'fish'],
    ['millrace env --shell powershell | Invoke-Expression', 'PowerShell'],
    ['millrace env --shell dotenv >> "$GITHUB_ENV"', 'the steps that follow in GitHub Actions'],
  ],
  run(host, argv) {
    const given = readArguments('env', options, argv, host.environment);
    const target = targetOf(given, host);
    const account = given.text('account') ?? 'millrace';
    const variables = {
      AWS_ENDPOINT_URL_KINESIS: target.endpoint.origin,
      AWS_REGION: target.region,
      AWS_DEFAULT_REGION: target.region,
      AWS_ACCESS_KEY_ID: account,
      AWS_SECRET_ACCESS_KEY: 'millrace',
    };
    const words = wordsOf[given.choice('shell', shells) ?? shellOf(host)];
    for (const [name, value] of Object.entries(variables)) {
      host.output.write(`${given.on('unset') ? words.unset(name) : words.set(name, value)}\n`);
    }
    return Promise.resolve(0);
  },
};

interface Words {
  set(name: string, value: string): string;
  unset(name: string): string;
}

/** Values are quoted as each shell has it, whatever a region or endpoint holds. */
const wordsOf: Readonly<Record<Shell, Words>> = {
  bash: {
    set: (name, value) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`,
    unset: (name) => `unset ${name}`,
  },
  fish: {
    set: (name, value) => `set -gx ${name} '${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`,
    unset: (name) => `set -e ${name}`,
  },
  powershell: {
    set: (name, value) => `$env:${name} = '${value.replaceAll("'", "''")}'`,
    unset: (name) => `Remove-Item -ErrorAction SilentlyContinue Env:${name}`,
  },
  cmd: {
    set: (name, value) => `set "${name}=${value}"`,
    unset: (name) => `set "${name}="`,
  },
  dotenv: {
    set: (name, value) => `${name}=${value}`,
    unset: (name) => `${name}=`,
  },
};

function shellOf({ environment }: Host): Shell {
  const { SHELL: shell, PSModulePath: powershell, ComSpec: cmd } = environment;
  if (shell !== undefined && path.basename(shell) === 'fish') return 'fish';
  if (shell !== undefined && shell !== '') return 'bash';
  if (powershell !== undefined) return 'powershell';
  return cmd === undefined ? 'bash' : 'cmd';
}
