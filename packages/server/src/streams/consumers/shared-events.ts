/**
 * What subscriptions are told, read once and encoded once for all that stand at the same place of the same shard:
 * with twenty consumers on a stream, nineteen times out of twenty an event is there already.
 *
 *      subscription ──(shard, position)──▶ SharedEvents ──▶ EventPage ──(protocol)──▶ the bytes of the event
 *
 *      event = { Records, ContinuationSequenceNumber, MillisBehindLatest }            or, at the end of the shard,
 *              { Records, MillisBehindLatest, ChildShards }
 *
 * A page with records is good for everybody who comes within `sharedEventMs`: records do not change, and whoever is
 * given few of them comes back for more. One without any is good as long as there are none. At the end there are children
 * and no continuation: KCL takes an event with both or with neither for a broken one.
 */
import { asBuffer, type Clock } from '@millrace/base';
import type { LogEngine, Position, RecordBatch } from '@millrace/log';
import {
  eventChecksumBytes,
  headersOfEvent,
  list,
  long,
  type Protocol,
  payloadStart,
  sealMessage,
  sequenceNumber,
  startingSequenceNumber,
  string,
  structure,
} from '@millrace/wire';
import { encodeRecords } from '../codec/get-records-output.js';
import { finished } from '../codec/sliced.js';
import type { StreamsLimits } from '../limits.js';
import { describedChild } from '../operations/described.js';
import { childShard } from '../operations/shapes.js';
import type { Reader, ShardRead } from '../reader.js';
import { childrenOf, type Shard, type Stream, shardLog } from '../stream.js';
import { storedBytes } from '../streams-meter.js';

/** The members that follow `Records`. */
const restShape = structure('SubscribeToShardEvent', {
  ContinuationSequenceNumber: string(),
  MillisBehindLatest: long(),
  ChildShards: list(childShard),
});

/** Pages kept at the most: what they cost besides the bytes of their events. */
const pagesMax = 1024;

export interface SharedEventsOptions {
  readonly engine: LogEngine;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly limits: StreamsLimits;
}

interface Kept {
  readonly page: Promise<EventPage>;
  readonly atMs: number;
  /** The shard as it was read: another when it was closed meanwhile. */
  readonly shard: Shard;
  /** Whether it holds no records: it is good until there are some. */
  empty: boolean;
  bytes: number;
}

export class SharedEvents {
  readonly #options: SharedEventsOptions;
  /** By shard and position; the oldest first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(options: SharedEventsOptions) {
    this.#options = options;
  }

  /** What comes next from `from` on. Rejects with `LogError`. */
  page(stream: Stream, shard: Shard, from: Position): Promise<EventPage> {
    const log = shardLog(stream, shard.index);
    const key = `${log}@${from}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && this.#isGood(kept, shard, log, from)) return kept.page;
    if (kept !== undefined) this.#drop(key, kept);
    return this.#read(key, stream, shard, from);
  }

  #isGood(kept: Kept, shard: Shard, log: string, from: Position): boolean {
    const { clock, engine, limits } = this.#options;
    if (kept.shard !== shard || clock.now() - kept.atMs > limits.sharedEventMs) return false;
    return !kept.empty || (engine.state(log)?.endPosition ?? 0) <= from;
  }

  #read(key: string, stream: Stream, shard: Shard, from: Position): Promise<EventPage> {
    const { reader, clock, limits } = this.#options;
    const atMs = clock.now();
    const page = reader.read(stream, shard, from, limits.eventRecordsMax, limits.eventBytesMax).then(
      (read) => {
        const page = new EventPage(stream, shard, read, atMs, (bytes) => this.#grown(key, kept, bytes));
        kept.empty = read.records.count === 0;
        this.#grown(key, kept, page.kinesisBytes);
        return page;
      },
      (error: unknown) => {
        this.#drop(key, kept);
        throw error;
      },
    );
    const kept: Kept = { page, atMs, shard, empty: false, bytes: 0 };
    this.#kept.set(key, kept);
    this.#evict();
    return page;
  }

  #grown(key: string, kept: Kept, bytes: number): void {
    if (this.#kept.get(key) !== kept) return;
    kept.bytes += bytes;
    this.#bytes += bytes;
    this.#evict();
  }

  #evict(): void {
    const { clock, limits } = this.#options;
    const beforeMs = clock.now() - limits.sharedEventMs;
    for (const [key, kept] of this.#kept) {
      const tooMuch = this.#bytes > limits.sharedEventsBytesMax || this.#kept.size > pagesMax;
      if (!tooMuch && kept.atMs >= beforeMs) return;
      this.#drop(key, kept);
    }
  }

  #drop(key: string, kept: Kept): void {
    if (this.#kept.get(key) !== kept) return;
    this.#kept.delete(key);
    this.#bytes -= kept.bytes;
  }
}

/** A read, and the event that tells of it. */
export class EventPage {
  readonly records: RecordBatch;
  /** Keys and data of the records, as AWS counts them. */
  readonly kinesisBytes: number;
  /** Where to read on; undefined when the shard has ended. */
  readonly nextPosition: Position | undefined;
  readonly #stream: Stream;
  readonly #shard: Shard;
  readonly #read: ShardRead;
  readonly #atMs: number;
  readonly #grown: (bytes: number) => void;
  readonly #encoded = new Map<string, Uint8Array>();

  constructor(stream: Stream, shard: Shard, read: ShardRead, atMs: number, grown: (bytes: number) => void) {
    this.records = read.records;
    this.kinesisBytes = storedBytes(read.records);
    this.nextPosition = read.nextPosition;
    this.#stream = stream;
    this.#shard = shard;
    this.#read = read;
    this.#atMs = atMs;
    this.#grown = grown;
  }

  /** The event as a message of the event stream. Shared: it is read, never written. */
  event(protocol: Protocol): Uint8Array {
    let event = this.#encoded.get(protocol.contentType);
    if (event === undefined) {
      event = this.#encode(protocol);
      this.#encoded.set(protocol.contentType, event);
      this.#grown(event.length);
    }
    return event;
  }

  #encode(protocol: Protocol): Uint8Array {
    const ended = this.nextPosition === undefined;
    const children = childrenOf(this.#stream, this.#shard.index);
    const rest = protocol.encode(restShape, {
      ContinuationSequenceNumber: this.#continuation(),
      MillisBehindLatest: this.#read.millisBehindLatest,
      ChildShards: ended ? children.map(describedChild) : undefined,
    });
    const headers = headersOfEvent(protocol, 'SubscribeToShardEvent');
    const margins = { before: payloadStart(headers), after: eventChecksumBytes };
    const page = { records: this.records, shard: this.#shard, encryptionType: this.#read.encryptionType };
    const message = finished(encodeRecords(protocol, page, asBuffer(rest), margins));
    sealMessage(message, headers);
    return message;
  }

  /**
   * The number after which the next record stands. It is a record's own where one was told of last; else it stands
   * for the place just before `nextPosition`, told of now, so that it rises while nothing comes.
   */
  #continuation(): string | undefined {
    const { nextPosition } = this;
    if (nextPosition === undefined) return undefined;
    if (nextPosition === 0) return startingSequenceNumber(this.#shard);
    const { count, arrivalsMs } = this.records;
    const toldMs = count === 0 ? Math.max(this.#atMs, this.#shard.createdMs) : (arrivalsMs[count - 1] ?? 0);
    return sequenceNumber(this.#shard, nextPosition - 1, toldMs);
  }
}
