/**
 * The streams' state in the catalog, and how a command changes one stream of it. Counts that limits ask for (open
 * shards, on-demand streams) are kept beside the streams, so that a command among 10,000 of them costs what it costs
 * among ten.
 */
import { AwsError } from '@millrace/wire';
import type { Json } from '../catalog/catalog-record.js';
import type { Decision } from '../catalog/fold.js';
import { OrderedMap } from '../catalog/ordered-map.js';
import type { AccountSettings } from './account-settings.js';
import { accountSettingsToJson, parseAccountSettings } from './account-settings.js';
import type { OfAccount, OfIncarnation, OfStream } from './commands/of.js';
import * as errors from './errors.js';
import { listField, numberField, objectField, objectOf } from './json-field.js';
import type { Stream, StreamMode } from './stream.js';
import { keyOf, streamKey } from './stream.js';
import { parseStream, streamToJson } from './stream-json.js';

export interface StreamsState {
  /** By account, region and name. */
  readonly streams: OrderedMap<Stream>;
  /** Open shards by `account/region`, with those that reshards under way will add. */
  readonly openShards: OrderedMap<number>;
  /** Those of them that the account's quota is of: AWS's is of provisioned streams. */
  readonly provisionedShards: OrderedMap<number>;
  /** Streams by `account/region` that are CREATING or DELETING. */
  readonly comingOrGoing: OrderedMap<number>;
  /** On-demand streams by `account/region`, with those that are about to become so. */
  readonly onDemandStreams: OrderedMap<number>;
  /** By `account/region`, where anything was ever set. */
  readonly accounts: OrderedMap<AccountSettings>;
  /** How many streams there ever were. */
  readonly incarnations: number;
  /** What iterators and pagination tokens are sealed with, in hexadecimal digits. */
  readonly secret: string | undefined;
}

/** Why a command was refused; undefined when it was done. */
export type StreamsOutcome = AwsError | undefined;

export type Decided = Decision<StreamsState, StreamsOutcome>;

