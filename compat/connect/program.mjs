// Redpanda Connect through the scenarios: node program.mjs <how it is run, as JSON> <scenario>…
//
//      {"connect":{"program":"…/connect"},"dynamodb":{"program":"java","args":[…]}}
//
// One of it puts what it reads from stdin into a stream (writer.yaml), another writes to stdout what comes out of the
// stream (reader.yaml), with its checkpoints in DynamoDB Local.
import assert from 'node:assert/strict';
import { MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { startDynamoDb } from '../kcl/dynamodb.mjs';
import { Pipeline } from './pipeline.mjs';

const [how, ...names] = process.argv.slice(2);
const { connect, dynamodb } = JSON.parse(how);

const scenarios = {
  async 'pipe-reshard'(pipeline) {
    await pipeline.start(2);
    await pipeline.feed(10);
    await pipeline.arrived();
    const { stream: StreamName } = pipeline;
    await pipeline.reshard(
      new SplitShardCommand({
        StreamName,
        ShardToSplit: 'shardId-000000000000',
        NewStartingHashKey: String(2n ** 126n),
      }),
    );
    await pipeline.reshard(
      new MergeShardsCommand({
        StreamName,
        ShardToMerge: 'shardId-000000000003',
        AdjacentShardToMerge: 'shardId-000000000001',
      }),
    );
    await pipeline.finished();
    // What is read to its end needs no checkpoint any more, and its children have some.
    await pipeline.checkpointsOf(['shardId-000000000002', 'shardId-000000000004']);
    pipeline.account.check();
  },

  async 'pipe-crash'(pipeline) {
    const crash = await pipeline.ownServer();
    await pipeline.start(2);
    await pipeline.feed(10);
    await pipeline.arrived();
    for (let i = 0; i < 3; i++) {
      const feeding = pipeline.feed(20);
      await crash();
      await feeding;
      await pipeline.arrived();
    }
    await pipeline.finished();
    pipeline.account.check({ putAgain: true });
  },

  async 'pipe-takeover'(pipeline) {
    await pipeline.start(2);
    await pipeline.feed(10);
    await pipeline.arrived();
    await pipeline.checkpointed();
    await pipeline.feed(5);
    await pipeline.killReader();
    await pipeline.feed(10);
    pipeline.startReader();
    await pipeline.finished();
    pipeline.account.check({ readAgain: true });
    const all = pipeline.account.records;
    assert.ok(pipeline.account.repeated < all / 2, `${pipeline.account.repeated} of ${all} came again`);
  },

  async 'pipe-tls'(pipeline) {
    pipeline.endpoint = process.env.COMPAT_TLS_ENDPOINT;
    await pipeline.start(1);
    await pipeline.feed(10);
    await pipeline.finished();
    pipeline.account.check();
  },
};
/** Reading of a stream whose data is there has called all of these, and so has putting into it. */
const operations = ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListShards', 'PutRecords'];

const dynamo = await startDynamoDb(dynamodb);
for (const scenario of names) {
  const pipeline = new Pipeline({ program: connect.program, stream: scenario, dynamo });
  try {
    await scenarios[scenario](pipeline);
    console.log(JSON.stringify({ scenario, passed: true, operations }));
  } catch (error) {
    const stack = `${error.stack ?? error}\n${pipeline.said}`;
    console.log(JSON.stringify({ scenario, passed: false, error: stack, operations: [] }));
  } finally {
    await pipeline.abandon();
  }
}
await dynamo.stop();
