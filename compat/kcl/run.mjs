// One run of a KCL application on a stream: workers, what is put meanwhile, and the account of both.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  SplitShardCommand,
  UpdateMaxRecordSizeCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { startOnDisk } from '../server.mjs';
import { Account } from './account.mjs';
import { Worker } from './worker.mjs';

/** A JVM that starts beside fifty others has come this far after minutes. */
const waitMsMax = 300_000;
const lookMs = 100;
/** As long as a server needs to start again. */
const putAttemptsMax = 20;
const commands = {
  CreateStream: CreateStreamCommand,
  DescribeStreamSummary: DescribeStreamSummaryCommand,
  ListShards: ListShardsCommand,
  MergeShards: MergeShardsCommand,
  PutRecord: PutRecordCommand,
  PutRecords: PutRecordsCommand,
  SplitShard: SplitShardCommand,
  UpdateMaxRecordSize: UpdateMaxRecordSizeCommand,
  UpdateShardCount: UpdateShardCountCommand,
};
const keys = Array.from({ length: 24 }, (_, i) => `key-${i}`);

export class Run {
  #worker;
  #dynamo;
  #round = 0;
  #application;
  #closing = () => {};
  workers = [];
  called = new Set();

  /** `worker` is how a worker is started, `{ program, args, environment?, cwd?, stopSignal? }`; `endpoint` where the stream is. */
  constructor({ worker, dynamo, stream, endpoint, application = stream, account = new Account() }) {
    this.#worker = worker;
    this.#dynamo = dynamo;
    this.stream = stream;
    this.#application = application;
    this.account = account;
    this.endpoint = endpoint;
    this.kinesis = this.#clientOf(endpoint);
  }

  #clientOf(endpoint) {
    return new KinesisClient({
      endpoint,
      requestHandler: new NodeHttpHandler(),
      maxAttempts: putAttemptsMax,
    });
  }

  send(operation, input = {}) {
    const Command = commands[operation];
    return this.kinesis.send(new Command({ StreamName: this.stream, ...input }));
  }

  async create(ShardCount, StreamName = this.stream) {
    await this.send('CreateStream', { StreamName, ShardCount });
    return this.active(StreamName);
  }

  async active(StreamName = this.stream) {
    for (;;) {
      const { StreamDescriptionSummary } = await this.send('DescribeStreamSummary', { StreamName });
      if (StreamDescriptionSummary.StreamStatus === 'ACTIVE') return StreamDescriptionSummary;
      await sleep(lookMs);
    }
  }

  async shards(StreamName = this.stream) {
    const { Shards } = await this.send('ListShards', { StreamName });
    return Shards;
  }

  /** Starts one more worker of the application, which has the name of the stream unless it was given another. */
  start({ endpoint = this.endpoint } = {}) {
    const { args, environment, ...rest } = this.#worker;
    const worker = new Worker(
      {
        ...rest,
        args: [...args, this.#application, this.stream],
        environment: { ...environment, AWS_ENDPOINT_URL: endpoint, COMPAT_DYNAMODB: this.#dynamo.endpoint },
      },
      this.account,
    );
    this.workers.push(worker);
    return worker;
  }

  /** One record for each key, again until all are taken. `pad` makes them longer. */
  async put(pad = '') {
    const round = this.#round;
    this.#round += 1;
    let left = keys;
    while (left.length > 0) {
      const answer = await this.send('PutRecords', {
        Records: left.map((PartitionKey) => ({
          PartitionKey,
          Data: Buffer.from(`${round} ${PartitionKey} ${pad}`),
        })),
      });
      left = left.filter((key, i) => {
        if (answer.Records[i].ErrorCode !== undefined) return true;
        this.account.put(key, round);
        return false;
      });
    }
  }

  async putRounds(count) {
    for (let i = 0; i < count; i++) await this.put();
  }

  /** One record of `bytes`, alone. */
  async putOne(key, bytes) {
    const Data = Buffer.alloc(bytes, ' ');
    Data.write(`${this.#round} ${key}`);
    await this.send('PutRecord', { PartitionKey: key, Data });
    this.account.put(key, this.#round);
    this.#round += 1;
  }

  /** Puts rounds one after another, whatever becomes of the server, until it is told to stop. */
  putUntilStopped(pauseMs = 0) {
    let stopped = false;
    const putting = (async () => {
      while (!stopped) {
        await this.put();
        await sleep(pauseMs);
      }
    })();
    return {
      stop() {
        stopped = true;
        return putting;
      },
    };
  }

  /** From here on all is in a server of the run's own, on a disk, which can be crashed and whose clock may be moved. */
  async ownServer() {
    const server = await startOnDisk();
    this.endpoint = server.cleartext;
    this.kinesis.destroy();
    this.kinesis = this.#clientOf(server.cleartext);
    this.#closing = () => server.stop();
    return server;
  }

  /** Takes records of as many bytes as there may be. */
  async takeLarge(StreamARN) {
    await this.send('UpdateMaxRecordSize', { StreamName: undefined, StreamARN, MaxRecordSizeInKiB: 10_240 });
    await this.active();
  }

  /** The server's own controls, as a tester uses them with curl. */
  async control(at, body = {}) {
    const answer = await fetch(`${this.endpoint}/_millrace/${at}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, `${at}: ${answer.status} ${await answer.text()}`);
  }

  /** Waits for what must come true; throws with what the workers said where it does not. */
  async until(what, holds, msMax = waitMsMax) {
    for (let waitedMs = 0; !(await holds()); waitedMs += lookMs) {
      const ended = this.workers.length > 0 && this.workers.every(({ running }) => !running);
      if (waitedMs >= msMax || ended) {
        const said = this.workers.map(({ said }) => said).join('\n');
        assert.fail(
          `${what}: not after ${waitedMs} ms, ${JSON.stringify(this.account.missing.slice(0, 3))}\n${said}`,
        );
      }
      await sleep(lookMs);
    }
  }

  caughtUp() {
    return this.until('all that was put has come', () => this.account.missing.length === 0);
  }

  leases() {
    return this.#dynamo.leases(this.#application);
  }

  /** Every shard that is closed is at SHARD_END in the table of leases, or its lease is gone because it was. */
  async shardsEnded() {
    const closed = (await this.shards()).filter((shard) => shard.SequenceNumberRange.EndingSequenceNumber);
    await this.until('closed shards are at SHARD_END', async () => {
      const leases = await this.leases();
      return closed.every(({ ShardId }) => {
        const ended = this.workers.some((worker) => worker.having('ended').includes(ShardId));
        return ended && (leases.get(ShardId)?.checkpoint ?? 'SHARD_END') === 'SHARD_END';
      });
    });
    return closed.length;
  }

  async end() {
    await Promise.all(this.workers.map((worker) => worker.stop()));
    for (const { called } of this.workers) for (const operation of called) this.called.add(operation);
  }

  async abandon() {
    await Promise.all(this.workers.map((worker) => worker.kill()));
    this.kinesis.destroy();
    await this.#closing();
  }
}
