/**
 * A stream in the catalog's snapshots:
 *
 *      { account, region, name, incarnation, status, sinceMs, createdMs, mode, retentionHours, recordKibMax, tags,
 *        nextShardIndex, shards: [shard …], reshard: [step …] | null, …settings }
 *      shard    = [index, createdMs, openedMs, start, end, [parent …], closed ? [atMs, endPosition] : null]
 *      step     = { parents: [index …], children: [[index, start, end] …] }
 *      settings = only what was ever set: { consumers: [{ name, createdMs, status, sinceMs, tags, policy? } …],
 *                 goneBeforeMs, strategy, shardLevelMetrics, policy, warmMibps, targetShards,
 *                 encryption: [[fromMs, keyId | null] …], recent: { mode: [ms …], … }, pending: { … } }
 *
 * Hash keys are decimal strings: they have 128 bits. Before there were many steps at once, `reshard` was one step.
 */

import type { HashKeyRange } from '@millrace/wire';
import { hashKeyMax } from '@millrace/wire';
import type { Json, JsonObject } from '../catalog/catalog-record.js';
import type { Consumer } from './consumers/consumer.js';
import {
  listField,
  listOf,
  numberField,
  objectField,
  objectOf,
  oneOf,
  optionalNumber,
  optionalString,
  stringField,
  stringsField,
  wholeNumber,
} from './json-field.js';
import type {
  EncryptionChange,
  PendingSettings,
  RecentChanges,
  Reshard,
  ReshardStep,
  Shard,
  ShardLevelMetric,
  Stream,
} from './stream.js';
import { distributionStrategies, noChanges, shardLevelMetrics, streamModes } from './stream.js';

export function streamToJson(stream: Stream): Json {
  const { account, region, name, incarnation, status, sinceMs, createdMs, mode } = stream;
  const { retentionHours, recordKibMax, tags, nextShardIndex, shards, reshard } = stream;
  return {
    account,
    region,
    name,
    incarnation,
    status,
    sinceMs,
    createdMs,
    mode,
    retentionHours,
    recordKibMax,
    tags,
    nextShardIndex,
    shards: shards.map(shardToJson),
    reshard: reshard === undefined ? null : reshard.steps.map(stepToJson),
    ...settingsToJson(stream),
  };
}

/** Ten thousand streams have seldom more than a few settings: what is as at first is left out. */
function settingsToJson(stream: Stream): JsonObject {
  const { consumers, goneBeforeMs, strategy, policy, warmMibps, encryption, recent, targetShards, pending } =
    stream;
  return {
    ...(consumers.length === 0 ? {} : { consumers: consumers.map(consumerToJson) }),
    ...(goneBeforeMs === 0 ? {} : { goneBeforeMs }),
    ...(strategy === 'USER_PARTITION_KEY' ? {} : { strategy }),
    ...(stream.shardLevelMetrics.length === 0 ? {} : { shardLevelMetrics: stream.shardLevelMetrics }),
    ...(policy === undefined ? {} : { policy }),
    ...(warmMibps === undefined ? {} : { warmMibps }),
    ...(encryption.length === 0
      ? {}
      : {
          encryption: encryption.map(({ fromMs, keyId, master }) =>
            master === undefined ? [fromMs, keyId] : [fromMs, keyId, master],
          ),
        }),
    ...(recent === noChanges ? {} : { recent: { ...recent } }),
    ...(targetShards === undefined ? {} : { targetShards }),
    ...(pending === undefined ? {} : { pending: pendingToJson(pending) }),
  };
}

function pendingToJson({ mode, recordKibMax, warmMibps, keyId, master }: PendingSettings): Json {
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(recordKibMax === undefined ? {} : { recordKibMax }),
    ...(warmMibps === undefined ? {} : { warmMibps }),
    ...(keyId === undefined ? {} : { keyId }),
    ...(master === undefined ? {} : { master }),
  };
}

