/**
 * The streams' part of the catalog: what commands there are and how each is decided. Pure; time is the command's.
 *
 *      create ─▶ CREATING ─activate─▶ ACTIVE ─split, merge─▶ UPDATING ─reshard─▶ ACTIVE
 *                                                                                │ delete (from any)
 *                                                              gone ◀─remove─ DELETING
 *
 * A step of the lifecycle that comes too late (the stream was deleted meanwhile) changes nothing.
 */
import { AwsError, shardIdOf, uniformHashKeyRanges } from '@millrace/wire';
import type { Json } from '../catalog/catalog-record.js';
import type { CommandTime, Decision, Section } from '../catalog/fold.js';
import { OrderedMap } from '../catalog/ordered-map.js';
import * as errors from './errors.js';
import { listField, numberField, objectOf } from './json-field.js';
import { retentionHoursDefault } from './limits.js';
import type { Reshard, Shard, Stream } from './stream.js';
import { keyOf, shardAt, streamKey } from './stream.js';
import { parseStream, streamToJson } from './stream-json.js';
import type { CreateCommand, OfIncarnation, OfStream, StreamsCommand } from './streams-command.js';
import { parseCommand } from './streams-command.js';

export interface StreamsState {
  /** By account, region and name. */
  readonly streams: OrderedMap<Stream>;
  /** Open shards by `account/region`, with those that splits under way will add. */
  readonly openShards: OrderedMap<number>;
  /** How many streams there ever were. */
  readonly incarnations: number;
  /** What iterators and pagination tokens are sealed with, in hexadecimal digits. */
  readonly secret: string | undefined;
}

/** Why a command was refused; undefined when it was done. */
export type StreamsOutcome = AwsError | undefined;

type Decided = Decision<StreamsState, StreamsOutcome>;

/** A child's numbers begin a second after its parents' end (kinesalite saw that on AWS); see `stream.ts`. */
const childDelayMs = 1000;

export const streamsSection: Section<StreamsState, StreamsCommand, StreamsOutcome> = {
  name: 'streams',
  empty: {
    streams: OrderedMap.empty(),
    openShards: OrderedMap.empty(),
    incarnations: 0,
    secret: undefined,
  },
  decide,
  parse: parseCommand,
  toJson: (command) => ({ ...command }) as Json,
  snapshot: (state) => ({
    streams: [...state.streams.values()].map(streamToJson),
    incarnations: state.incarnations,
    secret: state.secret ?? null,
  }),
  restore,
};

export function findStream(
  state: StreamsState,
  account: string,
  region: string,
  name: string,
): Stream | undefined {
  return state.streams.get(streamKey(account, region, name));
}

/** The stream at `key`, if it is still the one that is meant. */
export function sameIncarnation(state: StreamsState, of: OfIncarnation): Stream | undefined {
  const stream = state.streams.get(of.key);
  return stream?.incarnation === of.incarnation ? stream : undefined;
}

function decide(state: StreamsState, command: StreamsCommand, at: CommandTime): Decided {
  switch (command.type) {
    case 'create':
      return create(state, command, at);
    case 'delete':
      return onStream(state, command, (stream) =>
        stream.status === 'DELETING' ? stream : { ...stream, status: 'DELETING', sinceMs: at.atMs },
      );
    case 'split':
      return onStream(state, command, (stream) => split(state, stream, command, at));
    case 'merge':
      return onStream(state, command, (stream) => merge(stream, command, at));
    case 'activate':
      return onIncarnation(state, command, (stream) =>
        stream.status === 'CREATING' ? { ...stream, status: 'ACTIVE', sinceMs: at.atMs } : stream,
      );
    case 'reshard':
      return onIncarnation(state, command, (stream) => commitReshard(stream, command, at));
    case 'remove':
      return onIncarnation(state, command, (stream) => (stream.status === 'DELETING' ? undefined : stream));
    case 'forget':
      return onIncarnation(state, command, (stream) => ({
        ...stream,
        shards: stream.shards.filter(
          (shard) => shard.closed === undefined || !command.shards.includes(shard.index),
        ),
      }));
    case 'secret':
      return { state: { ...state, secret: state.secret ?? command.secret }, outcome: undefined };
  }
}

function create(state: StreamsState, command: CreateCommand, at: CommandTime): Decided {
  const { account, region, name, shards, mode, recordKibMax, tags, shardsMax } = command;
  if (findStream(state, account, region, name) !== undefined) {
    return { state, outcome: errors.streamExists({ account, name }) };
  }
  const open = openShardsOf(state, account, region);
  if (open + shards > shardsMax) {
    return { state, outcome: errors.shardLimitExceeded(account, region, open, shardsMax, shards) };
  }
  const incarnation = state.incarnations + 1;
  const stream: Stream = {
    account,
    region,
    name,
    incarnation,
    status: 'CREATING',
    sinceMs: at.atMs,
    createdMs: at.atMs,
    mode,
    retentionHours: retentionHoursDefault,
    recordKibMax,
    tags,
    shards: uniformHashKeyRanges(shards).map((range, index) => ({
      index,
      createdMs: at.atMs,
      openedMs: at.atMs,
      range,
      parents: [],
      closed: undefined,
    })),
    nextShardIndex: shards,
    openShards: shards,
    reshard: undefined,
  };
  return { state: replaced({ ...state, incarnations: incarnation }, undefined, stream), outcome: undefined };
}

