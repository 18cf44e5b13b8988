/**
 * Commands that change which shards there are.
 *
 *      split, merge, scale ──▶ one round of steps ──reshard──▶ ACTIVE
 *      shard-count, warm   ──▶ a target ─▶ round ──reshard──▶ round … ──▶ ACTIVE          (see `reshard-plan.ts`)
 *
 * A round is written down with its children before anything is done; `reshard` is the step of the lifecycle that says
 * that its parents are sealed. The next round is decided with it, so a crash anywhere leaves a round that is planned.
 */
import type { AwsError, HashKeyRange } from '@millrace/wire';
import { shardIdOf } from '@millrace/wire';
import type { JsonObject } from '../../catalog/catalog-record.js';
import type { CommandTime } from '../../catalog/fold.js';
import * as controlErrors from '../control-errors.js';
import * as errors from '../errors.js';
import { listField, numberField, stringField, wholeNumber } from '../json-field.js';
import { dayMs, reshardStepsMax, shardCountUpdatesPerDay } from '../limits.js';
import type { PlannedStep } from '../reshard-plan.js';
import { halvesOf, shardsOnTheWay } from '../reshard-plan.js';
import type { Shard, Stream } from '../stream.js';
import { shardAt } from '../stream.js';
import type { Decided, StreamsState } from '../streams-state.js';
import { onIncarnation, onStream, openShardsOf, quotaShardsOf } from '../streams-state.js';
import type { OfIncarnation, OfStream } from './of.js';
import { incarnationFields, streamFields } from './of.js';
import { goneOn, openOf, resharding, towards } from './update.js';

type SplitCommand = {
  readonly type: 'split';
  readonly shard: number;
  readonly at: string;
  readonly shardsMax: number;
} & OfStream;

type MergeCommand = { readonly type: 'merge'; readonly shard: number; readonly adjacent: number } & OfStream;

export type ShardCountCommand = {
  readonly type: 'shard-count';
  readonly target: number;
  readonly streamShardsMax: number;
  readonly shardsMax: number;
} & OfStream;

/** What the scaler of on-demand streams wants: shards to halve, and neighbours to merge by their lower one. */
export type ScaleCommand = {
  readonly type: 'scale';
  readonly halve: readonly number[];
  readonly merge: readonly number[];
  readonly shardsMax: number;
} & OfIncarnation;

/** The parents are sealed; `ends` are their final positions, in the order of the round's parents. */
type ReshardCommand = {
  readonly type: 'reshard';
  readonly firstChild: number;
  readonly ends: readonly number[];
} & OfIncarnation;

export type ReshardingCommand =
  | SplitCommand
  | MergeCommand
  | ShardCountCommand
  | ScaleCommand
  | ReshardCommand;

const numbers = (fields: JsonObject, name: string) =>
  listField(fields, name).map((value) => wholeNumber(value, name));

export const parseResharding = {
  split: (fields: JsonObject): SplitCommand => ({
    type: 'split',
    ...streamFields(fields),
    shard: numberField(fields, 'shard'),
    at: stringField(fields, 'at'),
    shardsMax: numberField(fields, 'shardsMax'),
  }),
  merge: (fields: JsonObject): MergeCommand => ({
    type: 'merge',
    ...streamFields(fields),
    shard: numberField(fields, 'shard'),
    adjacent: numberField(fields, 'adjacent'),
  }),
  'shard-count': (fields: JsonObject): ShardCountCommand => ({
    type: 'shard-count',
    ...streamFields(fields),
    target: numberField(fields, 'target'),
    streamShardsMax: numberField(fields, 'streamShardsMax'),
    shardsMax: numberField(fields, 'shardsMax'),
  }),
  scale: (fields: JsonObject): ScaleCommand => ({
    type: 'scale',
    ...incarnationFields(fields),
    halve: numbers(fields, 'halve'),
    merge: numbers(fields, 'merge'),
    shardsMax: numberField(fields, 'shardsMax'),
  }),
  reshard: (fields: JsonObject): ReshardCommand => ({
    type: 'reshard',
    ...incarnationFields(fields),
    firstChild: numberField(fields, 'firstChild'),
    ends: numbers(fields, 'ends'),
  }),
};

export function decideResharding(state: StreamsState, command: ReshardingCommand, at: CommandTime): Decided {
  switch (command.type) {
    case 'split':
      return onStream(state, command, (stream) => split(state, stream, command, at));
    case 'merge':
      return onStream(state, command, (stream) => merge(stream, command, at));
    case 'shard-count':
      return onStream(state, command, (stream) => updateShardCount(state, stream, command, at));
    case 'scale':
      return onIncarnation(state, command, (stream) => scale(state, stream, command, at));
    case 'reshard':
      return onIncarnation(state, command, (stream) => commitReshard(stream, command, at));
  }
}

