/** From what was typed to the command that does it. Answers the exit code: 0, 1 for a failure, 2 for the user's. */
import { createRequire } from 'node:module';
import { StartError } from '@millrace/server';
import type { Command } from './command.js';
import { check } from './commands/check.js';
import { clock } from './commands/clock.js';
import { demo } from './commands/demo.js';
import { env } from './commands/env.js';
import { faults } from './commands/faults.js';
import { helpOn, helpOnAll } from './commands/help.js';
import { put } from './commands/put.js';
import { repair } from './commands/repair.js';
import { replay } from './commands/replay.js';
import { serve } from './commands/serve.js';
import { shards } from './commands/shards.js';
import { snapshot } from './commands/snapshot.js';
import { streams } from './commands/streams.js';
import { tail } from './commands/tail.js';
import { wait } from './commands/wait.js';
import type { Host } from './host.js';
import { KinesisError } from './kinesis/kinesis-error.js';
import { nearest } from './nearest.js';
import { UsageError } from './usage-error.js';

/** In the order in which help lists them: the server, then what people ask of one, then upkeep. */
const commands: readonly Command[] = [
  serve,
  demo,
  streams,
  shards,
  put,
  tail,
  replay,
  wait,
  clock,
  faults,
  env,
  snapshot,
  check,
  repair,
];

export async function runCommandLine(host: Host, argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(host, argv);
  } catch (error) {
    if (error instanceof KinesisError) {
      host.errors.write(`millrace: ${error.message}\n`);
      return 1;
    }
    if (!(error instanceof UsageError || error instanceof StartError)) throw error;
    host.errors.write(`millrace: ${error.message}\n`);
    return 2;
  }
}

async function dispatch(host: Host, argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv;
  if (first === '--version' || first === '-v' || first === 'version') return print(host, `${version()}\n`);
  if (first === undefined || first === '--help' || first === '-h') return print(host, helpOnAll(commands));
  if (first === 'help') {
    const about = rest[0] === undefined ? undefined : commandNamed(rest[0]);
    return print(host, about === undefined ? helpOnAll(commands) : helpOn(about));
  }
  const command = commandNamed(first);
  if (rest.includes('--help') || rest.includes('-h')) return print(host, helpOn(command));
  return command.run(host, rest);
}

function commandNamed(name: string): Command {
  const command = commands.find((each) => each.name === name);
  if (command !== undefined) return command;
  const near = nearest(name, [...commands.map((each) => each.name), 'help', '--help', '--version']);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  const what = name.startsWith('-') ? 'unknown option' : 'there is no command';
  throw new UsageError(`${what} ${name}${hint} (\`millrace --help\` lists them)`);
}

function print(host: Host, text: string): number {
  host.output.write(text);
  return 0;
}

function version(): string {
  const manifest: { readonly version: string } = createRequire(import.meta.url)('../package.json');
  return manifest.version;
}
