/**
 * What the demonstration asks of Kinesis, as an interface, so that its producer and consumer can be tested against
 * a stream that fails on purpose. `sdk-stream-client.ts` keeps it with the AWS SDK.
 */
import type { ShardPosition } from './checkpoint.js';

export interface PutEntry {
  readonly partitionKey: string;
  readonly data: Uint8Array;
}

/** What became of one entry, in the order of the entries. */
export type PutResult =
  | { readonly kind: 'stored'; readonly shardId: string }
  | { readonly kind: 'refused'; readonly code: string };

export interface StreamRecord {
  readonly sequenceNumber: string;
  readonly arrivalMs: number;
  readonly data: Uint8Array;
}

export interface Page {
  readonly records: readonly StreamRecord[];
  /** Undefined at the end of a closed shard. */
  readonly nextIterator: string | undefined;
  readonly behindMs: number;
}

export interface Shard {
  readonly id: string;
  /** The shards it was split or merged from. */
  readonly parents: readonly string[];
  readonly open: boolean;
}

export interface StreamClient {
  /** Makes the stream with `shards` shards unless it is there, waits until it is ready, answers when it was made. */
  open(shards: number, signal: AbortSignal): Promise<{ readonly createdMs: number }>;
  /** Rejects with `StreamError` when nothing is known of any entry. At most `putEntriesMax` entries. */
  put(entries: readonly PutEntry[]): Promise<readonly PutResult[]>;
  shards(): Promise<readonly Shard[]>;
  iterator(shardId: string, position: ShardPosition): Promise<string>;
  read(iterator: string): Promise<Page>;
  close(): void;
}

/** PutRecords takes no more (AWS documents it as the limit of one request). */
export const putEntriesMax = 500;

export type StreamErrorCode =
  /** The stream, or the shard, is not there. */
  | 'missing'
  /** The iterator's five minutes are over. */
  | 'expired'
  /** Slow down. */
  | 'throttled'
  /** No answer, or that of a server in trouble. */
  | 'unavailable'
  /** The server understood and said no. */
  | 'refused';

export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: StreamErrorCode;
  readonly retryable: boolean;

  constructor(code: StreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'throttled' || code === 'unavailable';
  }
}
