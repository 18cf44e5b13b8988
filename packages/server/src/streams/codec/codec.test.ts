import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwsError, cborProtocol, hashKeyWords, jsonProtocol, parseSequenceNumber } from '@millrace/wire';
import { decodePutRecord, decodePutRecords } from './put-codec.js';
import { encodePutRecordOutput, encodePutRecordsOutput } from './put-output.js';
import { generalBatch, plain } from './testing/general-way.js';
import { putRecordShape, putRecordsShape } from './testing/sample-shapes.js';

const name = '"StreamName":"flights"';
const entry = '{"Data":"aGVsbG8=","PartitionKey":"k"}';

/** Whether the hot way takes the text; if it does, it must say what the general way says. */
function taken(text: string | Uint8Array, single = false): boolean {
  const body = typeof text === 'string' ? Buffer.from(text) : text;
  const hot = (single ? decodePutRecord : decodePutRecords)(jsonProtocol, body);
  if (hot === undefined) return false;
  const general = generalBatch(jsonProtocol, body, single);
  assert.ok(general !== undefined, `only the hot way took ${text}`);
  assert.deepEqual(plain(hot), plain(general));
  return true;
}

test('what producers write is taken from its bytes', () => {
  const ordinary = [
    `{"Records":[${entry}],${name}}`,
    `{${name},"Records":[${entry},${entry}]}`,
    `{"Records": [{"Data": "", "PartitionKey": "k"}], "StreamName": "flights"}`,
    `\n{ "Records" : [ { "PartitionKey" : "k" , "Data" : "AA==" } ] , ${name} }\r\n\t`,
    `{"Records":[{"Data":"aGVsbG8=","ExplicitHashKey":"340282366920938463463374607431768211455","PartitionKey":"k"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","ExplicitHashKey":null,"PartitionKey":"Zürich 𐅑"}],${name}}`,
    `{"Records":[${entry}],"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/flights","StreamName":null}`,
    `{"Records":[{"Other":1.5e3,"Data":"aGVsbG8=","PartitionKey":"k","More":"x"}],"Some":true,${name}}`,
    `{"Records":[${Array.from({ length: 500 }, (_, i) => `{"Data":"aGVsbG8=","PartitionKey":"k-${i}_"}`).join(',')}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","PartitionKey":"${'a'.repeat(256)}"}],${name}}`,
  ];
  for (const text of ordinary) assert.ok(taken(text), text);
  assert.ok(taken(`{"Data":"aGVsbG8=","PartitionKey":"k",${name}}`, true));
  assert.ok(taken(`{${name},"PartitionKey":"k","ExplicitHashKey":"0","Data":""}`, true));
});

test('entries that are laid out alike, and those that are not, are told apart', () => {
  const entries = [
    '{"Data":"aGVsbG8=","PartitionKey":"one"}',
    '{"Data":"AA==","PartitionKey":"two"}',
    '{"PartitionKey":"three","Data":"AAA="}',
    '{"PartitionKey":"four","Data":""}',
    '{ "PartitionKey":"five","Data":"AAAA"}',
    '{"PartitionKey":"six","Data":"AAAA","ExplicitHashKey":"5"}',
    '{"PartitionKey":"seven","Data":"AAAA","ExplicitHashKey":"6"}',
    '{"PartitionKey":"seven and a half","Data":"AAAA","ExplicitHashKey":"6"}',
    '{"ExplicitHashKey":"6","PartitionKey":"the same key in front","Data":"AAAA"}',
    '{"ExplicitHashKey":"6","PartitionKey":"and again","Data":"AAAA"}',
    '{"X":"y","Data":"AAAA","PartitionKey":"eight"}',
    '{"X":"y","Data":"AAAB","PartitionKey":"nine"}',
  ];
  assert.ok(taken(`{"Records":[${entries.join(',')}],${name}}`));
});

test('what is out of the ordinary is left to the general way', () => {
  const strange = [
    '',
    '{}',
    '[]',
    `{"Records":[],${name}}`,
    `{"Records":[${entry}]}`,
    `{"Records":[${entry}],${name}`,
    `{"Records":[${entry}],${name}}x`,
    `{"Records":[${entry},],${name}}`,
    `{"Records":[${entry}],${name},}`,
    `{"Records":[${entry}],"Records":[${entry}],${name}}`,
    `{"Records":[${entry}],${name},${name}}`,
    `{"Records":[${entry}],${name},"StreamId":"x"}`,
    `{"Records":[${entry}],${name},"DryRun":true}`,
    `{"Records":[${entry}],"StreamName":"a/b"}`,
    `{"Records":[${entry}],"StreamName":"${'a'.repeat(129)}"}`,
    `{"Records":[${entry}],${name},"Deep":{}}`,
    `{"Records":[${entry}],${name},"Bad":01}`,
    `{"Records":[${entry}],${name},"Bad":tru}`,
    `{"Records":[${entry}],${name},"Bad":"\\q"}`,
    `{"Records":[null],${name}}`,
    `{"Records":[{"Data":"aGVsbG8="}],${name}}`,
    `{"Records":[{"PartitionKey":"k"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","PartitionKey":""}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","PartitionKey":"${'a'.repeat(257)}"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","PartitionKey":"${'é'.repeat(257)}"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","PartitionKey":"a\\n"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","PartitionKey":"a\n"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","Data":"aGVsbG8=","PartitionKey":"k"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","ExplicitHashKey":"1","ExplicitHashKey":null,"PartitionKey":"k"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","ExplicitHashKey":"01","PartitionKey":"k"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","ExplicitHashKey":"340282366920938463463374607431768211456","PartitionKey":"k"}],${name}}`,
    `{"Records":[{"Data":5,"PartitionKey":"k"}],${name}}`,
    `{"Records":[{"Data":"aGVsbG8=","PartitionKey":5}],${name}}`,
    `{"Records":[${Array.from({ length: 501 }, () => entry).join(',')}],${name}}`,
    `{"Records":[${entry}],${name}${',"x":1'.repeat(3000)}}`,
  ];
  for (const text of strange) assert.ok(!taken(text), text);
  assert.ok(!taken(`{"Data":"aGVsbG8=","PartitionKey":"k",${name},"SequenceNumberForOrdering":"5"}`, true));
  const latin1 = Buffer.from(`{"Records":[{"Data":"","PartitionKey":"\u00fc"}],${name}}`, 'latin1');
  assert.ok(!taken(latin1));
});

