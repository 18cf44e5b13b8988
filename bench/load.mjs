/**
 * The load generator's process: takes one job over IPC, runs it, answers `{ result }` or `{ error }` and ends.
 *
 *      job.kind   put · read · latency · fan-out · canned · heavy · fill · reread · catch-up · flow
 */
import { createStream, createStreams, encryptStream } from './calls.mjs';
import { catchUp, flow, shardsOf } from './endurance-load.mjs';
import { fanOutLoad } from './fan-out-load.mjs';
import { heavyLoad } from './heavy-load.mjs';
import { latencyLoad } from './latency-load.mjs';
import { meter } from './process-figures.mjs';
import { putLoad, Sent } from './put-load.mjs';
import { readBack, readLoad } from './read-load.mjs';

const STREAM = 'bench';
const FILL = { protocol: 'http1', format: 'json', connections: 4, recordsPerRequest: 500 };

/**
 * The measured window. It opens with the first answer after the warm-up and closes with the first answer after the
 * measured time, so that pages that take half a second each are not counted by halves. Counts what was answered in
 * between, and the processor time that server and generator spent meanwhile.
 */
class Window {
  #pid;
  #opensAt;
  #closesAt;
  #counted = 0;
  #countedBefore = 0;
  #meter;
  #shares;
  #latenciesMs = [];

  constructor({ serverPid, warmMs, measureMs }) {
    this.#pid = serverPid;
    this.#opensAt = performance.now() + warmMs;
    this.#closesAt = this.#opensAt + measureMs;
  }

  count(records, tookMs) {
    if (this.over) return;
    this.#counted += records;
    const at = performance.now();
    if (this.#meter === undefined) {
      if (at >= this.#opensAt) this.#open();
    } else {
      if (tookMs !== undefined) this.#latenciesMs.push(tookMs);
      if (at >= this.#closesAt) this.#close();
    }
  }

  get over() {
    return this.#shares !== undefined;
  }

  #open() {
    this.#countedBefore = this.#counted;
    this.#meter = meter(this.#pid);
  }

  #close() {
    this.#shares = this.#meter();
    this.#counted -= this.#countedBefore;
  }

