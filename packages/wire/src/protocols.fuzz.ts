import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AwsError } from './aws-error.js';
import { cborProtocol } from './cbor-protocol.js';
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
  string,
  structure,
  timestamp,
} from './shape.js';
import { validate } from './validation.js';

const seed = Date.now();

const inner = structure('Inner', { Name: required(string()), Data: blob(), Next: list(string()) });
const shape = structure('Outer', {
  Text: string({ min: 1, max: 5, pattern: '[a-z]+' }),
  Count: integer({ min: 1, max: 10 }),
  Large: long(),
  Ratio: double(),
  Flag: boolean,
  Time: timestamp,
  Data: required(blob({ max: 8 })),
  List: list(inner, { max: 3 }),
  Map: map(string({ max: 4 }), string()),
});

const text = fc.string({ unit: 'binary' });
const data = fc.uint8Array({ maxLength: 40 });
const innerValue = fc.record(
  { Name: text, Data: data, Next: fc.array(text, { maxLength: 4 }) },
  { requiredKeys: ['Name'], noNullPrototype: true },
);
const value = fc.record(
  {
    Text: text,
    Count: fc.integer(),
    Large: fc.maxSafeInteger(),
    Ratio: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((ratio) => !Object.is(ratio, -0)),
    Flag: fc.boolean(),
    Time: fc.integer({ min: -8_640_000_000_000, max: 8_640_000_000_000 }),
    Data: data,
    List: fc.array(innerValue, { maxLength: 4 }),
    Map: fc
      .array(fc.tuple(fc.oneof(text, fc.constant('__proto__')), text), { maxLength: 4 })
      .map((entries): { readonly [key: string]: string } => Object.fromEntries(entries)),
  },
  { requiredKeys: ['Data'], noNullPrototype: true },
);

test(`both protocols give a value back, and the same one (seed ${seed})`, () => {
  fc.assert(
    fc.property(value, (original) => {
      for (const protocol of [jsonProtocol, cborProtocol]) {
        assert.deepEqual(protocol.decode(shape, protocol.encode(shape, original)), original);
      }
    }),
    { seed, numRuns: 500 },
  );
});

/** Nothing but an answer of AWS may come out of bytes from outside. */
function digest(decode: () => unknown): void {
  try {
    validate(shape, decode());
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    jsonProtocol.encodeError(error);
    cborProtocol.encodeError(error);
  }
}

test(`bytes of any kind are decoded or refused (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      digest(() => jsonProtocol.decode(shape, bytes));
      digest(() => cborProtocol.decode(shape, bytes));
    }),
    { seed, numRuns: 2000 },
  );
});

test(`JSON of any kind is decoded or refused (seed ${seed})`, () => {
  const odd = fc.oneof(
    fc.json({ maxDepth: 6 }),
    fc
      .dictionary(fc.constantFrom(...Object.keys(shape.members), '__proto__'), fc.jsonValue())
      .map((each) => JSON.stringify(each)),
  );
  fc.assert(
    fc.property(odd, (json) => digest(() => jsonProtocol.decode(shape, Buffer.from(json)))),
    { seed, numRuns: 2000 },
  );
});

test(`a message with bytes changed, cut or doubled is decoded or refused (seed ${seed})`, () => {
  const change = fc.record({
    at: fc.nat(),
    byte: fc.integer({ min: 0, max: 255 }),
    kind: fc.constantFrom('set', 'cut', 'insert'),
  });
  fc.assert(
    fc.property(value, fc.array(change, { minLength: 1, maxLength: 4 }), (original, changes) => {
      for (const protocol of [jsonProtocol, cborProtocol]) {
        let bytes: number[] = [...protocol.encode(shape, original)];
        for (const { at, byte, kind } of changes) {
          const index = at % bytes.length || 0;
          if (kind === 'set') bytes[index] = byte;
          else if (kind === 'insert') bytes.splice(index, 0, byte);
          else bytes = bytes.slice(0, index);
        }
        digest(() => protocol.decode(shape, Uint8Array.from(bytes)));
      }
    }),
    { seed, numRuns: 1000 },
  );
});
