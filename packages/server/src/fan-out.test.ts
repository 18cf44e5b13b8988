/** Enhanced fan-out as the unmodified SDK sees it, over its default HTTP/2 and over HTTP/1.1. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  KinesisServiceException,
  ListShardsCommand,
  ListStreamConsumersCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  type StartingPosition,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Millrace, type MillraceOptions } from './millrace.js';
import { until } from './testing/gateway-fixture.js';
import { startServerProcess } from './testing/server-process.js';

const patience = { timeout: 60_000 };
const streamArn = 'arn:aws:kinesis:us-east-1:123456789012:stream/s';
const halfOfRing = '170141183460469231731687303715884105728';

/** What one subscription brings, as it comes. */
class Subscribed {
  readonly events: SubscribeToShardEvent[] = [];
  records = 0;
  ended = false;
  failure: unknown;

  async follow(stream: AsyncIterable<{ SubscribeToShardEvent?: SubscribeToShardEvent }>): Promise<void> {
    try {
      for await (const { SubscribeToShardEvent: event } of stream) {
        assert.ok(event, 'nothing but events comes over the stream');
        this.events.push(event);
        this.records += event.Records?.length ?? 0;
      }
    } catch (error) {
      this.failure = error;
    }
    this.ended = true;
  }

  get texts(): readonly string[] {
    return this.events.flatMap(({ Records = [] }) =>
      Records.map(({ Data }) => Buffer.from(Data ?? '').toString()),
    );
  }

  get failureName(): string | undefined {
    return this.failure instanceof Error ? this.failure.name : undefined;
  }

  /** Where to subscribe again, by the last event. */
  get after(): StartingPosition {
    return {
      Type: 'AFTER_SEQUENCE_NUMBER',
      SequenceNumber: this.events.at(-1)?.ContinuationSequenceNumber,
    };
  }
}

class Caller {
  readonly client: KinesisClient;

  constructor(endpoint: string, http1: boolean) {
    this.client = new KinesisClient({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
      maxAttempts: 1,
      ...(http1 ? { requestHandler: new NodeHttpHandler() } : {}),
    });
  }

  async register(ConsumerName: string): Promise<string> {
    const { Consumer } = await this.client.send(
      new RegisterStreamConsumerCommand({ StreamARN: streamArn, ConsumerName }),
    );
    assert.equal(Consumer?.ConsumerStatus, 'CREATING');
    const ConsumerARN = Consumer?.ConsumerARN ?? '';
    for (;;) {
      const described = await this.client.send(new DescribeStreamConsumerCommand({ ConsumerARN }));
      if (described.ConsumerDescription?.ConsumerStatus === 'ACTIVE') return ConsumerARN;
    }
  }

  async subscribe(
    ConsumerARN: string,
    StartingPosition: StartingPosition,
    ShardId = 'shardId-000000000000',
  ): Promise<Subscribed> {
    const answer = await this.client.send(
      new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition }),
    );
    assert.ok(answer.EventStream);
    const subscribed = new Subscribed();
    void subscribed.follow(answer.EventStream);
    return subscribed;
  }

  async put(text: string, key = 'k'): Promise<string> {
    const { SequenceNumber = '' } = await this.client.send(
      new PutRecordCommand({ StreamName: 's', PartitionKey: key, Data: Buffer.from(text) }),
    );
    return SequenceNumber;
  }

  async refusal(subscribing: Promise<unknown>): Promise<string> {
    const error = await subscribing.then(
      () => assert.fail('it was not refused'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof KinesisServiceException, String(error));
    return `${error.name}: ${error.message}`;
  }
}

class Under extends Caller {
  readonly millrace: Millrace;

  constructor(millrace: Millrace, http1: boolean) {
    super(millrace.endpoint, http1);
    this.millrace = millrace;
  }
}

async function start(t: TestContext, http1: boolean, options: Partial<MillraceOptions> = {}): Promise<Under> {
  const millrace = await Millrace.start({
    ...(options.dataDir === undefined ? { ephemeral: true } : {}),
    create: [{ name: 's', shards: 1 }],
    ...options,
  });
  const under = new Under(millrace, http1);
  t.after(async () => {
    under.client.destroy();
    await millrace.close();
  });
  return under;
}

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

