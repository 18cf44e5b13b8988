// The Kinesis Producer Library, with its native program, aggregation on: node program.mjs <java as JSON> <scenario>…
// java/kpl/…/Producer.java puts numbered records and says what came of each; what arrived is what `millrace tail` takes
// apart; the stream is made, cut and disturbed beside it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import * as sdk from '@aws-sdk/client-kinesis';
import { clientEnvironment, startOnDisk } from '../server.mjs';

/** What the server cannot answer while it is away is put again; the library gives up after two minutes. */
const crashRecords = 30_000;
const crashRate = 3_000;

const [java, tail, ...names] = process.argv.slice(2);
const kinesis = new sdk.KinesisClient({});
const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-kpl-'));

async function active(StreamName, client = kinesis) {
  for (;;) {
    const { StreamDescriptionSummary } = await client.send(
      new sdk.DescribeStreamSummaryCommand({ StreamName }),
    );
    if (StreamDescriptionSummary.StreamStatus === 'ACTIVE') return StreamDescriptionSummary;
    await sleep(20);
  }
}

async function create(StreamName, ShardCount, client = kinesis) {
  await client.send(new sdk.CreateStreamCommand({ StreamName, ShardCount }));
  return active(StreamName, client);
}

async function fault(rule) {
  const body = JSON.stringify({ operation: 'PutRecords', ...rule });
  const answer = await fetch(`${process.env.AWS_ENDPOINT_URL}/_millrace/faults`, { method: 'POST', body });
  assert.ok(answer.ok, await answer.text());
}

/**
 * Puts as many records and answers what the library said of each, `{ i, shard, sequenceNumber, attempts, errors }`;
 * none of them may be lost. `at` are things to do once so many records are answered.
 */
async function produce(
  stream,
  { records, keys = 50, bytes = 50, rate = 0, environment = process.env },
  at = {},
) {
  const { program, args } = JSON.parse(java);
  const child = spawn(program, [...args, stream, records, keys, bytes, rate].map(String), {
    env: { ...environment, KPL_FOLDER: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-4096);
  });
  const puts = [];
  const lost = [];
  const doing = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [kind, i, shard, sequenceNumber, attempts, errors] = line.split(' ');
    if (kind === 'lost') lost.push(line);
    if (kind !== 'put') continue;
    puts.push({ i: Number(i), shard, sequenceNumber, attempts: Number(attempts), errors: errors.split(',') });
    if (puts.length in at) doing.push(at[puts.length]());
  }
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0, said);
  await Promise.all(doing);
  assert.deepEqual(lost, [], said);
  assert.equal(puts.length, records);
  return puts;
}

