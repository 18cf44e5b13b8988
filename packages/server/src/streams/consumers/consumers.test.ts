/** Consumers: their limits, their names, their lives through restarts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deregisterStreamConsumer } from '../operations/deregister-stream-consumer.js';
import { describeStreamConsumer } from '../operations/describe-stream-consumer.js';
import { listStreamConsumers } from '../operations/list-stream-consumers.js';
import { listTagsForResource } from '../operations/list-tags-for-resource.js';
import { registerStreamConsumer } from '../operations/register-stream-consumer.js';
import { tagResource } from '../operations/tag-resource.js';
import { untagResource } from '../operations/untag-resource.js';
import { account, startMs, testStreams } from '../streams-fixture.js';
import { registered, streamArn } from './subscriber-fixture.js';

const slow = { createDelayMs: 1000, updateDelayMs: 0, deleteDelayMs: 1000 };

test('twenty consumers a stream, five of them CREATING', async () => {
  const under = await testStreams({ delays: slow });
  await under.createStream('s', 1);
  const register = (name: string) =>
    under.refusal('RegisterStreamConsumer', { StreamARN: streamArn, ConsumerName: name });
  for (let i = 0; i < 20; i += 5) {
    for (let j = i; j < i + 5; j++) {
      await under.call(registerStreamConsumer, { StreamARN: streamArn, ConsumerName: `c${j}` });
    }
    const [name] = await register('sixth');
    assert.equal(name, 'LimitExceededException');
    await under.settle(
      () =>
        under.streams.view.streams
          .get(`${account}/us-east-1/s`)
          ?.consumers.every(({ status }) => status === 'ACTIVE') === true,
    );
  }
  assert.deepEqual(await register('c7'), [
    'ResourceInUseException',
    `Consumer c7 under stream s already exists for account ${account}.`,
  ]);
  assert.equal((await register('c20'))[0], 'LimitExceededException');
  const { Consumers = [], NextToken } = await under.call(listStreamConsumers, { StreamARN: streamArn });
  assert.equal(Consumers.length, 20);
  assert.equal(NextToken, undefined);
  await under.close();
});

test('a life that was cut off goes on: CREATING and DELETING consumers come to their ends after a restart', async () => {
  const under = await testStreams({ delays: slow });
  await under.createStream('s', 1);
  await registered(under, 'goes');
  const named = (ConsumerName: string) => ({ StreamARN: streamArn, ConsumerName });
  const status = async (name: string) =>
    (await under.call(describeStreamConsumer, named(name))).ConsumerDescription.ConsumerStatus;
  await under.call(registerStreamConsumer, { ...named('comes'), Tags: { of: 'it' } });
  await under.call(deregisterStreamConsumer, named('goes'));
  await under.call(deregisterStreamConsumer, named('goes'));
  assert.deepEqual([await status('comes'), await status('goes')], ['CREATING', 'DELETING']);
  assert.match((await under.refusal('RegisterStreamConsumer', named('goes')))[1], /already exists/);
  await under.reopen();
  const stream = () => under.streams.view.streams.get(`${account}/us-east-1/s`);
  await under.settle(() => stream()?.consumers.length === 1);
  await under.settle(() => stream()?.consumers[0]?.status === 'ACTIVE');
  assert.deepEqual(stream()?.consumers[0]?.tags, { of: 'it' });
  await under.close();
});

test('a consumer has tags of its own', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const ConsumerARN = (
    await under.call(registerStreamConsumer, { StreamARN: streamArn, ConsumerName: 'app', Tags: { a: '1' } })
  ).Consumer.ConsumerARN;
  const resource = { ResourceARN: ConsumerARN };
  const tags = async (ResourceARN: string) =>
    (await under.call(listTagsForResource, { ResourceARN })).Tags?.map(({ Key, Value }) => `${Key}=${Value}`);
  await under.call(tagResource, { ...resource, Tags: { b: '2', c: '3' } });
  await under.call(untagResource, { ...resource, TagKeys: ['a', 'c'] });
  assert.deepEqual(await tags(ConsumerARN), ['b=2']);
  assert.deepEqual(await tags(streamArn), []);
  await under.reopen();
  assert.deepEqual(await tags(ConsumerARN), ['b=2']);
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, '']));
  assert.equal(
    (await under.refusal('TagResource', { ...resource, Tags: many }))[0],
    'InvalidArgumentException',
  );
  assert.equal(
    (await under.refusal('TagResource', { ResourceARN: `${ConsumerARN}1`, Tags: { a: '' } }))[0],
    'ResourceNotFoundException',
  );
  await under.close();
});

test('a consumer is named by its ARN, or by its name and its stream, and by nothing else', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const arn = await registered(under, 'app');
  assert.equal(arn, `${streamArn}/consumer/app:${Math.floor(startMs / 1000)}`);
  const refused = async (input: object): Promise<string> =>
    (await under.refusal('DescribeStreamConsumer', input))[0];
  assert.equal(await refused({}), 'InvalidArgumentException');
  assert.equal(await refused({ ConsumerName: 'app' }), 'InvalidArgumentException');
  assert.equal(await refused({ StreamARN: streamArn }), 'InvalidArgumentException');
  assert.equal(await refused({ ConsumerARN: arn, ConsumerName: 'other' }), 'InvalidArgumentException');
  assert.equal(await refused({ ConsumerARN: arn, StreamARN: `${streamArn}2` }), 'InvalidArgumentException');
  assert.equal(await refused({ ConsumerARN: `${arn}1` }), 'ResourceNotFoundException');
  assert.equal(
    await refused({ ConsumerARN: arn.replace('stream/s', 'stream/t') }),
    'ResourceNotFoundException',
  );
  assert.equal(
    await refused({ ConsumerARN: arn.replace('us-east-1', 'eu-west-1') }),
    'InvalidArgumentException',
  );
  const strange = arn.replace(account, '111122223333');
  assert.deepEqual(await under.refusal('DescribeStreamConsumer', { ConsumerARN: strange }), [
    'AccessDeniedException',
    `User: arn:aws:iam::${account}:root is not authorized to perform: kinesis:DescribeStreamConsumer on resource: ${strange} because no resource-based policy allows the kinesis:DescribeStreamConsumer action`,
  ]);
  assert.equal(
    await refused({ ConsumerARN: arn.replace(':stream', ':x/stream') }),
    'InvalidArgumentException',
  );
  assert.equal(await refused({ ConsumerARN: 'arn:aws:kinesis' }), 'ValidationException');
  const both = { ConsumerARN: arn, ConsumerName: 'app', StreamARN: streamArn };
  assert.equal((await under.call(describeStreamConsumer, both)).ConsumerDescription.ConsumerARN, arn);
  await under.close();
});

test('pages of consumers go on by token, which is of this stream and of no other', async () => {
  const under = await testStreams({ limits: { listedConsumersMax: 2 } });
  await under.createStream('s', 1);
  for (const name of ['c', 'a', 'e', 'b', 'd']) await registered(under, name);
  const names: (string | undefined)[] = [];
  let NextToken: string | undefined;
  do {
    const page: Awaited<ReturnType<typeof list>> = await list(NextToken);
    names.push(...(page.Consumers ?? []).map(({ ConsumerName }) => ConsumerName), undefined);
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  assert.deepEqual(names, ['a', 'b', undefined, 'c', 'd', undefined, 'e', undefined]);
  const { NextToken: token } = await list(undefined);
  const refused = async (input: object): Promise<string> =>
    (await under.refusal('ListStreamConsumers', { StreamARN: streamArn, ...input }))[0];
  assert.equal(
    await refused({ NextToken: token, StreamCreationTimestamp: startMs / 1000 }),
    'InvalidArgumentException',
  );
  assert.equal(await refused({ NextToken: 'forged' }), 'InvalidArgumentException');
  assert.equal(await refused({ StreamCreationTimestamp: startMs / 1000 - 1 }), 'ResourceNotFoundException');
  const found = await under.call(listStreamConsumers, {
    StreamARN: streamArn,
    StreamCreationTimestamp: startMs,
  });
  assert.equal(found.Consumers?.length, 2);
  await under.call(listStreamConsumers, { StreamARN: streamArn, NextToken: token });
  under.clock.advance(300_001);
  assert.equal(await refused({ NextToken: token }), 'ExpiredNextTokenException');
  await under.close();

  function list(token: string | undefined) {
    return under.call(listStreamConsumers, { StreamARN: streamArn, NextToken: token });
  }
});
