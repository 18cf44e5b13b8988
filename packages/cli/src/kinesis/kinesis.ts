/**
 * The calls that the commands make: plain values in, plain values out, AWS's words kept inside.
 *
 *      call ──answer──▶ value
 *        │ ▲
 *        │ └──throttled, in trouble, cut off: so many times, after a pause that doubles
 *        │ └──unreachable: for `patienceMs`, so that a server may be started again under a command that runs
 *        └──anything else──▶ KinesisError
 *
 * A put that was cut off is sent again, as every AWS SDK does: its records may then be there twice.
 */
import type { Clock, Random } from '@millrace/base';
import { sleep } from '@millrace/base';
import { parsedJson } from '../parsed-json.js';
import { HttpCaller } from './http-caller.js';
import { JsonObject } from './json-object.js';
import { errorOf, KinesisError } from './kinesis-error.js';
import type { Target } from './target.js';

export interface StreamSummary {
  readonly name: string;
  readonly arn: string;
  readonly status: string;
  readonly mode: string;
  readonly createdMs: number;
}

export interface StreamDetail extends StreamSummary {
  readonly retentionHours: number;
  readonly openShards: number;
  readonly consumers: number;
  readonly encryption: string;
  /** Whether records need a partition key: unless the distribution strategy is AUTO. */
  readonly keyNeeded: boolean;
}

export interface Shard {
  readonly id: string;
  /** The shards that it was split or merged from, the first of them its parent. */
  readonly parents: readonly string[];
  readonly start: bigint;
  readonly end: bigint;
  readonly open: boolean;
}

export interface PutEntry {
  /** Undefined for none, which a stream of strategy AUTO alone takes. */
  readonly partitionKey: string | undefined;
  readonly explicitHashKey?: string | undefined;
  readonly data: Uint8Array;
}

/** What became of one entry, in the order of the entries. */
export type PutOutcome =
  | { readonly kind: 'accepted'; readonly shardId: string; readonly sequenceNumber: string }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

export type Position =
  | { readonly kind: 'horizon' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'after'; readonly sequenceNumber: string };

export interface StoredRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
  /** Undefined for a record that was put without one. */
  readonly partitionKey: string | undefined;
  readonly arrivalMs: number;
  readonly data: Uint8Array;
}

export interface Page {
  readonly records: readonly StoredRecord[];
  /** Undefined at the end of a closed shard. */
  readonly next: string | undefined;
  readonly behindMs: number;
}

export interface KinesisOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** How long a server that cannot be reached is waited for; default not at all. */
  readonly patienceMs?: number;
  /** Told once each time such a wait begins. */
  readonly onWait?: (error: KinesisError) => void;
}

const triesMax = 8;
/** With the pauses between them some half a minute: a shard that gave 10 MiB at once is throttled for five seconds. */
const throttledTriesMax = 30;
const pauseMsMin = 50;
const pauseMsMax = 1_000;
/** Pages of a listing: AWS has 100 streams or 1,000 shards a page, and an account no more than this. */
const pagesMax = 1_000;
const shardsPageMax = 1_000;

export class Kinesis {
  readonly target: Target;
  readonly #options: KinesisOptions;
  readonly #http: HttpCaller;

  constructor(target: Target, options: KinesisOptions) {
    this.target = target;
    this.#options = options;
    this.#http = new HttpCaller(target.endpoint);
  }

  async streams(): Promise<readonly StreamSummary[]> {
    const found: StreamSummary[] = [];
    let next: object | undefined = {};
    for (let page = 0; next !== undefined && page < pagesMax; page++) {
      const answer = await this.#call('ListStreams', next);
      const names = answer.texts('StreamNames');
      const summaries = answer.objects('StreamSummaries').map(summaryOf);
      found.push(...summaries);
      const last = names.at(-1);
      next =
        answer.flag('HasMoreStreams') && last !== undefined ? { ExclusiveStartStreamName: last } : undefined;
    }
    return found;
  }

  async describe(name: string): Promise<StreamDetail> {
    const answer = await this.#call('DescribeStreamSummary', { StreamName: name });
    const summary = answer.object('StreamDescriptionSummary');
    return {
      ...summaryOf(summary),
      retentionHours: summary.number('RetentionPeriodHours'),
      openShards: summary.number('OpenShardCount'),
      consumers: summary.optionalNumber('ConsumerCount') ?? 0,
      encryption: summary.optionalText('EncryptionType') ?? 'NONE',
      keyNeeded: summary.optionalText('RecordDistributionStrategy') !== 'AUTO',
    };
  }

