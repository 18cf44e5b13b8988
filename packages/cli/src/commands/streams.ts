/** `millrace streams`: which streams there are; makes and deletes them. */
import { sleep } from '@millrace/base';
import type { Arguments, Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import type { Host } from '../host.js';
import type { Kinesis, StreamDetail } from '../kinesis/kinesis.js';
import { KinesisError } from '../kinesis/kinesis-error.js';
import { targetOptions } from '../kinesis/target.js';
import { withKinesis } from '../kinesis/with-kinesis.js';
import { styleOf } from '../style.js';
import { textTable } from '../text-table.js';
import { UsageError } from '../usage-error.js';

const shardsMax = 100_000;
/** Details are asked for so many streams at a time. */
const describedAtOnce = 8;
/** How long a stream that is made or deleted is waited for, and how often it is looked at. */
const readyMsMax = 120_000;
const lookMs = 100;

const options: readonly Option[] = [
  { name: 'shards', value: 'N', text: 'create: how many shards (default 1)' },
  { name: 'on-demand', text: 'create: in on-demand mode, where the service chooses the shards' },
  { name: 'no-wait', text: 'create, delete: do not wait until it is done' },
  { name: 'json', text: 'one JSON object a stream, a line each' },
  ...targetOptions,
];

export const streams: Command = {
  name: 'streams',
  summary: 'list the streams; create and delete them',
  usage: 'streams [create|delete NAME…] [options]',
  description: [
    'Lists every stream with its state, mode, open shards and retention. `create` makes streams and waits until they are ACTIVE; `delete` removes them with all that they hold, and their consumers.',
  ],
  options,
  examples: [
    ['millrace streams', 'what is there'],
    ['millrace streams create orders --shards 4', 'a stream of four shards, ready when the command returns'],
    ['millrace streams delete orders', 'it and its records are gone'],
  ],
  async run(host, argv) {
    const given = readArguments('streams', options, argv, host.environment, 1 + namesMax);
    const [verb = 'list', ...names] = given.words;
    return withKinesis(host, given, {}, (kinesis) => {
      switch (verb) {
        case 'list':
          if (names.length > 0)
            throw new UsageError('streams list takes no name; `millrace shards NAME` tells of one');
          return list(host, kinesis, given);
        case 'create':
          return create(host, kinesis, given, names);
        case 'delete':
          return remove(host, kinesis, given, names);
        default:
          throw new UsageError(`streams takes list, create or delete, and not '${verb}'`);
      }
    });
  },
};

const namesMax = 1_000;

async function list(host: Host, kinesis: Kinesis, given: Arguments): Promise<number> {
  const found: StreamDetail[] = [];
  const summaries = await kinesis.streams();
  for (let at = 0; at < summaries.length; at += describedAtOnce) {
    const some = summaries.slice(at, at + describedAtOnce);
    found.push(...(await Promise.all(some.map(({ name }) => described(kinesis, name)))).flat());
  }
  if (given.on('json')) {
    for (const stream of found) host.output.write(`${JSON.stringify(jsonOf(stream))}\n`);
    return 0;
  }
  if (found.length === 0) {
    host.errors.write(
      `There are no streams at ${kinesis.target.endpoint.origin} in ${kinesis.target.region}: \`millrace streams create NAME\` makes one.\n`,
    );
    return 0;
  }
  const style = styleOf(host.output, host.environment);
  host.output.write(
    textTable(
      style,
      ['STREAM', 'STATUS', 'MODE', 'SHARDS>', 'RETENTION>', 'CONSUMERS>', 'CREATED'],
      found.map((stream) => [
        style.bold(stream.name),
        stream.status === 'ACTIVE' ? style.good(stream.status) : style.accent(stream.status),
        stream.mode === 'ON_DEMAND' ? 'on-demand' : 'provisioned',
        stream.openShards.toLocaleString('en'),
        `${stream.retentionHours} h`,
        String(stream.consumers),
        new Date(stream.createdMs).toISOString().slice(0, 19).replace('T', ' '),
      ]),
    ),
  );
  return 0;
}

/** A stream that was deleted since it was listed is none. */
async function described(kinesis: Kinesis, name: string): Promise<readonly StreamDetail[]> {
  try {
    return [await kinesis.describe(name)];
  } catch (error) {
    if (error instanceof KinesisError && error.code === 'missing') return [];
    throw error;
  }
}

function jsonOf(stream: StreamDetail): object {
  const { createdMs, ...rest } = stream;
  return { ...rest, created: new Date(createdMs).toISOString() };
}

async function create(
  host: Host,
  kinesis: Kinesis,
  given: Arguments,
  names: readonly string[],
): Promise<number> {
  const shards = given.integer('shards', 1, shardsMax);
  if (shards !== undefined && given.on('on-demand')) {
    throw new UsageError('--on-demand streams choose their shards: leave --shards out');
  }
  requireNames('create', names);
  for (const name of names) {
    await kinesis.create(name, given.on('on-demand') ? 'on-demand' : (shards ?? 1));
    if (!given.on('no-wait')) await settled(host, kinesis, name, 'ACTIVE');
    host.output.write(`${name} is ${given.on('no-wait') ? 'being made' : 'ACTIVE'}\n`);
  }
  return 0;
}

async function remove(
  host: Host,
  kinesis: Kinesis,
  given: Arguments,
  names: readonly string[],
): Promise<number> {
  requireNames('delete', names);
  for (const name of names) {
    await kinesis.delete(name);
    if (!given.on('no-wait')) await settled(host, kinesis, name, 'gone');
    host.output.write(`${name} is ${given.on('no-wait') ? 'being deleted' : 'gone'}\n`);
  }
  return 0;
}

function requireNames(verb: string, names: readonly string[]): void {
  if (names.length === 0) throw new UsageError(`streams ${verb} needs a name: millrace streams ${verb} NAME`);
}

async function settled(host: Host, kinesis: Kinesis, name: string, wanted: 'ACTIVE' | 'gone'): Promise<void> {
  const untilMs = host.clock.now() + readyMsMax;
  for (;;) {
    const status = (await described(kinesis, name))[0]?.status ?? 'gone';
    if (status === wanted) return;
    if (host.clock.now() >= untilMs) {
      throw new KinesisError('unavailable', `${name} is still ${status} after ${readyMsMax / 1000} s`);
    }
    await sleep(host.clock, lookMs);
  }
}
