/** Everything in a data directory that clients can read, through a real server and a real client. */
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
} from '@aws-sdk/client-kinesis';
import { Millrace } from '../millrace.js';
import { heldClock } from '../streams/streams-fixture.js';
import { fixtureReadMs, otherAccount } from './directory-fixture.js';

/** All that clients of two accounts can read of the directory, a line each. */
export async function readableOf(dataDir: string): Promise<string[]> {
  const clock = heldClock();
  clock.hold(fixtureReadMs);
  await using server = await Millrace.start({ dataDir, clock });
  const lines: string[] = [];
  for (const [accessKeyId, region] of [
    ['123456789012', 'us-east-1'],
    [otherAccount, 'eu-central-1'],
  ] as const) {
    const client = new KinesisClient({
      endpoint: server.endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey: 'x' },
    });
    const { StreamNames = [] } = await client.send(new ListStreamsCommand({}));
    for (const StreamName of StreamNames) lines.push(...(await readableStream(client, region, StreamName)));
    client.destroy();
  }
  return lines;
}

async function readableStream(client: KinesisClient, region: string, StreamName: string): Promise<string[]> {
  const lines = [`${region} ${StreamName}`];
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
  for (const { ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange } of Shards) {
    lines.push(
      JSON.stringify({ ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange }),
    );
    const from = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator } = await client.send(new GetShardIteratorCommand(from));
    while (ShardIterator !== undefined) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator }));
      for (const record of page.Records ?? []) {
        const data = Buffer.from(record.Data ?? []).toString();
        const arrivalMs = record.ApproximateArrivalTimestamp?.getTime();
        lines.push(`${record.SequenceNumber} ${arrivalMs} ${record.PartitionKey} ${data}`);
      }
      ShardIterator = page.MillisBehindLatest === 0 ? undefined : page.NextShardIterator;
    }
  }
  return lines;
}
