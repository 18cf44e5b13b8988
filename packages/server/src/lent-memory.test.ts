/**
 * Memory of pages and answers goes round. Here it is spoilt as soon as it is given back, so whoever gives it back too early
 * sends a client something else than was put.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { kib, mib } from '@millrace/base';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Millrace } from './millrace.js';
import { SharedSlabs } from './streams/codec/gathered-page.js';
import { SpareMemory } from './streams/codec/spare-memory.js';

const patience = { timeout: 120_000 };
const shards = 2;
const putsPerShard = 3;
const recordsPerPut = 60;
const recordBytes = 20 * kib;

/** Spoils what is given back; answers how often something was. */
function spoil(t: TestContext): { readonly slabs: () => number; readonly answers: () => number } {
  const { give: giveSlab } = SharedSlabs.prototype;
  const slabs = t.mock.method(SharedSlabs.prototype, 'give', function (this: SharedSlabs, slab: Buffer) {
    giveSlab.call(this, slab.fill(0xff));
  });
  const { give } = SpareMemory.prototype;
  const spare = t.mock.method(
    SpareMemory.prototype,
    'give',
    function (this: SpareMemory, memory: ArrayBufferLike) {
      new Uint8Array(memory).fill(0xff);
      give.call(this, memory);
    },
  );
  return { slabs: () => slabs.mock.callCount(), answers: () => spare.mock.callCount() };
}

function clientOf(millrace: Millrace, http1: boolean): KinesisClient {
  return new KinesisClient({
    endpoint: millrace.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
    ...(http1 ? { requestHandler: new NodeHttpHandler() } : {}),
  });
}

function dataOf(key: string): Buffer {
  return Buffer.alloc(recordBytes, key);
}

/** Reads a shard from its start, `Limit` records at a time, holding each against what was put. */
async function readShard(client: KinesisClient, shard: number, Limit: number): Promise<void> {
  const iterator = await client.send(
    new GetShardIteratorCommand({ StreamName: 's', ShardId: `${shard}`, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  let { ShardIterator } = iterator;
  let read = 0;
  for (let behindMs = 1; behindMs > 0; ) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator, Limit }));
    for (const { PartitionKey = '', Data } of page.Records ?? []) {
      assert.equal(PartitionKey, `${shard} ${read++}`);
      assert.ok(dataOf(PartitionKey).equals(Data ?? new Uint8Array(0)), `data of ${PartitionKey}`);
    }
    behindMs = page.MillisBehindLatest ?? 0;
    ShardIterator = page.NextShardIterator;
  }
  assert.equal(read, putsPerShard * recordsPerPut);
}

for (const threads of [1, 2]) {
  test(
    `${threads} threads: nobody looks at memory of pages and answers once it is given back`,
    patience,
    async (t) => {
      const given = spoil(t);
      const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-lent-'));
      t.after(() => rm(dataDir, { recursive: true, force: true }));
      const create = [{ name: 's', shards }];
      await using millrace = await Millrace.start({ dataDir, threads, create, cacheBytes: 4 * mib });
      const clients = [clientOf(millrace, true), clientOf(millrace, false)];
      t.after(() => {
        for (const client of clients) client.destroy();
      });
      const hashes = ['0', (2n ** 128n - 1n).toString()];
      for (let i = 0; i < shards * putsPerShard; i++) {
        const shard = i % shards;
        const Records = Array.from({ length: recordsPerPut }, (_, j) => {
          const PartitionKey = `${shard} ${Math.floor(i / shards) * recordsPerPut + j}`;
          return { PartitionKey, ExplicitHashKey: hashes[shard], Data: dataOf(PartitionKey) };
        });
        const put = await clients[i % 2]?.send(new PutRecordsCommand({ StreamName: 's', Records }));
        assert.equal(put?.FailedRecordCount, 0);
      }
      await Promise.all(
        clients.flatMap((client) => [readShard(client, 0, 10_000), readShard(client, 1, 25)]),
      );
      assert.ok(given.slabs() > 0 && given.answers() > 0, 'memory went round');
    },
  );
}
