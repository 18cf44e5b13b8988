/**
 * The stream through the unmodified AWS SDK, as any program of its users would reach it: an endpoint, a region and
 * credentials that nobody checks. The SDK is a development dependency of the checkout and is loaded when asked for.
 */
import type { Clock } from '@millrace/base';
import { sleep } from '@millrace/base';
import { UsageError } from '../usage-error.js';
import type { ShardPosition } from './checkpoint.js';
import type { Page, PutEntry, PutResult, Shard, StreamClient, StreamErrorCode } from './stream-client.js';
import { StreamError } from './stream-client.js';

type Sdk = typeof import('@aws-sdk/client-kinesis');

export const region = 'us-east-1';

/** How often a stream that is being made is looked at, and how many times. */
const lookMs = 50;
const looksMax = 600;
/** GetRecords answers no more. */
const readRecordsMax = 10_000;
/** ListShards' page, and a bound on pages: a demonstration with more shards has other problems. */
const listShardsMax = 1_000;
const listPagesMax = 100;

export async function connect(endpoint: string, streamName: string, clock: Clock): Promise<StreamClient> {
  const sdk = await loadSdk();
  const kinesis = new sdk.KinesisClient({
    endpoint,
    region,
    credentials: { accessKeyId: 'flights', secretAccessKey: 'flights' },
  });
  return new SdkStreamClient(sdk, kinesis, streamName, clock);
}

async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-kinesis');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError(
      'the demonstration needs a checkout of Millrace, whose development dependencies hold the AWS SDK: run `npm start` there',
      { cause: error },
    );
  }
}

class SdkStreamClient implements StreamClient {
  readonly #sdk: Sdk;
  readonly #kinesis: InstanceType<Sdk['KinesisClient']>;
  readonly #stream: string;
  readonly #clock: Clock;

  constructor(sdk: Sdk, kinesis: InstanceType<Sdk['KinesisClient']>, stream: string, clock: Clock) {
    this.#sdk = sdk;
    this.#kinesis = kinesis;
    this.#stream = stream;
    this.#clock = clock;
  }

  async open(shards: number, signal: AbortSignal): Promise<{ readonly createdMs: number }> {
    for (let look = 0; look < looksMax; look++) {
      const summary = await this.#describe();
      if (summary === undefined) await this.#create(shards);
      else if (summary.status === 'ACTIVE') return { createdMs: summary.createdMs };
      await sleep(this.#clock, lookMs, signal);
    }
    throw new StreamError('unavailable', `the stream ${this.#stream} is not ready`);
  }

  async put(entries: readonly PutEntry[]): Promise<readonly PutResult[]> {
    const command = new this.#sdk.PutRecordsCommand({
      StreamName: this.#stream,
      Records: entries.map(({ partitionKey, data }) => ({ PartitionKey: partitionKey, Data: data })),
    });
    const { Records = [] } = await told(this.#kinesis.send(command));
    return Records.map(({ ShardId, ErrorCode }) =>
      ShardId === undefined
        ? { kind: 'refused', code: ErrorCode ?? 'no reason given' }
        : { kind: 'stored', shardId: ShardId },
    );
  }

  async shards(): Promise<readonly Shard[]> {
    const found: Shard[] = [];
    let next: string | undefined;
    for (let page = 0; page < listPagesMax; page++) {
      const input =
        next === undefined ? { StreamName: this.#stream, MaxResults: listShardsMax } : { NextToken: next };
      const answer = await told(this.#kinesis.send(new this.#sdk.ListShardsCommand(input)));
      for (const shard of answer.Shards ?? []) {
        found.push({
          id: shard.ShardId ?? '',
          parents: [shard.ParentShardId, shard.AdjacentParentShardId].filter((each) => each !== undefined),
          open: shard.SequenceNumberRange?.EndingSequenceNumber === undefined,
        });
      }
      next = answer.NextToken;
      if (next === undefined) return found;
    }
    throw new StreamError('refused', `more than ${listShardsMax * listPagesMax} shards`);
  }

  async iterator(shardId: string, position: ShardPosition): Promise<string> {
    const from =
      position === 'TRIM_HORIZON'
        ? { ShardIteratorType: 'TRIM_HORIZON' as const }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, StartingSequenceNumber: position };
    const command = new this.#sdk.GetShardIteratorCommand({
      StreamName: this.#stream,
      ShardId: shardId,
      ...from,
    });
    const { ShardIterator } = await told(this.#kinesis.send(command));
    if (ShardIterator === undefined) throw new StreamError('refused', 'an answer without an iterator');
    return ShardIterator;
  }

  async read(iterator: string): Promise<Page> {
    const command = new this.#sdk.GetRecordsCommand({ ShardIterator: iterator, Limit: readRecordsMax });
    const answer = await told(this.#kinesis.send(command));
    return {
      records: (answer.Records ?? []).map((record) => ({
        sequenceNumber: record.SequenceNumber ?? '',
        arrivalMs: record.ApproximateArrivalTimestamp?.getTime() ?? 0,
        data: record.Data ?? new Uint8Array(),
      })),
      nextIterator: answer.NextShardIterator,
      behindMs: answer.MillisBehindLatest ?? 0,
    };
  }

  close(): void {
    this.#kinesis.destroy();
  }

  async #describe(): Promise<{ readonly status: string; readonly createdMs: number } | undefined> {
    try {
      const command = new this.#sdk.DescribeStreamSummaryCommand({ StreamName: this.#stream });
      const { StreamDescriptionSummary: summary } = await told(this.#kinesis.send(command));
      return {
        status: summary?.StreamStatus ?? '',
        createdMs: summary?.StreamCreationTimestamp?.getTime() ?? 0,
      };
    } catch (error) {
      if (error instanceof StreamError && error.code === 'missing') return undefined;
      throw error;
    }
  }

  async #create(shards: number): Promise<void> {
    const command = new this.#sdk.CreateStreamCommand({ StreamName: this.#stream, ShardCount: shards });
    await told(this.#kinesis.send(command));
  }
}

const codes: Readonly<Record<string, StreamErrorCode>> = {
  ResourceNotFoundException: 'missing',
  ExpiredIteratorException: 'expired',
  ProvisionedThroughputExceededException: 'throttled',
  LimitExceededException: 'throttled',
};

/** The answer, or what went wrong in the words of `StreamError`. */
async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    const status = $metadata?.httpStatusCode;
    const code = codes[name] ?? (status === undefined || status >= 500 ? 'unavailable' : 'refused');
    throw new StreamError(code, `${name}: ${message}`, { cause: error });
  }
}