for (const http1 of [false, true]) {
  const over = http1 ? 'HTTP/1.1' : 'HTTP/2';

  test(`${over}: a consumer comes to be, is found, listed and counted, and goes`, patience, async (t) => {
    const under = await start(t, http1);
    const { client } = under;
    const ConsumerARN = await under.register('app');
    assert.match(ConsumerARN, /^arn:aws:kinesis:us-east-1:123456789012:stream\/s\/consumer\/app:\d{10}$/);
    const { ConsumerDescription } = await client.send(
      new DescribeStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: 'app' }),
    );
    assert.equal(ConsumerDescription?.StreamARN, streamArn);
    const created = ConsumerDescription?.ConsumerCreationTimestamp?.getTime() ?? 0;
    assert.equal(ConsumerARN.split(':').at(-1), String(created / 1000));
    await under.register('other');
    const listed = await client.send(new ListStreamConsumersCommand({ StreamARN: streamArn, MaxResults: 1 }));
    assert.deepEqual(
      listed.Consumers?.map(({ ConsumerName }) => ConsumerName),
      ['app'],
    );
    const rest = await client.send(
      new ListStreamConsumersCommand({ StreamARN: streamArn, NextToken: listed.NextToken }),
    );
    assert.deepEqual(
      rest.Consumers?.map(({ ConsumerName }) => ConsumerName),
      ['other'],
    );
    const summary = await client.send(new DescribeStreamSummaryCommand({ StreamName: 's' }));
    assert.equal(summary.StreamDescriptionSummary?.ConsumerCount, 2);
    assert.match(
      await under.refusal(
        client.send(new RegisterStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: 'app' })),
      ),
      /^ResourceInUseException: Consumer app under stream s already exists for account 123456789012\.$/,
    );
    await client.send(new DeregisterStreamConsumerCommand({ ConsumerARN }));
    for (let gone = false; !gone; ) {
      const { Consumers } = await client.send(new ListStreamConsumersCommand({ StreamARN: streamArn }));
      gone = Consumers?.length === 1;
    }
    assert.equal(
      await under.refusal(client.send(new DescribeStreamConsumerCommand({ ConsumerARN }))),
      'ResourceNotFoundException: Consumer app, account 123456789012 not found.',
    );
  });

  test(
    `${over}: records come as they are put, whole and in order, from each of the five positions`,
    patience,
    async (t) => {
      const under = await start(t, http1);
      const before = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(async (name) => under.register(name)));
      const [horizon = '', latest = '', at = '', after = '', time = ''] = before;
      const numbers: string[] = [];
      for (const text of ['zero', 'one', 'two']) numbers.push(await under.put(text));
      // The clock is the server's: everything so far is before this instant, everything later is not.
      under.millrace.clock.advance(1000);
      const from = new Date(under.millrace.clock.now());
      under.millrace.clock.advance(1000);
      const subscribed = [
        await under.subscribe(horizon, { Type: 'TRIM_HORIZON' }),
        await under.subscribe(at, { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: numbers[1] }),
        await under.subscribe(after, { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: numbers[1] }),
        await under.subscribe(time, { Type: 'AT_TIMESTAMP', Timestamp: from }),
        await under.subscribe(latest, { Type: 'LATEST' }),
      ];
      const last = await under.put('three', 'key');
      await until(() => subscribed.every(({ texts }) => texts.at(-1) === 'three'));
      assert.deepEqual(
        subscribed.map(({ texts }) => texts),
        [['zero', 'one', 'two', 'three'], ['one', 'two', 'three'], ['two', 'three'], ['three'], ['three']],
      );
      for (const { events } of subscribed) {
        const { Records, ContinuationSequenceNumber, MillisBehindLatest, ChildShards } = events.at(-1) ?? {};
        assert.equal(Records?.at(-1)?.SequenceNumber, last);
        assert.equal(Records?.at(-1)?.PartitionKey, 'key');
        assert.ok(Records?.at(-1)?.ApproximateArrivalTimestamp instanceof Date);
        assert.equal(ContinuationSequenceNumber, last);
        assert.equal(MillisBehindLatest, 0);
        assert.equal(ChildShards, undefined);
      }
    },
  );

  test(
    `${over}: a subscription says so every five seconds while nothing comes, and ends after five minutes`,
    patience,
    async (t) => {
      const under = await start(t, http1);
      const app = await under.register('app');
      await under.put('before');
      const subscribed = await under.subscribe(app, { Type: 'LATEST' });
      const continuations: bigint[] = [];
      for (let i = 1; i <= 2; i++) {
        under.millrace.clock.advance(5_000);
        await until(() => subscribed.events.length === i);
        const event = subscribed.events.at(-1);
        assert.deepEqual(event?.Records, []);
        assert.equal(event?.MillisBehindLatest, 0);
        continuations.push(BigInt(event?.ContinuationSequenceNumber ?? 0));
      }
      assert.ok((continuations[1] ?? 0n) > (continuations[0] ?? 0n), 'it rises while nothing comes');
      under.millrace.clock.advance(300_000);
      await until(() => subscribed.ended);
      assert.equal(subscribed.failure, undefined);
      await under.put('while away');
      const again = await under.subscribe(app, subscribed.after);
      await until(() => again.texts.length > 0);
      assert.deepEqual(
        again.texts,
        ['while away'],
        'after the last continuation, nothing is lost and nothing comes twice',
      );
    },
  );

  test(
    `${over}: a second call is refused for five seconds, and takes over after them`,
    patience,
    async (t) => {
      const under = await start(t, http1);
      const app = await under.register('app');
      const other = await under.register('other');
      under.millrace.clock.hold();
      const first = await under.subscribe(app, { Type: 'LATEST' });
      await under.subscribe(other, { Type: 'LATEST' });
      assert.match(
        await under.refusal(under.subscribe(app, { Type: 'LATEST' })),
        /^ResourceInUseException: Another active subscription exists for this consumer/,
      );
      under.millrace.clock.advance(4_999);
      assert.match(await under.refusal(under.subscribe(app, { Type: 'LATEST' })), /^ResourceInUseException/);
      under.millrace.clock.advance(1);
      const second = await under.subscribe(app, { Type: 'LATEST' });
      await until(() => first.ended);
      assert.equal(first.failureName, 'ResourceInUseException');
      await under.put('for the second');
      await until(() => second.texts.length === 1);
      assert.deepEqual(first.texts, []);
    },
  );

  test(
    `${over}: a split while records come: no gap, no repeat, the children named, the end`,
    patience,
    async (t) => {
      const under = await start(t, http1);
      const app = await under.register('app');
      const parent = await under.subscribe(app, { Type: 'TRIM_HORIZON' });
      let sent = 0;
      let stop = false;
      const producing = (async () => {
        while (!stop) {
          const Records = Array.from({ length: 5 }, () => {
            const text = `record ${sent++}`;
            return { PartitionKey: text, Data: Buffer.from(text) };
          });
          const put = await under.client.send(new PutRecordsCommand({ StreamName: 's', Records }));
          assert.equal(put.FailedRecordCount, 0);
        }
      })();
      await until(() => parent.texts.length > 50);
      await under.client.send(
        new SplitShardCommand({
          StreamName: 's',
          ShardToSplit: 'shardId-000000000000',
          NewStartingHashKey: halfOfRing,
        }),
      );
      await until(() => parent.ended);
      assert.equal(parent.failure, undefined);
      const last = parent.events.at(-1);
      assert.equal(last?.ContinuationSequenceNumber, undefined);
      assert.deepEqual(
        last?.ChildShards?.map(({ ShardId, ParentShards, HashKeyRange }) => [
          ShardId,
          ParentShards,
          HashKeyRange?.StartingHashKey,
        ]),
        [
          ['shardId-000000000001', ['shardId-000000000000'], '0'],
          ['shardId-000000000002', ['shardId-000000000000'], halfOfRing],
        ],
      );
      assert.ok(parent.events.slice(0, -1).every((event) => event.ChildShards === undefined));
      const children: Subscribed[] = [];
      for (const { ShardId } of last?.ChildShards ?? []) {
        children.push(await under.subscribe(app, { Type: 'TRIM_HORIZON' }, ShardId));
      }
      await until(() => children.every(({ texts }) => texts.length > 50));
      stop = true;
      await producing;
      const all = (): readonly string[] => [parent, ...children].flatMap(({ texts }) => texts);
      await until(() => all().length >= sent);
      assert.deepEqual([...all()].sort(), Array.from({ length: sent }, (_, i) => `record ${i}`).sort());
      const { Shards } = await under.client.send(new ListShardsCommand({ StreamName: 's' }));
      assert.equal(Shards?.length, 3);
    },
  );

  test(
    `${over}: a stream with consumers is held back from its end, and goes with them when told to`,
    patience,
    async (t) => {
      const under = await start(t, http1);
      const app = await under.register('app');
      const subscribed = await under.subscribe(app, { Type: 'LATEST' });
      assert.match(
        await under.refusal(under.client.send(new DeleteStreamCommand({ StreamName: 's' }))),
        /^ResourceInUseException: .*EnforceConsumerDeletion/,
      );
      await under.client.send(new DeleteStreamCommand({ StreamName: 's', EnforceConsumerDeletion: true }));
      await until(() => subscribed.ended);
      assert.equal(subscribed.failureName, 'ResourceNotFoundException');
    },
  );

  test(
    `${over}: a consumer that is deregistered loses its subscriptions, and its ARN names no other`,
    patience,
    async (t) => {
      const under = await start(t, http1);
      const app = await under.register('app');
      const subscribed = await under.subscribe(app, { Type: 'LATEST' });
      await under.client.send(new DeregisterStreamConsumerCommand({ ConsumerARN: app }));
      await until(() => subscribed.ended);
      assert.equal(subscribed.failureName, 'ResourceNotFoundException');
      under.millrace.clock.advance(10_000);
      for (;;) {
        const { Consumers } = await under.client.send(
          new ListStreamConsumersCommand({ StreamARN: streamArn }),
        );
        if (Consumers?.length === 0) break;
      }
      const again = await under.register('app');
      assert.notEqual(again, app);
      assert.match(
        await under.refusal(under.subscribe(app, { Type: 'LATEST' })),
        /^ResourceNotFoundException/,
      );
      await under.subscribe(again, { Type: 'LATEST' });
    },
  );

  test(`${over}: a reader that reads nothing holds one event, whatever is put`, patience, async (t) => {
    const under = await start(t, http1);
    const app = await under.register('app');
    const answer = await under.client.send(
      new SubscribeToShardCommand({
        ConsumerARN: app,
        ShardId: 'shardId-000000000000',
        StartingPosition: { Type: 'TRIM_HORIZON' },
      }),
    );
    const held = async (): Promise<number> => {
      const text = await (await fetch(`${under.millrace.endpoint}/metrics`)).text();
      return Number(/^millrace_buffered_bytes (\S+)/m.exec(text)?.[1]);
    };
    let sent = 0;
    let most = 0;
    while (sent < 1000) {
      const Records = Array.from({ length: 100 }, () => ({
        PartitionKey: 'k',
        Data: Buffer.from(`${sent++} `.padEnd(16_384, '.')),
      }));
      await under.client.send(new PutRecordsCommand({ StreamName: 's', Records }));
      most = Math.max(most, await held());
    }
    assert.ok(most > 0, 'it is slow enough to be waited for');
    assert.ok(most < 1_000_000, `${most} bytes were held`);
    const subscribed = new Subscribed();
    assert.ok(answer.EventStream);
    void subscribed.follow(answer.EventStream);
    await until(() => subscribed.records === sent);
    assert.deepEqual(
      subscribed.texts.map((text) => Number.parseInt(text, 10)),
      Array.from({ length: sent }, (_, i) => i),
      'and it gets all of it in the end, in order',
    );
  });

  test(
    `${over}: stopping ends subscriptions like any other end; consumers and places outlive it`,
    patience,
    async (t) => {
      const dataDir = await scratch(t);
      const first = await start(t, http1, { dataDir });
      const app = await first.register('app');
      const subscribed = await first.subscribe(app, { Type: 'TRIM_HORIZON' });
      await first.put('before');
      await until(() => subscribed.texts.length === 1);
      await first.millrace.close();
      await until(() => subscribed.ended);
      assert.equal(subscribed.failure, undefined);
      const second = await start(t, http1, { dataDir, create: [] });
      await second.put('after');
      const again = await second.subscribe(app, subscribed.after);
      await until(() => again.texts.length === 1);
      assert.deepEqual(again.texts, ['after']);
    },
  );
}

