/** `millrace tail`: the records of a stream as they come, or all that are there. */
import type { Arguments, Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import type { Host } from '../host.js';
import { follow } from '../kinesis/follow.js';
import type { Position } from '../kinesis/kinesis.js';
import { targetOptions } from '../kinesis/target.js';
import { withKinesis } from '../kinesis/with-kinesis.js';
import { momentMs } from '../moment.js';
import { decodedLine } from '../record-line.js';
import type { RecordView } from '../record-view.js';
import { readingOf, viewsOf } from '../record-view.js';
import { stopSignal } from '../stop.js';
import type { Style } from '../style.js';
import { styleOf } from '../style.js';
import { UsageError } from '../usage-error.js';

const countMax = 1_000_000_000;
/** A server that is started again is waited for. */
const patienceMs = 60_000;

const options: readonly Option[] = [
  {
    name: 'from',
    value: 'latest|horizon|TIME',
    text: 'where to begin: what comes now (default), all that is kept (default with --once), or a time: 2026-11-21T11:00:00Z, 5m for five minutes ago',
  },
  { name: 'once', text: 'end when all that is there has been read' },
  { name: 'count', value: 'N', text: 'end after so many records' },
  {
    name: 'key',
    value: 'KEY',
    repeatable: true,
    text: 'only records of this partition key; may be repeated',
  },
  {
    name: 'shard',
    value: 'ID',
    repeatable: true,
    text: 'only this shard, not what it becomes; may be repeated',
  },
  { name: 'json', text: 'one JSON object a record, a line each: for jq and for programs' },
  {
    name: 'data',
    text: 'the data alone: JSON and text as they are, other bytes in base64, each with an end of line',
  },
  ...targetOptions,
];

export const tail: Command = {
  name: 'tail',
  summary: 'print the records of a stream, decoded, as they come',
  usage: 'tail STREAM [options]',
  description: [
    'Prints a line for each record: when it arrived, its shard, its partition key, its data. Aggregates of the KPL are taken apart, gzip is unpacked, control characters are escaped. Without a terminal the four are separated by tabs.',
    'It follows the stream through splits and merges: a shard is read when the shards that it came from have been read to their ends. A server that goes away is waited for, for a minute.',
  ],
  options,
  examples: [
    ['millrace tail orders', 'what comes from now on, until Ctrl-C'],
    ['millrace tail orders --once', 'all that is there'],
    ['millrace tail orders --from 5m --key customer-7', 'five minutes back, one key'],
    ['millrace tail orders --once --json | jq .data.amount', 'for programs'],
  ],
  async run(host, argv) {
    const given = readArguments('tail', options, argv, host.environment, 1);
    const [stream] = given.words;
    if (stream === undefined) throw new UsageError('tail needs a stream: millrace tail STREAM');
    if (given.on('json') && given.on('data')) throw new UsageError('give --json or --data, not both');
    const once = given.on('once');
    const from = positionOf(given, host, once ? 'horizon' : 'latest');
    const countMaxGiven = given.integer('count', 1, countMax) ?? Number.POSITIVE_INFINITY;
    const keys = new Set(given.texts('key'));
    const only = given.texts('shard').length === 0 ? undefined : new Set(given.texts('shard').map(shardIdOf));
    const print = printer(given, host);
    const stop = stopSignal(host);
    const note = (sentence: string): void => {
      if (host.errors.isTerminal) host.errors.write(`millrace: ${sentence}\n`);
    };
    return withKinesis(host, given, { signal: stop, patienceMs }, async (kinesis) => {
      let count = 0;
      const batches = follow(kinesis, stream, {
        clock: host.clock,
        signal: stop,
        from,
        once,
        only,
        onNote: note,
      });
      for await (const records of batches) {
        for (const record of records.flatMap(viewsOf)) {
          const { partitionKey: key } = record;
          if (keys.size > 0 && (key === undefined || !keys.has(key))) continue;
          host.output.write(`${print(record)}\n`);
          if (++count >= countMaxGiven) return 0;
        }
        await host.output.taken();
      }
      return 0;
    });
  },
};

function positionOf(given: Arguments, host: Host, otherwise: 'horizon' | 'latest'): Position {
  const text = given.text('from') ?? otherwise;
  if (text === 'latest' || text === 'horizon') return { kind: text };
  return { kind: 'time', ms: momentMs(text, host.clock.now(), '--from') };
}

/** `3` is short for `shardId-000000000003`. */
function shardIdOf(text: string): string {
  return /^[0-9]{1,12}$/.test(text) ? `shardId-${text.padStart(12, '0')}` : text;
}

function printer(given: Arguments, host: Host): (record: RecordView) => string {
  if (given.on('json')) return decodedLine;
  if (given.on('data')) return ({ data }) => readingOf(data).text;
  const style = styleOf(host.output, host.environment);
  return host.output.isTerminal ? (record) => shown(record, style) : tabbed;
}

function tabbed({ arrivalMs, shardId, partitionKey, data }: RecordView): string {
  return [
    new Date(arrivalMs).toISOString(),
    shardId,
    escaped(partitionKey ?? ''),
    escaped(readingOf(data).text),
  ].join('\t');
}

function shown({ arrivalMs, shardId, partitionKey, data }: RecordView, style: Style): string {
  const time = new Date(arrivalMs).toISOString().slice(11, 23);
  const number = Number(shardId.replace(/^\D+/, ''));
  const { text, encoding } = readingOf(data);
  const key = partitionKey === undefined ? style.dim('no key') : style.bold(escaped(partitionKey));
  const value = encoding === 'base64' ? style.dim(text) : escaped(text);
  return `${style.dim(time)} ${style.hue(number, String(number).padStart(3))} ${key}  ${value}`;
}

/** What would move the cursor, ring the bell or end the line: a record may hold anything, and a terminal obeys it. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
    return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