  figures() {
    const { seconds, serverSeconds, ...shares } = this.#shares;
    return {
      recordsPerSecond: this.#counted / seconds,
      serverMicrosPerRecord: serverSeconds === undefined ? undefined : (serverSeconds * 1e6) / this.#counted,
      ...shares,
      requestP50Ms: quantile(this.#latenciesMs, 0.5),
      requestP99Ms: quantile(this.#latenciesMs, 0.99),
    };
  }
}

export function quantile(values, q) {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

async function put(job) {
  if (job.otherStreams > 0) await createStreams(job.port, 'other', job.otherStreams, 1);
  const shardIds = await createStream(job.port, STREAM, job.shards);
  if (job.encrypted) await encryptStream(job.port, STREAM);
  const sent = new Sent(job.recordsPerRequest);
  const window = new Window(job);
  await putLoad(
    { ...job, stream: STREAM },
    sent,
    () => window.over,
    (tookMs) => window.count(job.recordsPerRequest, tookMs),
  );
  return { figures: { ...window.figures(), putRecords: sent.records }, sent, shardIds };
}

/** Puts `job.fillRecords` into a new stream, not measured; into another one than is read where `job.stream` says so. */
async function fill(job, shards) {
  const { stream = STREAM } = job;
  const shardIds = await createStream(job.port, stream, shards);
  if (job.encrypted) await encryptStream(job.port, STREAM);
  const sent = new Sent(FILL.recordsPerRequest);
  const put = { ...FILL, port: job.port, stream, recordBytes: job.recordBytes };
  const requests = Math.ceil(job.fillRecords / FILL.recordsPerRequest);
  await putLoad(
    put,
    sent,
    (count) => count >= requests,
    () => undefined,
  );
  return { shardIds, sent };
}

const JOBS = {
  async put(job, measured) {
    const { figures, sent, shardIds } = await put(job);
    // The directory is weighed by the parent before the reading back.
    await measured();
    if (job.readBack) await readBack({ port: job.port, stream: STREAM, shardIds }, sent);
    return figures;
  },

  async read(job) {
    const { shardIds, sent } = await fill(job, 1);
    await readBack({ port: job.port, stream: STREAM, shardIds }, sent);
    return readers(job, { stream: STREAM, shardId: shardIds[0], shardRecords: sent.records });
  },

  /** The first half of what is done in two, with the server started anew, or killed, in between. */
  async fill(job) {
    const { shardIds, sent } = await fill(job, job.shards);
    return { shardIds, putRecords: sent.records };
  },

  /** The second half: reads what another process has put. */
  async reread(job) {
    const [shardId] = await shardsOf(job.port, STREAM);
    return readers(job, { stream: STREAM, shardId, shardRecords: job.putRecords });
  },

  /** The second half: one shard of many after another, from its start to its end. */
  async 'catch-up'(job) {
    const shares = meter(job.serverPid);
    const read = await catchUp({ ...job, stream: STREAM });
    return { ...read, ...shares() };
  },

  async flow(job) {
    const shares = meter(job.serverPid);
    const flowed = await flow(job);
    return { ...flowed, ...shares() };
  },

  /** A server that answers the same page for ever: it has no records to put or to look for. */
  canned(job) {
    return readers(job, { stream: STREAM, shardId: 'shardId-000000000000', shardRecords: job.fillRecords });
  },

  /** Large requests, while another process measures what they do to small ones. */
  heavy: heavyLoad,

  async latency(job) {
    const shardIds = await createStream(job.port, STREAM, job.shards);
    const shares = meter(job.serverPid);
    const { sent, seenMs, answeredMs } = await latencyLoad({ ...job, stream: STREAM, shardIds });
    const { serverBusy, generatorBusy, othersBusy } = shares();
    return {
      ...{ serverBusy, generatorBusy, othersBusy },
      putRecords: sent,
      seenP50Ms: quantile(seenMs, 0.5),
      seenP99Ms: quantile(seenMs, 0.99),
      seenMaxMs: quantile(seenMs, 1),
      answeredP50Ms: quantile(answeredMs, 0.5),
      answeredP99Ms: quantile(answeredMs, 0.99),
    };
  },

  async 'fan-out'(job) {
    const shardIds = await createStream(job.port, STREAM, job.shards);
    const shares = meter(job.serverPid);
    const { delivered, seenMs, answeredMs } = await fanOutLoad({ ...job, stream: STREAM, shardIds });
    const { serverBusy, generatorBusy, othersBusy, serverSeconds } = shares();
    return {
      ...{ serverBusy, generatorBusy, othersBusy },
      deliveredRecords: delivered,
      serverMicrosPerDelivery: serverSeconds === undefined ? undefined : (serverSeconds * 1e6) / delivered,
      seenP50Ms: quantile(seenMs, 0.5),
      seenP99Ms: quantile(seenMs, 0.99),
      seenMaxMs: quantile(seenMs, 1),
      answeredP50Ms: quantile(answeredMs, 0.5),
      answeredP99Ms: quantile(answeredMs, 0.99),
    };
  },
};

async function readers(job, shard) {
  const window = new Window(job);
  const stop = () => window.over;
  const reader = () =>
    readLoad({ ...shard, port: job.port, protocol: job.protocol, format: job.format }, stop, (n) =>
      window.count(n),
    );
  const passes = await Promise.all(Array.from({ length: job.connections }, reader));
  return { ...window.figures(), passes: passes.reduce((sum, n) => sum + n, 0) };
}

process.once('message', async (job) => {
  const measured = () =>
    new Promise((resolve) => {
      process.once('message', resolve);
      process.send({ measured: true });
    });
  try {
    process.send({ result: await JOBS[job.kind](job, measured) }, () => process.exit(0));
  } catch (error) {
    process.send({ error: error.stack }, () => process.exit(1));
  }
});
