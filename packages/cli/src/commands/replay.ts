/**
 * `millrace replay`: the records of a stream or a file into another stream or file, at any pace.
 *
 *      stream ──follow, aggregates apart──┐               ┌─▶ stream (keys kept)
 *                                         ├─ time range ──┤
 *      file ──lines───────────────────────┘     pace      └─▶ file (`tail --json`'s lines, every byte kept)
 *
 * Aggregates are taken apart and put as records of their own: their hash keys may belong to several shards of the
 * stream that they go to, and a KCL throws away an aggregate that reaches past its shard.
 */
import path from 'node:path';
import { sleep, systemRandom } from '@millrace/base';
import type { Arguments, Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import type { Host } from '../host.js';
import { follow } from '../kinesis/follow.js';
import { Kinesis } from '../kinesis/kinesis.js';
import { KinesisError } from '../kinesis/kinesis-error.js';
import { putAll } from '../kinesis/put-all.js';
import { endpointOf, targetOf, targetOptions } from '../kinesis/target.js';
import { lineBatches, untilAborted } from '../lines.js';
import { momentMs } from '../moment.js';
import { randomKey } from '../partition-key.js';
import { fileChunks, NewFile } from '../record-file.js';
import type { KeptRecord } from '../record-line.js';
import { exactLine, parseLine } from '../record-line.js';
import type { RecordView } from '../record-view.js';
import { viewsOf } from '../record-view.js';
import { stopSignal } from '../stop.js';
import { UsageError } from '../usage-error.js';

const patienceMs = 10_000;
const interruptedCode = 130;
/** Records are put in steps of at most so many. */
const stepRecordsMax = 500;

const options: readonly Option[] = [
  {
    name: 'pace',
    value: 'X',
    text: 'how fast, as a multiple of how they arrived: 1, 10, 0.5; without it, as fast as it goes',
  },
  { name: 'since', value: 'TIME', text: 'only records that arrived then or later: 2026-11-21T11:00:00Z, 2h' },
  { name: 'until', value: 'TIME', text: 'only records that arrived before' },
  { name: 'follow', text: 'go on with what comes, until Ctrl-C; else it ends with what is there' },
  {
    name: 'to-endpoint',
    value: 'URL',
    text: 'the server of the stream that is written (default: the one read)',
  },
  ...targetOptions,
];

export const replay: Command = {
  name: 'replay',
  summary: 'copy records from a stream or file to another, at any pace',
  usage: 'replay FROM TO [options]',
  description: [
    'FROM and TO are streams or files. A name with a slash, or one that ends in .jsonl, is a file, and - is the standard input or output; file:NAME and stream:NAME leave no doubt. A file that is there already is not written over.',
    'Partition keys and the order within a shard are kept; sequence numbers and arrival times are the new stream’s own. Aggregates are taken apart. A record without a key gets a random one where the stream that it goes to needs one.',
  ],
  options,
  examples: [
    ['millrace replay orders orders-copy', 'all that is kept, as fast as it goes'],
    ['millrace replay orders ./orders.jsonl --since 1h', 'the last hour into a file'],
    ['millrace replay ./orders.jsonl orders --pace 10', 'back again, ten times as fast as it came'],
  ],
  async run(host, argv) {
    const given = readArguments('replay', options, argv, host.environment, 2);
    const [from, to] = given.words.map(placeOf);
    if (from === undefined || to === undefined)
      throw new UsageError('replay needs two places: millrace replay FROM TO');
    const range = rangeOf(given, host);
    const pace = paceOf(given);
    const stop = stopSignal(host);
    const manner = { clock: host.clock, random: systemRandom, signal: stop, patienceMs };
    const target = targetOf(given, host);
    const source = new Kinesis(target, manner);
    const toEndpoint = given.text('to-endpoint');
    const sink = new Kinesis(
      toEndpoint === undefined ? target : { ...target, endpoint: endpointOf(toEndpoint) },
      manner,
    );
    if (from.kind === 'stream' && to.kind === 'stream' && from.name === to.name && toEndpoint === undefined) {
      throw new UsageError(
        `${from.name} cannot be replayed into itself; name another stream, or --to-endpoint`,
      );
    }
    const writer = await openSink(host, sink, to, stop);
    let count = 0;
    try {
      const records =
        from.kind === 'stream'
          ? fromStream(source, from.name, host, range, given.on('follow'), stop)
          : untilAborted(fromFile(host, from), stop);
      for await (const step of paced(within(records, range), pace, host, stop)) {
        await writer.write(step);
        count += step.length;
      }
    } catch (error) {
      if (!stop.aborted || error !== stop.reason) throw error;
    } finally {
      await writer.close();
      source.close();
      sink.close();
      host.errors.write(
        `${count.toLocaleString('en')} ${count === 1 ? 'record' : 'records'} from ${from.name} to ${to.name}\n`,
      );
    }
    return stop.aborted && !given.on('follow') ? interruptedCode : 0;
  },
};

type Place =
  | { readonly kind: 'stream'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'terminal'; readonly name: string };

function placeOf(text: string): Place {
  if (text === '-') return { kind: 'terminal', name: 'the standard input or output' };
  const [, kind, name] = /^(file|stream):(.+)$/.exec(text) ?? [];
  if (name !== undefined) return { kind: kind === 'file' ? 'file' : 'stream', name };
  return { kind: /[/\\]|\.jsonl$/.test(text) ? 'file' : 'stream', name: text };
}

interface Range {
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

function rangeOf(given: Arguments, host: Host): Range {
  const moment = (name: string): number | undefined => {
    const text = given.text(name);
    return text === undefined ? undefined : momentMs(text, host.clock.now(), `--${name}`);
  };
  const range = { sinceMs: moment('since'), untilMs: moment('until') };
  if (range.sinceMs !== undefined && range.untilMs !== undefined && range.untilMs <= range.sinceMs) {
    throw new UsageError('--until is not after --since: nothing lies between them');
  }
  return range;
}

function paceOf(given: Arguments): number | undefined {
  const text = given.text('pace');
  if (text === undefined) return undefined;
  const pace = /^[0-9]{1,6}(\.[0-9]{1,4})?$/.test(text) ? Number(text) : 0;
  if (pace > 0) return pace;
  throw new UsageError(`--pace is '${text}'; give how many times as fast as they came: 1, 10, 0.5`);
}

/** Either comes with what a file needs to say of it. */
type Replayed = KeptRecord & Partial<RecordView>;

async function* fromStream(
  kinesis: Kinesis,
  stream: string,
  host: Host,
  { sinceMs, untilMs }: Range,
  onwards: boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly Replayed[]> {
  const from = sinceMs === undefined ? { kind: 'horizon' as const } : { kind: 'time' as const, ms: sinceMs };
  for await (const records of follow(kinesis, stream, { clock: host.clock, signal, from, once: !onwards })) {
    yield records.flatMap(viewsOf);
    // Laid together by time, so what comes now is later still; but for what memory has let out of order.
    if (untilMs !== undefined && records.every(({ arrivalMs }) => arrivalMs >= untilMs)) return;
  }
}

async function* fromFile(host: Host, from: Place): AsyncGenerator<readonly Replayed[]> {
  const chunks =
    from.kind === 'terminal' ? host.input.chunks : fileChunks(path.resolve(host.workingDirectory, from.name));
  let number = 0;
  for await (const lines of lineBatches(chunks)) {
    const records: Replayed[] = [];
    for (const line of lines) {
      number++;
      if (line.length > 0) records.push(parseLine(line.toString('utf8'), `line ${number} of ${from.name}`));
    }
    yield records;
  }
}

async function* within(
  batches: AsyncIterable<readonly Replayed[]>,
  { sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY }: Range,
): AsyncGenerator<readonly Replayed[]> {
  for await (const batch of batches) {
    const kept = batch.filter(({ arrivalMs }) => arrivalMs >= sinceMs && arrivalMs < untilMs);
    if (kept.length > 0) yield kept;
  }
}

/** Steps of records, each when its time has come: `pace` times as fast as they arrived, counted from the first. */
async function* paced(
  batches: AsyncIterable<readonly Replayed[]>,
  pace: number | undefined,
  { clock }: Host,
  signal: AbortSignal,
): AsyncGenerator<readonly Replayed[]> {
  let first: { readonly arrivalMs: number; readonly atMs: number } | undefined;
  for await (const batch of batches) {
    let step: Replayed[] = [];
    for (const record of batch) {
      first ??= { arrivalMs: record.arrivalMs, atMs: clock.now() };
      const dueMs = pace === undefined ? 0 : first.atMs + (record.arrivalMs - first.arrivalMs) / pace;
      const early = dueMs > clock.now();
      if (step.length === stepRecordsMax || (early && step.length > 0)) {
        yield step;
        step = [];
      }
      if (dueMs > clock.now()) await sleep(clock, dueMs - clock.now(), signal);
      step.push(record);
    }
    if (step.length > 0) yield step;
  }
}

interface Sink {
  write(records: readonly Replayed[]): Promise<void>;
  close(): Promise<void>;
}

async function openSink(host: Host, kinesis: Kinesis, to: Place, signal: AbortSignal): Promise<Sink> {
  if (to.kind === 'stream') {
    const { keyNeeded } = await kinesis.describe(to.name);
    const keyed = (record: Replayed): Replayed =>
      keyNeeded && record.partitionKey === undefined
        ? { ...record, partitionKey: randomKey(systemRandom) }
        : record;
    return {
      write: (records) => putStep(host, kinesis, to.name, records.map(keyed), signal),
      close: async () => undefined,
    };
  }
  if (to.kind === 'terminal') {
    return {
      async write(records) {
        host.output.write(linesOf(records));
        await host.output.taken();
      },
      close: async () => undefined,
    };
  }
  const file = await NewFile.create(path.resolve(host.workingDirectory, to.name));
  return { write: (records) => file.write(linesOf(records)), close: () => file.close() };
}

async function putStep(
  host: Host,
  kinesis: Kinesis,
  stream: string,
  records: readonly Replayed[],
  signal: AbortSignal,
): Promise<void> {
  const { outcomes } = await putAll(kinesis, stream, records, {
    clock: host.clock,
    random: systemRandom,
    signal,
  });
  const refused = outcomes.find((outcome) => outcome.kind === 'refused');
  if (refused !== undefined) {
    throw new KinesisError(
      'throttled',
      `${stream} refuses records (${refused.code}: ${refused.message}); what came before is there`,
    );
  }
}

function linesOf(records: readonly Replayed[]): string {
  return records
    .map((record) =>
      exactLine({
        shardId: record.shardId ?? '',
        sequenceNumber: record.sequenceNumber ?? '',
        subSequenceNumber: record.subSequenceNumber,
        partitionKey: record.partitionKey,
        explicitHashKey: record.explicitHashKey,
        arrivalMs: record.arrivalMs,
        data: record.data,
      }),
    )
    .map((line) => `${line}\n`)
    .join('');
}
