/** Those who put records: batches under a few keys, many at a time. */
import { pick, type Random } from '@millrace/base';
import type { PutBatch, PutResult, Stream, Streams } from '@millrace/server';
import { AwsError, hashKeyToWords, hashKeyWords, partitionKeyHash } from '@millrace/wire';
import { secretPrefix } from './sealed-watch.js';
import { dataBytesMin, type SentRecord, storedBytes } from './streams-model.js';
import { caller, type StreamsWorld } from './streams-world.js';

const names = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'];
const keysOf = (prefix: string) =>
  names.map((name) => ({ key: `${prefix}${name}`, hash: partitionKeyHash(`${prefix}${name}`) }));
const plainKeys = keysOf('');
const secretKeys = keysOf(secretPrefix);

export interface ProducersLimits {
  readonly batchMax: number;
  readonly dataBytesMax: number;
  readonly putsInFlightMax: number;
}

export class Producers {
  readonly #world: StreamsWorld;
  readonly #random: Random;
  readonly #limits: ProducersLimits;
  #inFlight = 0;

  constructor(world: StreamsWorld, random: Random, limits: ProducersLimits) {
    this.#world = world;
    this.#random = random;
    this.#limits = limits;
  }

  lifeEnds(): void {
    this.#inFlight = 0;
  }

  put(stream: Stream): void {
    const { service, harness, checker, nowMs } = this.#world;
    const { batchMax, dataBytesMax, putsInFlightMax } = this.#limits;
    const writable = stream.status === 'ACTIVE' || stream.status === 'UPDATING';
    if (this.#inFlight >= putsInFlightMax || !writable) {
      harness.perform();
      return;
    }
    const keys = stream.encryption.at(-1)?.master === undefined ? plainKeys : secretKeys;
    const records: SentRecord[] = [];
    for (let n = 1 + this.#random.integer(batchMax); n > 0; n--) {
      const { key, hash } = pick(this.#random, keys);
      const bytes = dataBytesMin + this.#random.integer(dataBytesMax);
      records.push(checker.sending(stream.incarnation, key, hash, bytes, nowMs));
    }
    this.#inFlight++;
    harness.watch(
      put(service, batchOf(stream.name, records)),
      (answer) => {
        this.#inFlight--;
        this.#world.observe();
        harness.trace.note('put', answer.count, answer.failedCount);
        checker.put(records, answer, this.#world.diskIsGood);
      },
      (error) => {
        this.#inFlight--;
        if (!(error instanceof AwsError)) throw error;
        checker.refused(records, this.#world.diskIsGood);
      },
    );
  }
}

/** Puts a batch as its operation does: one record the way of PutRecord, more the way of PutRecords. */
async function put(service: Streams, batch: PutBatch): Promise<PutResult> {
  if (batch.count > 1) return service.put(batch, caller);
  const { shard, position, arrivalMs } = await service.putOne(batch, caller);
  return {
    count: 1,
    shards: [shard],
    shardOf: Uint32Array.of(0),
    positions: Float64Array.of(position),
    arrivalsMs: Float64Array.of(arrivalMs),
    failedCount: 0,
    errors: undefined,
  };
}

function batchOf(streamName: string, records: readonly SentRecord[]): PutBatch {
  const parts = records.map(storedBytes);
  const ends = new Uint32Array(parts.length);
  const hashes = new Uint32Array(parts.length * hashKeyWords);
  let end = 0;
  for (const [i, part] of parts.entries()) {
    ends[i] = end += part.length;
    hashKeyToWords(records[i]?.hash ?? 0n, hashes, i * hashKeyWords);
  }
  const payload = Buffer.concat(parts);
  return { streamName, streamArn: undefined, count: parts.length, payload, ends, hashes };
}
