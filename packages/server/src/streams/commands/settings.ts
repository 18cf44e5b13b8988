/**
 * Commands that change what a stream is set to. Retention, monitoring and distribution hold at once; the others hold
 * when the stream is ACTIVE again: AWS's documents of StartStreamEncryption and UpdateStreamWarmThroughput say that the
 * stream is UPDATING meanwhile, its clients (Terraform's provider) wait so for mode and record size too.
 */
import type { AwsError } from '@millrace/wire';
import type { JsonObject } from '../../catalog/catalog-record.js';
import type { CommandTime } from '../../catalog/fold.js';
import type { Fingerprint } from '../../keys/master-keys.js';
import { settingsAt } from '../account-settings.js';
import * as controlErrors from '../control-errors.js';
import * as errors from '../errors.js';
import { listField, numberField, oneOf, optionalNumber, optionalString, stringField } from '../json-field.js';
import { dayMs, encryptionChangesPerDay, hourMs, modeChangesPerDay, onDemandShards } from '../limits.js';
import { shardsOnTheWay } from '../reshard-plan.js';
import type { DistributionStrategy, RecentChanges, ShardLevelMetric, Stream, StreamMode } from '../stream.js';
import {
  distributionStrategies,
  isOnlyTold,
  keyIdAt,
  pendingOf,
  shardLevelMetrics,
  streamModes,
} from '../stream.js';
import type { Decided, StreamsState } from '../streams-state.js';
import {
  namespaceOf,
  onActiveStream,
  onDemandStreamsOf,
  onIncarnation,
  onStream,
  quotaIsOf,
  quotaShardsOf,
} from '../streams-state.js';
import type { OfIncarnation, OfStream } from './of.js';
import { incarnationFields, streamFields } from './of.js';
import { encryptionFrom, settled, towards, waiting } from './update.js';

type RetentionCommand = {
  readonly type: 'retention';
  readonly change: 'increase' | 'decrease';
  readonly hours: number;
} & OfStream;
type MonitoringCommand = {
  readonly type: 'monitoring';
  readonly change: 'enable' | 'disable';
  readonly metrics: readonly ShardLevelMetric[];
} & OfStream;
type StrategyCommand = { readonly type: 'strategy'; readonly strategy: DistributionStrategy } & OfStream;
type RecordSizeCommand = { readonly type: 'record-size'; readonly kib: number } & OfStream;
/** `master`: what records are sealed under from then on, where they are. */
type EncryptionCommand = {
  readonly type: 'encryption';
  readonly change: 'start' | 'stop';
  readonly keyId: string;
  readonly master?: Fingerprint | undefined;
} & OfStream;
/** A stream that an earlier version told to be encrypted is so from here on. */
type MasterCommand = { readonly type: 'master'; readonly master: Fingerprint } & OfIncarnation;
type ModeCommand = {
  readonly type: 'mode';
  readonly mode: StreamMode;
  readonly warmMibps?: number | undefined;
  readonly onDemandStreamsMax: number;
  readonly shardsMax: number;
} & OfStream;
/** `shardsMin`: what the stream's recent load needs. */
type WarmCommand = {
  readonly type: 'warm';
  readonly mibps: number;
  readonly shardsMin: number;
  readonly shardsMax: number;
} & OfStream;
/** A step of the lifecycle: the wait of an UPDATING stream without a reshard is over. */
type SettleCommand = { readonly type: 'settle' } & OfIncarnation;

export type SettingsCommand =
  | RetentionCommand
  | MonitoringCommand
  | StrategyCommand
  | RecordSizeCommand
  | EncryptionCommand
  | MasterCommand
  | ModeCommand
  | WarmCommand
  | SettleCommand;

