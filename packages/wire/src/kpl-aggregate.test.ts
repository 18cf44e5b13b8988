import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { aggregate, userRecords } from './kpl-aggregate.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

const sealed = (message: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, createHash('md5').update(message).digest()]);

// What aws-kinesis-agg 1.2.3 makes of the records (k1, "one"), (k2, hash key 7, "two"), (k1, "").
const fromPython = Buffer.from(
  'f3899ac20a026b310a026b321201371a0708001a036f6e651a09080110001a0374776f1a0408001a00421a76ddde19802e5a9bac384093d68b',
  'hex',
);

test('an aggregate of Amazon’s own Python library is read, and written in the same bytes', () => {
  const records = userRecords(fromPython);
  assert.deepEqual(
    records?.map(({ partitionKey, explicitHashKey, data }) => [
      partitionKey,
      explicitHashKey,
      Buffer.from(data).toString(),
    ]),
    [
      ['k1', undefined, 'one'],
      ['k2', '7', 'two'],
      ['k1', undefined, ''],
    ],
  );
  assert.deepEqual(Buffer.from(aggregate(records ?? [])), fromPython);
});

test('what is not an aggregate to the last byte is a plain record', () => {
  const whole = fromPython;
  assert.notEqual(userRecords(whole), undefined);
  for (const [what, data] of [
    ['nothing', new Uint8Array()],
    ['the magic alone', whole.subarray(0, 4)],
    ['magic and digest of nothing', sealed(new Uint8Array())],
    ['another magic', Buffer.concat([Buffer.from([0xf2]), whole.subarray(1)])],
    ['another digest', Buffer.concat([whole.subarray(0, -1), Buffer.from([0])])],
    ['an index past the table', sealed(Buffer.from('0a016b1a0508011a0178', 'hex'))],
    ['a record without data', sealed(Buffer.from('0a016b1a020800', 'hex'))],
    ['a record without a key', sealed(Buffer.from('0a016b1a031a0178', 'hex'))],
    ['a length past the end', sealed(Buffer.from('0a7f6b', 'hex'))],
    ['a varint without an end', sealed(Buffer.from('0affffffffffffffffffffff', 'hex'))],
    ['a wire type that there is not', sealed(Buffer.from('0b', 'hex'))],
  ] as const) {
    assert.equal(userRecords(data), undefined, what);
  }
});

test('unknown fields and tags are passed over', () => {
  // field 9 as varint, fixed64 and fixed32; in the record a tag (field 4).
  const message = Buffer.from(
    '4801' +
      '4900112233445566 77'.replace(' ', '') +
      '4d00112233' +
      '0a016b' +
      '1a0a' +
      '0800' +
      '2203616263' +
      '1a0178',
    'hex',
  );
  assert.deepEqual(userRecords(sealed(message)), [
    { partitionKey: 'k', explicitHashKey: undefined, data: Buffer.from('x') },
  ]);
});

test('a large aggregate keeps every record', () => {
  const many = Array.from({ length: 5_000 }, (_, i) => ({
    partitionKey: `key-${i % 300}`,
    explicitHashKey: i % 2 === 0 ? undefined : String(i % 200),
    data: bytes('x'.repeat(i % 200)),
  }));
  const read = userRecords(aggregate(many)) ?? [];
  assert.equal(read.length, many.length);
  for (const [i, record] of read.entries()) {
    assert.deepEqual(
      { ...record, data: Buffer.from(record.data) },
      { ...many[i], data: Buffer.from(many[i]?.data ?? []) },
    );
  }
});