  async create(name: string, shards: number | 'on-demand'): Promise<void> {
    await this.#call('CreateStream', {
      StreamName: name,
      ...(shards === 'on-demand'
        ? { StreamModeDetails: { StreamMode: 'ON_DEMAND' } }
        : { ShardCount: shards }),
    });
  }

  async delete(name: string): Promise<void> {
    await this.#call('DeleteStream', { StreamName: name, EnforceConsumerDeletion: true });
  }

  /** Every shard that can still be read, closed ones too, in the order of their ids. */
  async shards(name: string): Promise<readonly Shard[]> {
    const found: Shard[] = [];
    let next: object | undefined = { StreamName: name, MaxResults: shardsPageMax };
    for (let page = 0; next !== undefined && page < pagesMax; page++) {
      const answer = await this.#call('ListShards', next);
      found.push(...answer.objects('Shards').map(shardOf));
      const token = answer.optionalText('NextToken');
      next = token === undefined ? undefined : { NextToken: token, MaxResults: shardsPageMax };
    }
    return found;
  }

  async put(name: string, entries: readonly PutEntry[]): Promise<readonly PutOutcome[]> {
    const answer = await this.#call('PutRecords', {
      StreamName: name,
      Records: entries.map(({ partitionKey, explicitHashKey, data }) => ({
        PartitionKey: partitionKey,
        ExplicitHashKey: explicitHashKey,
        Data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
      })),
    });
    const outcomes = answer.objects('Records').map(outcomeOf);
    if (outcomes.length === entries.length) return outcomes;
    throw new KinesisError('refused', `${outcomes.length} answers to ${entries.length} records`);
  }

  async iterator(name: string, shardId: string, position: Position): Promise<string> {
    const answer = await this.#call('GetShardIterator', {
      StreamName: name,
      ShardId: shardId,
      ...startingAt(position),
    });
    return answer.text('ShardIterator');
  }

  async read(shardId: string, iterator: string, recordsMax: number): Promise<Page> {
    const answer = await this.#call('GetRecords', { ShardIterator: iterator, Limit: recordsMax });
    return {
      records: answer.objects('Records').map((record) => ({
        shardId,
        sequenceNumber: record.text('SequenceNumber'),
        partitionKey: record.optionalText('PartitionKey'),
        arrivalMs: Math.round(record.number('ApproximateArrivalTimestamp') * 1000),
        data: Buffer.from(record.text('Data'), 'base64'),
      })),
      next: answer.optionalText('NextShardIterator'),
      behindMs: answer.optionalNumber('MillisBehindLatest') ?? 0,
    };
  }

  /** Whether the server says that it is ready; a Kinesis endpoint that is no Millrace is ready when it answers. */
  async ready(): Promise<boolean> {
    const { status } = await this.#http.call('GET', '/_millrace/health', {}, '', this.#options.signal);
    return status !== 503;
  }

  close(): void {
    this.#http.close();
  }

  async #call(operation: string, input: object): Promise<JsonObject> {
    const { clock, random, signal, patienceMs = 0, onWait } = this.#options;
    const body = JSON.stringify(input);
    let unreachableSinceMs: number | undefined;
    for (let tries = 1, pauseMs = pauseMsMin; ; pauseMs = Math.min(pauseMsMax, pauseMs * 2)) {
      try {
        return await this.#once(operation, body);
      } catch (error) {
        if (!(error instanceof KinesisError) || !error.retryable) throw error;
        if (error.code === 'unreachable') {
          if (unreachableSinceMs === undefined && patienceMs > 0) onWait?.(error);
          unreachableSinceMs ??= clock.now();
          if (clock.now() - unreachableSinceMs >= patienceMs) throw error;
        } else if (++tries > (error.code === 'throttled' ? throttledTriesMax : triesMax)) {
          throw error;
        }
      }
      await sleep(clock, pauseMs / 2 + random.integer(pauseMs), signal);
    }
  }

  async #once(operation: string, body: string): Promise<JsonObject> {
    const { accessKeyId, region } = this.target;
    const scope = `${accessKeyId}/19700101/${region}/kinesis/aws4_request`;
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Kinesis_20131202.${operation}`,
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=unsigned`,
    };
    const answer = await this.#http.call('POST', '/', headers, body, this.#options.signal);
    const text = answer.body.toString('utf8');
    // None for a proxy's page, or another server's.
    const json = parsedJson(text);
    if (answer.status === 200) return new JsonObject(json ?? {});
    const said =
      typeof json === 'object' && json !== null && !Array.isArray(json) ? new JsonObject(json) : undefined;
    throw errorOf(
      answer.status,
      said?.optionalText('__type') ?? '',
      said?.optionalText('message') ?? said?.optionalText('Message') ?? text.slice(0, 200),
    );
  }
}

function summaryOf(summary: JsonObject): StreamSummary {
  return {
    name: summary.text('StreamName'),
    arn: summary.text('StreamARN'),
    status: summary.text('StreamStatus'),
    mode: summary.optionalObject('StreamModeDetails')?.text('StreamMode') ?? 'PROVISIONED',
    createdMs: (summary.optionalNumber('StreamCreationTimestamp') ?? 0) * 1000,
  };
}

function shardOf(shard: JsonObject): Shard {
  const range = shard.object('HashKeyRange');
  return {
    id: shard.text('ShardId'),
    parents: [shard.optionalText('ParentShardId'), shard.optionalText('AdjacentParentShardId')].filter(
      (parent) => parent !== undefined,
    ),
    start: BigInt(range.text('StartingHashKey')),
    end: BigInt(range.text('EndingHashKey')),
    open: shard.object('SequenceNumberRange').optionalText('EndingSequenceNumber') === undefined,
  };
}

function outcomeOf(result: JsonObject): PutOutcome {
  const code = result.optionalText('ErrorCode');
  return code === undefined
    ? { kind: 'accepted', shardId: result.text('ShardId'), sequenceNumber: result.text('SequenceNumber') }
    : { kind: 'refused', code, message: result.optionalText('ErrorMessage') ?? '' };
}

function startingAt(position: Position): object {
  switch (position.kind) {
    case 'horizon':
      return { ShardIteratorType: 'TRIM_HORIZON' };
    case 'latest':
      return { ShardIteratorType: 'LATEST' };
    case 'time':
      return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: position.ms / 1000 };
    case 'after':
      return {
        ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
        StartingSequenceNumber: position.sequenceNumber,
      };
  }
}
