import type { Json, JsonObject } from '../catalog/catalog-record.js';

/**
 * Fields of JSON that this program wrote itself. What is not there, or of another type, was not written by it: these
 * throw, and the catalog says at which position the record stands.
 */
export function objectOf(json: Json | undefined, what: string): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new TypeError(`${what} is no object`);
  return json as JsonObject;
}

export function listOf(json: Json | undefined, what: string): readonly Json[] {
  if (!Array.isArray(json)) throw new TypeError(`${what} is no list`);
  return json as readonly Json[];
}

export function listField(json: JsonObject, name: string): readonly Json[] {
  return listOf(json[name], name);
}

export function stringField(json: JsonObject, name: string): string {
  const value = json[name];
  if (typeof value !== 'string') throw new TypeError(`${name} is no string`);
  return value;
}

/** A whole number from 0 on. */
export function numberField(json: JsonObject, name: string): number {
  return wholeNumber(json[name], name);
}

export function wholeNumber(value: Json | undefined, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new TypeError(`${what} is no whole number`);
  }
  return value;
}

export function oneOf<T extends string>(json: JsonObject, name: string, values: readonly T[]): T {
  const value = json[name];
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) throw new TypeError(`${name} is none of ${values.join(', ')}`);
  return found;
}

export function stringsField(json: JsonObject, name: string): { readonly [key: string]: string } {
  const fields = objectOf(json[name], name);
  return Object.fromEntries(Object.keys(fields).map((key) => [key, stringField(fields, key)]));
}

export function objectField(json: JsonObject, name: string): JsonObject {
  return objectOf(json[name], name);
}

/** A whole number, or nothing where the field is not there. */
export function optionalNumber(json: JsonObject, name: string): number | undefined {
  return json[name] === undefined ? undefined : numberField(json, name);
}

/** A text, or nothing where the field is not there. */
export function optionalString(json: JsonObject, name: string): string | undefined {
  return json[name] === undefined ? undefined : stringField(json, name);
}
