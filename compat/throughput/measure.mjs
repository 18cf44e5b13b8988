// npm run compat -- --throughput: how fast records go in and out by the fastest clients that there are, the KPL with its
// aggregation and KCL 3, beside what a stream of as many shards does on AWS. Client and server share the machine, so that
// the rate is that of both together; what either costs a record in processor time is told beside it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { meter } from '../../bench/process-figures.mjs';
import { kcl3Worker } from '../clients/kcl.mjs';
import { kplProducer } from '../clients/kpl.mjs';
import { startDynamoDb } from '../kcl/dynamodb.mjs';
import { Run } from '../kcl/run.mjs';
import { clientEnvironment, startOnDisk } from '../server.mjs';
import { throughputFigures } from './figures.mjs';

const shards = 4;
const records = 400_000;
const keys = 1_000;
/** With the key, the number and the braces about 512 bytes, as long as those of the example in AWS's page on the KPL. */
const padBytes = 472;
const quietMsMax = 120_000;
const lookMs = 50;
/** Measured clients are compiled for speed, and have room. */
const fast = ['-XX:TieredStopAtLevel=4', '-Xmx2g'];
const stream = 'throughput';

/** Measures, prints, and answers what is to be kept; or undefined where a toolchain is missing, which it says. */
export async function measureThroughput() {
  const kpl = kplProducer(fast);
  const polling = kcl3Worker('polling', fast);
  const fanOut = kcl3Worker('fan-out', fast);
  const missing = [kpl, polling, fanOut].find(({ reason }) => reason !== undefined);
  if (missing !== undefined) {
    console.log(`skipped: ${missing.reason}`);
    return undefined;
  }
  const server = await startOnDisk();
  // Who makes the stream looks into the environment too.
  Object.assign(process.env, clientEnvironment(server));
  const dynamo = await startDynamoDb(polling.dynamodb);
  try {
    const making = new Run({ dynamo, stream, endpoint: server.cleartext });
    await making.create(shards);
    await making.abandon();
    const into = { path: 'into', client: `KPL ${kpl.version}, aggregation on, over TLS` };
    const rows = [{ ...into, ...(await produce(kpl.producer, server)) }];
    for (const [name, found] of [
      ['polling', polling],
      ['fan-out', fanOut],
    ]) {
      const figures = await consume(found.worker, `${stream}-${name}`, server, dynamo);
      rows.push({ path: 'out', client: `KCL ${found.version}, ${name}`, ...figures });
    }
    const cpus = os.cpus();
    const machine = `${cpus[0]?.model ?? 'unknown'}, ${cpus.length} cores`;
    const measured = new Date().toISOString().slice(0, 10);
    for (const row of rows) console.log(line(row));
    return { measured, machine, shards, rows };
  } finally {
    await dynamo.stop();
    await server.stop();
  }
}

function line(row) {
  const { perSecond, mibPerSecond, awsPerSecond, ratio } = throughputFigures(shards, row);
  const rate = `${Math.round(perSecond)} records/s, ${mibPerSecond.toFixed(1)} MiB/s`;
  const aws = `AWS: ${Math.round(awsPerSecond)} records/s, ${ratio.toFixed(1)} times as many here`;
  const cost = `a record: server ${row.serverMicros} µs, client ${row.clientMicros} µs`;
  return `${row.client}: ${rate} (${aws}; ${cost}; others took ${row.othersCores} cores)`;
}

/** Records that are put and acknowledged, from the first put to the last answer. */
async function produce({ program, args }, server) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-kpl-'));
  const stop = meter(server.pid);
  const child = spawn(program, [...args, stream, records, keys, padBytes, 0, 'quiet'].map(String), {
    env: { ...clientEnvironment(server), KPL_FOLDER: folder },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let done;
  for await (const said of createInterface({ input: child.stdout })) {
    const [kind, ...figures] = said.split(' ');
    if (kind === 'lost') throw new Error(`the KPL lost a record: ${said}`);
    if (kind !== 'done') continue;
    done = { ...figuresOf(figures.map(Number)), ...shares(stop(), figures.at(-1)) };
  }
  if (child.exitCode === null) await once(child, 'exit');
  rmSync(folder, { recursive: true });
  if (done === undefined) throw new Error(`the KPL ended with ${child.exitCode} before it was done`);
  return done;
}

function figuresOf([ms, bytes]) {
  return { records, bytes, seconds: ms / 1000 };
}

/** All that was put, read by one worker of an application of its own. */
async function consume(worker, application, server, dynamo) {
  const account = new Batches();
  const environment = { ...clientEnvironment(server), COMPAT_COUNTING: '1' };
  const run = new Run({
    worker: { ...worker, environment },
    dynamo,
    stream,
    application,
    endpoint: server.cleartext,
    account,
  });
  try {
    const stop = meter(server.pid);
    run.start();
    for (let quietMs = 0, seen = 0; account.records < records; quietMs += lookMs) {
      if (account.records > seen) quietMs = 0;
      seen = account.records;
      if (quietMs > quietMsMax) throw new Error(`${seen} of ${records} came\n${run.workers[0].said}`);
      await sleep(lookMs);
    }
    const metered = stop();
    if (account.records !== records) throw new Error(`${account.records} came of ${records}`);
    await run.end();
    return { ...account.afterFirst(), ...shares(metered, account.processorMs) };
  } finally {
    await run.abandon();
  }
}

/** Processor time a record, of the server and of the client, with all that each did to begin; and what others took. */
function shares({ seconds, serverSeconds, othersBusy }, clientMs) {
  const micros = (spent) => Number(((spent * 1e6) / records).toFixed(1));
  return {
    serverMicros: micros(serverSeconds),
    clientMicros: micros(Number(clientMs) / 1000),
    // The meter knows the server and us alone.
    othersCores: Number((othersBusy - Number(clientMs) / 1000 / seconds).toFixed(1)),
  };
}

/** What came, in batches. */
class Batches {
  #first;
  #lastMs;
  #bytes = 0;
  records = 0;
  processorMs = 0;

  batch({ records: count, bytes, processorMs }) {
    this.#lastMs = performance.now();
    this.#first ??= { atMs: this.#lastMs, records: count, bytes };
    this.records += count;
    this.#bytes += bytes;
    this.processorMs = processorMs;
  }

  /** From the first batch to the last, without the first, which nobody timed. */
  afterFirst() {
    const { atMs, records: firstRecords, bytes } = this.#first;
    return {
      records: this.records - firstRecords,
      bytes: this.#bytes - bytes,
      seconds: (this.#lastMs - atMs) / 1000,
    };
  }
}
