import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-kinesis';
import { scenarios as consume } from '../kcl/scenarios.mjs';

const firstShard = 'shardId-000000000000';

/** What is asked of each Flink connector. `run` is a new one on a stream of its own. */
export const scenarios = {
  async 'job-read'(run) {
    await run.create(4);
    await run.putRounds(20);
    run.start();
    await run.caughtUp();
    await run.putRounds(20);
    await run.caughtUp();
    await counted(run);
    await run.end();
    run.account.check({ strict: true });
  },

  async 'job-reshard'(run) {
    await run.create(2);
    await run.putRounds(5);
    run.start();
    await run.caughtUp();
    await run.send('SplitShard', { ShardToSplit: firstShard, NewStartingHashKey: String(2n ** 126n) });
    await run.putRounds(5);
    await run.active();
    await run.putRounds(5);
    await run.send('MergeShards', {
      ShardToMerge: 'shardId-000000000003',
      AdjacentShardToMerge: 'shardId-000000000001',
    });
    await run.putRounds(5);
    await run.active();
    await run.send('UpdateShardCount', { TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' });
    await run.putRounds(5);
    await run.active();
    await run.putRounds(5);
    await run.caughtUp();
    await counted(run);
    await run.end();
    // The connector reads children beside their parents: it promises the order of a shard, and no more.
    run.account.check({ strict: true, withinShard: true });
  },

  async 'job-crash'(run) {
    const server = await run.ownServer();
    await run.create(2);
    await run.putRounds(5);
    run.start();
    await run.caughtUp();
    const load = run.putUntilStopped();
    for (let i = 0; i < 3; i++) {
      await sleep(1_000);
      await server.crash();
    }
    await load.stop();
    await run.caughtUp();
    await counted(run);
    await run.end();
    run.account.check({ twice: true });
  },

  'consume-trouble': consume['consume-trouble'],
  'consume-sparse': consume['consume-sparse'],
  'consume-large': consume['consume-large'],
  'consume-tls': consume['consume-tls'],

  async 'job-write'(run) {
    await run.create(2);
    await run.create(2, `${run.stream}-out`);
    await run.putRounds(20);
    run.start();
    await run.putRounds(20);
    const copies = await copied(run);
    copies.check();
    assert.equal(copies.records, run.account.acknowledged);
  },

  async 'job-write-trouble'(run) {
    await run.ownServer();
    await run.create(2);
    const out = `${run.stream}-out`;
    await run.create(2, out);
    for (const fault of ['throttle', 'internal-error', 'drop-answer']) {
      await run.control('faults', { fault, operation: 'PutRecords', stream: out, count: 2 });
    }
    await run.control('faults', {
      fault: 'fail-records',
      stream: out,
      probability: 0.2,
      seed: 3,
      count: 50,
    });
    run.start();
    await run.putRounds(40);
    await copied(run);
  },

  async 'job-write-crash'(run) {
    const server = await run.ownServer();
    await run.create(2);
    await run.create(2, `${run.stream}-out`);
    run.start();
    const load = run.putUntilStopped(20);
    await run.until('the job copies', async () => (await read(run, `${run.stream}-out`)).records > 0);
    for (let i = 0; i < 3; i++) {
      await sleep(1_000);
      await server.crash();
    }
    await load.stop();
    await copied(run);
  },
};

/** What Flink has counted of each key is what came of it: no more after a failure, and no less. */
async function counted(run) {
  const [job] = run.workers;
  await run.until('the counts are those of the records', () => {
    const came = run.account.recordsOfKeys();
    return [...came].every(([key, records]) => job.counts.get(key) === records);
  });
}

/** The account of the copies, once every record of the stream is among them. */
async function copied(run) {
  let copies;
  await run.until('every record has been copied', async () => {
    copies = await read(run, `${run.stream}-out`);
    return copies.missing.length === 0;
  });
  return copies;
}

/** What was put into the run's stream, held against all that is in another. */
async function read(run, StreamName) {
  const account = run.account.ofPuts();
  for (const { ShardId } of await run.shards(StreamName)) {
    const position = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
    let { ShardIterator } = await run.kinesis.send(new GetShardIteratorCommand(position));
    let page;
    do {
      page = await run.kinesis.send(new GetRecordsCommand({ ShardIterator }));
      for (const { PartitionKey: key, Data, SequenceNumber: sequence } of page.Records) {
        account.came({ key, data: bodyOf(Data), bytes: Data.length, sequence, sub: 0 });
      }
      ShardIterator = page.NextShardIterator;
    } while (ShardIterator !== undefined && page.MillisBehindLatest > 0);
  }
  return account;
}

/** A table's copies are rows of JSON. */
function bodyOf(data) {
  const text = Buffer.from(data).toString();
  return Buffer.from(text.startsWith('{') ? JSON.parse(text).body : text).toString('base64');
}
