/**
 * Validation: a decoded value against the constraints of its shape, refused in AWS's words.
 *
 *      message = count " validation error(s) detected: " failure { "; " failure }
 *      failure = "Value " value " at '" path "' failed to satisfy constraint: " constraint
 *      value   = "null" | "'" printed "'"
 *      path    = name { "." name | "." index ".member" | "." key ".member" }     names with a small first letter
 *
 * Source of the words, of the order of constraints (null, enumeration, pattern, least, most), of printed blobs and
 * of the limit of ten: kinesalite's tests against AWS, and error texts in public issues. The order of members is in
 * `member-order.ts`. Lengths of strings count UTF-16 units, as Java's do.
 */
import { AwsError } from './aws-error.js';
import { matchesPattern } from './java-pattern.js';
import { orderedMembers } from './member-order.js';
import type { ListShape, MapShape, Shape, StringShape, StructureShape } from './shape.js';

/** AWS names no more failures than this (kinesalite's tests). */
const failuresMax = 10;

/** The Java package that AWS's list of structures prints its elements by. */
const javaPackage = 'com.amazonaws.kinesis.v20131202';

/** Throws `ValidationException` unless `value` keeps every constraint of `shape`. */
export function validate(shape: StructureShape, value: unknown): void {
  const failures: string[] = [];
  checkMembers(shape, value, '', failures);
  if (failures.length === 0) return;
  const errors = failures.length === 1 ? 'error' : 'errors';
  throw new AwsError(
    'ValidationException',
    `${failures.length} validation ${errors} detected: ${failures.join('; ')}`,
  );
}

function checkMembers(shape: StructureShape, value: unknown, prefix: string, failures: string[]): void {
  for (const member of orderedMembers(shape)) {
    const memberValue = (value as { readonly [name: string]: unknown })[member.name];
    const path = prefix + member.printedName;
    if (memberValue === undefined || memberValue === null) {
      if (member.required) fail(failures, null, path, 'Member must not be null');
    } else check(member.shape, memberValue, path, failures);
    if (failures.length >= failuresMax) return;
  }
}

/** Checks one value that is present. */
function check(shape: Shape, value: unknown, path: string, failures: string[]): void {
  for (const constraint of brokenConstraints(shape, value))
    fail(failures, print(shape, value), path, constraint);
  if (shape.kind === 'structure') checkMembers(shape, value, `${path}.`, failures);
  else if (shape.kind === 'list') checkElements(shape, value as readonly unknown[], path, failures);
  else if (shape.kind === 'map')
    checkEntries(shape, value as { readonly [key: string]: unknown }, path, failures);
}

function checkElements(shape: ListShape, value: readonly unknown[], path: string, failures: string[]): void {
  const { member } = shape;
  if (member.kind === 'string') {
    const broken = value.some((element) => element === null || brokenConstraints(member, element).length > 0);
    if (broken) fail(failures, print(shape, value), path, `Member must satisfy constraint: ${allOf(member)}`);
    return;
  }
  for (let index = 0; index < value.length && failures.length < failuresMax; index++) {
    const elementPath = `${path}.${index + 1}.member`;
    const element = value[index];
    if (element === null) fail(failures, null, elementPath, 'Member must not be null');
    else check(member, element, elementPath, failures);
  }
}

function checkEntries(
  shape: MapShape,
  value: { readonly [key: string]: unknown },
  path: string,
  failures: string[],
): void {
  const keys = Object.keys(value);
  if (keys.some((key) => brokenConstraints(shape.key, key).length > 0)) {
    fail(failures, print(shape, value), path, `Map keys must satisfy constraint: ${allOf(shape.key)}`);
  }
  const element = shape.value;
  if (element.kind === 'string') {
    const broken = keys.some(
      (key) => value[key] === null || brokenConstraints(element, value[key]).length > 0,
    );
    if (broken)
      fail(failures, print(shape, value), path, `Map value must satisfy constraint: ${allOf(element)}`);
    return;
  }
  for (const key of keys) {
    if (failures.length >= failuresMax) return;
    if (value[key] === null) fail(failures, null, `${path}.${key}.member`, 'Member must not be null');
    else check(element, value[key], `${path}.${key}.member`, failures);
  }
}

/** The constraints of its own that a value breaks, in the order in which AWS names them. */
function brokenConstraints(shape: Shape, value: unknown): readonly string[] {
  switch (shape.kind) {
    case 'string':
      return brokenByString(shape, value as string);
    case 'integer':
    case 'long':
    case 'double':
      return brokenBounds(shape, value as number, 'value');
    case 'blob':
      return brokenBounds(shape, (value as Uint8Array).length, 'length');
    case 'list':
      return brokenBounds(shape, (value as readonly unknown[]).length, 'length');
    case 'map':
      return brokenBounds(shape, Object.keys(value as object).length, 'length');
    default:
      return [];
  }
}

function brokenByString(shape: StringShape, value: string): readonly string[] {
  const broken: string[] = [];
  if (shape.values !== undefined && !shape.values.includes(value)) broken.push(enumerated(shape.values));
  if (shape.pattern !== undefined && !matchesPattern(shape.pattern, value))
    broken.push(patterned(shape.pattern));
  broken.push(...brokenBounds(shape, value.length, 'length'));
  return broken;
}

interface Bounds {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

function brokenBounds(bounds: Bounds, measure: number, what: 'length' | 'value'): readonly string[] {
  if (bounds.min !== undefined && measure < bounds.min) return [atLeast(what, bounds.min)];
  if (bounds.max !== undefined && measure > bounds.max) return [atMost(what, bounds.max)];
  return [];
}

/** Every constraint of a string in a list or map, as AWS names them all when one is broken: the most comes first. */
function allOf(shape: StringShape): string {
  const constraints: string[] = [];
  if (shape.max !== undefined) constraints.push(atMost('length', shape.max));
  if (shape.min !== undefined) constraints.push(atLeast('length', shape.min));
  if (shape.pattern !== undefined) constraints.push(patterned(shape.pattern));
  if (shape.values !== undefined) constraints.push(enumerated(shape.values));
  return `[${constraints.join(', ')}]`;
}

const atLeast = (what: string, bound: number): string =>
  `Member must have ${what} greater than or equal to ${bound}`;
const atMost = (what: string, bound: number): string =>
  `Member must have ${what} less than or equal to ${bound}`;
const patterned = (pattern: string): string => `Member must satisfy regular expression pattern: ${pattern}`;
const enumerated = (values: readonly string[]): string =>
  `Member must satisfy enum value set: [${values.join(', ')}]`;

function fail(failures: string[], printed: string | null, path: string, constraint: string): void {
  if (failures.length >= failuresMax) return;
  const value = printed === null ? 'null' : `'${printed}'`;
  failures.push(`Value ${value} at '${path}' failed to satisfy constraint: ${constraint}`);
}

/** A value as Java's `toString` prints it. */
function print(shape: Shape, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (shape.kind) {
    case 'blob': {
      const { length } = value as Uint8Array;
      return `java.nio.HeapByteBuffer[pos=0 lim=${length} cap=${length}]`;
    }
    case 'list':
      return `[${(value as readonly unknown[]).map((element) => print(shape.member, element)).join(', ')}]`;
    case 'map': {
      const entries = Object.entries(value as object);
      return `{${entries.map(([key, element]) => `${key}=${print(shape.value, element)}`).join(', ')}}`;
    }
    case 'structure':
      // What follows the @ is a hash in memory that means nothing to anybody; ours is always the same.
      return `${javaPackage}.${shape.name}@0`;
    default:
      return String(value);
  }
}