export const noStreams: StreamsState = {
  streams: OrderedMap.empty(),
  openShards: OrderedMap.empty(),
  provisionedShards: OrderedMap.empty(),
  comingOrGoing: OrderedMap.empty(),
  onDemandStreams: OrderedMap.empty(),
  accounts: OrderedMap.empty(),
  incarnations: 0,
  secret: undefined,
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

/** A client's command: on the stream of that name, or refused. */
export function onStream(
  state: StreamsState,
  of: OfStream,
  change: (stream: Stream) => Stream | AwsError,
): Decided {
  const stream = findStream(state, of.account, of.region, of.name);
  if (stream === undefined) return { state, outcome: errors.streamNotFound(of) };
  const changed = change(stream);
  if (changed instanceof AwsError) return { state, outcome: changed };
  return { state: replaced(state, stream, changed), outcome: undefined };
}

/** The same for what AWS does to ACTIVE streams alone. */
export function onActiveStream(
  state: StreamsState,
  of: OfStream,
  change: (stream: Stream) => Stream | AwsError,
): Decided {
  return onStream(state, of, (stream) =>
    stream.status === 'ACTIVE' ? change(stream) : errors.streamNotActive(stream, stream.status),
  );
}

/** A step of the background: one that comes too late changes nothing, and nobody needs to be told. */
export function onIncarnation(
  state: StreamsState,
  of: OfIncarnation,
  change: (stream: Stream) => Stream | undefined,
): Decided {
  const stream = sameIncarnation(state, of);
  if (stream === undefined) return { state, outcome: undefined };
  return { state: replaced(state, stream, change(stream)), outcome: undefined };
}

/** The state with `before` replaced by `after`, and the account's counts with it. */
export function replaced(
  state: StreamsState,
  before: Stream | undefined,
  after: Stream | undefined,
): StreamsState {
  const of = after ?? before;
  if (of === undefined || before === after) return state;
  const namespace = namespaceOf(of);
  const key = keyOf(of);
  return {
    ...state,
    streams: after === undefined ? state.streams.delete(key) : state.streams.set(key, after),
    openShards: added(state.openShards, namespace, shardsCounted(after) - shardsCounted(before)),
    provisionedShards: added(state.provisionedShards, namespace, quotaShards(after) - quotaShards(before)),
    comingOrGoing: added(state.comingOrGoing, namespace, comingOrGoing(after) - comingOrGoing(before)),
    onDemandStreams: added(state.onDemandStreams, namespace, onDemand(after) - onDemand(before)),
  };
}

export function openShardsOf(state: StreamsState, of: OfAccount): number {
  return state.openShards.get(namespaceOf(of)) ?? 0;
}

/** The shards that count against the account's quota: until rules 6, those of on-demand streams did too. */
export function quotaShardsOf(state: StreamsState, of: OfAccount, rules: number): number {
  return rules >= 6 ? (state.provisionedShards.get(namespaceOf(of)) ?? 0) : openShardsOf(state, of);
}

/** Whether streams of that mode are asked for room in the quota. */
export function quotaIsOf(mode: StreamMode, rules: number): boolean {
  return rules < 6 || mode === 'PROVISIONED';
}

export function comingOrGoingOf(state: StreamsState, of: OfAccount): number {
  return state.comingOrGoing.get(namespaceOf(of)) ?? 0;
}

export function onDemandStreamsOf(state: StreamsState, of: OfAccount): number {
  return state.onDemandStreams.get(namespaceOf(of)) ?? 0;
}

/** Where an account's own counts and settings stand. */
export function namespaceOf(of: OfAccount): string {
  return `${of.account}/${of.region}`;
}

export function stateToJson(state: StreamsState): Json {
  return {
    streams: [...state.streams.values()].map(streamToJson),
    accounts: Object.fromEntries(
      [...state.accounts].map(([key, settings]) => [key, accountSettingsToJson(settings)]),
    ),
    incarnations: state.incarnations,
    secret: state.secret ?? null,
  };
}

/** The state that `stateToJson` wrote; `accounts` came later than the rest. */
export function parseState(json: Json): StreamsState {
  const fields = objectOf(json, 'the streams');
  const { secret, accounts } = fields;
  let state: StreamsState = {
    ...noStreams,
    accounts: OrderedMap.from(
      Object.entries(accounts === undefined ? {} : objectField(fields, 'accounts')).map(
        ([key, settings]) => [key, parseAccountSettings(settings)] as const,
      ),
    ),
    incarnations: numberField(fields, 'incarnations'),
    secret: typeof secret === 'string' ? secret : undefined,
  };
  for (const stream of listField(fields, 'streams')) {
    state = replaced(state, undefined, parseStream(stream));
  }
  return state;
}

function added(counts: OrderedMap<number>, namespace: string, change: number): OrderedMap<number> {
  if (change === 0) return counts;
  const count = (counts.get(namespace) ?? 0) + change;
  return count === 0 ? counts.delete(namespace) : counts.set(namespace, count);
}

/** What a stream takes of its account's shard limit: its open shards, and what reshards under way will add. */
function shardsCounted(stream: Stream | undefined): number {
  if (stream === undefined) return 0;
  const { reshard, openShards, targetShards = 0 } = stream;
  const growth = (reshard?.steps ?? []).map((step) =>
    Math.max(0, step.children.length - step.parents.length),
  );
  return Math.max(
    targetShards,
    growth.reduce((sum, each) => sum + each, openShards),
  );
}

function quotaShards(stream: Stream | undefined): number {
  return onDemand(stream) === 1 ? 0 : shardsCounted(stream);
}

function comingOrGoing(stream: Stream | undefined): number {
  return stream?.status === 'CREATING' || stream?.status === 'DELETING' ? 1 : 0;
}

function onDemand(stream: Stream | undefined): number {
  return stream !== undefined && (stream.pending?.mode ?? stream.mode) === 'ON_DEMAND' ? 1 : 0;
}
