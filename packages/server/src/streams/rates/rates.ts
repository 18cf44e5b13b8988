/**
 * AWS's rates and quotas of throughput, kept where a shard's records are kept: `--limits aws`.
 *
 *      operation ─▶ enter ──────────────▶ LimitExceededException, or ProvisionedThroughputExceededException of a shard
 *      put ───────▶ refuse ─▶ by record:  1 MiB and 1,000 records a second and shard, and as many for each unit that an
 *                                         on-demand stream is ready for (`readiness.ts`)
 *      read ──────▶ beginRead … endRead:  5 reads and 2 MiB a second and shard
 *
 * All go by the server's clock: one that is held lets through what its buckets hold, and no more until it is advanced.
 * A bucket holds one second of its rate. How AWS counts within a second is undocumented; that it lets a burst through
 * and then refuses is not (kinesalite's pull request 87, against AWS).
 */
import { type Clock, mib } from '@millrace/base';
import type { RecordBatch } from '@millrace/log';
import { type AwsError, shardIdOf } from '@millrace/wire';
import type { Caller } from '../address.js';
import type { Pace } from '../consumers/subscription.js';
import * as errors from '../errors.js';
import { type NamingInput, streamNameIn } from '../naming-input.js';
import type { PutGate, RoutedRecords } from '../put-gate.js';
import { storedHeaderBytes } from '../stored-record.js';
import { parseShardId, type Shard, type Stream, shardLog } from '../stream.js';
import { storedBytes } from '../streams-meter.js';
import { type OperationRate, operationRates } from './rate-table.js';
import { TokenBuckets } from './token-bucket.js';

/** A shard takes so much in a second (AWS's documents of PutRecords and of quotas). */
const writeBytesPerSecond = mib;
const writeRecordsPerSecond = 1000;
/**
 * Records of more than a second's bytes come out of a tank beside it, which holds the largest record there is and is
 * emptied by it; what is smaller may go on as the second's bytes come back (AWS's document of large records).
 */
const largeRecordTank = 10 * mib;
/** A shard gives so much in a second (AWS's document of GetRecords). */
const readBytesPerSecond = 2 * mib;
/** A subscription gives so much in a second (AWS's document of RegisterStreamConsumer). */
const fanOutBytesPerSecond = 2 * mib;

interface Ruled {
  readonly rate: OperationRate;
  readonly buckets: TokenBuckets;
}

/** In `rates` of operations, but counted where the shard is read. */
const countedAtReads = 'GetRecords';

export class Rates implements PutGate {
  readonly #operations: ReadonlyMap<string, Ruled>;
  readonly #reads: TokenBuckets;
  readonly #readBytes: TokenBuckets;
  readonly #writeBytes: TokenBuckets;
  readonly #writeRecords: TokenBuckets;
  readonly #largeRecords: TokenBuckets;
  readonly #fanOutBytes: TokenBuckets;
  readonly #onDemandBytes: TokenBuckets;
  readonly #onDemandRecords: TokenBuckets;
  readonly #readyUnits: (stream: Stream) => number;

