/**
 * A stream in the catalog's snapshots:
 *
 *      { account, region, name, incarnation, status, sinceMs, createdMs, mode, retentionHours, recordKibMax, tags,
 *        nextShardIndex, shards: [shard …], reshard?: { parents: [index …], children: [[index, start, end] …] } }
 *      shard = [index, createdMs, openedMs, start, end, [parent …], closed ? [atMs, endPosition] : null]
 *
 * Hash keys are decimal strings: they have 128 bits.
 */

import type { HashKeyRange } from '@millrace/wire';
import { hashKeyMax } from '@millrace/wire';
import type { Json } from '../catalog/catalog-record.js';
import {
  listField,
  listOf,
  numberField,
  objectOf,
  oneOf,
  stringField,
  stringsField,
  wholeNumber,
} from './json-field.js';
import type { Reshard, Shard, Stream } from './stream.js';

export function streamToJson(stream: Stream): Json {
  const { shards, reshard, openShards: _counted, ...rest } = stream;
  return {
    ...rest,
    shards: shards.map(shardToJson),
    reshard:
      reshard === undefined
        ? null
        : {
            parents: reshard.parents,
            children: reshard.children.map(({ index, range }) => [index, `${range.start}`, `${range.end}`]),
          },
  };
}

/** The stream that `streamToJson` wrote; throws when it is none. */
export function parseStream(json: Json): Stream {
  const fields = objectOf(json, 'a stream');
  const { reshard } = fields;
  const shards = listField(fields, 'shards').map(parseShard);
  return {
    account: stringField(fields, 'account'),
    region: stringField(fields, 'region'),
    name: stringField(fields, 'name'),
    incarnation: numberField(fields, 'incarnation'),
    status: oneOf(fields, 'status', ['CREATING', 'ACTIVE', 'UPDATING', 'DELETING']),
    sinceMs: numberField(fields, 'sinceMs'),
    createdMs: numberField(fields, 'createdMs'),
    mode: oneOf(fields, 'mode', ['PROVISIONED', 'ON_DEMAND']),
    retentionHours: numberField(fields, 'retentionHours'),
    recordKibMax: numberField(fields, 'recordKibMax'),
    tags: stringsField(fields, 'tags'),
    shards,
    nextShardIndex: numberField(fields, 'nextShardIndex'),
    openShards: shards.filter((shard) => shard.closed === undefined).length,
    reshard: reshard === null ? undefined : parseReshard(reshard),
  };
}

function shardToJson(shard: Shard): Json {
  const { index, createdMs, openedMs, range, parents, closed } = shard;
  const end = closed === undefined ? null : [closed.atMs, closed.endPosition];
  return [index, createdMs, openedMs, `${range.start}`, `${range.end}`, parents, end];
}

function parseShard(json: Json): Shard {
  const [index, createdMs, openedMs, start, end, parents, closed] = listOf(json, 'a shard');
  return {
    index: wholeNumber(index, 'index'),
    createdMs: wholeNumber(createdMs, 'createdMs'),
    openedMs: wholeNumber(openedMs, 'openedMs'),
    range: parseRange(start, end),
    parents: listOf(parents, 'parents').map((parent) => wholeNumber(parent, 'parent')),
    closed: closed === null ? undefined : parseClosed(closed),
  };
}

function parseClosed(json: Json | undefined): { readonly atMs: number; readonly endPosition: number } {
  const [atMs, endPosition] = listOf(json, 'closed');
  return { atMs: wholeNumber(atMs, 'atMs'), endPosition: wholeNumber(endPosition, 'endPosition') };
}

function parseReshard(json: Json | undefined): Reshard {
  const fields = objectOf(json, 'reshard');
  return {
    parents: listField(fields, 'parents').map((parent) => wholeNumber(parent, 'parent')),
    children: listField(fields, 'children').map((child) => {
      const [index, start, end] = listOf(child, 'a child');
      return { index: wholeNumber(index, 'index'), range: parseRange(start, end) };
    }),
  };
}

function parseRange(start: Json | undefined, end: Json | undefined): HashKeyRange {
  const range = { start: hashKeyOf(start), end: hashKeyOf(end) };
  if (range.start > range.end || range.end > hashKeyMax) throw new TypeError('a range of hash keys is none');
  return range;
}

function hashKeyOf(json: Json | undefined): bigint {
  if (typeof json !== 'string' || !/^\d{1,39}$/.test(json)) throw new TypeError('a hash key is none');
  return BigInt(json);
}