/** The checks in AWS's order, as kinesalite found it: state of the stream, shard, limit, hash key. */
function split(
  state: StreamsState,
  stream: Stream,
  command: StreamsCommand & { type: 'split' },
  at: CommandTime,
): Stream | AwsError {
  const { account, region } = stream;
  if (stream.status !== 'ACTIVE') return errors.streamNotActive(stream, stream.status);
  const shard = shardAt(stream, command.shard);
  if (shard === undefined) return errors.shardNotFound(stream, shardIdOf(command.shard));
  if (shard.closed !== undefined) return errors.shardClosed(stream, shard.index);
  const open = openShardsOf(state, account, region);
  if (open + 1 > command.shardsMax) {
    return errors.shardLimitExceeded(account, region, open, command.shardsMax, 1);
  }
  const cut = BigInt(command.at);
  const { start, end } = shard.range;
  if (cut <= start + 1n || cut >= end) {
    return errors.splitOutOfRange(stream, shard.index, command.at, shard.range);
  }
  return updating(stream, at, {
    parents: [shard.index],
    children: [
      { index: stream.nextShardIndex, range: { start, end: cut - 1n } },
      { index: stream.nextShardIndex + 1, range: { start: cut, end } },
    ],
  });
}

function merge(
  stream: Stream,
  command: StreamsCommand & { type: 'merge' },
  at: CommandTime,
): Stream | AwsError {
  if (stream.status !== 'ACTIVE') return errors.streamNotActive(stream, stream.status);
  const pair: Shard[] = [];
  for (const index of [command.shard, command.adjacent]) {
    const shard = shardAt(stream, index);
    if (shard === undefined) return errors.shardNotFound(stream, shardIdOf(index));
    pair.push(shard);
  }
  for (const shard of pair) {
    if (shard.closed !== undefined) return errors.shardClosed(stream, shard.index);
  }
  const [low, high] = pair;
  if (low === undefined || high === undefined || low.range.end + 1n !== high.range.start) {
    return errors.shardsNotAdjacent(stream, command.shard, command.adjacent);
  }
  return updating(stream, at, {
    parents: [low.index, high.index],
    children: [{ index: stream.nextShardIndex, range: { start: low.range.start, end: high.range.end } }],
  });
}

function updating(stream: Stream, at: CommandTime, reshard: Reshard): Stream {
  return {
    ...stream,
    status: 'UPDATING',
    sinceMs: at.atMs,
    nextShardIndex: stream.nextShardIndex + reshard.children.length,
    reshard,
  };
}

function commitReshard(
  stream: Stream,
  command: StreamsCommand & { type: 'reshard' },
  at: CommandTime,
): Stream {
  const { reshard } = stream;
  if (stream.status !== 'UPDATING' || reshard === undefined) return stream;
  if (reshard.children[0]?.index !== command.firstChild || command.ends.length !== reshard.parents.length) {
    return stream;
  }
  let createdMs = at.atMs;
  const closed = stream.shards.map((shard) => {
    const end = command.ends[reshard.parents.indexOf(shard.index)];
    if (end === undefined) return shard;
    createdMs = Math.max(createdMs, shard.createdMs);
    return { ...shard, closed: { atMs: at.atMs, endPosition: end } };
  });
  const children = reshard.children.map(({ index, range }) => ({
    index,
    createdMs: createdMs + childDelayMs,
    openedMs: at.atMs,
    range,
    parents: reshard.parents,
    closed: undefined,
  }));
  return {
    ...stream,
    status: 'ACTIVE',
    sinceMs: at.atMs,
    shards: [...closed, ...children],
    openShards: stream.openShards - reshard.parents.length + children.length,
    reshard: undefined,
  };
}

function onStream(state: StreamsState, of: OfStream, change: (stream: Stream) => Stream | AwsError): Decided {
  const stream = findStream(state, of.account, of.region, of.name);
  if (stream === undefined) return { state, outcome: errors.streamNotFound(of) };
  const changed = change(stream);
  if (changed instanceof AwsError) return { state, outcome: changed };
  return { state: replaced(state, stream, changed), outcome: undefined };
}

/** A step of the lifecycle: one that comes too late changes nothing, and nobody needs to be told. */
function onIncarnation(
  state: StreamsState,
  of: OfIncarnation,
  change: (stream: Stream) => Stream | undefined,
): Decided {
  const stream = sameIncarnation(state, of);
  if (stream === undefined) return { state, outcome: undefined };
  return { state: replaced(state, stream, change(stream)), outcome: undefined };
}

/** The state with `before` replaced by `after`, and the account's count of shards with it. */
function replaced(state: StreamsState, before: Stream | undefined, after: Stream | undefined): StreamsState {
  const of = after ?? before;
  if (of === undefined || before === after) return state;
  const namespace = `${of.account}/${of.region}`;
  const open = (state.openShards.get(namespace) ?? 0) + counted(after) - counted(before);
  const key = keyOf(of);
  return {
    ...state,
    streams: after === undefined ? state.streams.delete(key) : state.streams.set(key, after),
    openShards: open === 0 ? state.openShards.delete(namespace) : state.openShards.set(namespace, open),
  };
}

/** What a stream takes of its account's shard limit: its open shards, and what a split under way will add. */
function counted(stream: Stream | undefined): number {
  if (stream === undefined) return 0;
  const { reshard } = stream;
  const added = reshard === undefined ? 0 : reshard.children.length - reshard.parents.length;
  return stream.openShards + Math.max(0, added);
}

function openShardsOf(state: StreamsState, account: string, region: string): number {
  return state.openShards.get(`${account}/${region}`) ?? 0;
}

function restore(json: Json): StreamsState {
  const fields = objectOf(json, 'the streams');
  const { secret } = fields;
  let state: StreamsState = {
    ...streamsSection.empty,
    incarnations: numberField(fields, 'incarnations'),
    secret: typeof secret === 'string' ? secret : undefined,
  };
  for (const stream of listField(fields, 'streams')) {
    state = replaced(state, undefined, parseStream(stream));
  }
  return state;
}
