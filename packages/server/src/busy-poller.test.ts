/** Busy pollers of a whole server, over each protocol, with its own clock held and with waits that only a record can end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListStreamsCommand,
  PutRecordCommand,
} from '@aws-sdk/client-kinesis';
import { cborProtocol } from '@millrace/wire';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Millrace } from './millrace.js';
import { getRecords } from './streams/operations/get-records.js';

const patience = { timeout: 60_000 };
/** Longer than the test may take: no wait is over by itself. */
const longMs = 600_000;

type GetPage = (ShardIterator: string) => Promise<{ readonly records: number; readonly next: string }>;

async function serving(): Promise<{ readonly millrace: Millrace; readonly client: KinesisClient }> {
  const millrace = await Millrace.start({
    ephemeral: true,
    create: [{ name: 's', shards: 1 }],
    limits: { streams: { busyPollMs: longMs, pollWaitMs: longMs } },
  });
  return { millrace, client: clientOf(millrace, false) };
}

function clientOf({ endpoint }: Millrace, http1: boolean): KinesisClient {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  const handler = http1 ? { requestHandler: new NodeHttpHandler() } : {};
  return new KinesisClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1, ...handler });
}

function overSdk(client: KinesisClient): GetPage {
  return async (ShardIterator) => {
    const page = await client.send(new GetRecordsCommand({ ShardIterator }));
    return { records: page.Records?.length ?? 0, next: page.NextShardIterator ?? '' };
  };
}

function overCbor({ endpoint }: Millrace): GetPage {
  return async (ShardIterator) => {
    const body = Buffer.from(cborProtocol.encode(getRecords.input, { ShardIterator }));
    const headers = {
      'content-type': cborProtocol.contentType,
      'x-amz-target': 'Kinesis_20131202.GetRecords',
    };
    const answer = await fetch(endpoint, { method: 'POST', headers, body });
    assert.equal(answer.status, 200);
    const page = cborProtocol.decode(getRecords.output, new Uint8Array(await answer.arrayBuffer()));
    return { records: page.Records.length, next: page.NextShardIterator ?? '' };
  };
}

async function latest(client: KinesisClient): Promise<string> {
  const { ShardIterator = '' } = await client.send(
    new GetShardIteratorCommand({ StreamName: 's', ShardId: '0', ShardIteratorType: 'LATEST' }),
  );
  return ShardIterator;
}

test(
  'a poll that stands at the tip is answered by the next put, over each protocol, under a held clock',
  patience,
  async () => {
    const { millrace, client } = await serving();
    const http1 = clientOf(millrace, true);
    millrace.clock.hold();
    for (const getPage of [overSdk(client), overSdk(http1), overCbor(millrace)]) {
      // Iterators of one instant are the same.
      millrace.clock.advance(1);
      const start = await latest(client);
      millrace.clock.advance(1);
      const first = await getPage(start);
      assert.equal(first.records, 0);
      const second = getPage(first.next);
      for (let i = 0; i < 3; i++) await client.send(new ListStreamsCommand({}));
      await client.send(
        new PutRecordCommand({ StreamName: 's', PartitionKey: 'a', Data: Buffer.from('one') }),
      );
      assert.equal((await second).records, 1);
    }
    client.destroy();
    http1.destroy();
    await millrace.close();
  },
);

test('a server that stops answers the polls that wait', patience, async () => {
  const { millrace, client } = await serving();
  const getPage = overSdk(client);
  const { next } = await getPage(await latest(client));
  const waiting = getPage(next);
  await client.send(new ListStreamsCommand({}));
  await Promise.all([waiting.then((page) => assert.equal(page.records, 0)), millrace.close()]);
  client.destroy();
});
