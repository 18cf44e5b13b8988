/** Holds the declared operations and members against the schemas that the newest AWS SDK exports. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-kinesis';
import type { Shape, StructureShape } from '@millrace/wire';
import { memberShape } from '@millrace/wire';
import { streamsOperations, streamsStreamingOperations } from './index.js';
import {
  membersNotOffered,
  membersNotSet,
  membersReduced,
  membersRefused,
  operationsNewerThanSdk,
  operationsNotOffered,
} from './not-offered.js';

/**
 * The SDK's schemas, as far as this test reads them: tuples that begin with a kind.
 *
 *      [9, namespace, name, traits, input, output]                 operation
 *      [3, namespace, name, traits, [member …], [schema …]]        structure
 *      [4, namespace, name, traits, [member …], [schema …]]        union, which an event stream is
 *      [1, namespace, name, traits, schema]                        list
 *      numbers, strings and others                                 what has no members
 */
type Schema = unknown;

const operationKind = 9;
const structureKind = 3;
const unionKind = 4;
const listKind = 1;

/** What this test looks at in a declared operation, streaming or not. */
const declaredOperations: readonly {
  readonly name: string;
  readonly input: StructureShape;
  readonly output: StructureShape | undefined;
}[] = [...streamsOperations, ...streamsStreamingOperations];

const operations = new Map<string, readonly Schema[]>();
for (const exported of Object.values(sdk) as readonly Schema[]) {
  if (Array.isArray(exported) && exported[0] === operationKind) operations.set(String(exported[2]), exported);
}

test('every operation of the SDK is offered or listed as not offered, and none is both', () => {
  const offered = declaredOperations.map((declared) => declared.name);
  assert.ok(operations.size >= 45, `the SDK declares ${operations.size} operations`);
  assert.deepEqual([...offered, ...operationsNotOffered].sort(), [...operations.keys()].sort());
  for (const name of operationsNewerThanSdk)
    assert.ok(!operations.has(name) && !offered.includes(name), `${name} is newer than the SDK no more`);
});

test('every member of an offered operation is declared or listed as not offered, and none is invented', () => {
  const missing: string[] = [];
  for (const declared of declaredOperations) {
    const [, , , , input, output] = operations.get(declared.name) ?? [];
    const sides: readonly [string, Schema, StructureShape | undefined][] = [
      ['input', input, declared.input],
      ['output', output, declared.output],
    ];
    for (const [side, schema, shape] of sides) {
      const theirs = new Set(pathsOfSchema(schema, `${declared.name}.${side}`));
      const ours = new Set(shape === undefined ? [] : pathsOfShape(shape, `${declared.name}.${side}`));
      for (const path of theirs) if (!ours.has(path) && !notOffered(path)) missing.push(path);
      for (const path of ours) assert.ok(theirs.has(path), `${path} is declared and not in the SDK`);
    }
  }
  assert.deepEqual(missing, []);
});

test('what is listed as not offered, refused, reduced or not set exists', () => {
  const theirs = new Set<string>();
  for (const [name, [, , , , input, output]] of operations) {
    for (const path of pathsOfSchema(input, `${name}.input`)) theirs.add(path);
    for (const path of pathsOfSchema(output, `${name}.output`)) theirs.add(path);
  }
  const ours = new Set(
    declaredOperations.flatMap((declared) => [
      ...pathsOfShape(declared.input, `${declared.name}.input`),
      ...(declared.output === undefined ? [] : pathsOfShape(declared.output, `${declared.name}.output`)),
    ]),
  );
  for (const path of Object.keys(membersNotOffered)) {
    assert.ok(theirs.has(path) && !ours.has(path), `${path} is listed as not offered`);
  }
  for (const path of Object.keys({ ...membersRefused, ...membersReduced, ...membersNotSet })) {
    assert.ok(ours.has(path), `${path} is not declared`);
  }
});

/** Whether the member, or one that it is a member of, is listed as not offered. */
function notOffered(path: string): boolean {
  return Object.keys(membersNotOffered).some((listed) => path === listed || path.startsWith(`${listed}.`));
}

function pathsOfSchema(schema: Schema, path: string): readonly string[] {
  if (typeof schema === 'function') return pathsOfSchema(schema(), path);
  if (!Array.isArray(schema)) return [];
  if (schema[0] === listKind) return pathsOfSchema(schema[4], path);
  if (schema[0] !== structureKind && schema[0] !== unionKind)
    return schema.length === 2 ? pathsOfSchema(schema[0], path) : [];
  const names = schema[4] as readonly string[];
  const members = schema[5] as readonly Schema[];
  return names.flatMap((name, i) => [`${path}.${name}`, ...pathsOfSchema(members[i], `${path}.${name}`)]);
}

function pathsOfShape(shape: Shape, path: string): readonly string[] {
  if (shape.kind === 'list') return pathsOfShape(shape.member, path);
  if (shape.kind !== 'structure') return [];
  return Object.entries(shape.members).flatMap(([name, member]) => [
    `${path}.${name}`,
    ...pathsOfShape(memberShape(member), `${path}.${name}`),
  ]);
}
