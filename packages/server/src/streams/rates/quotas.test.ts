import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStream } from '../operations/create-stream.js';
import { deleteStream } from '../operations/delete-stream.js';
import { describeLimits } from '../operations/describe-limits.js';
import { registerStreamConsumer } from '../operations/register-stream-consumer.js';
import { updateAccountSettings } from '../operations/update-account-settings.js';
import { updateStreamMode } from '../operations/update-stream-mode.js';
import { account, region, type TestStreams, testStreams } from '../streams-fixture.js';

const onDemand = { StreamModeDetails: { StreamMode: 'ON_DEMAND' } } as const;

async function onDemandStream(under: TestStreams, StreamName: string): Promise<void> {
  await under.call(createStream, { StreamName, ...onDemand });
  await under.active(StreamName);
}

test('the shard quota is the region’s while AWS’s limits are kept', async () => {
  const under = await testStreams();
  const limit = async (where: string) =>
    (await under.call(describeLimits, {}, { account, region: where })).ShardLimit;
  assert.equal(await limit('ap-south-1'), 20_000);
  under.streams.admission.keepRates();
  assert.deepEqual([await limit('eu-west-1'), await limit('ap-south-1')], [20_000, 6_000]);
  const input = { StreamName: 's', ShardCount: 6_001 };
  const [code, message] = await under.refusal('CreateStream', input, { region: 'ap-south-1' });
  assert.equal(code, 'LimitExceededException');
  assert.match(message, /limit for the account 123456789012 in ap-south-1\. .* account: 0\. Limit: 6000\. /);
  await under.close();
});

test('shards of on-demand streams are of no quota, until their stream is provisioned', async () => {
  const under = await testStreams({ limits: { shardsPerAccountMax: 5 } });
  await onDemandStream(under, 'a');
  await under.createStream('b', 5);
  await onDemandStream(under, 'c');
  const refused = async () => (await under.refusal('CreateStream', { StreamName: 'd', ShardCount: 1 }))[1];
  assert.match(await refused(), /Current shard count for the account: 5\. Limit: 5\./);
  const StreamARN = `arn:aws:kinesis:${region}:${account}:stream/a`;
  await under.call(updateStreamMode, { StreamARN, StreamModeDetails: { StreamMode: 'PROVISIONED' } });
  await under.active('a');
  assert.match(await refused(), /Current shard count for the account: 9\. Limit: 5\./);
  assert.equal((await under.call(describeLimits, {})).OpenShardCount, 13);
  await under.close();
});

test('five streams of an account and region are made or deleted at one time while AWS’s limits are kept', async () => {
  const delays = { createDelayMs: 60_000, deleteDelayMs: 60_000 };
  const under = await testStreams({ delays });
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    await under.call(createStream, { StreamName: name, ShardCount: 1 });
  }
  under.clock.advance(60_000);
  await under.active('f');
  under.streams.admission.keepRates();
  for (const name of ['g', 'h', 'i', 'j']) {
    under.clock.advance(1_000);
    await under.call(createStream, { StreamName: name, ShardCount: 1 });
  }
  await under.call(deleteStream, { StreamName: 'a' });
  assert.deepEqual(await under.refusal('CreateStream', { StreamName: 'k', ShardCount: 1 }), [
    'LimitExceededException',
    `This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or DELETING for the account ${account}. Limit: 5.`,
  ]);
  await under.call(createStream, { StreamName: 'k', ShardCount: 1 }, { account, region: 'eu-west-1' });
  under.clock.advance(60_000);
  await under.active('j');
  await under.call(createStream, { StreamName: 'k', ShardCount: 1 });
  await under.close();
});

test('an on-demand stream has more consumers once its account has the commitment', async () => {
  const under = await testStreams({ limits: { consumersMax: 1, committedConsumersMax: 2 } });
  await onDemandStream(under, 'a');
  await under.createStream('b', 1);
  const consumer = (stream: string, ConsumerName: string) => ({
    StreamARN: `arn:aws:kinesis:${region}:${account}:stream/${stream}`,
    ConsumerName,
  });
  const refused = async (stream: string) =>
    (await under.refusal('RegisterStreamConsumer', consumer(stream, 'z')))[0];
  for (const stream of ['a', 'b']) await under.call(registerStreamConsumer, consumer(stream, 'x'));
  assert.equal(await refused('a'), 'LimitExceededException');
  const MinimumThroughputBillingCommitment = { Status: 'ENABLED' } as const;
  await under.call(updateAccountSettings, { MinimumThroughputBillingCommitment });
  await under.call(registerStreamConsumer, consumer('a', 'y'));
  assert.deepEqual([await refused('a'), await refused('b')], Array(2).fill('LimitExceededException'));
  await under.close();
});
