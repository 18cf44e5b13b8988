/** From what was typed to the command that does it. Answers the exit code: 0, 1 for a failure, 2 for the user's. */
import { createRequire } from 'node:module';
import { assert } from '@millrace/base';
import { StartError } from '@millrace/server';
import type { Command } from './command.js';
import { helpOn, helpOnAll } from './commands/help.js';
import type { Host } from './host.js';
import { KinesisError } from './kinesis/kinesis-error.js';
import { nearest } from './nearest.js';
import { UsageError } from './usage-error.js';

/**
 * In the order in which help lists them: the server, then what people ask of one, then upkeep. Each is loaded when it is
 * asked for: a server that starts would spend a tenth of a second on reading the others.
 */
const commands: readonly (readonly [name: string, load: () => Promise<Command>])[] = [
  ['serve', async () => (await import('./commands/serve.js')).serve],
  ['demo', async () => (await import('./commands/demo.js')).demo],
  ['streams', async () => (await import('./commands/streams.js')).streams],
  ['shards', async () => (await import('./commands/shards.js')).shards],
  ['put', async () => (await import('./commands/put.js')).put],
  ['tail', async () => (await import('./commands/tail.js')).tail],
  ['replay', async () => (await import('./commands/replay.js')).replay],
  ['wait', async () => (await import('./commands/wait.js')).wait],
  ['clock', async () => (await import('./commands/clock.js')).clock],
  ['faults', async () => (await import('./commands/faults.js')).faults],
  ['env', async () => (await import('./commands/env.js')).env],
  ['snapshot', async () => (await import('./commands/snapshot.js')).snapshot],
  ['check', async () => (await import('./commands/check.js')).check],
  ['repair', async () => (await import('./commands/repair.js')).repair],
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
  if (first === undefined || first === '--help' || first === '-h') return print(host, await help());
  if (first === 'help') {
    return print(host, rest[0] === undefined ? await help() : helpOn(await commandNamed(rest[0])));
  }
  const command = await commandNamed(first);
  if (rest.includes('--help') || rest.includes('-h')) return print(host, helpOn(command));
  return command.run(host, rest);
}

async function help(): Promise<string> {
  return helpOnAll(await Promise.all(commands.map(([, load]) => load())));
}

async function commandNamed(name: string): Promise<Command> {
  const known = commands.find(([each]) => each === name);
  if (known !== undefined) {
    const command = await known[1]();
    assert(command.name === name, `the command ${name} calls itself ${command.name}`);
    return command;
  }
  const near = nearest(name, [...commands.map(([each]) => each), 'help', '--help', '--version']);
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
