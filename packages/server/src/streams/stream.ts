/**
 * A stream and its shards, as the catalog keeps them: plain, readonly, shared between views.
 *
 *      CREATING ──▶ ACTIVE ──split, merge, scale, set──▶ UPDATING ──▶ ACTIVE   and from each: ──delete──▶ DELETING ──▶ gone
 *
 * Invariants:
 * - The open shards of a stream that is past CREATING cover the whole ring of hash keys, without overlap.
 * - A shard's index is never given twice in one stream, a stream's incarnation never twice in one catalog; so a log
 *   id, made of both, is never given twice although names come back.
 * - A child's `createdMs` is at least a second above its parents': sequence numbers rise from parent to child.
 */
import type { LogId, Position } from '@millrace/log';
import type { HashKeyRange } from '@millrace/wire';
import type { Fingerprint } from '../keys/master-keys.js';
import type { Consumer } from './consumers/consumer.js';
import { hourMs } from './limits.js';
import type { SealedWith } from './sealing/sealer.js';

type StreamStatus = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';

export const streamModes = ['PROVISIONED', 'ON_DEMAND'] as const;
export type StreamMode = (typeof streamModes)[number];

export const distributionStrategies = ['AUTO', 'USER_PARTITION_KEY'] as const;
export type DistributionStrategy = (typeof distributionStrategies)[number];

/** In the order of the model, which is the order of answers. */
export const shardLevelMetrics = [
  'IncomingBytes',
  'IncomingRecords',
  'OutgoingBytes',
  'OutgoingRecords',
  'WriteProvisionedThroughputExceeded',
  'ReadProvisionedThroughputExceeded',
  'IteratorAgeMilliseconds',
] as const;
export type ShardLevelMetric = (typeof shardLevelMetrics)[number];

export interface Stream {
  readonly account: string;
  readonly region: string;
  readonly name: string;
  /** Counts all streams there ever were in this catalog. */
  readonly incarnation: number;
  readonly status: StreamStatus;
  /** When the status was taken. */
  readonly sinceMs: number;
  readonly createdMs: number;
  readonly mode: StreamMode;
  readonly retentionHours: number;
  /** What arrived before this stays gone, though the retention has grown since. */
  readonly goneBeforeMs: number;
  readonly recordKibMax: number;
  readonly tags: { readonly [key: string]: string };
  /** Registered for enhanced fan-out, by name. */
  readonly consumers: readonly Consumer[];
  readonly strategy: DistributionStrategy;
  /** Those that enhanced monitoring was asked for, in the model's order. */
  readonly shardLevelMetrics: readonly ShardLevelMetric[];
  /** The resource policy, as it was given. */
  readonly policy: string | undefined;
  /** By rising time: from when on records carry which key, as far back as there may be records. */
  readonly encryption: readonly EncryptionChange[];
  /** What an on-demand stream was asked to be ready for at any time. */
  readonly warmMibps: number | undefined;
  /** When what AWS allows so many times a day was done; no older than a day when it was last looked at. */
  readonly recent: RecentChanges;
  /** By rising index; those whose records have all expired are gone from it. */
  readonly shards: readonly Shard[];
  readonly nextShardIndex: number;
  readonly openShards: number;
  /** Set while UPDATING, and kept while DELETING so that the children's logs go too. */
  readonly reshard: Reshard | undefined;
  /** Set while UPDATING towards so many open shards of equal size, round by round. */
  readonly targetShards: number | undefined;
  /** Set while UPDATING: what holds when the stream is ACTIVE again. */
  readonly pending: PendingSettings | undefined;
}

/** Settings that AWS changes while a stream is UPDATING; null takes a key away. */
export interface PendingSettings {
  readonly mode: StreamMode | undefined;
  readonly recordKibMax: number | undefined;
  readonly warmMibps: number | undefined;
  readonly keyId: string | null | undefined;
  readonly master: Fingerprint | undefined;
}

export function pendingOf(settings: Partial<PendingSettings>): PendingSettings {
  const { mode, recordKibMax, warmMibps, keyId, master } = settings;
  return { mode, recordKibMax, warmMibps, keyId, master };
}

export interface EncryptionChange {
  readonly fromMs: number;
  /** Null: records are not encrypted from here on. */
  readonly keyId: string | null;
  /**
   * The master key that records are sealed under from here on. Undefined where nothing is sealed: in memory, and in what
   * versions before rules 5 have kept, whose records are told to be encrypted and are not.
   */
  readonly master?: Fingerprint | undefined;
}

export interface RecentChanges {
  readonly mode: readonly number[];
  readonly shardCount: readonly number[];
  readonly encryption: readonly number[];
  readonly decryption: readonly number[];
}

export const noChanges: RecentChanges = { mode: [], shardCount: [], encryption: [], decryption: [] };

export interface Shard {
  readonly index: number;
  /** Its creation as sequence numbers tell it. */
  readonly createdMs: number;
  /** When it began to take records. */
  readonly openedMs: number;
  readonly range: HashKeyRange;
  /** None, the shard that was split, or the two that were merged. */
  readonly parents: readonly number[];
  readonly closed: { readonly atMs: number; readonly endPosition: Position } | undefined;
}

/** Splits and merges on their way, all at once: their parents are still open, their children are planned. */
export interface Reshard {
  readonly steps: readonly ReshardStep[];
}