/** Everything in the stream, its aggregates taken apart. */
async function read(stream, environment = process.env) {
  const [program, ...args] = JSON.parse(tail);
  const child = spawn(program, [...args, 'tail', stream, '--once', '--json'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const found = [];
  for await (const line of createInterface({ input: child.stdout })) found.push(JSON.parse(line));
  return found;
}

/** Every record is there, where the library was told that it is; answers the records that are there more than once. */
function held(puts, found) {
  const places = new Map(puts.map(({ i }) => [i, []]));
  for (const { data, shardId, sequenceNumber } of found)
    places.get(data.i).push(`${shardId} ${sequenceNumber}`);
  for (const { i, shard, sequenceNumber } of puts) {
    assert.ok(
      places.get(i).includes(`${shard} ${sequenceNumber}`),
      `record ${i} is not where it was told to be`,
    );
  }
  return [...places.values()].filter((each) => each.length > 1).length;
}

const scenarios = {
  async aggregates() {
    const stream = 'kpl-aggregates';
    await create(stream, 4);
    const puts = await produce(stream, { records: 20_000 });
    const found = await read(stream);
    assert.equal(held(puts, found), 0);
    assert.equal(found.length, puts.length);
    const packed = found.filter(({ subSequenceNumber }) => subSequenceNumber !== undefined);
    assert.ok(packed.length > puts.length / 2, `${packed.length} of ${puts.length} came in aggregates`);
    assert.equal(new Set(found.map(({ shardId }) => shardId)).size, 4);
  },

  async 'producer-crash'() {
    const stream = 'kpl-crash';
    const server = await startOnDisk();
    const environment = clientEnvironment(server);
    const client = new sdk.KinesisClient({ endpoint: server.cleartext });
    try {
      await create(stream, 4, client);
      let crashed = Promise.resolve();
      const crash = () => {
        crashed = crashed.then(() => server.crash());
        return crashed;
      };
      const puts = await produce(
        stream,
        { records: crashRecords, rate: crashRate, environment },
        { [crashRecords / 5]: crash, [crashRecords / 2]: crash, [(crashRecords * 4) / 5]: crash },
      );
      const found = await read(stream, environment);
      held(puts, found);
      const packed = found.filter(({ subSequenceNumber }) => subSequenceNumber !== undefined);
      assert.ok(packed.length > found.length / 2, `${packed.length} of ${found.length} came in aggregates`);
      assert.ok(
        puts.some(({ attempts }) => attempts > 1),
        'no record was tried again',
      );
    } finally {
      client.destroy();
      await server.stop();
    }
  },

  async reshard() {
    const stream = 'kpl-reshard';
    await create(stream, 2);
    const ShardToSplit = 'shardId-000000000000';
    const split = { StreamName: stream, ShardToSplit, NewStartingHashKey: String(2n ** 126n) };
    const merge = {
      StreamName: stream,
      ShardToMerge: 'shardId-000000000003',
      AdjacentShardToMerge: 'shardId-000000000001',
    };
    const puts = await produce(
      stream,
      { records: 20_000, rate: 2_000 },
      {
        4000: () => kinesis.send(new sdk.SplitShardCommand(split)),
        10000: async () => {
          await active(stream);
          await kinesis.send(new sdk.MergeShardsCommand(merge));
        },
      },
    );
    const found = await read(stream);
    held(puts, found);
    // What was predicted for a shard that was cut meanwhile is put again, and has its place in the new ones.
    const shards = new Set(puts.map(({ shard }) => shard));
    assert.ok(shards.has('shardId-000000000002') && shards.has('shardId-000000000004'), [...shards].join());
  },

  async trouble() {
    // Of each trouble a stream of its own: rules that meet one request have all struck with it.
    for (const trouble of ['throttle', 'internal-error', 'drop-answer']) {
      const stream = `kpl-${trouble}`;
      await create(stream, 2);
      await fault({ fault: trouble, stream, count: 1 });
      const puts = await produce(stream, { records: 500 });
      const again = held(puts, await read(stream));
      // What was lost on its way back is put again: at least once is what AWS promises too.
      const tried = puts.some(({ attempts }) => attempts > 1);
      assert.equal(again > 0, trouble === 'drop-answer', `${again} twice after ${trouble}`);
      assert.ok(tried || again > 0, `nothing was tried again after ${trouble}`);
    }
    const other = 'kpl-failing-records';
    await create(other, 2);
    await fault({ fault: 'fail-records', stream: other, probability: 0.3, seed: 1, count: 50 });
    const failed = await produce(other, { records: 3_000, rate: 1_000 });
    const found = await read(other);
    assert.equal(held(failed, found), 0);
    assert.equal(found.length, failed.length);
    assert.ok(
      failed.some(({ attempts }) => attempts > 1),
      'no record was tried again',
    );
  },
};

for (const scenario of names) {
  try {
    await scenarios[scenario]();
    console.log(JSON.stringify({ scenario, passed: true, operations: ['PutRecords'] }));
  } catch (error) {
    console.log(
      JSON.stringify({ scenario, passed: false, error: String(error.stack ?? error), operations: [] }),
    );
  }
}
kinesis.destroy();
rmSync(folder, { recursive: true });
