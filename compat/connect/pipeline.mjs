// One run of a pipeline: what is fed to its writer, what comes from its reader, and the account of both.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CreateStreamCommand, DescribeStreamSummaryCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { startOnDisk } from '../server.mjs';
import { Account } from './account.mjs';

const waitMsMax = 120_000;
const lookMs = 50;
const saidMax = 4_096;
/** A reader would outlive whoever started it, and was killed. */
const killedWhenStdinEnds = '"$@" & read -r _; kill -KILL $!';
const keys = Array.from({ length: 24 }, (_, i) => `key-${i}`);
const file = (name) => fileURLToPath(new URL(name, import.meta.url));

export class Pipeline {
  #program;
  #dynamo;
  #writer;
  #reader;
  #closing = () => {};
  endpoint = process.env.AWS_ENDPOINT_URL;
  account = new Account();
  said = '';

  /** `stream` is the name of the stream, and of the table of its checkpoints. */
  constructor({ program, stream, dynamo }) {
    this.#program = program;
    this.stream = stream;
    this.#dynamo = dynamo;
  }

  /** Makes the stream, and starts a writer and a reader on it. */
  async start(ShardCount) {
    await this.#send(new CreateStreamCommand({ StreamName: this.stream, ShardCount }));
    await this.#active();
    this.#writer = this.#run(this.#program, ['run', file('writer.yaml')]);
    this.startReader();
  }

  startReader() {
    const reader = [this.#program, 'run', file('reader.yaml')];
    this.#reader = this.#run('sh', ['-c', killedWhenStdinEnds, 'sh', ...reader]);
    // What has no end of its line was not written: it may be killed in the middle of one.
    let rest = '';
    this.#reader.stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop();
      for (const line of lines) if (line.startsWith('{')) this.account.came(JSON.parse(line));
    });
  }

  async killReader() {
    const ended = once(this.#reader, 'exit');
    this.#reader.stdin.end();
    await ended;
  }

  /** Feeds so many rounds of one record a key, a little apart. */
  async feed(rounds) {
    for (let i = 0; i < rounds; i++) {
      const lines = keys.map((key) => `${this.account.feed(key)}\n`);
      if (!this.#writer.stdin.write(lines.join(''))) await once(this.#writer.stdin, 'drain');
      await sleep(lookMs);
    }
  }

  /** Cuts or joins shards, as `command` says, while it is being fed. */
  async reshard(command) {
    await this.#send(command);
    await this.feed(10);
    await this.#active();
    await this.feed(10);
    await this.arrived();
  }

  /** All that was fed has come out. */
  arrived() {
    return this.#until(
      () => `${this.account.missing} records have not come`,
      () => this.account.missing === 0,
    );
  }

  /** The writer ends by itself, and in peace, once all that it was fed is acknowledged. */
  async finished() {
    this.#writer.stdin.end();
    await this.#until(
      () => 'the writer has not ended',
      () => this.#writer.exitCode !== null,
    );
    assert.equal(this.#writer.exitCode, 0);
    await this.arrived();
  }

  /** There is a checkpoint of every shard that is being read, at some record of it. */
  checkpointed() {
    return this.#until(
      () => 'there is a shard without a checkpoint',
      async () => (await this.#checkpoints()).every(({ SequenceNumber }) => SequenceNumber !== undefined),
    );
  }

  /** There are checkpoints of these shards, and of no others. */
  checkpointsOf(shards) {
    let found = [];
    return this.#until(
      () => `there are checkpoints of ${found}`,
      async () => {
        found = (await this.#checkpoints()).map(({ ShardID }) => ShardID.S).sort();
        return found.join() === shards.join();
      },
    );
  }

  /** From here on all is in a server of its own, on a disk; answers what kills it and starts it again. */
  async ownServer() {
    const server = await startOnDisk();
    this.endpoint = server.cleartext;
    this.#closing = () => server.stop();
    return () => server.crash();
  }

  async abandon() {
    this.#writer?.kill('SIGKILL');
    this.#reader?.stdin.end();
    await this.#closing();
  }

  #run(program, args) {
    const child = spawn(program, args, {
      env: {
        ...process.env,
        AWS_ENDPOINT_URL: this.endpoint,
        AWS_ENDPOINT_URL_DYNAMODB: this.#dynamo.endpoint,
        STREAM: this.stream,
        TABLE: this.stream,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const listen = (chunk) => {
      this.said = `${this.said}${chunk}`.slice(-saidMax);
    };
    child.stderr.setEncoding('utf8').on('data', listen);
    // One that was killed is still being written to.
    child.stdin.on('error', ({ message }) => listen(`${message}\n`));
    return child;
  }

  #checkpoints() {
    return this.#dynamo.items(this.stream);
  }

  #send(command) {
    // The same port as over TLS.
    const kinesis = new KinesisClient({ endpoint: this.endpoint.replace('https:', 'http:') });
    return kinesis.send(command).finally(() => kinesis.destroy());
  }

  async #active() {
    await this.#until(
      () => 'the stream is not ACTIVE',
      async () => {
        const { StreamDescriptionSummary } = await this.#send(
          new DescribeStreamSummaryCommand({ StreamName: this.stream }),
        );
        return StreamDescriptionSummary.StreamStatus === 'ACTIVE';
      },
    );
  }

  async #until(what, holds) {
    for (let waitedMs = 0; !(await holds()); waitedMs += lookMs) {
      assert.ok(waitedMs < waitMsMax, `${what()} after ${waitedMs} ms`);
      await sleep(lookMs);
    }
  }
}