test(
  'a subscriber follows a server that is killed, again and again: no gap, no repeat',
  patience,
  async (t) => {
    const dataDir = await scratch(t);
    const rounds = 4;
    const acknowledged = new Set<string>();
    const seen: string[] = [];
    let app = '';
    let next: StartingPosition = { Type: 'TRIM_HORIZON' };
    for (let round = 0; round < rounds; round++) {
      await using server = await startServerProcess(dataDir);
      const caller = new Caller(server.endpoint, round % 2 === 1);
      if (round === 0) {
        await caller.client.send(new CreateStreamCommand({ StreamName: 's', ShardCount: 1 }));
        for (let status = ''; status !== 'ACTIVE'; ) {
          const summary = await caller.client.send(new DescribeStreamSummaryCommand({ StreamName: 's' }));
          status = summary.StreamDescriptionSummary?.StreamStatus ?? '';
        }
        app = await caller.register('app');
      }
      const subscribed = await caller.subscribe(app, next);
      if (round === rounds - 1) {
        await until(() =>
          [...acknowledged].every((text) => seen.includes(text) || subscribed.texts.includes(text)),
        );
      } else {
        const writers = [0, 1, 2, 3].map(async (writer) => {
          for (let i = 0; ; i++) {
            const text = `${round}/${writer}/${i}`;
            try {
              await caller.put(text);
            } catch {
              return;
            }
            acknowledged.add(text);
          }
        });
        await until(() => subscribed.records > 60);
        await server.end('SIGKILL');
        await Promise.all(writers);
        await until(() => subscribed.ended);
        next = subscribed.after;
      }
      seen.push(...subscribed.texts);
      caller.client.destroy();
    }
    assert.equal(new Set(seen).size, seen.length, 'nothing comes twice');
    assert.deepEqual(
      [...acknowledged].filter((text) => !seen.includes(text)),
      [],
      'nothing that was acknowledged is missing',
    );
  },
);
