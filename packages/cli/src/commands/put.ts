/**
 * `millrace put`: records from arguments, files, or lines of the standard input.
 *
 *      words ─┐
 *      files ─┼─▶ data ──key──▶ entries ──batches──▶ PutRecords, refused ones again ──▶ what was accepted
 *      lines ─┘
 */
import path from 'node:path';
import { systemRandom } from '@millrace/base';
import type { Arguments, Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import type { Host } from '../host.js';
import type { Kinesis, PutOutcome } from '../kinesis/kinesis.js';
import { putAll } from '../kinesis/put-all.js';
import { targetOptions } from '../kinesis/target.js';
import { withKinesis } from '../kinesis/with-kinesis.js';
import { lineBatches, untilAborted } from '../lines.js';
import type { Keyer } from '../partition-key.js';
import { fixedKey, keyerOf } from '../partition-key.js';
import { fileChunks, wholeFile } from '../record-file.js';
import { stopSignal } from '../stop.js';
import { UsageError } from '../usage-error.js';

const wordsMax = 100_000;
const patienceMs = 10_000;
/** Of records that were given up, so many are named. */
const namedMax = 10;
const interruptedCode = 130;

const options: readonly Option[] = [
  { name: 'key', value: 'KEY', text: 'one partition key for all records' },
  {
    name: 'key-by',
    value: 'HOW',
    text: 'a key for each: random (default), data (the record itself), shard (one shard after another), field:NAME (of its JSON)',
  },
  { name: 'hash-key', value: 'N', text: 'with --key: the explicit hash key that chooses the shard' },
  { name: 'file', value: 'PATH', repeatable: true, text: 'a file whose whole content is one record' },
  { name: 'lines', value: 'PATH', repeatable: true, text: 'a file in which each line is one record' },
  { name: 'json', text: 'one JSON object for each accepted record, with shard and sequence number' },
  ...targetOptions,
];

export const put: Command = {
  name: 'put',
  summary: 'put records: from arguments, files, or lines of the standard input',
  usage: 'put STREAM [DATA…] [options]',
  description: [
    'Each DATA is a record. Without any, and without --file and --lines, each line of the standard input is one, put as soon as it is read; an empty line is passed over.',
    'Records go in batches; those that are refused (a shard at its rate) are sent again, with growing pauses. What was accepted is said at the end, and what was not is named, with exit code 1.',
  ],
  options,
  examples: [
    ['millrace put orders \'{"id":7}\' --key customer-7', 'one record'],
    [
      'millrace put orders --lines orders.jsonl --key-by field:customer',
      'a file of JSON lines, ordered by customer',
    ],
    ['tail -f app.log | millrace put logs', 'lines as they come'],
  ],
  async run(host, argv) {
    const given = readArguments('put', options, argv, host.environment, 1 + wordsMax);
    const [stream, ...words] = given.words;
    if (stream === undefined) throw new UsageError('put needs a stream: millrace put STREAM [DATA…]');
    const hashKey = given.text('hash-key');
    if (hashKey !== undefined && given.text('key') === undefined)
      throw new UsageError('--hash-key needs --key');
    if (given.text('key') !== undefined && given.text('key-by') !== undefined) {
      throw new UsageError('--key is one for all and --key-by one for each: give one of them');
    }
    const stop = stopSignal(host);
    return withKinesis(host, given, { signal: stop, patienceMs }, async (kinesis) => {
      const key = given.text('key');
      const keyer =
        key === undefined
          ? await keyerOf(given.text('key-by') ?? 'random', systemRandom, () => kinesis.shards(stream))
          : fixedKey(key, hashKey);
      const putting = new Putting(host, kinesis, stream, keyer, given.on('json'), stop);
      try {
        for await (const batch of untilAborted(batchesOf(host, given, words), stop)) {
          await putting.put(batch);
        }
      } catch (error) {
        const stopped = stop.aborted && error === stop.reason;
        // Where nothing came before it, the error says all.
        if (stopped || putting.accepted + putting.refused > 0) putting.report();
        if (stopped) return interruptedCode;
        throw error;
      }
      putting.report();
      if (stop.aborted) return interruptedCode;
      return putting.refused === 0 ? 0 : 1;
    });
  },
};

interface Datum {
  readonly data: Uint8Array;
  /** `line 7 of orders.jsonl`. */
  readonly where: string;
}

async function* batchesOf(
  host: Host,
  given: Arguments,
  words: readonly string[],
): AsyncGenerator<readonly Datum[]> {
  const files = given.texts('file');
  const lineFiles = given.texts('lines');
  if (words.length > 0)
    yield words.map((word, i) => ({ data: Buffer.from(word, 'utf8'), where: `argument ${i + 1}` }));
  for (const file of files)
    yield [{ data: await wholeFile(path.resolve(host.workingDirectory, file)), where: file }];
  for (const file of lineFiles) {
    yield* linesOf(
      file,
      file === '-' ? host.input.chunks : fileChunks(path.resolve(host.workingDirectory, file)),
    );
  }
  if (words.length + files.length + lineFiles.length > 0) return;
  if (host.input.isTerminal) host.errors.write('Each line is a record; Ctrl-D ends.\n');
  yield* linesOf('the standard input', host.input.chunks);
}

async function* linesOf(name: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Datum[]> {
  let number = 0;
  for await (const lines of lineBatches(chunks)) {
    const batch: Datum[] = [];
    for (const data of lines) {
      number++;
      if (data.length > 0) batch.push({ data, where: `line ${number} of ${name}` });
    }
    if (batch.length > 0) yield batch;
  }
}

/** The records under way, and what became of those before. */
class Putting {
  readonly #host: Host;
  readonly #kinesis: Kinesis;
  readonly #stream: string;
  readonly #keyer: Keyer;
  readonly #json: boolean;
  readonly #signal: AbortSignal;
  readonly #byShard = new Map<string, number>();
  readonly #refusals: string[] = [];
  #last: PutOutcome | undefined;
  accepted = 0;
  #resent = 0;
  refused = 0;

  constructor(
    host: Host,
    kinesis: Kinesis,
    stream: string,
    keyer: Keyer,
    json: boolean,
    signal: AbortSignal,
  ) {
    this.#host = host;
    this.#kinesis = kinesis;
    this.#stream = stream;
    this.#keyer = keyer;
    this.#json = json;
    this.#signal = signal;
  }

  async put(batch: readonly Datum[]): Promise<void> {
    const { clock, output } = this.#host;
    const entries = batch.map(({ data, where }) => this.#keyer(data, where));
    const manner = { clock, random: systemRandom, signal: this.#signal };
    const { outcomes, resent } = await putAll(this.#kinesis, this.#stream, entries, manner);
    this.#resent += resent;
    outcomes.forEach((outcome, i) => {
      if (outcome.kind === 'refused') {
        this.refused++;
        if (this.#refusals.length < namedMax) {
          this.#refusals.push(`${batch[i]?.where}: ${outcome.code}: ${outcome.message}`);
        }
        return;
      }
      this.accepted++;
      this.#last = outcome;
      const { shardId, sequenceNumber } = outcome;
      this.#byShard.set(shardId, (this.#byShard.get(shardId) ?? 0) + 1);
      if (this.#json) {
        output.write(
          `${JSON.stringify({ shardId, sequenceNumber, partitionKey: entries[i]?.partitionKey })}\n`,
        );
      }
    });
    await output.taken();
  }

  report(): void {
    const { output, errors } = this.#host;
    for (const refusal of this.#refusals) errors.write(`millrace: not accepted: ${refusal}\n`);
    if (this.refused > 0) {
      errors.write(`millrace: ${counted(this.refused)} not accepted after being sent again and again\n`);
    }
    if (this.#json) return;
    if (this.accepted === 1 && this.#last?.kind === 'accepted') {
      output.write(`accepted in ${this.#last.shardId} as ${this.#last.sequenceNumber}\n`);
      return;
    }
    const shards = [...this.#byShard].sort(([a], [b]) => (a < b ? -1 : 1));
    const places = shards.map(([id, count]) => `${count.toLocaleString('en')} in ${id}`);
    const again = this.#resent === 0 ? '' : `, ${this.#resent.toLocaleString('en')} sent again`;
    const where = shards.length > namedMax ? `over ${shards.length} shards` : places.join(', ');
    output.write(`${counted(this.accepted)} accepted${again}${where === '' ? '' : `: ${where}`}\n`);
  }
}

function counted(records: number): string {
  return `${records.toLocaleString('en')} ${records === 1 ? 'record' : 'records'}`;
}
