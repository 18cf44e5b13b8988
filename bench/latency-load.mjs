/**
 * Puts stamped records at a steady pace and polls every shard for them: how long after a put is begun does a consumer
 * hold the record? Producer and consumer share this process and therefore one monotonic clock.
 *
 *      due ──send──▶ server ──▶ log ──▶ synced ──▶ next poll ──▶ seen        latency = seen − begun
 */

import { horizon } from './calls.mjs';
import { Http1Connection } from './http1-connection.mjs';
import { jsonRequest, offsetsOf } from './requests.mjs';

export const POLL_PAUSE_MS = 1;
/** Enough that a put never waits for the answer to another. */
const PRODUCER_CONNECTIONS = 16;
const DRAIN_MS_MAX = 5000;
/** Of a record, unless the job says. */
const RECORD_BYTES = 208;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param job `{ port, stream, shardIds, perSecond, warmMs, measureMs }`
 * @returns `{ sent, seenMs, answeredMs }`: of each record put after the warm-up, when it was seen and when its put was
 * answered, from when the put was begun
 */
export async function latencyLoad(job) {
  const total = Math.round(((job.warmMs + job.measureMs) / 1000) * job.perSecond);
  const warm = Math.round((job.warmMs / 1000) * job.perSecond);
  const begun = new Float64Array(total);
  const seenMs = new Float64Array(total).fill(Number.NaN);
  const answeredMs = new Float64Array(total);
  let seen = 0;
  let done = false;

  const onRecord = (number, now) => {
    if (!Number.isNaN(seenMs[number])) throw new Error(`record ${number} was read twice`);
    seenMs[number] = now - begun[number];
    seen++;
  };
  const pollers = job.shardIds.map((shardId) => poll(job, shardId, () => done, onRecord));
  const consuming = Promise.all(pollers);
  const finish = async () => {
    await produce(job, begun, answeredMs);
    for (let waited = 0; seen < total && waited < DRAIN_MS_MAX; waited += 10) await pause(10);
    done = true;
  };
  await Promise.all([finish(), consuming]);
  if (seen !== total) throw new Error(`${total} records were put, ${seen} were seen`);
  return { sent: total, seenMs: seenMs.subarray(warm), answeredMs: answeredMs.subarray(warm) };
}

/**
 * Puts at the job's pace, `recordsPerPut` records each time, and notes when each put was begun and answered. Records are
 * numbered through; each has its number in its data.
 */
export async function produce(job, begun, answeredMs) {
  const { recordsPerPut = 1 } = job;
  const idle = await Promise.all(
    Array.from({ length: PRODUCER_CONNECTIONS }, () => Http1Connection.connect(job.port)),
  );
  const connections = [...idle];
  const open = new Set();
  const started = performance.now();
  for (let number = 0; number < begun.length; number++) {
    const wait = started + (number * 1000) / job.perSecond - performance.now();
    if (wait > 0) await pause(wait);
    if (idle.length === 0) await Promise.race(open);
    // The one that rested longest: a server may cut off who connects and then says nothing.
    const connection = idle.shift();
    const records = Array.from({ length: recordsPerPut }, (_, i) => stamped(number * recordsPerPut + i, job));
    const put =
      recordsPerPut === 1
        ? jsonRequest('http1', 'PutRecord', { StreamName: job.stream, ...records[0] })
        : jsonRequest('http1', 'PutRecords', { StreamName: job.stream, Records: records });
    begun[number] = performance.now();
    const answered = connection.send(put).then(({ status, body }) => {
      if (status !== 200)
        throw new Error(`PutRecord was answered with ${status}: ${body.toString('latin1', 0, 300)}`);
      answeredMs[number] = performance.now() - begun[number];
      idle.push(connection);
      open.delete(answered);
    });
    open.add(answered);
  }
  await Promise.all(open);
  for (const connection of connections) connection.close();
}

function stamped(number, { recordBytes = RECORD_BYTES }) {
  const data = Buffer.alloc(recordBytes, 'x');
  data.write(`<${number}>`);
  return { Data: data.toString('base64'), PartitionKey: `key-${number}` };
}

async function poll(job, shardId, done, onRecord) {
  const connection = await Http1Connection.connect(job.port);
  let iterator = await horizon(connection, job.stream, shardId);
  while (!done()) {
    const { status, body } = await connection.send(
      jsonRequest('http1', 'GetRecords', { ShardIterator: iterator }),
    );
    if (status !== 200)
      throw new Error(`GetRecords was answered with ${status}: ${body.toString('latin1', 0, 300)}`);
    const now = performance.now();
    for (const at of offsetsOf(body, '"Data":"')) onRecord(stampAt(body, at + '"Data":"'.length), now);
    iterator = /"NextShardIterator":"([^"]+)"/.exec(body.toString('latin1'))[1];
    await pause(POLL_PAUSE_MS);
  }
  connection.close();
}

/** The number at the start of a record's data, `<number>`. */
export function stampAt(body, start) {
  const head = Buffer.from(body.toString('latin1', start, start + 16), 'base64').toString('latin1');
  return Number.parseInt(head.slice(1), 10);
}
