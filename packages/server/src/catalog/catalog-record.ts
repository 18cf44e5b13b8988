/**
 * What the catalog's log holds, as JSON in UTF-8:
 *
 *      record   = command | part
 *      command  = { "v": 2, "id": id, "section": name, "rules": n, "command": {…} }
 *      part     = { "v": 2, "snapshot": id, "part": i, "parts": n, "through": position, "text": piece }
 *      snapshot = the pieces of parts 0 … n − 1 put together = { "atMs": t, "recent": [id …], "sections": { name: {…} } }
 *
 * A snapshot's parts are appended at once, so they stand one after another; it holds what every command before
 * position `through` has folded to. `id` is random and made by the command's author: a command that is in the log
 * twice, because its author could not know whether it was there, is decided once.
 *
 * `rules` says by which rules of its section the command was decided, and is decided for good (`fold.ts`).
 *
 * `v` counts changes that an older program must not read; an unknown one refuses the open. Records of version 1 have no
 * `rules`: they were decided by the first.
 */
import { CatalogError } from './catalog-error.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

export interface CommandRecord {
  readonly kind: 'command';
  readonly id: string;
  readonly section: string;
  /** From 1 on. */
  readonly rules: number;
  readonly command: Json;
}

export interface SnapshotPart {
  readonly kind: 'part';
  readonly snapshot: string;
  readonly part: number;
  readonly parts: number;
  readonly through: number;
  readonly text: string;
}

export interface Snapshot {
  readonly atMs: number;
  readonly recent: readonly string[];
  readonly sections: JsonObject;
}

export const catalogVersion = 2;
/** Before there were rules to tell apart. */
const firstVersion = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeCommand(id: string, section: string, rules: number, command: Json): Uint8Array {
  return encoder.encode(JSON.stringify({ v: catalogVersion, id, section, rules, command }));
}

/** A snapshot as records of about `partChars` characters each. */
export function encodeSnapshot(
  id: string,
  through: number,
  snapshot: Snapshot,
  partChars: number,
): readonly Uint8Array[] {
  const text = JSON.stringify(snapshot);
  const parts = Math.ceil(text.length / partChars);
  return Array.from({ length: parts }, (_, part) =>
    encoder.encode(
      JSON.stringify({
        v: catalogVersion,
        snapshot: id,
        part,
        parts,
        through,
        text: text.slice(part * partChars, (part + 1) * partChars),
      }),
    ),
  );
}

/** Reads one record of the log; `position` names it in the error. */
export function decodeRecord(bytes: Uint8Array, position: number): CommandRecord | SnapshotPart {
  const {
    v,
    id,
    section,
    rules = 1,
    command,
    snapshot,
    part,
    parts,
    through,
    text,
  } = parseObject(bytes, position);
  if (typeof v === 'number' && v > catalogVersion) {
    throw new CatalogError(
      'newer',
      `the catalog's record at position ${position} has version ${v}; this Millrace reads ${catalogVersion}: use the newer one`,
    );
  }
  if (v === catalogVersion || v === firstVersion) {
    if (
      typeof id === 'string' &&
      typeof section === 'string' &&
      typeof rules === 'number' &&
      command !== undefined
    ) {
      return { kind: 'command', id, section, rules, command };
    }
    if (
      typeof snapshot === 'string' &&
      typeof part === 'number' &&
      typeof parts === 'number' &&
      typeof through === 'number' &&
      typeof text === 'string'
    ) {
      return { kind: 'part', snapshot, part, parts, through, text };
    }
  }
  throw damaged(position, 'is neither a command nor a snapshot');
}

/** The snapshot that `parts` make up, in order; `position` names the last of them in the error. */
export function decodeSnapshot(parts: readonly SnapshotPart[], position: number): Snapshot {
  const text = parts.map((part) => part.text).join('');
  const { atMs, recent, sections } = parseObject(encoder.encode(text), position);
  if (typeof atMs !== 'number' || !Array.isArray(recent) || !isObject(sections)) {
    throw damaged(position, 'ends a snapshot of no known form');
  }
  return { atMs, recent: recent.map(String), sections };
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

export function damaged(position: number, what: string, cause?: unknown): CatalogError {
  return new CatalogError('damaged', `the catalog's record at position ${position} ${what}`, { cause });
}

function parseObject(bytes: Uint8Array, position: number): JsonObject {
  let json: Json;
  try {
    json = JSON.parse(decoder.decode(bytes)) as Json;
  } catch (error) {
    throw damaged(position, 'is not JSON', error);
  }
  if (!isObject(json)) throw damaged(position, 'is not an object');
  return json;
}
