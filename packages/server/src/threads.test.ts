/** What threads must not change: the same requests, to a server of one thread and to one of three. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Millrace } from './millrace.js';
import { StartError } from './start-error.js';
import { RawClient, requestText } from './testing/raw-client.js';

const patience = { timeout: 60_000 };
const create = [{ name: 's', shards: 1 }];
/** Forty of them are a body that is handed over. */
const recordBytes = 16 * 1024;
const recordsPerPut = 40;

function clientOf(millrace: Millrace, http1: boolean): KinesisClient & Disposable {
  const client = new KinesisClient({
    endpoint: millrace.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
    ...(http1 ? { requestHandler: new NodeHttpHandler() } : {}),
  });
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}

function recordsOf(put: number): { readonly PartitionKey: string; readonly Data: Buffer }[] {
  return Array.from({ length: recordsPerPut }, (_, i) => ({
    PartitionKey: `${put}-${i}`,
    Data: Buffer.alloc(recordBytes, `${put}-${i} `),
  }));
}

/** Sequence number → partition key and data, of the stream's one shard. */
async function readAll(client: KinesisClient): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const start = {
    StreamName: 's',
    ShardId: 'shardId-000000000000',
    ShardIteratorType: 'TRIM_HORIZON',
  } as const;
  let { ShardIterator } = await client.send(new GetShardIteratorCommand(start));
  for (let behindMs = 1; behindMs > 0; ) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator }));
    for (const { SequenceNumber = '', PartitionKey, Data } of page.Records ?? []) {
      found.set(SequenceNumber, `${PartitionKey} ${Buffer.from(Data ?? '').toString()}`);
    }
    behindMs = page.MillisBehindLatest ?? 0;
    ShardIterator = page.NextShardIterator;
  }
  return found;
}

const json = { 'content-type': 'application/x-amz-json-1.1' };
const putRecords = { ...json, 'x-amz-target': 'Kinesis_20131202.PutRecords' };

