/**
 * Puts stamped records at a steady pace while consumers subscribe to every shard: how long after a put is begun does each
 * of them hold the record? Producer and consumers share this process and therefore one monotonic clock.
 *
 *      due ──send──▶ server ──▶ log ──▶ synced ──▶ event ──▶ seen, by each consumer        latency = seen − begun
 */
import { call } from './calls.mjs';
import { connect } from './connect.mjs';
import { Http1Connection } from './http1-connection.mjs';
import { produce, stampAt } from './latency-load.mjs';
import { jsonRequest, offsetsOf } from './requests.mjs';

const DRAIN_MS_MAX = 5000;
const REGISTER_TRIES_MAX = 1000;
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param job `{ port, stream, shardIds, protocol, consumers, perSecond, recordsPerPut, recordBytes, warmMs, measureMs }`
 * @returns `{ delivered, seenMs, answeredMs }`: of each record put after the warm-up and each consumer, when it was seen,
 * and of each put, when it was answered, from when the put was begun
 */
export async function fanOutLoad(job) {
  const { recordsPerPut } = job;
  const puts = Math.round(((job.warmMs + job.measureMs) / 1000) * job.perSecond);
  const warm = Math.round((job.warmMs / 1000) * job.perSecond);
  const records = puts * recordsPerPut;
  const begun = new Float64Array(puts);
  const answeredMs = new Float64Array(puts);
  const seenMs = new Float64Array(records * job.consumers).fill(Number.NaN);
  let seen = 0;

  const arns = await registerConsumers(job);
  const connections = [];
  for (const [consumer, arn] of arns.entries()) {
    for (const shardId of job.shardIds) {
      const onEvent = (payload) => {
        const now = performance.now();
        for (const at of offsetsOf(payload, '"Data":"')) {
          const record = stampAt(payload, at + '"Data":"'.length);
          const place = consumer * records + record;
          if (!Number.isNaN(seenMs[place])) throw new Error(`record ${record} came twice to ${arn}`);
          seenMs[place] = now - begun[Math.floor(record / recordsPerPut)];
          seen++;
        }
      };
      connections.push(await subscribe(job, arn, shardId, onEvent));
    }
  }
  await produce(job, begun, answeredMs);
  for (let waited = 0; seen < seenMs.length && waited < DRAIN_MS_MAX; waited += 10) await pause(10);
  for (const connection of connections) connection.close();
  if (seen !== seenMs.length) throw new Error(`${seenMs.length} records were to come, ${seen} came`);
  const measured = Array.from({ length: job.consumers }, (_, consumer) =>
    seenMs.subarray(consumer * records + warm * recordsPerPut, (consumer + 1) * records),
  );
  return { delivered: seen, seenMs: concat(measured), answeredMs: answeredMs.subarray(warm) };
}

function concat(parts) {
  const whole = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Registers one after another: five at a time may be on their way. */
async function registerConsumers(job) {
  const control = await Http1Connection.connect(job.port);
  const summary = await call(control, 'DescribeStreamSummary', { StreamName: job.stream });
  const { StreamARN } = summary.StreamDescriptionSummary;
  const arns = [];
  for (let i = 0; i < job.consumers; i++) {
    const { Consumer } = await call(control, 'RegisterStreamConsumer', { StreamARN, ConsumerName: `c${i}` });
    const { ConsumerARN } = Consumer;
    for (let tries = 0; ; tries++) {
      const { ConsumerDescription } = await call(control, 'DescribeStreamConsumer', { ConsumerARN });
      if (ConsumerDescription.ConsumerStatus === 'ACTIVE') break;
      if (tries === REGISTER_TRIES_MAX) throw new Error(`${ConsumerARN} did not become active`);
      await pause(5);
    }
    arns.push(ConsumerARN);
  }
  control.close();
  return arns;
}

/** A subscription on a connection of its own; resolves when its first message, which has no records, has come. */
async function subscribe({ port, protocol }, ConsumerARN, ShardId, onEvent) {
  const connection = await connect(protocol, port);
  const asked = { ConsumerARN, ShardId, StartingPosition: { Type: 'LATEST' } };
  await new Promise((resolve, reject) => {
    let opened = false;
    const messages = new Messages((headers, payload) => {
      if (headers.includes('exception')) throw new Error(`a subscription ended: ${payload.toString()}`);
      if (opened) onEvent(payload);
      opened = true;
      resolve();
    });
    connection
      .stream(jsonRequest(protocol, 'SubscribeToShard', asked), (bytes) => messages.push(bytes))
      .then(() => reject(new Error('a subscription ended')), reject);
  });
  return connection;
}

/**
 * Event stream messages out of pieces. Checksums are not looked at: the reader must not be what is measured. What is
 * given to `onMessage` is valid until it returns.
 */
class Messages {
  #onMessage;
  #pending = Buffer.alloc(0);

  constructor(onMessage) {
    this.#onMessage = onMessage;
  }

  push(bytes) {
    let rest = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    while (rest.length >= PRELUDE_BYTES) {
      const length = rest.readUInt32BE(0);
      if (rest.length < length) break;
      const payload = PRELUDE_BYTES + rest.readUInt32BE(4);
      this.#onMessage(rest.subarray(PRELUDE_BYTES, payload), rest.subarray(payload, length - CHECKSUM_BYTES));
      rest = rest.subarray(length);
    }
    this.#pending = Buffer.from(rest);
  }
}
