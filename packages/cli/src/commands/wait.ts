/**
 * `millrace wait`: until a server is ready, a stream ACTIVE or gone, or so many records there. For scripts: exit code 0
 * when it is so, 1 when the time is over.
 */
import { sleep } from '@millrace/base';
import type { Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import type { Host } from '../host.js';
import { follow } from '../kinesis/follow.js';
import type { Kinesis } from '../kinesis/kinesis.js';
import { KinesisError } from '../kinesis/kinesis-error.js';
import { targetOptions } from '../kinesis/target.js';
import { withKinesis } from '../kinesis/with-kinesis.js';
import { spanMs } from '../moment.js';
import { viewsOf } from '../record-view.js';
import { stopSignal } from '../stop.js';
import { UsageError } from '../usage-error.js';

const timeoutDefault = '60s';
const recordsMax = 1_000_000_000;
const lookMs = 100;

const options: readonly Option[] = [
  {
    name: 'records',
    value: 'N',
    text: 'until the stream holds so many records (those in aggregates counted each)',
  },
  { name: 'key', value: 'KEY', repeatable: true, text: 'with --records: only those of this partition key' },
  { name: 'gone', text: 'until the stream is no more' },
  { name: 'timeout', value: 'SPAN', text: `how long at most: 30s, 5m (default ${timeoutDefault})` },
  { name: 'quiet', text: 'say nothing; the exit code tells' },
  ...targetOptions,
];

export const wait: Command = {
  name: 'wait',
  summary: 'wait for a server, a stream or records; for scripts',
  usage: 'wait [STREAM] [options]',
  description: [
    'Without a stream it waits until the server is ready; with one until it is ACTIVE, with --records until it holds that many. A server that is not there yet is waited for too. Exit code 0 when it is so, 1 when the time is over: the last thing that was seen is then said on stderr.',
  ],
  options,
  examples: [
    ['millrace wait && npm test', 'when the server is ready'],
    ['millrace wait orders --records 100 --timeout 30s', 'when a hundred records have arrived'],
  ],
  async run(host, argv) {
    const given = readArguments('wait', options, argv, host.environment, 1);
    const [stream] = given.words;
    const records = given.integer('records', 1, recordsMax);
    if (stream === undefined && (records !== undefined || given.on('gone'))) {
      throw new UsageError('--records and --gone need a stream: millrace wait STREAM');
    }
    if (records !== undefined && given.on('gone')) throw new UsageError('give --records or --gone, not both');
    if (records === undefined && given.texts('key').length > 0) throw new UsageError('--key needs --records');
    const timeoutText = given.text('timeout') ?? timeoutDefault;
    const timeoutMs = spanMs(timeoutText);
    if (timeoutMs === undefined)
      throw new UsageError(`--timeout is '${timeoutText}'; give a span, as 30s or 5m`);
    const limit = new AbortController();
    const timer = host.clock.schedule(timeoutMs, () => limit.abort(timeOver));
    const signal = AbortSignal.any([stopSignal(host), limit.signal]);
    return withKinesis(host, given, { signal }, async (kinesis) => {
      const goal = goalOf(
        kinesis,
        stream,
        given.on('gone'),
        records,
        new Set(given.texts('key')),
        host,
        signal,
      );
      const seen = await reached(goal, host, signal);
      timer.cancel();
      if (!given.on('quiet')) {
        if (seen.done) host.output.write(`${seen.state}\n`);
        else
          host.errors.write(
            `millrace: ${timedOut(signal) ? `after ${timeoutText}` : 'stopped'}: ${seen.state}\n`,
          );
      }
      return seen.done ? 0 : 1;
    });
  },
};

const timeOver = 'the time is over';

function timedOut(signal: AbortSignal): boolean {
  return signal.reason === timeOver;
}

interface Seen {
  readonly done: boolean;
  /** In a sentence. */
  readonly state: string;
}

/** Looks once. */
type Goal = (say: (state: string) => void) => Promise<Seen>;

function goalOf(
  kinesis: Kinesis,
  stream: string | undefined,
  gone: boolean,
  records: number | undefined,
  keys: ReadonlySet<string>,
  host: Host,
  signal: AbortSignal,
): Goal {
  const { origin } = kinesis.target.endpoint;
  if (stream === undefined) {
    return async () =>
      (await kinesis.ready()) ? yes(`${origin} is ready`) : no(`${origin} is not ready yet`);
  }
  if (gone) return () => seenGone(kinesis, stream);
  if (records === undefined) {
    return async () => {
      const { status } = await kinesis.describe(stream);
      return { done: status === 'ACTIVE', state: `${stream} is ${status}` };
    };
  }
  return (say) => seenRecords(kinesis, stream, records, keys, host, signal, say);
}

const yes = (state: string): Seen => ({ done: true, state });
const no = (state: string): Seen => ({ done: false, state });

async function seenGone(kinesis: Kinesis, stream: string): Promise<Seen> {
  try {
    return no(`${stream} is ${(await kinesis.describe(stream)).status}`);
  } catch (error) {
    if (error instanceof KinesisError && error.code === 'missing') return yes(`${stream} is gone`);
    throw error;
  }
}

async function seenRecords(
  kinesis: Kinesis,
  stream: string,
  wanted: number,
  keys: ReadonlySet<string>,
  { clock }: Host,
  signal: AbortSignal,
  say: (state: string) => void,
): Promise<Seen> {
  let count = 0;
  const state = (): string =>
    `${stream} holds ${count.toLocaleString('en')} of ${wanted.toLocaleString('en')} records`;
  say(state());
  for await (const records of follow(kinesis, stream, {
    clock,
    signal,
    from: { kind: 'horizon' },
    once: false,
  })) {
    for (const { partitionKey } of records.flatMap(viewsOf)) {
      if (keys.size === 0 || (partitionKey !== undefined && keys.has(partitionKey))) count++;
    }
    say(state());
    if (count >= wanted) return yes(state());
  }
  return no(state());
}

/** Looks until it is so, or `signal` says that it is enough. What may still change is waited for, anything else not. */
async function reached(goal: Goal, host: Host, signal: AbortSignal): Promise<Seen> {
  let last = no('nothing was seen');
  const say = (state: string): void => {
    last = no(state);
  };
  while (!signal.aborted) {
    try {
      last = await goal(say);
      if (last.done) return last;
      await sleep(host.clock, lookMs, signal);
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof KinesisError && (error.retryable || error.code === 'missing'))) throw error;
      last = no(error.message);
      await pauseUnless(host, signal);
    }
  }
  return last;
}

async function pauseUnless(host: Host, signal: AbortSignal): Promise<void> {
  try {
    await sleep(host.clock, lookMs, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
