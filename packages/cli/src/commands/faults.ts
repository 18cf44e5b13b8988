/** `millrace faults`: what goes wrong on purpose: listed, set, taken away. */
import type { Arguments, Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { type Controls, withControls } from '../kinesis/controls.js';
import type { JsonObject } from '../kinesis/json-object.js';
import { targetOptions } from '../kinesis/target.js';
import { spanMs } from '../moment.js';
import { styleOf } from '../style.js';
import { textTable } from '../text-table.js';
import { UsageError } from '../usage-error.js';

const countMax = 1_000_000_000;
const seedMax = 2 ** 32 - 1;

const options: readonly Option[] = [
  { name: 'operation', value: 'OP', text: 'add: only this operation, as PutRecords' },
  { name: 'stream', value: 'NAME', text: 'add: only this stream' },
  { name: 'shard', value: 'ID', text: 'add: only this shard, as shardId-000000000000' },
  { name: 'probability', value: 'P', text: 'add: how likely it strikes, from 0 to 1 (default 1)' },
  { name: 'count', value: 'N', text: 'add: how often it strikes before it is spent' },
  { name: 'seed', value: 'N', text: 'add: the same seed strikes the same requests again' },
  { name: 'latency', value: 'SPAN', text: 'add latency: how much later the answer comes, as 200ms' },
  {
    name: 'code',
    value: 'CODE',
    text: 'add fail-records: what the records say (default ProvisionedThroughputExceededException)',
  },
  { name: 'json', text: 'one JSON object a fault, a line each' },
  ...targetOptions,
];

export const faults: Command = {
  name: 'faults',
  summary: 'make things go wrong on purpose: throttling, lost answers, …',
  usage: 'faults [add FAULT|remove ID|clear] [options]',
  description: [
    'FAULT is throttle, internal-error, latency, drop-request (nothing was done), drop-answer (it was done), fail-records (some records of a PutRecords) or expire-iterator. Without a word the faults that are set are listed, with how many requests each was for and how many it struck. They last until they are removed, or the server ends.',
  ],
  options,
  examples: [
    [
      'millrace faults add throttle --operation PutRecords --probability 0.1 --seed 7',
      'one in ten, the same ones each time',
    ],
    [
      'millrace faults add drop-answer --operation PutRecord --count 1',
      'the next put is done, and its answer lost',
    ],
    ['millrace faults add latency --latency 200ms', 'every answer comes later'],
    ['millrace faults clear', 'all is well again'],
  ],
  async run(host, argv) {
    const given = readArguments('faults', options, argv, host.environment, 2);
    const [verb = 'list', what] = given.words;
    return withControls(host, given, async (controls) => {
      const listed = await changed(controls, verb, what, given);
      if (given.on('json')) {
        for (const fault of listed) host.output.write(`${JSON.stringify(plain(fault))}\n`);
      } else if (listed.length === 0) {
        host.errors.write('No fault is set: `millrace help faults` tells how one is.\n');
      } else {
        const heading = ['ID', 'FAULT', 'FOR', 'HOW OFTEN', 'SEED>', 'MET>', 'STRUCK>'];
        host.output.write(textTable(styleOf(host.output, host.environment), heading, listed.map(row)));
      }
      return 0;
    });
  },
};

/** Does what is asked, and answers the faults to show. */
async function changed(
  controls: Controls,
  verb: string,
  what: string | undefined,
  given: Arguments,
): Promise<readonly JsonObject[]> {
  switch (verb) {
    case 'list':
      return (await controls.ask('GET', 'faults')).objects('faults');
    case 'add':
      if (what === undefined) throw new UsageError('faults add needs a fault, as throttle or drop-answer');
      return [await controls.ask('POST', 'faults', ruleOf(what, given))];
    case 'remove':
      if (what === undefined)
        throw new UsageError('faults remove needs the id of one: `millrace faults` lists them');
      return (await controls.ask('DELETE', `faults/${encodeURIComponent(what)}`)).objects('faults');
    case 'clear':
      return (await controls.ask('DELETE', 'faults')).objects('faults');
    default:
      throw new UsageError(`faults takes list, add, remove or clear, and not '${verb}'`);
  }
}

/** The rule, as the server reads it; what makes no sense it will say. */
function ruleOf(fault: string, given: Arguments): object {
  const probability = given.text('probability');
  const latency = given.text('latency');
  if (probability !== undefined && !/^(0|1|0?\.\d{1,12}|1\.0+|0\.\d{1,12})$/.test(probability)) {
    throw new UsageError(`--probability is '${probability}'; give a number from 0 to 1`);
  }
  const latencyMs = latency === undefined ? undefined : spanMs(latency);
  if (latency !== undefined && latencyMs === undefined) {
    throw new UsageError(`--latency is '${latency}'; give a span, as 200ms or 2s`);
  }
  if (fault === 'latency' && latency === undefined) {
    throw new UsageError('faults add latency needs --latency: how much later, as 200ms or 2s');
  }
  return {
    fault,
    operation: given.text('operation'),
    stream: given.text('stream'),
    shard: given.text('shard'),
    probability: probability === undefined ? undefined : Number(probability),
    count: given.integer('count', 1, countMax),
    seed: given.integer('seed', 0, seedMax),
    latencyMs,
    code: given.text('code'),
  };
}

function plain(fault: JsonObject): object {
  return {
    id: fault.text('id'),
    fault: fault.text('fault'),
    operation: fault.optionalText('operation'),
    stream: fault.optionalText('stream'),
    shard: fault.optionalText('shard'),
    probability: fault.optionalNumber('probability'),
    count: fault.optionalNumber('count'),
    latencyMs: fault.optionalNumber('latencyMs'),
    code: fault.optionalText('code'),
    seed: fault.number('seed'),
    met: fault.number('met'),
    struck: fault.number('struck'),
    spent: fault.flag('spent'),
  };
}

function row(fault: JsonObject): readonly string[] {
  const latencyMs = fault.optionalNumber('latencyMs');
  const probability = fault.optionalNumber('probability');
  const count = fault.optionalNumber('count');
  const narrowed = ['operation', 'stream', 'shard'].flatMap((name) => fault.optionalText(name) ?? []);
  const often = [
    probability === undefined ? [] : `1 in ${Math.round(100 / probability) / 100}`,
    count === undefined ? [] : count === 1 ? 'once' : `${count} times`,
    fault.flag('spent') ? 'spent' : [],
  ].flat();
  return [
    fault.text('id'),
    [fault.text('fault'), latencyMs === undefined ? [] : `${latencyMs} ms`, fault.optionalText('code') ?? []]
      .flat()
      .join(' '),
    narrowed.length === 0 ? 'all' : narrowed.join(' '),
    often.length === 0 ? 'always' : often.join(', '),
    String(fault.number('seed')),
    String(fault.number('met')),
    String(fault.number('struck')),
  ];
}
