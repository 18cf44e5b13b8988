import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwsError } from './aws-error.js';
import { decodeCbor } from './cbor-decoder.js';
import { cborProtocol } from './cbor-protocol.js';
import { EpochTime } from './coercion.js';
import { blob, boolean, double, integer, list, long, map, string, structure, timestamp } from './shape.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

function refused(hex: string): void {
  assert.throws(
    () => decodeCbor(bytes(hex)),
    (error) => error instanceof AwsError && error.code === 'SerializationException' && error.message === '',
    hex,
  );
}

test('the examples of RFC 8949, appendix A', () => {
  const examples: readonly (readonly [string, unknown])[] = [
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1000000],
    ['1b000000e8d4a51000', 1000000000000],
    ['20', -1],
    ['3863', -100],
    ['3903e7', -1000],
    ['f90000', 0],
    ['f93c00', 1],
    ['f97bff', 65504],
    ['f90001', 2 ** -24],
    ['f9c400', -4],
    ['fb3ff199999999999a', 1.1],
    ['fa47c35000', 100000],
    ['f97c00', Number.POSITIVE_INFINITY],
    ['f97e00', Number.NaN],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['f7', null],
    ['4401020304', bytes('01020304')],
    ['60', ''],
    ['6449455446', 'IETF'],
    ['62225c', '"\\'],
    ['62c3bc', 'ü'],
    ['64f0908591', '𐅑'],
    ['80', []],
    ['83010203', [1, 2, 3]],
    ['8301820203820405', [1, [2, 3], [4, 5]]],
    ['5f42010243030405ff', bytes('0102030405')],
    ['7f657374726561646d696e67ff', 'streaming'],
    ['9fff', []],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
    ['d818456449455446', bytes('6449455446')],
    ['c11a514b67b0', new EpochTime(1363896240)],
    ['c1fb41d452d9ec200000', new EpochTime(1363896240500)],
  ];
  for (const [hex, expected] of examples) assert.deepEqual(decodeCbor(bytes(hex)), expected, hex);
  const asEntries = (hex: string): unknown => Object.entries(decodeCbor(bytes(hex)) as object);
  assert.deepEqual(asEntries('a26161016162820203'), [
    ['a', 1],
    ['b', [2, 3]],
  ]);
  assert.deepEqual(asEntries('bf61610161629f0203ffff'), [
    ['a', 1],
    ['b', [2, 3]],
  ]);
  assert.deepEqual(asEntries('a1695f5f70726f746f5f5f01'), [['__proto__', 1]]);
});

test('what is not one well-formed item is refused', () => {
  const malformed = [
    '', // nothing
    '0001', // two items
    '18', // a head cut short
    '1b00000000000000',
    '1c', // reserved
    '5bffffffffffffffff00', // a length that nothing holds
    '7affffffff61',
    '9bffffffffffffffff', // items that cannot be there
    '9a00ffffff',
    'bb7fffffffffffffff',
    'ba00ffffff',
    '8201', // fewer items than promised
    '9f01', // no end
    'bf616101',
    'bf6161ff', // a key without a value
    '5f6161ff', // text among bytes
    '5f5f4101ffff', // chunks of chunks
    '7f4161ff',
    'a10102', // a key that is no text
    'a1416101',
    'ff', // an end of nothing
    'f8ff', // a simple value that means nothing
    'e0',
    'c1', // a tag of nothing
    '61ff', // text that is not UTF-8
    '62c328',
    'a161ff01',
    'df', // a tag of indefinite length
    '3f',
  ];
  for (const hex of malformed) refused(hex);
});

test('depth and number of items are bounded', () => {
  refused('81'.repeat(1_000_000));
  refused('9f'.repeat(1_000_000));
  refused(`a16161`.repeat(300_000));
  refused('c1'.repeat(1_000_000));
  refused(`9f${'f6'.repeat(300_000)}ff`);
  refused(`5f${'40'.repeat(300_000)}ff`);
  assert.deepEqual(decodeCbor(bytes(`9f${'00'.repeat(1000)}ff`)), new Array(1000).fill(0));
});

const output = structure('Output', {
  Text: string(),
  Time: timestamp,
  Data: blob(),
  Flag: boolean,
  Count: integer(),
  Large: long(),
  Ratio: double(),
  List: list(integer()),
  Map: map(string(), string()),
});

test('outputs: shortest heads, times as whole milliseconds under tag 1, blobs as bytes', () => {
  const value = {
    Text: 'é',
    Time: 1735689600123,
    Data: bytes('00ff'),
    Flag: true,
    Count: -500,
    Large: 2 ** 40,
    Ratio: 1.1,
    List: [1, 24],
    Map: { a: 'b' },
  };
  const encoded = cborProtocol.encode(output, value);
  assert.equal(
    Buffer.from(encoded).toString('hex'),
    'a9' +
      '6454657874' +
      '62c3a9' +
      '6454696d65' +
      'c11b000001941f297c7b' +
      '6444617461' +
      '4200ff' +
      '64466c6167' +
      'f5' +
      '65436f756e74' +
      '3901f3' +
      '654c61726765' +
      '1b0000010000000000' +
      '65526174696f' +
      'fb3ff199999999999a' +
      '644c697374' +
      '82011818' +
      '634d6170' +
      'a161616162',
  );
  assert.deepEqual(cborProtocol.decode(output, encoded), value);
});

test('a blob may come as base64 text, a time as a bare number of milliseconds', () => {
  const text = bytes('a1644461746168614756736247383d');
  assert.deepEqual(cborProtocol.decode(output, text), { Data: Uint8Array.from(Buffer.from('hello')) });
  assert.deepEqual(cborProtocol.decode(output, bytes('a16454696d651903e8')), { Time: 1000 });
});

test('types that do not convert are refused in the words of JSON', () => {
  const cases = [
    ['a165436f756e746132', 'class java.lang.String can not be converted to an Integer'],
    ['a16454657874f5', 'class java.lang.Boolean can not be converted to an String'],
    ['a164546578744161', 'class java.nio.HeapByteBuffer can not be converted to an String'],
    ['a16454657874c100', 'class java.util.Date can not be converted to an String'],
    ['a1644c697374a0', 'Start of structure or map found where not expected.'],
    ['a1634d617080', 'Start of list found where not expected'],
    ['a1634d61704161', 'Expected map or null'],
  ];
  for (const [hex = '', message] of cases) {
    assert.throws(
      () => cborProtocol.decode(output, bytes(hex)),
      { code: 'SerializationException', message },
      hex,
    );
  }
});

test('a number that is none becomes zero, as Java casts it', () => {
  assert.deepEqual(cborProtocol.decode(output, bytes('a165436f756e74f97e00')), { Count: 0 });
  assert.deepEqual(cborProtocol.decode(output, bytes('a16454696d65f97e00')), { Time: 0 });
});

test('errors are maps of the same members as in JSON', () => {
  const error = new AwsError('ResourceNotFoundException', 'gone', {
    members: { A: 1, B: [true, 0.5], C: undefined },
  });
  assert.deepEqual(
    { ...(decodeCbor(cborProtocol.encodeError(error)) as object) },
    {
      __type: 'ResourceNotFoundException',
      message: 'gone',
      A: 1,
      B: [true, 0.5],
    },
  );
});
