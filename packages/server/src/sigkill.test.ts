/**
 * The promise, held to the real process: it is killed in the middle of concurrent writes, again and again, and every
 * record that it acknowledged is where it said, once, in order. What was sent and not acknowledged may be there or
 * not, but not twice either, and nothing else is there.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { startServerProcess } from './testing/server-process.js';

const StreamName = 'counted';
const writers = 8;
const rounds = 4;
const acknowledgedARound = 600;
/** From this size on a body is for another thread to read. */
const largePutBytes = 320 * 1024;

interface Place {
  readonly shard: string;
  readonly sequenceNumber: string;
}

interface Ledger {
  /** By what the record says of itself, in the order of acknowledgement. */
  readonly acknowledged: Map<string, Place>;
  readonly sent: Set<string>;
}

test('SIGKILL in the middle of writes loses, repeats and reorders nothing acknowledged', {
  timeout: 240_000,
}, async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-sigkill-'));
  const ledger: Ledger = { acknowledged: new Map(), sent: new Set() };
  try {
    for (let round = 0; round < rounds; round++) {
      await using server = await startServerProcess(dataDir, { threads: 1 + (round % 3) });
      const client = clientOf(server.endpoint, round % 2 === 1);
      try {
        if (round === 0) await client.send(new CreateStreamCommand({ StreamName, ShardCount: 4 }));
        await active(client);
        await account(client, ledger);
        const before = ledger.acknowledged.size;
        const killed = new AbortController();
        const kill = async (): Promise<void> => {
          if (killed.signal.aborted) return;
          killed.abort();
          await server.end('SIGKILL');
        };
        const writing = Array.from({ length: writers }, (_, writer) =>
          write(client, ledger, `${round}-${writer}`, killed.signal, async () => {
            if (ledger.acknowledged.size - before >= acknowledgedARound) await kill();
          }),
        );
        await Promise.all([...writing, reshard(client, round, killed.signal)]);
        assert.ok(killed.signal.aborted, 'the server was killed while all were writing');
      } finally {
        client.destroy();
      }
    }
    await using server = await startServerProcess(dataDir);
    const client = clientOf(server.endpoint, false);
    await active(client);
    await account(client, ledger);
    client.destroy();
    assert.equal(await server.end('SIGTERM'), 0);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
  assert.ok(ledger.acknowledged.size >= rounds * acknowledgedARound);
});

function clientOf(endpoint: string, http1: boolean): KinesisClient {
  return new KinesisClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
    ...(http1 ? { requestHandler: new NodeHttpHandler() } : {}),
  });
}

/** Puts, one call after another, until the server is gone. Every other call is a PutRecord, the rest PutRecords. */
async function write(
  client: KinesisClient,
  ledger: Ledger,
  writer: string,
  killed: AbortSignal,
  acknowledged: () => Promise<void>,
): Promise<void> {
  for (let call = 0; ; call++) {
    const count = call % 2 === 0 ? 1 : 1 + (call % 40);
    const large = call % 8 === 3;
    const texts = Array.from(
      { length: count },
      (_, i) => `${writer}-${call}-${i}-${'x'.repeat(large ? largePutBytes / count : (call * 7 + i) % 300)}`,
    );
    for (const text of texts) ledger.sent.add(text);
    try {
      for (const [text, place] of await put(client, texts)) {
        assert.ok(!ledger.acknowledged.has(text));
        ledger.acknowledged.set(text, place);
      }
    } catch (error) {
      if (killed.aborted) return;
      throw error;
    }
    await acknowledged();
    if (killed.aborted) return;
  }
}

async function put(
  client: KinesisClient,
  texts: readonly string[],
): Promise<readonly (readonly [string, Place])[]> {
  const entries = texts.map((text) => ({ PartitionKey: text.slice(0, 40), Data: Buffer.from(text) }));
  const [first] = entries;
  if (entries.length === 1 && first !== undefined) {
    const { ShardId, SequenceNumber } = await client.send(new PutRecordCommand({ StreamName, ...first }));
    return [[texts[0] ?? '', { shard: ShardId ?? '', sequenceNumber: SequenceNumber ?? '' }]];
  }
  const { Records = [] } = await client.send(new PutRecordsCommand({ StreamName, Records: entries }));
  return Records.flatMap(({ ShardId, SequenceNumber, ErrorCode }, i) =>
    ErrorCode === undefined
      ? [[texts[i] ?? '', { shard: ShardId ?? '', sequenceNumber: SequenceNumber ?? '' }] as const]
      : [],
  );
}

/** Splits and merges among the writes: a kill may come at any step of it. */
async function reshard(client: KinesisClient, round: number, killed: AbortSignal): Promise<void> {
  try {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
    const open = Shards.filter(
      ({ SequenceNumberRange }) => SequenceNumberRange?.EndingSequenceNumber === undefined,
    ).sort((a, b) =>
      BigInt(a.HashKeyRange?.StartingHashKey ?? 0) < BigInt(b.HashKeyRange?.StartingHashKey ?? 0) ? -1 : 1,
    );
    const [left, right] = open;
    if (round % 2 === 0) {
      const start = BigInt(left?.HashKeyRange?.StartingHashKey ?? 0);
      const middle = (start + BigInt(left?.HashKeyRange?.EndingHashKey ?? 0)) / 2n;
      await client.send(
        new SplitShardCommand({
          StreamName,
          ShardToSplit: left?.ShardId,
          NewStartingHashKey: middle.toString(),
        }),
      );
    } else {
      await client.send(
        new MergeShardsCommand({
          StreamName,
          ShardToMerge: left?.ShardId,
          AdjacentShardToMerge: right?.ShardId,
        }),
      );
    }
  } catch (error) {
    if (!killed.aborted) throw error;
  }
}

/** Reads every shard from its start and compares it with what was acknowledged and sent. */
async function account(client: KinesisClient, ledger: Ledger): Promise<void> {
  const found = new Map<string, Place>();
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
  for (const { ShardId: shard = '' } of Shards) {
    let last = -1n;
    for await (const { text, sequenceNumber } of recordsOf(client, shard)) {
      assert.ok(BigInt(sequenceNumber) > last, `${shard} is in order, and no sequence number comes twice`);
      last = BigInt(sequenceNumber);
      assert.ok(!found.has(text), `${text.slice(0, 40)} is there once`);
      assert.ok(ledger.sent.has(text), `${text.slice(0, 40)} was sent`);
      found.set(text, { shard, sequenceNumber });
    }
  }
  for (const [text, place] of ledger.acknowledged) {
    assert.deepEqual(found.get(text), place, `${text.slice(0, 40)} is where it was acknowledged`);
  }
}

async function* recordsOf(
  client: KinesisClient,
  ShardId: string,
): AsyncGenerator<{ readonly text: string; readonly sequenceNumber: string }> {
  const start = await client.send(
    new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  let ShardIterator = start.ShardIterator;
  for (let behindMs = 1; ShardIterator !== undefined && behindMs > 0; ) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator, Limit: 1000 }));
    for (const { Data, SequenceNumber = '' } of page.Records ?? []) {
      yield { text: Buffer.from(Data ?? '').toString(), sequenceNumber: SequenceNumber };
    }
    behindMs = page.MillisBehindLatest ?? 0;
    ShardIterator = page.NextShardIterator;
  }
}

/** A reshard that a kill cut short is taken up by the next server, and ends. */
async function active(client: KinesisClient): Promise<void> {
  for (;;) {
    const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
    if (StreamDescriptionSummary?.StreamStatus === 'ACTIVE') return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