export const parseSettings = {
  retention: (fields: JsonObject): RetentionCommand => ({
    type: 'retention',
    ...streamFields(fields),
    change: oneOf(fields, 'change', ['increase', 'decrease']),
    hours: numberField(fields, 'hours'),
  }),
  monitoring: (fields: JsonObject): MonitoringCommand => {
    const named = listField(fields, 'metrics');
    return {
      type: 'monitoring',
      ...streamFields(fields),
      change: oneOf(fields, 'change', ['enable', 'disable']),
      metrics: shardLevelMetrics.filter((metric) => named.includes(metric)),
    };
  },
  strategy: (fields: JsonObject): StrategyCommand => ({
    type: 'strategy',
    ...streamFields(fields),
    strategy: oneOf(fields, 'strategy', distributionStrategies),
  }),
  'record-size': (fields: JsonObject): RecordSizeCommand => ({
    type: 'record-size',
    ...streamFields(fields),
    kib: numberField(fields, 'kib'),
  }),
  encryption: (fields: JsonObject): EncryptionCommand => ({
    type: 'encryption',
    ...streamFields(fields),
    change: oneOf(fields, 'change', ['start', 'stop']),
    keyId: stringField(fields, 'keyId'),
    ...masterOf(fields),
  }),
  master: (fields: JsonObject): MasterCommand => ({
    type: 'master',
    ...incarnationFields(fields),
    master: stringField(fields, 'master'),
  }),
  mode: (fields: JsonObject): ModeCommand => ({
    type: 'mode',
    ...streamFields(fields),
    mode: oneOf(fields, 'mode', streamModes),
    warmMibps: optionalNumber(fields, 'warmMibps'),
    onDemandStreamsMax: numberField(fields, 'onDemandStreamsMax'),
    shardsMax: numberField(fields, 'shardsMax'),
  }),
  warm: (fields: JsonObject): WarmCommand => ({
    type: 'warm',
    ...streamFields(fields),
    mibps: numberField(fields, 'mibps'),
    shardsMin: numberField(fields, 'shardsMin'),
    shardsMax: numberField(fields, 'shardsMax'),
  }),
  settle: (fields: JsonObject): SettleCommand => ({ type: 'settle', ...incarnationFields(fields) }),
};

function masterOf(fields: JsonObject): { readonly master?: Fingerprint } {
  const master = optionalString(fields, 'master');
  return master === undefined ? {} : { master };
}

export function decideSettings(state: StreamsState, command: SettingsCommand, at: CommandTime): Decided {
  switch (command.type) {
    case 'retention':
      return onActiveStream(state, command, (stream) => retain(stream, command, at));
    case 'monitoring':
      return onActiveStream(state, command, (stream) => monitor(stream, command));
    case 'strategy':
      return onActiveStream(state, command, (stream) =>
        stream.mode === 'PROVISIONED' && command.strategy === 'AUTO'
          ? controlErrors.strategyNeedsOnDemand(stream)
          : { ...stream, strategy: command.strategy },
      );
    case 'record-size':
      return onActiveStream(state, command, (stream) => waiting(stream, { recordKibMax: command.kib }, at));
    case 'encryption':
      return onActiveStream(state, command, (stream) => encrypt(stream, command, at));
    case 'master':
      return onIncarnation(state, command, (stream) => sealFromNow(stream, command.master, at));
    case 'mode':
      return onStream(state, command, (stream) => changeMode(state, stream, command, at));
    case 'warm':
      return onStream(state, command, (stream) => warm(state, stream, command, at));
    case 'settle':
      return onIncarnation(state, command, (stream) =>
        stream.status === 'UPDATING' && stream.reshard === undefined ? settled(stream, at) : stream,
      );
  }
}

/** What was gone stays gone when the retention grows: AWS's document of IncreaseStreamRetentionPeriod. */
function retain(stream: Stream, command: RetentionCommand, at: CommandTime): Stream | AwsError {
  const { change, hours } = command;
  const { retentionHours, goneBeforeMs } = stream;
  if (change === 'increase' && hours < retentionHours) return controlErrors.retentionShorter(stream, hours);
  if (change === 'decrease' && hours > retentionHours) return controlErrors.retentionLonger(stream, hours);
  const gone = hours > retentionHours ? at.atMs - retentionHours * hourMs : 0;
  return { ...stream, retentionHours: hours, goneBeforeMs: Math.max(goneBeforeMs, gone) };
}

function monitor(stream: Stream, { change, metrics }: MonitoringCommand): Stream {
  const before = stream.shardLevelMetrics;
  const wanted = (metric: ShardLevelMetric): boolean =>
    change === 'enable'
      ? before.includes(metric) || metrics.includes(metric)
      : before.includes(metric) && !metrics.includes(metric);
  return { ...stream, shardLevelMetrics: shardLevelMetrics.filter(wanted) };
}

function encrypt(stream: Stream, command: EncryptionCommand, at: CommandTime): Stream | AwsError {
  const kind = command.change === 'start' ? 'encryption' : 'decryption';
  const keyId = command.change === 'start' ? command.keyId : null;
  const recent = onceMore(stream, kind, encryptionChangesPerDay, at);
  if (keyId === null && keyIdAt(stream, at.atMs) === null) return controlErrors.notEncrypted(stream);
  if (recent === undefined) return controlErrors.tooManyEncryptionChanges(stream, encryptionChangesPerDay);
  return waiting({ ...stream, recent }, { keyId, master: keyId === null ? undefined : command.master }, at);
}