/** One split or merge: one parent and two children, or two and one. */
export interface ReshardStep {
  readonly parents: readonly number[];
  readonly children: readonly { readonly index: number; readonly range: HashKeyRange }[];
}

/** What a stream is set to while nobody has set it to anything. */
export const unset = {
  goneBeforeMs: 0,
  consumers: [],
  strategy: 'USER_PARTITION_KEY',
  shardLevelMetrics: [],
  policy: undefined,
  encryption: [],
  warmMibps: undefined,
  recent: noChanges,
  reshard: undefined,
  targetShards: undefined,
  pending: undefined,
} as const satisfies Partial<Stream>;

/** Where a stream stands in ordered maps: by account, region and name. No part holds a slash. */
export function streamKey(account: string, region: string, name: string): string {
  return `${account}/${region}/${name}`;
}

export function keyOf(stream: Stream): string {
  return streamKey(stream.account, stream.region, stream.name);
}

/** The log of a shard: unique for good, since neither number is given twice. */
export function shardLog(stream: { readonly incarnation: number }, index: number): LogId {
  return `stream-${stream.incarnation}/shard-${index}`;
}

/** Every log the stream has or is about to have. */
export function logsOf(stream: Stream): readonly LogId[] {
  const planned = stream.reshard?.steps.flatMap((step) => step.children) ?? [];
  return [...stream.shards, ...planned].map((shard) => shardLog(stream, shard.index));
}

/**
 * The shards that a client is shown at `nowMs`: none while CREATING, as kinesalite's tests saw it on AWS, and none that
 * was closed longer ago than the retention: AWS expires it with the last of its records.
 */
export function visibleShards(stream: Stream, nowMs: number): readonly Shard[] {
  if (stream.status === 'CREATING') return [];
  const beforeMs = horizonMs(stream, nowMs);
  return stream.shards.some((shard) => expired(shard, beforeMs))
    ? stream.shards.filter((shard) => !expired(shard, beforeMs))
    : stream.shards;
}

/** The shard with `index`, if a client may know it; see `visibleShards`. */
export function visibleShard(stream: Stream, index: number, nowMs: number): Shard | undefined {
  const shard = stream.status === 'CREATING' ? undefined : shardAt(stream, index);
  return shard === undefined || expired(shard, horizonMs(stream, nowMs)) ? undefined : shard;
}

/** Whether a shard was closed so long ago that all of its records are gone. */
export function expired(shard: Shard, beforeMs: number): boolean {
  return shard.closed !== undefined && shard.closed.atMs < beforeMs;
}

/** The shard with `index`, by binary search. */
export function shardAt(stream: Stream, index: number): Shard | undefined {
  const { shards } = stream;
  let low = 0;
  let high = shards.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const shard = shards[middle];
    if (shard === undefined || shard.index === index) return shard;
    if (shard.index < index) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

/** The shards that took over from `index`. */
export function childrenOf(stream: Stream, index: number): readonly Shard[] {
  return stream.shards.filter((shard) => shard.parents.includes(index));
}

/**
 * The number in a shard's id, or undefined. AWS takes the bare number too, and any word before the dash (kinesalite's
 * tests against AWS: `shardId-000000000000`, `shardId-0`, `0`, `a-0`).
 */
export function parseShardId(id: string): number | undefined {
  const digits = id.split('-')[1] || id;
  if (!/^\d+$/.test(digits)) return undefined;
  const index = Number(digits);
  return index <= 0x7fffffff ? index : undefined;
}

export function arnOf(stream: Stream): string {
  return `arn:aws:kinesis:${stream.region}:${stream.account}:stream/${stream.name}`;
}

/** The instant before which records are gone. */
export function horizonMs(stream: Stream, nowMs: number): number {
  return Math.max(stream.goneBeforeMs, nowMs - stream.retentionHours * hourMs);
}

/** The key that a record which arrived at `atMs` is encrypted with, as clients are told; null for none. */
export function keyIdAt(stream: Stream, atMs: number): string | null {
  return encryptionAt(stream, atMs)?.keyId ?? null;
}

/** The change of the stream's encryption that held at `atMs`. */
export function encryptionAt({ encryption }: Stream, atMs: number): EncryptionChange | undefined {
  return encryption.findLast((change) => change.fromMs <= atMs);
}

/** What records that are put now are sealed with; undefined where they are not. */
export function sealedWith(stream: Stream): SealedWith | undefined {
  const { incarnation, encryption } = stream;
  const { fromMs = 0, master } = encryption.at(-1) ?? {};
  return master === undefined ? undefined : { incarnation, fromMs, fingerprint: master };
}

/** Whether the stream is told to be encrypted, or about to be, and nothing is sealed for it. */
export function isOnlyTold({ encryption }: Stream): boolean {
  const last = encryption.at(-1);
  return typeof last?.keyId === 'string' && last.master === undefined;
}

/** The master keys without which records that are still kept, or are put now, could not be read. */
export function mastersOf(stream: Stream, nowMs: number): readonly Fingerprint[] {
  const { encryption, pending } = stream;
  const beforeMs = horizonMs(stream, nowMs);
  const kept = encryption.filter((_, i) => (encryption[i + 1]?.fromMs ?? nowMs) >= beforeMs);
  return [...kept, pending].flatMap((each) => each?.master ?? []);
}