  /** `readyUnits` of an on-demand stream: what it may take, in what one shard may. */
  constructor(clock: Clock, readyUnits: (stream: Stream) => number) {
    this.#readyUnits = readyUnits;
    this.#operations = new Map(
      operationRates.map((rate) => [
        rate.operation,
        { rate, buckets: new TokenBuckets(clock, rate.perSecond) },
      ]),
    );
    const reads = operationRates.find(({ operation }) => operation === countedAtReads)?.perSecond ?? 0;
    this.#reads = new TokenBuckets(clock, reads);
    this.#readBytes = new TokenBuckets(clock, readBytesPerSecond);
    this.#writeBytes = new TokenBuckets(clock, writeBytesPerSecond);
    this.#writeRecords = new TokenBuckets(clock, writeRecordsPerSecond);
    this.#largeRecords = new TokenBuckets(clock, writeBytesPerSecond, largeRecordTank);
    this.#fanOutBytes = new TokenBuckets(clock, fanOutBytesPerSecond);
    this.#onDemandBytes = new TokenBuckets(clock, writeBytesPerSecond);
    this.#onDemandRecords = new TokenBuckets(clock, writeRecordsPerSecond);
  }

  /** Counts a request; throws what AWS answers to one too many. */
  enter(operation: string, input: NamingInput, caller: Caller): void {
    const ruled = this.#operations.get(operation);
    if (ruled === undefined || operation === countedAtReads) return;
    const stream = streamNameIn(input);
    const { per } = ruled.rate;
    const shard = parseShardId(typeof input.ShardId === 'string' ? input.ShardId : '') ?? '';
    const whose = [caller.account, caller.region];
    if (per !== 'account') whose.push(stream ?? '');
    if (per === 'shard') whose.push(String(shard));
    if (per === 'consumer and shard') whose.push(String(input.ConsumerARN), String(shard));
    if (ruled.buckets.take(whose.join('/'))) return;
    if (per === 'shard' && stream !== undefined && shard !== '') {
      throw errors.shardThroughputExceeded({ account: caller.account, name: stream }, shardIdOf(shard));
    }
    throw errors.rateExceeded(caller.account, stream);
  }

  refuse({ stream, shards, slotOf, ends }: RoutedRecords): ReadonlyMap<number, AwsError> | undefined {
    const logs = shards.map((shard) => shardLog(stream, shard.index));
    const ready = stream.mode === 'ON_DEMAND' ? this.#readyUnits(stream) : stream.openShards;
    // While it is ready for all that its shards take, they alone say what is too much.
    const units = ready < stream.openShards ? ready : undefined;
    const whole = `${stream.incarnation}`;
    let refused: Map<number, AwsError> | undefined;
    let start = 0;
    for (let record = 0; record < slotOf.length; record++) {
      const slot = slotOf[record] ?? 0;
      const end = ends[record] ?? 0;
      const bytes = end - start - storedHeaderBytes;
      start = end;
      const roomy =
        units === undefined || (this.#onDemandBytes.any(whole) && this.#onDemandRecords.any(whole));
      if (roomy && this.#takes(logs[slot] ?? '', bytes)) {
        // A stream of so many units is one shard to which each record is so many times as small.
        if (units !== undefined) {
          this.#onDemandBytes.charge(whole, bytes / units);
          this.#onDemandRecords.charge(whole, 1 / units);
        }
        continue;
      }
      refused ??= new Map();
      refused.set(record, errors.shardThroughputExceeded(stream, shardIdOf(shards[slot]?.index ?? 0)));
    }
    return refused;
  }

  /** Counts a read of the shard; throws what AWS answers to one too many, or too soon after a large one. */
  beginRead(stream: Stream, shard: Shard): void {
    const log = shardLog(stream, shard.index);
    if (this.#readBytes.any(log) && this.#reads.take(log)) return;
    throw errors.readThroughputExceeded(stream, shard.index);
  }

  /**
   * Counts what a read gave. More than a second's bytes are waited for from none: after 10 MiB the next five seconds
   * are refused.
   */
  endRead(stream: Stream, shard: Shard, records: RecordBatch): void {
    const log = shardLog(stream, shard.index);
    const bytes = storedBytes(records);
    if (bytes > readBytesPerSecond) this.#readBytes.drain(log, bytes);
    else this.#readBytes.charge(log, bytes);
  }

  /** Counts what a subscription gave; answers how long it has to wait before it gives more. */
  readonly fanOutWaitMs: Pace = ({ consumerArn, log }, bytes) => {
    const subscription = `${consumerArn} ${log}`;
    this.#fanOutBytes.charge(subscription, bytes);
    return this.#fanOutBytes.msUntilAny(subscription);
  };

  #takes(log: string, bytes: number): boolean {
    if (!this.#writeRecords.holds(log, 1)) return false;
    if (bytes <= writeBytesPerSecond) {
      if (!this.#writeBytes.take(log, bytes)) return false;
    } else {
      if (!this.#largeRecords.take(log, bytes)) return false;
      this.#writeBytes.drain(log);
    }
    this.#writeRecords.charge(log, 1);
    return true;
  }
}