for (const threads of [1, 3]) {
  for (const http1 of [false, true]) {
    const over = http1 ? 'HTTP/1.1' : 'HTTP/2';
    test(
      `${threads} threads: large puts, many at once, are where they were acknowledged, over ${over}`,
      patience,
      async () => {
        await using millrace = await Millrace.start({ ephemeral: true, threads, create });
        using client = clientOf(millrace, http1);
        const acknowledged = new Map<string, string>();
        await Promise.all(
          Array.from({ length: 32 }, async (_, put) => {
            const sent = recordsOf(put);
            const { Records = [] } = await client.send(
              new PutRecordsCommand({ StreamName: 's', Records: sent }),
            );
            for (const [i, { SequenceNumber = '' }] of Records.entries()) {
              acknowledged.set(SequenceNumber, `${sent[i]?.PartitionKey} ${sent[i]?.Data.toString()}`);
            }
          }),
        );
        assert.equal(acknowledged.size, 32 * recordsPerPut);
        const found = await readAll(client);
        assert.equal(found.size, acknowledged.size);
        for (const [number, text] of acknowledged) assert.equal(found.get(number), text);
      },
    );
  }

  test(`${threads} threads: what one connection pipelines is in the log in its order`, patience, async () => {
    await using millrace = await Millrace.start({ ephemeral: true, threads, create });
    const sizes = Array.from({ length: 30 }, (_, put) => (put % 3 === 2 ? 1 : recordsPerPut));
    const connection = new RawClient(millrace.port);
    for (const [put, size] of sizes.entries()) {
      const Records = recordsOf(put)
        .slice(0, size)
        .map(({ PartitionKey, Data }) => ({ PartitionKey, Data: Data.toString('base64') }));
      const body = JSON.stringify({ StreamName: 's', Records });
      void connection.write(requestText({ headers: putRecords, body }));
    }
    for (const _ of sizes) assert.equal((await connection.response()).status, 200);
    connection.destroy();
    using client = clientOf(millrace, true);
    const inOrder = [...(await readAll(client)).entries()].sort(([a], [b]) =>
      BigInt(a) < BigInt(b) ? -1 : 1,
    );
    assert.deepEqual(
      inOrder.map(([, text]) => text.split(' ', 1)[0]),
      sizes.flatMap((size, put) => Array.from({ length: size }, (_, i) => `${put}-${i}`)),
    );
  });

  test(
    `${threads} threads: large bodies out of the ordinary are answered as small ones are`,
    patience,
    async () => {
      await using millrace = await Millrace.start({ ephemeral: true, threads, create });
      const ordinary = JSON.stringify({
        StreamName: 's',
        Records: recordsOf(0).map(({ PartitionKey, Data }) => ({
          PartitionKey,
          Data: Data.toString('base64'),
        })),
      });
      const cases = [
        { body: ordinary, status: 200, says: /"FailedRecordCount":0/ },
        { body: ordinary.replace('"0-3"', '"\\u0030-3"'), status: 200, says: /"FailedRecordCount":0/ },
        {
          body: ordinary.replace('"Data":"MC0zI', '"Data":"MC0*I'),
          status: 400,
          says: /SerializationException/,
        },
        { body: ordinary.slice(0, -1), status: 400, says: /SerializationException/ },
        { body: ordinary.replace('"0-3"', '""'), status: 400, says: /ValidationException/ },
        {
          body: ordinary.replace('"StreamName":"s"', '"StreamName":"t"'),
          status: 400,
          says: /ResourceNotFound/,
        },
      ];
      const connection = new RawClient(millrace.port);
      for (const { body, status, says } of Array.from({ length: 5 }, () => cases).flat()) {
        void connection.write(requestText({ headers: putRecords, body }));
        const answer = await connection.response();
        assert.equal(answer.status, status);
        assert.match(answer.body.toString(), says);
      }
      connection.destroy();
    },
  );

  test(`${threads} threads: a reset among large puts lets each see one state`, patience, async () => {
    await using millrace = await Millrace.start({ ephemeral: true, threads, create });
    using client = clientOf(millrace, false);
    const puts = Array.from({ length: 24 }, async (_, put) => {
      try {
        const answer = await client.send(new PutRecordsCommand({ StreamName: 's', Records: recordsOf(put) }));
        assert.equal(answer.FailedRecordCount, 0);
      } catch (error) {
        assert.equal((error as Error).name, 'ResourceNotFoundException');
      }
    });
    const reset = fetch(`${millrace.endpoint}/_millrace/reset`, { method: 'POST' });
    await Promise.all(puts);
    assert.equal((await reset).status, 200);
    await client.send(new CreateStreamCommand({ StreamName: 's', ShardCount: 1 }));
  });

  test(`${threads} threads: a close answers the large puts that are under way`, patience, async () => {
    const millrace = await Millrace.start({ ephemeral: true, threads, create });
    using client = clientOf(millrace, true);
    let closing: Promise<void> | undefined;
    const outcomes = await Promise.all(
      Array.from({ length: 24 }, async (_, put) => {
        try {
          await client.send(new PutRecordsCommand({ StreamName: 's', Records: recordsOf(put) }));
          closing ??= millrace.close();
          return 'answered';
        } catch (error) {
          const { $metadata, name } = error as Error & {
            readonly $metadata?: { readonly httpStatusCode?: number };
          };
          return $metadata?.httpStatusCode ?? name;
        }
      }),
    );
    await closing;
    assert.ok(outcomes.includes('answered'));
    assert.ok(!outcomes.includes(500), 'no put fails in the middle');
  });
}

test('threads are a whole number, and not too many', async () => {
  for (const threads of [0, 1.5, 17, Number.NaN]) {
    await assert.rejects(Millrace.start({ ephemeral: true, threads }), (error) => {
      return error instanceof StartError && error.code === 'bad-option' && error.message.includes('1 to 16');
    });
  }
});

test(
  'memory of payloads that goes round changes nothing that was put, nor a page that is read',
  patience,
  async (t) => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-threads-'));
    t.after(() => rm(dataDir, { recursive: true, force: true }));
    await using millrace = await Millrace.start({ dataDir, threads: 2, create, cacheBytes: 8 * 1024 * 1024 });
    using client = clientOf(millrace, true);
    const acknowledged = new Map<string, string>();
    const reads: Promise<ReadonlyMap<string, string>>[] = [];
    for (let round = 0; round < 12; round++) {
      await Promise.all(
        [0, 1, 2, 3].map(async (put) => {
          const sent = recordsOf(4 * round + put);
          const { Records = [] } = await client.send(
            new PutRecordsCommand({ StreamName: 's', Records: sent }),
          );
          for (const [i, { SequenceNumber = '' }] of Records.entries()) {
            acknowledged.set(SequenceNumber, `${sent[i]?.PartitionKey} ${sent[i]?.Data.toString()}`);
          }
        }),
      );
      if (round % 4 === 1) reads.push(readAll(client));
    }
    reads.push(readAll(client));
    for (const found of await Promise.all(reads)) {
      for (const [number, text] of found) assert.equal(text, acknowledged.get(number));
    }
    assert.equal((await reads.at(-1))?.size, acknowledged.size);
  },
);
