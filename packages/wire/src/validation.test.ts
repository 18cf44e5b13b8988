/**
 * Each expected text is one recorded against AWS: by kinesalite's tests, unless a comment says otherwise. (Where AWS has
 * raised a bound since, the bound of the recording stands.)
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwsError } from './aws-error.js';
import {
  blob,
  enumeration,
  integer,
  list,
  map,
  required,
  type Shape,
  type StructureShape,
  string,
  structure,
} from './shape.js';
import { validate } from './validation.js';

const name = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' });
const sequenceNumber = string({ pattern: '0|([1-9]\\d{0,128})' });
const hashKey = string({ pattern: '0|([1-9]\\d{0,38})' });

function refusal(shape: StructureShape, value: unknown): string {
  try {
    validate(shape, value);
  } catch (error) {
    assert.ok(error instanceof AwsError);
    assert.equal(error.code, 'ValidationException');
    assert.equal(error.status, 400);
    return error.message;
  }
  return '';
}

const putRecord = structure('PutRecordInput', {
  StreamName: required(name),
  Data: required(blob({ min: 0, max: 51200 })),
  PartitionKey: required(string({ min: 1, max: 256 })),
  ExplicitHashKey: hashKey,
  SequenceNumberForOrdering: sequenceNumber,
});

const putRecords = structure('PutRecordsInput', {
  StreamName: required(name),
  Records: required(
    list(
      structure('PutRecordsRequestEntry', {
        Data: required(blob({ min: 0, max: 1048576 })),
        ExplicitHashKey: hashKey,
        PartitionKey: required(string({ min: 1, max: 256 })),
      }),
      { min: 1, max: 500 },
    ),
  ),
});

const entry = { Data: new Uint8Array(0), PartitionKey: 'a' };

test('nothing is wrong with a good value', () => {
  assert.equal(refusal(putRecord, { StreamName: 's', Data: new Uint8Array(51200), PartitionKey: 'k' }), '');
  assert.equal(refusal(putRecords, { StreamName: 's', Records: [entry] }), '');
});

test('members that are missing, in the order of PutRecord', () => {
  assert.equal(
    refusal(putRecord, {}),
    "3 validation errors detected: Value null at 'partitionKey' failed to satisfy constraint: " +
      "Member must not be null; Value null at 'data' failed to satisfy constraint: Member must not be null; " +
      "Value null at 'streamName' failed to satisfy constraint: Member must not be null",
  );
});

test('texts that are empty, in the order of PutRecord: pattern before length', () => {
  const value = {
    StreamName: '',
    PartitionKey: '',
    Data: new Uint8Array(0),
    ExplicitHashKey: '',
    SequenceNumberForOrdering: '',
  };
  assert.equal(
    refusal(putRecord, value),
    "5 validation errors detected: Value '' at 'sequenceNumberForOrdering' failed to satisfy constraint: " +
      'Member must satisfy regular expression pattern: 0|([1-9]\\d{0,128}); ' +
      "Value '' at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
      "Value '' at 'explicitHashKey' failed to satisfy constraint: " +
      'Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38}); ' +
      "Value '' at 'streamName' failed to satisfy constraint: " +
      'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; ' +
      "Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1",
  );
});

test('values that are too long, a blob printed as Java prints its buffers', () => {
  const value = {
    StreamName: 'a'.repeat(129),
    PartitionKey: 'a'.repeat(257),
    Data: new Uint8Array(51201),
    ExplicitHashKey: '',
  };
  assert.equal(
    refusal(putRecord, value),
    `4 validation errors detected: Value '${'a'.repeat(257)}' at 'partitionKey' failed to satisfy constraint: ` +
      'Member must have length less than or equal to 256; ' +
      "Value '' at 'explicitHashKey' failed to satisfy constraint: " +
      'Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38}); ' +
      "Value 'java.nio.HeapByteBuffer[pos=0 lim=51201 cap=51201]' at 'data' failed to satisfy constraint: " +
      'Member must have length less than or equal to 51200; ' +
      `Value '${'a'.repeat(129)}' at 'streamName' failed to satisfy constraint: ` +
      'Member must have length less than or equal to 128',
  );
});

test('the path into a list counts from one (a public log of aws-fluent-plugin-kinesis)', () => {
  const empty = { ...entry, PartitionKey: '' };
  const failure = (record: number): string =>
    `Value '' at 'records.${record}.member.partitionKey' failed to satisfy constraint: ` +
    'Member must have length greater than or equal to 1';
  assert.equal(
    refusal(putRecords, { StreamName: 's', Records: [empty, empty, empty] }),
    `3 validation errors detected: ${failure(1)}; ${failure(2)}; ${failure(3)}`,
  );
});

test('a blob in a list (a public log of a real run)', () => {
  assert.equal(
    refusal(putRecords, { StreamName: 's', Records: [{ ...entry, Data: new Uint8Array(1054425) }] }),
    "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1054425 cap=1054425]' at " +
      "'records.1.member.data' failed to satisfy constraint: Member must have length less than or equal to 1048576",
  );
});

test('a list that is empty, before the name', () => {
  assert.equal(
    refusal(putRecords, { StreamName: '', Records: [] }),
    "3 validation errors detected: Value '[]' at 'records' failed to satisfy constraint: " +
      "Member must have length greater than or equal to 1; Value '' at 'streamName' failed to satisfy constraint: " +
      "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value '' at 'streamName' failed to satisfy " +
      'constraint: Member must have length greater than or equal to 1',
  );
});

test('ten failures are named, and no more', () => {
  const text = refusal(putRecords, { StreamName: '', Records: Array.from({ length: 30 }, () => ({})) });
  assert.match(text, /^10 validation errors detected: /);
  assert.equal(text.split('; ').length, 10);
  assert.ok(!text.includes('streamName'));
});

test('an enumeration prints its values as they are declared, in the order of GetShardIterator', () => {
  const getShardIterator = structure('GetShardIteratorInput', {
    StreamName: required(name),
    ShardId: required(name),
    ShardIteratorType: required(
      enumeration('AFTER_SEQUENCE_NUMBER', 'LATEST', 'AT_TIMESTAMP', 'AT_SEQUENCE_NUMBER', 'TRIM_HORIZON'),
    ),
    StartingSequenceNumber: sequenceNumber,
  });
  const value = { StreamName: 's', ShardIteratorType: '', ShardId: '', StartingSequenceNumber: '' };
  assert.equal(
    refusal(getShardIterator, value),
    "4 validation errors detected: Value '' at 'shardId' failed to satisfy constraint: " +
      'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; ' +
      "Value '' at 'shardId' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
      "Value '' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: " +
      '[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]; ' +
      "Value '' at 'startingSequenceNumber' failed to satisfy constraint: " +
      'Member must satisfy regular expression pattern: 0|([1-9]\\d{0,128})',
  );
});

test('numbers are named by value', () => {
  const getRecords = structure('GetRecordsInput', {
    ShardIterator: required(string({ min: 1, max: 512 })),
    Limit: integer({ min: 1, max: 10000 }),
  });
  assert.equal(
    refusal(getRecords, { Limit: 0, ShardIterator: '' }),
    "2 validation errors detected: Value '0' at 'limit' failed to satisfy constraint: " +
      'Member must have value greater than or equal to 1; ' +
      "Value '' at 'shardIterator' failed to satisfy constraint: Member must have length greater than or equal to 1",
  );
  assert.equal(
    refusal(getRecords, { Limit: 10001, ShardIterator: 'a' }),
    "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: " +
      'Member must have value less than or equal to 10000',
  );
});

test('members come in the order that was recorded for each operation', () => {
  const recorded: readonly (readonly string[])[] = [
    ['SequenceNumberForOrdering', 'PartitionKey', 'ExplicitHashKey', 'Data', 'StreamName'],
    ['Records', 'StreamName'],
    ['Limit', 'ShardIterator'],
    ['ShardCount', 'StreamName'],
    ['Limit', 'ExclusiveStartStreamName'],
    ['Limit', 'ExclusiveStartShardId', 'StreamName'],
    ['ShardId', 'ShardIteratorType', 'StartingSequenceNumber', 'StreamName'],
    ['NewStartingHashKey', 'StreamName', 'ShardToSplit'],
    ['ShardToMerge', 'AdjacentShardToMerge', 'StreamName'],
    ['Tags', 'StreamName'],
    ['TagKeys', 'StreamName'],
    ['Limit', 'ExclusiveStartTagKey', 'StreamName'],
    ['RetentionPeriodHours', 'StreamName'],
  ];
  for (const order of recorded) {
    for (const declared of [order, [...order].reverse()]) {
      const members = Object.fromEntries(declared.map((each) => [each, required(string())]));
      const named = [...refusal(structure('X', members), {}).matchAll(/ at '(\w+)'/g)].map(
        ([, path]) => path,
      );
      assert.deepEqual(
        named,
        order.map((each) => each.charAt(0).toLowerCase() + each.slice(1)),
      );
    }
  }
});

const only = (member: Shape): StructureShape => structure('X', { TagKeys: required(member) });

test('a list of texts is refused as a whole, with all that its texts must keep', () => {
  // The order of most, least and pattern: error texts of RequestCertificate and UpdateAlias in public repositories.
  assert.equal(
    refusal(only(list(string({ min: 1, max: 3, pattern: '[a-z]*' }), { min: 1 })), {
      TagKeys: ['a', 'abcd'],
    }),
    "1 validation error detected: Value '[a, abcd]' at 'tagKeys' failed to satisfy constraint: Member must satisfy " +
      'constraint: [Member must have length less than or equal to 3, Member must have length greater than or equal ' +
      'to 1, Member must satisfy regular expression pattern: [a-z]*]',
  );
  assert.equal(
    refusal(only(list(enumeration('A', 'B'))), { TagKeys: ['A', 'C'] }),
    "1 validation error detected: Value '[A, C]' at 'tagKeys' failed to satisfy constraint: Member must satisfy " +
      'constraint: [Member must satisfy enum value set: [A, B]]',
  );
});

test('a map is refused for its size, its keys and its values', () => {
  const tags = map(string({ min: 1, max: 3 }), string({ max: 2 }), { min: 1, max: 2 });
  const failed =
    "Value '{}' at 'tagKeys' failed to satisfy constraint: Member must have length greater than or equal to 1";
  assert.equal(refusal(only(tags), { TagKeys: {} }), `1 validation error detected: ${failed}`);
  assert.equal(
    refusal(only(tags), { TagKeys: { abcd: 'x', b: 'xyz' } }),
    "2 validation errors detected: Value '{abcd=x, b=xyz}' at 'tagKeys' failed to satisfy constraint: Map keys must " +
      'satisfy constraint: [Member must have length less than or equal to 3, Member must have length greater than or ' +
      "equal to 1]; Value '{abcd=x, b=xyz}' at 'tagKeys' failed to satisfy constraint: Map value must satisfy " +
      'constraint: [Member must have length less than or equal to 2]',
  );
});

test('a null in a list of structures is refused where it stands (undocumented; we chose)', () => {
  assert.equal(
    refusal(putRecords, { StreamName: 's', Records: [entry, null] }),
    "1 validation error detected: Value null at 'records.2.member' failed to satisfy constraint: Member must not be null",
  );
});

test('a list of structures prints them as Java prints objects', () => {
  const printed = 'com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@0';
  assert.equal(
    refusal(putRecords, { StreamName: 's', Records: Array.from({ length: 501 }, () => entry) }),
    `1 validation error detected: Value '[${Array.from({ length: 501 }, () => printed).join(', ')}]' at 'records' ` +
      'failed to satisfy constraint: Member must have length less than or equal to 500',
  );
});
