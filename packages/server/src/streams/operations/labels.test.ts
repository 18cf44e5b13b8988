/** Tags and resource policies, as clients put and see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { account, caller, region, testStreams } from '../streams-fixture.js';
import { addTagsToStream } from './add-tags-to-stream.js';
import { deleteResourcePolicy } from './delete-resource-policy.js';
import { deregisterStreamConsumer } from './deregister-stream-consumer.js';
import { getResourcePolicy } from './get-resource-policy.js';
import { listTagsForResource } from './list-tags-for-resource.js';
import { listTagsForStream } from './list-tags-for-stream.js';
import { putResourcePolicy } from './put-resource-policy.js';
import { registerStreamConsumer } from './register-stream-consumer.js';
import { removeTagsFromStream } from './remove-tags-from-stream.js';
import { tagResource } from './tag-resource.js';
import { untagResource } from './untag-resource.js';

const arn = `arn:aws:kinesis:${region}:${account}:stream/s`;

test('tags of the old way and the new are the same, and survive a restart', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  await under.call(addTagsToStream, { StreamName: 's', Tags: { b: '1', 'ключ 1': '=+-_.:/@' } });
  await under.call(tagResource, { ResourceARN: arn, Tags: { a: '', b: '2' } });
  await under.reopen();
  const all = [
    { Key: 'a', Value: '' },
    { Key: 'b', Value: '2' },
    { Key: 'ключ 1', Value: '=+-_.:/@' },
  ];
  assert.deepEqual((await under.call(listTagsForResource, { ResourceARN: arn })).Tags, all);
  const page = await under.call(listTagsForStream, { StreamName: 's', Limit: 2 });
  assert.deepEqual(page, { Tags: all.slice(0, 2), HasMoreTags: true });
  const rest = await under.call(listTagsForStream, { StreamARN: arn, ExclusiveStartTagKey: 'b' });
  assert.deepEqual(rest, { Tags: all.slice(2), HasMoreTags: false });
  await under.call(removeTagsFromStream, { StreamName: 's', TagKeys: ['a', 'never there'] });
  await under.call(untagResource, { ResourceARN: arn, TagKeys: ['b'] });
  assert.deepEqual((await under.call(listTagsForResource, { ResourceARN: arn })).Tags, all.slice(2));
  await under.close();
});

test('tags are refused for their characters, their number and the name of AWS', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const characters =
    'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.';
  const failed = (verb: string, why: string) =>
    `Failed to ${verb} stream s under account ${account} because ${why}`;
  const illegal =
    "some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.";
  const cases: readonly (readonly [string, object, string])[] = [
    ['AddTagsToStream', { StreamName: 's', Tags: { 'a;': '' } }, characters],
    ['AddTagsToStream', { StreamName: 's', Tags: { a: '^' } }, characters],
    ['TagResource', { ResourceARN: arn, Tags: { 'a%': '' } }, failed('add tags to', illegal)],
    ['RemoveTagsFromStream', { StreamName: 's', TagKeys: ['a\n'] }, characters],
    ['UntagResource', { ResourceARN: arn, TagKeys: ['%'] }, failed('remove tags from', illegal)],
    [
      'TagResource',
      { ResourceARN: arn, Tags: { 'AWS:name': '' } },
      "Tag keys that begin with 'aws:' are reserved for AWS.",
    ],
  ];
  for (const [operation, input, message] of cases) {
    assert.deepEqual(await under.refusal(operation, input), ['InvalidArgumentException', message]);
  }
  const many = (from: number, to: number) =>
    Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`key-${from + i}`, '']));
  await under.call(addTagsToStream, { StreamName: 's', Tags: many(0, 50) });
  await under.call(addTagsToStream, { StreamName: 's', Tags: { 'key-7': 'again' } });
  const more = { StreamName: 's', Tags: { more: '' } };
  assert.deepEqual(await under.refusal('AddTagsToStream', more), [
    'InvalidArgumentException',
    failed('add tags to', 'a given stream cannot have more than 50 tags associated with it.'),
  ]);
  const tagged = { StreamName: 't', ShardCount: 1, Tags: { 'a;': '' } };
  assert.deepEqual(await under.refusal('CreateStream', tagged), ['InvalidArgumentException', characters]);
  await under.close();
});

const statement = {
  Sid: 'reads',
  Effect: 'Allow',
  Principal: { AWS: '999988887777' },
  Action: ['kinesis:GetRecords', 'kinesis:DescribeStream*'],
  Resource: arn,
};
const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });

test('a resource policy is kept as it was given, replaced, and taken away', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  assert.equal((await under.call(getResourcePolicy, { ResourceARN: arn })).Policy, '{}');
  assert.equal(
    (await under.refusal('DeleteResourcePolicy', { ResourceARN: arn }))[0],
    'ResourceNotFoundException',
  );
  const spaced = JSON.stringify({ Statement: statement }, undefined, 2);
  const nameless = JSON.stringify({ Statement: [1, 2].map(() => ({ ...statement, Sid: '' })) });
  for (const each of [policy, spaced, nameless]) {
    await under.call(putResourcePolicy, { ResourceARN: arn, Policy: each });
    await under.reopen();
    assert.equal((await under.call(getResourcePolicy, { ResourceARN: arn })).Policy, each);
  }
  await under.call(deleteResourcePolicy, { ResourceARN: arn });
  assert.equal((await under.call(getResourcePolicy, { ResourceARN: arn })).Policy, '{}');
  await under.close();
});

test('what is no policy for this stream is refused, and says why', async () => {
  const under = await testStreams();
  await under.createStream('s', 1);
  const having = (change: object) => JSON.stringify({ Statement: [{ ...statement, ...change }] });
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{', /^The resource policy is not valid: it is not JSON\.$/],
    ['[]', /not an object/],
    ['{"Version":"2024-01-01","Statement":[]}', /Version must be/],
    ['{"Version":"2012-10-17"}', /no Statement/],
    ['{"Statement":["x"]}', /not an object/],
    [having({ Effect: 'Maybe' }), /Effect/],
    [having({ Principal: undefined }), /Principal/],
    ['{"Statment":[]}', /no member "Statment"/],
    ['{"Id":7,"Statement":[]}', /Id is not a text/],
    [JSON.stringify({ Statement: [statement, statement] }), /the same Sid/],
    [having({ Sid: 1 }), /Sid is not a text/],
    [having({ Principal: {} }), /no Principal/],
    [having({ Principal: 'AWS' }), /no Principal/],
    [having({ Principal: { Aws: '999988887777' } }), /no kind of Principal "Aws"/],
    [having({ Principal: { AWS: [] } }), /Principal AWS is not a text/],
    [having({ Principal: { AWS: ['999988887777', '99998888777'] } }), /"99998888777" is no account/],
    [having({ Principal: { AWS: 'arn:aws:iam::999988887777:group/g' } }), /not the ARN of a root/],
    [having({ NotPrincipal: '*' }), /both Principal and NotPrincipal/],
    [having({ NotAction: 'kinesis:*' }), /both Action and NotAction/],
    [having({ Condition: { StringEquals: 'x' } }), /Condition/],
    [having({ Action: [] }), /Action/],
    [having({ Action: 's3:GetObject' }), /no action of Kinesis/],
    [having({ Resource: `${arn}2` }), /not what the policy is put on/],
    [having({ Resorce: arn }), /no member "Resorce"/],
  ];
  for (const [text, why] of cases) {
    const [code, message] = await under.refusal('PutResourcePolicy', { ResourceARN: arn, Policy: text });
    assert.equal(code, 'InvalidArgumentException');
    assert.match(message, why);
  }
  for (const right of [
    having({ Principal: { AWS: '*' } }),
    having({
      Principal: { AWS: ['arn:aws:iam::999988887777:root', 'arn:aws:iam::999988887777:role/path/r'] },
    }),
    having({
      Principal: { Service: 'lambda.amazonaws.com', AWS: 'arn:aws:sts::999988887777:assumed-role/r/s' },
    }),
    having({ Principal: undefined, NotPrincipal: { AWS: '999988887777' } }),
    having({
      Condition: { StringEquals: { 'aws:SourceAccount': ['999988887777'] }, Bool: { 'aws:x': true } },
    }),
  ]) {
    await under.call(putResourcePolicy, { ResourceARN: arn, Policy: right });
  }
  const large = { ResourceARN: arn, Policy: policy + ' '.repeat(20 * 1024) };
  assert.equal((await under.refusal('PutResourcePolicy', large))[0], 'LimitExceededException');
  const foreign = { ResourceARN: arn.replace(account, '999988887777'), Policy: policy };
  assert.equal((await under.refusal('PutResourcePolicy', foreign))[0], 'AccessDeniedException');
  const none = { ResourceARN: `${arn}/thing/x` };
  assert.equal((await under.refusal('ListTagsForResource', none))[0], 'ResourceNotFoundException');
  await under.close();
});

test('a consumer has tags and a policy of its own, which go with it', async () => {
  const under = await testStreams({ delays: { createDelayMs: 50, updateDelayMs: 0, deleteDelayMs: 0 } });
  await under.createStream('s', 1);
  const register = () =>
    under.call(registerStreamConsumer, { StreamARN: arn, ConsumerName: 'c', Tags: { a: '1' } });
  const consumerArn = (await register()).Consumer.ConsumerARN;
  const early = JSON.stringify({ Statement: { ...statement, Resource: consumerArn } });
  assert.deepEqual(await under.refusal('PutResourcePolicy', { ResourceARN: consumerArn, Policy: early }), [
    'ResourceInUseException',
    `Consumer c with creation timestamp ${consumerArn.split(':').at(-1)} under stream s and account ${account} is not in ACTIVE status.`,
  ]);
  await under.settle(
    () => under.streams.find({ StreamName: 's' }, caller, '').consumers[0]?.status === 'ACTIVE',
  );
  await under.call(tagResource, { ResourceARN: consumerArn, Tags: { b: '2' } });
  await under.call(untagResource, { ResourceARN: consumerArn, TagKeys: ['a'] });
  const own = JSON.stringify({
    Statement: { ...statement, Action: 'kinesis:SubscribeToShard', Resource: consumerArn },
  });
  await under.call(putResourcePolicy, { ResourceARN: consumerArn, Policy: own });
  assert.equal(
    (await under.refusal('PutResourcePolicy', { ResourceARN: arn, Policy: own }))[0],
    'InvalidArgumentException',
  );
  await under.reopen();
  assert.deepEqual((await under.call(listTagsForResource, { ResourceARN: consumerArn })).Tags, [
    { Key: 'b', Value: '2' },
  ]);
  assert.equal((await under.call(getResourcePolicy, { ResourceARN: consumerArn })).Policy, own);
  assert.deepEqual((await under.call(listTagsForResource, { ResourceARN: arn })).Tags, []);
  assert.equal((await under.call(getResourcePolicy, { ResourceARN: arn })).Policy, '{}');
  await under.call(deleteResourcePolicy, { ResourceARN: consumerArn });
  assert.equal((await under.call(getResourcePolicy, { ResourceARN: consumerArn })).Policy, '{}');
  assert.deepEqual(await under.refusal('DeleteResourcePolicy', { ResourceARN: consumerArn }), [
    'ResourceNotFoundException',
    `No resource policy is attached to consumer c of stream s under account ${account}.`,
  ]);
  await under.call(deregisterStreamConsumer, { ConsumerARN: consumerArn });
  await under.settle(() => under.streams.find({ StreamName: 's' }, caller, '').consumers.length === 0);
  under.clock.advance(2000);
  await register();
  assert.equal(
    (await under.refusal('ListTagsForResource', { ResourceARN: consumerArn }))[0],
    'ResourceNotFoundException',
  );
  await under.close();
});