/** The stream that `streamToJson` wrote; throws when it is none. */
export function parseStream(json: Json): Stream {
  const fields = objectOf(json, 'a stream');
  const { reshard, consumers, strategy, encryption, recent, pending } = fields;
  const shards = listField(fields, 'shards').map(parseShard);
  return {
    account: stringField(fields, 'account'),
    region: stringField(fields, 'region'),
    name: stringField(fields, 'name'),
    incarnation: numberField(fields, 'incarnation'),
    status: oneOf(fields, 'status', ['CREATING', 'ACTIVE', 'UPDATING', 'DELETING']),
    sinceMs: numberField(fields, 'sinceMs'),
    createdMs: numberField(fields, 'createdMs'),
    mode: oneOf(fields, 'mode', streamModes),
    retentionHours: numberField(fields, 'retentionHours'),
    goneBeforeMs: optionalNumber(fields, 'goneBeforeMs') ?? 0,
    recordKibMax: numberField(fields, 'recordKibMax'),
    tags: stringsField(fields, 'tags'),
    consumers: consumers === undefined ? [] : listOf(consumers, 'consumers').map(parseConsumer),
    strategy:
      strategy === undefined ? 'USER_PARTITION_KEY' : oneOf(fields, 'strategy', distributionStrategies),
    shardLevelMetrics: parseMetrics(fields),
    policy: optionalString(fields, 'policy'),
    encryption: encryption === undefined ? [] : listField(fields, 'encryption').map(parseEncryption),
    warmMibps: optionalNumber(fields, 'warmMibps'),
    recent: recent === undefined ? noChanges : parseRecent(objectField(fields, 'recent')),
    shards,
    nextShardIndex: numberField(fields, 'nextShardIndex'),
    openShards: shards.filter((shard) => shard.closed === undefined).length,
    reshard: reshard === null ? undefined : parseReshard(reshard),
    targetShards: optionalNumber(fields, 'targetShards'),
    pending: pending === undefined ? undefined : parsePending(objectField(fields, 'pending')),
  };
}

function parseMetrics(fields: JsonObject): readonly ShardLevelMetric[] {
  const { shardLevelMetrics: metrics } = fields;
  if (metrics === undefined) return [];
  const named = listOf(metrics, 'shardLevelMetrics');
  return shardLevelMetrics.filter((metric) => named.includes(metric));
}

function parseEncryption(json: Json): EncryptionChange {
  const [fromMs, keyId, master] = listOf(json, 'a change of encryption');
  if (keyId !== null && typeof keyId !== 'string') throw new TypeError('a key is none');
  if (master !== undefined && typeof master !== 'string') throw new TypeError('a master key is none');
  return { fromMs: wholeNumber(fromMs, 'fromMs'), keyId, ...(master === undefined ? {} : { master }) };
}

function parseRecent(fields: JsonObject): RecentChanges {
  const times = (name: string) => listField(fields, name).map((atMs) => wholeNumber(atMs, name));
  return {
    mode: times('mode'),
    shardCount: times('shardCount'),
    encryption: times('encryption'),
    decryption: times('decryption'),
  };
}

function parsePending(fields: JsonObject): PendingSettings {
  const { mode, keyId } = fields;
  return {
    mode: mode === undefined ? undefined : oneOf(fields, 'mode', streamModes),
    recordKibMax: optionalNumber(fields, 'recordKibMax'),
    warmMibps: optionalNumber(fields, 'warmMibps'),
    keyId: keyId === null ? null : optionalString(fields, 'keyId'),
    master: optionalString(fields, 'master'),
  };
}

function stepToJson({ parents, children }: ReshardStep): Json {
  return {
    parents,
    children: children.map(({ index, range }) => [index, `${range.start}`, `${range.end}`]),
  };
}

function parseConsumer(json: Json): Consumer {
  const fields = objectOf(json, 'a consumer');
  return {
    name: stringField(fields, 'name'),
    createdMs: numberField(fields, 'createdMs'),
    status: oneOf(fields, 'status', ['CREATING', 'ACTIVE', 'DELETING']),
    sinceMs: numberField(fields, 'sinceMs'),
    tags: stringsField(fields, 'tags'),
    policy: optionalString(fields, 'policy'),
  };
}

function consumerToJson({ policy, ...consumer }: Consumer): Json {
  return { ...consumer, ...(policy === undefined ? {} : { policy }) };
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
  const steps = Array.isArray(json) ? listOf(json, 'reshard') : [json ?? null];
  return { steps: steps.map(parseStep) };
}

function parseStep(json: Json): ReshardStep {
  const fields = objectOf(json, 'a step');
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