/** The checks in AWS's order, as kinesalite found it: state of the stream, shard, limit, hash key. */
function split(
  state: StreamsState,
  stream: Stream,
  command: SplitCommand,
  at: CommandTime,
): Stream | AwsError {
  const { account, region } = stream;
  if (at.rules >= 2 && stream.mode === 'ON_DEMAND') return controlErrors.inOnDemandMode(stream);
  if (stream.status !== 'ACTIVE') return errors.streamNotActive(stream, stream.status);
  const shard = shardAt(stream, command.shard);
  if (shard === undefined) return errors.shardNotFound(stream, shardIdOf(command.shard));
  if (shard.closed !== undefined) return errors.shardClosed(stream, shard.index);
  const open = quotaShardsOf(state, stream, at.rules);
  if (open + 1 > command.shardsMax) {
    return errors.shardLimitExceeded(account, region, open, command.shardsMax, 1);
  }
  const cut = BigInt(command.at);
  const { start, end } = shard.range;
  if (cut <= start + 1n || cut >= end) {
    return errors.splitOutOfRange(stream, shard.index, command.at, shard.range);
  }
  return resharding(stream, at, [
    {
      parents: [shard.index],
      ranges: [
        { start, end: cut - 1n },
        { start: cut, end },
      ],
    },
  ]);
}

function merge(stream: Stream, command: MergeCommand, at: CommandTime): Stream | AwsError {
  if (at.rules >= 2 && stream.mode === 'ON_DEMAND') return controlErrors.inOnDemandMode(stream);
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
  const range: HashKeyRange = { start: low.range.start, end: high.range.end };
  return resharding(stream, at, [{ parents: [low.index, high.index], ranges: [range] }]);
}

/** AWS's limits in the order of its document of UpdateShardCount; the order of its checks is unpublished. */
function updateShardCount(
  state: StreamsState,
  stream: Stream,
  command: ShardCountCommand,
  at: CommandTime,
): Stream | AwsError {
  const { target, streamShardsMax, shardsMax } = command;
  const { account, region, openShards, recent } = stream;
  if (stream.mode === 'ON_DEMAND') return controlErrors.inOnDemandMode(stream);
  if (stream.status !== 'ACTIVE') return errors.streamNotActive(stream, stream.status);
  if (target > streamShardsMax) return controlErrors.targetTooHigh(openShards, target, streamShardsMax);
  if (target > openShards * 2) return controlErrors.overDouble(openShards, target);
  if (target < openShards / 2) return controlErrors.belowHalf(openShards, target);
  const today = recent.shardCount.filter((atMs) => atMs > at.atMs - dayMs);
  if (today.length >= shardCountUpdatesPerDay)
    return controlErrors.tooManyShardCountUpdates(stream, shardCountUpdatesPerDay);
  const added = Math.max(0, shardsOnTheWay(openOf(stream), target) - openShards);
  const open = quotaShardsOf(state, stream, at.rules);
  if (open + added > shardsMax) return errors.shardLimitExceeded(account, region, open, shardsMax, added);
  return towards({ ...stream, recent: { ...recent, shardCount: [...today, at.atMs] } }, target, at);
}

/** A step of the background: what of it is no longer possible is left out, and the scaler looks again later. */
function scale(state: StreamsState, stream: Stream, command: ScaleCommand, at: CommandTime): Stream {
  if (stream.mode !== 'ON_DEMAND' || stream.status !== 'ACTIVE') return stream;
  const open = openOf(stream);
  const taken = new Set<number>();
  const steps: PlannedStep[] = [];
  // By rules 6 no quota is of these shards; what is left is the bound of one stream.
  let room = command.shardsMax - (at.rules >= 6 ? stream.openShards : openShardsOf(state, stream));
  for (const shard of open) {
    const halves = command.halve.includes(shard.index) ? halvesOf(shard.range) : undefined;
    if (halves === undefined || room-- <= 0 || steps.length === reshardStepsMax) continue;
    taken.add(shard.index);
    steps.push({ parents: [shard.index], ranges: halves });
  }
  for (const [i, low] of open.entries()) {
    const high = open[i + 1];
    if (high === undefined || !command.merge.includes(low.index) || steps.length === reshardStepsMax)
      continue;
    if (taken.has(low.index) || taken.has(high.index)) continue;
    taken.add(low.index).add(high.index);
    steps.push({
      parents: [low.index, high.index],
      ranges: [{ start: low.range.start, end: high.range.end }],
    });
  }
  return steps.length === 0 ? stream : resharding(stream, at, steps);
}

/** A child's numbers begin a second after its parents' end (kinesalite saw that on AWS); see `stream.ts`. */
const childDelayMs = 1000;

function commitReshard(stream: Stream, command: ReshardCommand, at: CommandTime): Stream {
  const { reshard } = stream;
  if (stream.status !== 'UPDATING' || reshard === undefined) return stream;
  const parents = reshard.steps.flatMap((step) => step.parents);
  if (reshard.steps[0]?.children[0]?.index !== command.firstChild || command.ends.length !== parents.length) {
    return stream;
  }
  const endOf = new Map(parents.map((parent, i) => [parent, command.ends[i] ?? 0]));
  const createdOf = new Map<number, number>();
  const shards: Shard[] = stream.shards.map((shard) => {
    const endPosition = endOf.get(shard.index);
    if (endPosition === undefined) return shard;
    createdOf.set(shard.index, shard.createdMs);
    return { ...shard, closed: { atMs: at.atMs, endPosition } };
  });
  for (const step of reshard.steps) {
    const parentsMs = Math.max(at.atMs, ...step.parents.map((parent) => createdOf.get(parent) ?? 0));
    for (const { index, range } of step.children) {
      shards.push({
        index,
        createdMs: parentsMs + childDelayMs,
        openedMs: at.atMs,
        range,
        parents: step.parents,
        closed: undefined,
      });
    }
  }
  const openShards = shards.filter((shard) => shard.closed === undefined).length;
  return goneOn({ ...stream, shards, openShards, reshard: undefined }, at);
}
