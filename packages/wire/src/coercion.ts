/**
 * Coercion: a decoded tree (of JSON or of CBOR) as a value of a shape, by AWS's rules of what converts to what, and
 * its words for what does not. Constraints are `validate`'s; here only types count. Members that the shape does not
 * know are passed over, and so are nulls; nulls inside lists and maps stay, for `validate` to refuse.
 *
 *      tree = null | boolean | number | string | [ tree … ] | { name: tree … }
 *           | Uint8Array | EpochTime                                            (these two from CBOR alone)
 *
 * Source of the words: kinesalite's table of type errors, recorded against AWS over JSON. That AWS uses the same
 * words over CBOR, and what it says of byte strings and times where it expects something else, is undocumented; we
 * chose.
 */
import { unreachable } from '@millrace/base';
import { AwsError } from './aws-error.js';
import { decodeBase64 } from './base64.js';
import type { NumberShape, Shape, StructureShape, ValueOf } from './shape.js';

/** A time as CBOR tags it. */
export class EpochTime {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }
}

/** How a protocol's plain number stands for a time. */
export type NumberToMs = (value: number) => number;

const integerMax = 2 ** 31 - 1;
/** 2^63 − 1, as near as a double comes to it. */
const longMax = 2 ** 63;
/** The last time that a JavaScript date can hold; farther ones are cut to it. */
const timeMsMax = 8.64e15;

const bigNumber = 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber';
const listNotExpected = 'Start of list found where not expected';
const structureNotExpected = 'Start of structure or map found where not expected.';

/** What AWS reads as a Boolean in a string, in any case of letters (kinesalite's notes). */
const booleanWords: ReadonlyMap<string, boolean> = new Map([
  ['TRUE', true],
  ['1', true],
  ['YES', true],
  ['FALSE', false],
  ['0', false],
  ['NO', false],
]);

/** The body that cannot be read at all: AWS sends the bare type, with no message (kinesalite, KPL's logs). */
export function unreadableBody(): AwsError {
  return new AwsError('SerializationException', '');
}

/** `tree` as a value of `shape`. Throws `SerializationException`. */
export function coerce<S extends StructureShape>(
  shape: S,
  tree: unknown,
  numberToMs: NumberToMs,
): ValueOf<S> {
  if (typeof tree !== 'object' || tree === null) throw unreadableBody();
  return coerceValue(shape, tree, numberToMs) as ValueOf<S>;
}

function coerceValue(shape: Shape, tree: unknown, numberToMs: NumberToMs): unknown {
  if (tree === null || tree === undefined) return null;
  switch (shape.kind) {
    case 'string':
      return typeof tree === 'string' ? tree : refuse(tree, 'an String');
    case 'integer':
    case 'long':
    case 'double':
      return typeof tree === 'number' ? coerceNumber(shape, tree) : refuse(tree, numberName(shape));
    case 'boolean':
      return coerceBoolean(tree);
    case 'blob':
      return coerceBlob(tree);
    case 'timestamp':
      return coerceTime(tree, numberToMs);
    case 'list':
      return coerceList(shape.member, tree, numberToMs);
    case 'map':
      return coerceMap(shape.value, tree, numberToMs);
    case 'structure':
      return coerceStructure(shape, tree, numberToMs);
    default:
      return unreachable(shape);
  }
}

function coerceStructure(shape: StructureShape, tree: unknown, numberToMs: NumberToMs): unknown {
  if (!isNested(tree)) return serialization('Expected null');
  if (Array.isArray(tree)) return serialization(listNotExpected);
  const source = tree as { readonly [name: string]: unknown };
  const value: { [name: string]: unknown } = {};
  for (const [name, member] of Object.entries(shape.members)) {
    if (!Object.hasOwn(source, name)) continue;
    const memberValue = coerceValue('required' in member ? member.shape : member, source[name], numberToMs);
    if (memberValue !== null) value[name] = memberValue;
  }
  return value;
}

function coerceList(member: Shape, tree: unknown, numberToMs: NumberToMs): unknown {
  if (!isNested(tree)) return serialization('Expected list or null');
  if (!Array.isArray(tree)) return serialization(structureNotExpected);
  return tree.map((element: unknown) => coerceValue(member, element, numberToMs));
}

function coerceMap(element: Shape, tree: unknown, numberToMs: NumberToMs): unknown {
  if (!isNested(tree)) return serialization('Expected map or null');
  if (Array.isArray(tree)) return serialization(listNotExpected);
  // `fromEntries` defines its keys, so that `__proto__` is one like any other.
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [key, coerceValue(element, value, numberToMs)]),
  );
}

/** Fractions are cut off and what is out of range goes to the nearest end, as AWS's TruncatingBigNumber does. */
function coerceNumber(shape: NumberShape, value: number): number {
  if (shape.kind === 'double') return value;
  const max = shape.kind === 'integer' ? integerMax : longMax;
  const min = shape.kind === 'integer' ? -integerMax - 1 : -longMax;
  // NaN, which only CBOR can say, becomes 0, as Java casts it; adding 0 turns −0 into 0.
  return Number.isNaN(value) ? 0 : Math.min(max, Math.max(min, Math.trunc(value))) + 0;
}

function coerceBoolean(tree: unknown): boolean {
  if (typeof tree === 'boolean') return tree;
  if (typeof tree === 'string') {
    const word = tree.toUpperCase();
    return booleanWords.get(word) ?? serialization(`'${word}' can not be converted to an Boolean`);
  }
  // Recorded so: whole numbers are refused, fractions are not.
  if (typeof tree === 'number' && !Number.isInteger(tree)) return true;
  return refuse(tree, 'an Boolean');
}

function coerceBlob(tree: unknown): Uint8Array {
  if (tree instanceof Uint8Array) return tree;
  if (typeof tree !== 'string') return refuse(tree, 'a Blob');
  const decoded = decodeBase64(tree);
  return typeof decoded === 'string'
    ? serialization(`'${tree}' can not be converted to a Blob: ${decoded}`)
    : decoded;
}

function coerceTime(tree: unknown, numberToMs: NumberToMs): number {
  if (typeof tree !== 'number' && !(tree instanceof EpochTime)) {
    return refuse(tree, 'milliseconds since epoch');
  }
  const ms = typeof tree === 'number' ? numberToMs(tree) : tree.ms;
  return Number.isNaN(ms) ? 0 : Math.min(timeMsMax, Math.max(-timeMsMax, Math.round(ms))) + 0;
}

function isNested(tree: unknown): tree is object {
  return typeof tree === 'object' && !(tree instanceof Uint8Array) && !(tree instanceof EpochTime);
}

function numberName(shape: NumberShape): string {
  return `an ${shape.kind.charAt(0).toUpperCase()}${shape.kind.slice(1)}`;
}

/** Refuses a tree that does not convert to `target` (with the article that AWS gives it). */
function refuse(tree: unknown, target: string): never {
  if (Array.isArray(tree)) return serialization(listNotExpected);
  if (isNested(tree)) return serialization(structureNotExpected);
  return serialization(`${javaClassOf(tree)} can not be converted to ${target}`);
}

function javaClassOf(tree: unknown): string {
  if (typeof tree === 'string') return 'class java.lang.String';
  if (typeof tree === 'boolean') return 'class java.lang.Boolean';
  if (tree instanceof Uint8Array) return 'class java.nio.HeapByteBuffer';
  return tree instanceof EpochTime ? 'class java.util.Date' : bigNumber;
}

function serialization(message: string): never {
  throw new AwsError('SerializationException', message);
}
