/** Commands of a stream's existence: `create` and `delete` are what clients want, the others are steps of the lifecycle. */
import { type AwsError, uniformHashKeyRanges } from '@millrace/wire';
import type { JsonObject } from '../../catalog/catalog-record.js';
import type { CommandTime } from '../../catalog/fold.js';
import * as consumerErrors from '../consumers/consumer-errors.js';
import * as controlErrors from '../control-errors.js';
import * as errors from '../errors.js';
import { listField, numberField, oneOf, optionalNumber, stringsField, wholeNumber } from '../json-field.js';
import { retentionHoursDefault } from '../limits.js';
import type { DistributionStrategy, Stream, StreamMode } from '../stream.js';
import { distributionStrategies, streamModes, unset } from '../stream.js';
import type { Decided, StreamsState } from '../streams-state.js';
import {
  comingOrGoingOf,
  findStream,
  onDemandStreamsOf,
  onIncarnation,
  onStream,
  quotaIsOf,
  quotaShardsOf,
  replaced,
} from '../streams-state.js';
import { allDeleting } from './consumers.js';
import type { OfIncarnation, OfStream } from './of.js';
import { incarnationFields, streamFields } from './of.js';

export interface CreateCommand extends OfStream {
  readonly type: 'create';
  readonly shards: number;
  readonly mode: StreamMode;
  readonly recordKibMax: number;
  readonly tags: { readonly [key: string]: string };
  readonly strategy?: DistributionStrategy | undefined;
  readonly warmMibps?: number | undefined;
  readonly shardsMax: number;
  /** Rules 1 knew no such limit. */
  readonly onDemandStreamsMax?: number | undefined;
  /** How many streams of the account may be CREATING or DELETING; rules 5 knew no such limit. */
  readonly comingOrGoingMax?: number | undefined;
}

/** Unless `enforce`, a stream with consumers is not deleted. */
type DeleteCommand = { readonly type: 'delete'; readonly enforce: boolean } & OfStream;

export type ExistenceCommand =
  | CreateCommand
  | DeleteCommand
  /** The logs are there. */
  | ({ readonly type: 'activate' } & OfIncarnation)
  /** The logs are gone. */
  | ({ readonly type: 'remove' } & OfIncarnation)
  /** The logs of these closed shards are gone, with all their records. */
  | ({ readonly type: 'forget'; readonly shards: readonly number[] } & OfIncarnation);

export const parseExistence = {
  create: ({ strategy, ...fields }: JsonObject): CreateCommand => ({
    type: 'create',
    ...streamFields(fields),
    shards: numberField(fields, 'shards'),
    mode: oneOf(fields, 'mode', streamModes),
    recordKibMax: numberField(fields, 'recordKibMax'),
    tags: stringsField(fields, 'tags'),
    strategy: strategy === undefined ? undefined : oneOf({ strategy }, 'strategy', distributionStrategies),
    warmMibps: optionalNumber(fields, 'warmMibps'),
    shardsMax: numberField(fields, 'shardsMax'),
    onDemandStreamsMax: optionalNumber(fields, 'onDemandStreamsMax'),
    comingOrGoingMax: optionalNumber(fields, 'comingOrGoingMax'),
  }),
  // Commands of rules 2 and before do not say.
  delete: ({ enforce, ...fields }: JsonObject): DeleteCommand => ({
    type: 'delete',
    ...streamFields(fields),
    enforce: enforce === true,
  }),
  activate: (fields: JsonObject) => ({ type: 'activate', ...incarnationFields(fields) }) as const,
  remove: (fields: JsonObject) => ({ type: 'remove', ...incarnationFields(fields) }) as const,
  forget: (fields: JsonObject) =>
    ({
      type: 'forget',
      ...incarnationFields(fields),
      shards: listField(fields, 'shards').map((value) => wholeNumber(value, 'shards')),
    }) as const,
};

export function decideExistence(state: StreamsState, command: ExistenceCommand, at: CommandTime): Decided {
  switch (command.type) {
    case 'create':
      return create(state, command, at);
    case 'delete':
      return onStream(state, command, (stream) => remove(stream, command, at));
    case 'activate':
      return onIncarnation(state, command, (stream) =>
        stream.status === 'CREATING' ? { ...stream, status: 'ACTIVE', sinceMs: at.atMs } : stream,
      );
    case 'remove':
      return onIncarnation(state, command, (stream) => (stream.status === 'DELETING' ? undefined : stream));
    case 'forget':
      return onIncarnation(state, command, (stream) => ({
        ...stream,
        shards: stream.shards.filter(
          (shard) => shard.closed === undefined || !command.shards.includes(shard.index),
        ),
      }));
  }
}

/** Consumers that are being deregistered do not hold a stream back (undocumented; we chose). */
function remove(stream: Stream, command: DeleteCommand, at: CommandTime): Stream | AwsError {
  if (stream.status === 'DELETING') return stream;
  const held = stream.consumers.some(({ status }) => status !== 'DELETING');
  if (held && !command.enforce) return consumerErrors.streamHasConsumers(stream);
  return { ...stream, status: 'DELETING', sinceMs: at.atMs, consumers: allDeleting(stream, at) };
}

function create(state: StreamsState, command: CreateCommand, at: CommandTime): Decided {
  const { account, region, name, shards, mode, shardsMax, onDemandStreamsMax } = command;
  if (findStream(state, account, region, name) !== undefined) {
    return { state, outcome: errors.streamExists({ account, name }) };
  }
  const { comingOrGoingMax = Number.POSITIVE_INFINITY } = command;
  if (comingOrGoingOf(state, command) >= comingOrGoingMax) {
    return { state, outcome: controlErrors.tooManyComingOrGoing(account, comingOrGoingMax) };
  }
  const open = quotaShardsOf(state, command, at.rules);
  if (quotaIsOf(mode, at.rules) && open + shards > shardsMax) {
    return { state, outcome: errors.shardLimitExceeded(account, region, open, shardsMax, shards) };
  }
  if (
    mode === 'ON_DEMAND' &&
    onDemandStreamsOf(state, command) >= (onDemandStreamsMax ?? Number.POSITIVE_INFINITY)
  ) {
    return { state, outcome: controlErrors.tooManyOnDemandStreams(account, onDemandStreamsMax ?? 0) };
  }
  const incarnation = state.incarnations + 1;
  const stream: Stream = {
    ...unset,
    account,
    region,
    name,
    incarnation,
    status: 'CREATING',
    sinceMs: at.atMs,
    createdMs: at.atMs,
    mode,
    retentionHours: retentionHoursDefault,
    recordKibMax: command.recordKibMax,
    tags: command.tags,
    strategy: command.strategy ?? unset.strategy,
    warmMibps: command.warmMibps,
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
  };
  return { state: replaced({ ...state, incarnations: incarnation }, undefined, stream), outcome: undefined };
}