function sealFromNow(stream: Stream, master: Fingerprint, at: CommandTime): Stream {
  const { pending } = stream;
  const soon = typeof pending?.keyId === 'string' && pending.master === undefined;
  const changed = soon ? { ...stream, pending: { ...pending, master } } : stream;
  if (!isOnlyTold(stream)) return changed;
  const keyId = keyIdAt(stream, at.atMs);
  return { ...changed, encryption: encryptionFrom(stream, keyId, master, at.atMs) };
}

/** The checks of AWS are known; their order, and the answer where a stream has the mode already, are not. */
function changeMode(
  state: StreamsState,
  stream: Stream,
  command: ModeCommand,
  at: CommandTime,
): Stream | AwsError {
  const { mode, warmMibps, onDemandStreamsMax, shardsMax } = command;
  if (stream.status !== 'ACTIVE') return errors.streamNotActive(stream, stream.status);
  if (stream.mode === mode) {
    return mode === 'ON_DEMAND'
      ? controlErrors.inOnDemandMode(stream)
      : controlErrors.inProvisionedMode(stream);
  }
  const recent = onceMore(stream, 'mode', modeChangesPerDay, at);
  if (recent === undefined) return controlErrors.tooManyModeChanges(stream, modeChangesPerDay);
  if (mode === 'PROVISIONED') {
    if (warmMibps !== undefined) return controlErrors.inProvisionedMode(stream);
    if (stream.strategy === 'AUTO') return controlErrors.strategyNeedsOnDemand(stream);
    return waiting({ ...stream, recent }, { mode }, at);
  }
  if (onDemandStreamsOf(state, stream) >= onDemandStreamsMax) {
    return controlErrors.tooManyOnDemandStreams(stream.account, onDemandStreamsMax);
  }
  if (warmMibps === undefined) return waiting({ ...stream, recent }, { mode }, at);
  const refused = uncommitted(state, stream, at);
  if (refused !== undefined) return refused;
  const changed = { ...stream, recent, pending: pendingOf({ mode, warmMibps }) };
  return warmMibps <= stream.openShards
    ? waiting(changed, { mode, warmMibps }, at)
    : growing(state, changed, warmMibps, shardsMax, at);
}

function warm(state: StreamsState, stream: Stream, command: WarmCommand, at: CommandTime): Stream | AwsError {
  if (stream.mode === 'PROVISIONED') return controlErrors.inProvisionedMode(stream);
  if (stream.status !== 'ACTIVE') return errors.streamNotActive(stream, stream.status);
  const target = Math.max(command.mibps, command.shardsMin, onDemandShards);
  const changed = { ...stream, pending: pendingOf({ warmMibps: command.mibps }) };
  return uncommitted(state, stream, at) ?? growing(state, changed, target, command.shardsMax, at);
}

/** Why warm throughput is not to be had, if it is not: AWS ties it to the account's commitment. */
function uncommitted(state: StreamsState, stream: Stream, at: CommandTime): AwsError | undefined {
  const { status } = settingsAt(state.accounts.get(namespaceOf(stream)), at.atMs);
  return status === 'DISABLED' ? controlErrors.warmThroughputNeedsCommitment() : undefined;
}

/** The stream on its way to `target` shards, if its account may have so many. */
function growing(
  state: StreamsState,
  stream: Stream,
  target: number,
  shardsMax: number,
  at: CommandTime,
): Stream | AwsError {
  const { account, region, openShards } = stream;
  const open = stream.shards.filter((shard) => shard.closed === undefined);
  const added = Math.max(0, shardsOnTheWay(open, target) - openShards);
  const all = quotaShardsOf(state, stream, at.rules);
  if (quotaIsOf('ON_DEMAND', at.rules) && all + added > shardsMax)
    return errors.shardLimitExceeded(account, region, all, shardsMax, added);
  return towards(stream, target, at);
}

/** The times of such changes within a day, with one more; undefined when there were as many as there may be. */
function onceMore(
  stream: Stream,
  kind: keyof RecentChanges,
  perDay: number,
  at: CommandTime,
): RecentChanges | undefined {
  const today = stream.recent[kind].filter((atMs) => atMs > at.atMs - dayMs);
  return today.length >= perDay ? undefined : { ...stream.recent, [kind]: [...today, at.atMs] };
}