test('data that is not base64 as AWS has it is left to the general way', () => {
  for (const data of [
    'a',
    'YQ',
    'YQ=',
    'YR==',
    'YWI',
    'Y===',
    '====',
    'YQ-_',
    'YW_j',
    'YW J',
    'YWJ\\u0061',
    'YQ==YQ==',
    'YQ=a',
    'a\\/bb',
    'é0aa',
  ]) {
    for (const before of ['', `${entry},`]) {
      assert.ok(!taken(`{"Records":[${before}{"Data":"${data}","PartitionKey":"k"}],${name}}`), data);
    }
  }
});

test('dashes in keys and names do not make data strange', () => {
  assert.ok(
    taken(
      `{"Records":[{"PartitionKey":"-_-","Data":"YQ=="},{"PartitionKey":"_-_","Data":"YQ=="}],"StreamName":"a-b_c"}`,
    ),
  );
});

test('a CBOR put is taken from its bytes', () => {
  const record = { Data: Buffer.alloc(70_000, 7), PartitionKey: 'Zürich', ExplicitHashKey: '12' };
  const bodies: readonly (readonly [Uint8Array, boolean])[] = [
    [cborProtocol.encode(putRecordsShape, { Records: [record, record], StreamName: 'flights' }), false],
    [cborProtocol.encode(putRecordShape, { ...record, StreamName: 'flights' }), true],
  ];
  for (const [body, single] of bodies) {
    const hot = (single ? decodePutRecord : decodePutRecords)(cborProtocol, body);
    const general = generalBatch(cborProtocol, body, single);
    assert.ok(hot !== undefined && general !== undefined);
    assert.deepEqual(plain(hot), plain(general));
    assert.equal(hot.hashes[hashKeyWords - 1], 12);
    // What Java's SDK writes: maps and arrays without a length.
    const indefinite = Buffer.concat([Buffer.of(0xbf), body.subarray(1), Buffer.of(0xff)]);
    const open = (single ? decodePutRecord : decodePutRecords)(cborProtocol, indefinite);
    assert.ok(open !== undefined);
    assert.deepEqual(plain(open), plain(general));
  }
});

const shards = [
  { index: 0, createdMs: 1_700_000_000_000 },
  { index: 17, createdMs: 1_700_000_100_000 },
];

test('a PutRecords answer names the shard and the number of what was taken, and the error of what was not', () => {
  const refused = new AwsError('ProvisionedThroughputExceededException', 'Rate exceeded for "shard" é.');
  const result = {
    count: 3,
    shards,
    shardOf: Uint32Array.of(1, 0, 1),
    positions: Float64Array.of(5, 0, 6),
    arrivalsMs: Float64Array.of(1_720_000_000_000, 0, 1_720_000_000_000),
    failedCount: 1,
    errors: new Map([[1, refused]]),
  };
  const answer = JSON.parse(Buffer.from(encodePutRecordsOutput(jsonProtocol, result)).toString('utf8'));
  assert.equal(answer.FailedRecordCount, 1);
  assert.deepEqual(answer.Records[1], { ErrorCode: refused.code, ErrorMessage: refused.message });
  assert.equal(answer.Records[0].ShardId, 'shardId-000000000017');
  assert.equal(parseSequenceNumber(answer.Records[0].SequenceNumber)?.position, 5);
  assert.equal(parseSequenceNumber(answer.Records[2].SequenceNumber)?.shardIndex, 17);
  assert.ok(!('EncryptionType' in answer));
});

test('a PutRecord answer', () => {
  const [shard] = shards;
  assert.ok(shard !== undefined);
  const taken = { shard, position: 4, arrivalMs: 1_720_000_000_000, encryptionType: 'KMS' } as const;
  const body = encodePutRecordOutput(jsonProtocol, taken);
  const answer = JSON.parse(Buffer.from(body).toString('utf8'));
  assert.deepEqual(Object.keys(answer), ['SequenceNumber', 'ShardId', 'EncryptionType']);
  assert.equal(parseSequenceNumber(answer.SequenceNumber)?.position, 4);
});
