/**
 * What stands between requests and streams while anything does: AWS's rates and a tester's faults. Without either, each
 * of its questions is a look at a field.
 */
import type { Clock } from '@millrace/base';
import type { RecordBatch } from '@millrace/log';
import type { Caller } from './address.js';
import type { Pace } from './consumers/subscription.js';
import type { NamingInput } from './naming-input.js';
import { type PutGate, putGates } from './put-gate.js';
import { comingOrGoingStreamsMax, shardQuota } from './rates/quotas.js';
import { Rates } from './rates/rates.js';
import { type RecordFaults, recordFaultGate } from './record-faults.js';
import type { Shard, Stream } from './stream.js';

export class Admission {
  readonly #clock: Clock;
  readonly #readyUnits: (stream: Stream) => number;
  #rates: Rates | undefined;
  #recordFaults: RecordFaults | undefined;
  #putGates: readonly PutGate[] | undefined;

  /** `readyUnits`: what an on-demand stream may take, see `readiness.ts`. */
  constructor(clock: Clock, readyUnits: (stream: Stream) => number) {
    this.#clock = clock;
    this.#readyUnits = readyUnits;
  }

  /** Keeps AWS's rates of operations, shards and subscriptions from here on. Without them it goes as fast as it goes. */
  keepRates(): void {
    this.#rates = new Rates(this.#clock, this.#readyUnits);
    this.#place();
  }

  /** Lets single records of puts fail, until it is told `undefined`. */
  failRecordsBy(faults: RecordFaults | undefined): void {
    this.#recordFaults = faults;
    this.#place();
  }

  /** Open shards that an account may have in the region, while quotas are kept. */
  shardQuota(region: string): number | undefined {
    return this.#rates === undefined ? undefined : shardQuota(region);
  }

  /** Streams that an account may be making and deleting at one time, while quotas are kept. */
  get comingOrGoingMax(): number | undefined {
    return this.#rates === undefined ? undefined : comingOrGoingStreamsMax;
  }

  /** What may refuse single records, while anything may. */
  get putGates(): readonly PutGate[] | undefined {
    return this.#putGates;
  }

  /** Counts a request of an operation; throws what AWS answers to one too many. */
  enter(operation: string, input: NamingInput, caller: Caller): void {
    this.#rates?.enter(operation, input, caller);
  }

  /** Counts a read of a shard; throws what AWS answers to one too many. */
  beginRead(stream: Stream, shard: Shard): void {
    this.#rates?.beginRead(stream, shard);
  }

  endRead(stream: Stream, shard: Shard, records: RecordBatch): void {
    this.#rates?.endRead(stream, shard, records);
  }

  readonly pace: Pace = (subscription, bytes) => this.#rates?.fanOutWaitMs(subscription, bytes) ?? 0;

  #place(): void {
    const faults = this.#recordFaults && recordFaultGate(this.#recordFaults);
    this.#putGates = putGates(this.#rates, faults);
  }
}
