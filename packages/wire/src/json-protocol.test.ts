/** The table of type errors is kinesalite's (`assertType` in its tests), recorded against AWS. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwsError } from './aws-error.js';
import { jsonProtocol } from './json-protocol.js';
import {
  blob,
  boolean,
  double,
  integer,
  list,
  long,
  map,
  required,
  type Shape,
  string,
  structure,
  timestamp,
} from './shape.js';

function decode(shape: Shape, json: string): unknown {
  const input = structure('Input', { Value: shape });
  return (jsonProtocol.decode(input, Buffer.from(`{"Value":${json}}`)) as { readonly Value?: unknown }).Value;
}

function refusal(decoding: () => unknown): AwsError {
  try {
    decoding();
  } catch (error) {
    assert.ok(error instanceof AwsError);
    assert.equal(error.code, 'SerializationException');
    return error;
  }
  return assert.fail('it was taken');
}

const bigNumber = 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber';
const list0 = 'Start of list found where not expected';
const structure0 = 'Start of structure or map found where not expected.';

test('types that do not convert are refused in the words of AWS', () => {
  const cases: readonly (readonly [Shape, readonly (readonly [string, string])[]])[] = [
    [
      boolean,
      [
        ['"23"', "'23' can not be converted to an Boolean"],
        ['"Nope"', "'NOPE' can not be converted to an Boolean"],
        ['23', `${bigNumber} can not be converted to an Boolean`],
        ['-2147483648', `${bigNumber} can not be converted to an Boolean`],
        ['[]', list0],
        ['{}', structure0],
      ],
    ],
    [
      string(),
      [
        ['true', 'class java.lang.Boolean can not be converted to an String'],
        ['23', `${bigNumber} can not be converted to an String`],
        ['34.56', `${bigNumber} can not be converted to an String`],
        ['[]', list0],
        ['{}', structure0],
      ],
    ],
    [
      integer(),
      [
        ['"23"', 'class java.lang.String can not be converted to an Integer'],
        ['true', 'class java.lang.Boolean can not be converted to an Integer'],
        ['[]', list0],
        ['{}', structure0],
      ],
    ],
    [long(), [['"23"', 'class java.lang.String can not be converted to an Long']]],
    [double(), [['true', 'class java.lang.Boolean can not be converted to an Double']]],
    [
      blob(),
      [
        ['true', 'class java.lang.Boolean can not be converted to a Blob'],
        ['23', `${bigNumber} can not be converted to a Blob`],
        ['[]', list0],
        ['{}', structure0],
        [
          '"23456"',
          "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5",
        ],
        ['"=+/="', "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"],
        ['"+/+="', "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"],
      ],
    ],
    [
      timestamp,
      [
        ['true', 'class java.lang.Boolean can not be converted to milliseconds since epoch'],
        ['"2020"', 'class java.lang.String can not be converted to milliseconds since epoch'],
        ['[]', list0],
        ['{}', structure0],
      ],
    ],
    [
      list(string()),
      [
        ['"23"', 'Expected list or null'],
        ['true', 'Expected list or null'],
        ['23', 'Expected list or null'],
        ['34.56', 'Expected list or null'],
        ['{}', structure0],
      ],
    ],
    [
      map(string(), string()),
      [
        ['"23"', 'Expected map or null'],
        ['true', 'Expected map or null'],
        ['34.56', 'Expected map or null'],
        ['[]', list0],
      ],
    ],
    [
      structure('Inner', {}),
      [
        ['"23"', 'Expected null'],
        ['true', 'Expected null'],
        ['34.56', 'Expected null'],
        ['[]', list0],
      ],
    ],
  ];
  for (const [shape, refused] of cases) {
    for (const [json, message] of refused) {
      assert.equal(refusal(() => decode(shape, json)).message, message, `${json} as ${shape.kind}`);
    }
  }
});

test('types that convert are converted', () => {
  assert.equal(decode(integer(), '34.99'), 34);
  assert.equal(decode(integer(), '1e300'), 2147483647);
  assert.equal(decode(integer(), '-1e300'), -2147483648);
  assert.equal(decode(integer(), '-0.5'), 0);
  assert.equal(decode(boolean, '"TRUE"'), true);
  assert.equal(decode(boolean, '"no"'), false);
  assert.equal(decode(boolean, '34.56'), true);
  assert.equal(decode(timestamp, '1735689600.123'), 1735689600123);
  assert.equal(decode(timestamp, '1e300'), 8.64e15);
  assert.equal(decode(string(), 'null'), undefined);
  assert.deepEqual(decode(blob(), '"aGVsbG8="'), Uint8Array.from(Buffer.from('hello')));
  assert.deepEqual(decode(list(string()), '["a",null]'), ['a', null]);
});

test('base64 with anything but the standard alphabet and padding is refused', () => {
  for (const text of [
    'YQ-_',
    'YWJj\\n',
    'YW Jj',
    'YQ==YQ==',
    'Y===',
    '====',
    'YR==',
    'YWI',
    'YQ=a',
    '\\u00e9abc',
  ]) {
    assert.match(refusal(() => decode(blob(), `"${text}"`)).message, /can not be converted to a Blob/, text);
  }
});

test('a body that is no JSON object is refused without a word', () => {
  const input = structure('Input', { Value: string() });
  const bodies = [
    '',
    'hello',
    '{',
    '{"Value":"a"',
    '{"Value":1e}',
    'null',
    '5',
    '"a"',
    '{"Value":"\\ud8"}',
    "{'a':1}",
  ];
  for (const body of [
    ...bodies.map((text) => Buffer.from(text)),
    Buffer.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d),
  ]) {
    assert.equal(refusal(() => jsonProtocol.decode(input, body)).message, '', body.toString('latin1'));
  }
});

test('a deep or a wide body is refused before it is parsed', () => {
  const input = structure('Input', { Value: string() });
  const hostile = [
    '['.repeat(1_000_000),
    `{"a":`.repeat(100_000),
    `{"Value":[${'{},'.repeat(300_000)}{}]}`,
    `{"Value":[${'"",'.repeat(300_000)}""]}`,
    `{"x":${'['.repeat(40_000)}${']'.repeat(40_000)}}`,
  ];
  for (const body of hostile)
    assert.equal(refusal(() => jsonProtocol.decode(input, Buffer.from(body))).message, '');
  const long = JSON.stringify({ Value: `"[{,\\${'x,[{"\\'.repeat(40_000)}` });
  assert.deepEqual(jsonProtocol.decode(input, Buffer.from(long)), JSON.parse(long));
});

test('members that nobody knows and names of the prototype change nothing', () => {
  const input = structure('Input', { Value: string(), Tags: map(string(), string()) });
  const body =
    '{"__proto__":{"Value":"evil"},"constructor":1,"Tags":{"__proto__":"a","toString":"b"},"Other":[1]}';
  const decoded = jsonProtocol.decode(input, Buffer.from(body)) as {
    readonly Value?: string;
    readonly Tags: object;
  };
  assert.equal(decoded.Value, undefined);
  assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
  assert.deepEqual(Object.entries(decoded.Tags), [
    ['__proto__', 'a'],
    ['toString', 'b'],
  ]);
});

test('of a name that comes twice the last counts', () => {
  const input = structure('Input', { Value: required(string()) });
  assert.equal(jsonProtocol.decode(input, Buffer.from('{"Value":"a","Value":"b"}')).Value, 'b');
});

test('outputs: members as declared, absent ones left out, times in seconds', () => {
  const output = structure('Output', {
    Text: string(),
    Absent: string(),
    Time: timestamp,
    Data: blob(),
    Flag: boolean,
    Count: long(),
    List: list(structure('Inner', { A: string() })),
    Map: map(string(), integer()),
  });
  const body = jsonProtocol.encode(output, {
    Count: 5,
    Text: 'é"\n',
    Absent: undefined,
    Time: 1735689600123,
    Data: Buffer.from('hello'),
    Flag: false,
    List: [{ A: 'x' }, {}],
    Map: { ['__proto__']: 1 },
  });
  assert.equal(
    Buffer.from(body).toString('utf8'),
    '{"Text":"é\\"\\n","Time":1735689600.123,"Data":"aGVsbG8=","Flag":false,"Count":5,"List":[{"A":"x"},{}],"Map":{"__proto__":1}}',
  );
});

test('errors: the short type, and the message under the name that AWS gives it', () => {
  const print = (error: AwsError): string => Buffer.from(jsonProtocol.encodeError(error)).toString('utf8');
  assert.equal(
    print(new AwsError('ResourceNotFoundException', 'Stream s under account 123456789012 not found.')),
    '{"__type":"ResourceNotFoundException","message":"Stream s under account 123456789012 not found."}',
  );
  assert.equal(
    print(new AwsError('SerializationException', list0)),
    `{"__type":"SerializationException","Message":"${list0}"}`,
  );
  assert.equal(print(new AwsError('SerializationException', '')), '{"__type":"SerializationException"}');
  assert.equal(
    print(new AwsError('X', 'm', { members: { retryAfterSeconds: 5 } })),
    '{"__type":"X","message":"m","retryAfterSeconds":5}',
  );
});
