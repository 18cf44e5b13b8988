import { integer, required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import { settingsAt } from '../account-settings.js';
import * as controlErrors from '../control-errors.js';
import * as errors from '../errors.js';
import { onDemandShards, recordKibDefault, tagsMax } from '../limits.js';
import type { StreamMode } from '../stream.js';
import type { Streams } from '../streams.js';
import { namespaceOf } from '../streams-state.js';
import { checkNewTags } from '../tags.js';
import {
  recordDistributionStrategy,
  recordKib,
  streamModeDetails,
  streamName,
  tagMap,
  warmMibps,
} from './shapes.js';
import { checkWarmThroughput } from './warm-throughput.js';

/** The members are the newest SDK's. */
const input = structure('CreateStreamInput', {
  StreamName: required(streamName),
  ShardCount: integer({ min: 1 }),
  StreamModeDetails: streamModeDetails,
  Tags: tagMap,
  WarmThroughputMiBps: warmMibps,
  MaxRecordSizeInKiB: recordKib,
  RecordDistributionStrategy: recordDistributionStrategy,
});

export const createStream = operation<Streams, typeof input, undefined>({
  name: 'CreateStream',
  input,
  output: undefined,
  errors: [errors.resourceInUse, errors.limitExceeded, errors.invalidArgument, errors.validation],
  async handle(streams, request, context) {
    const tags = request.Tags ?? {};
    const of = { account: context.account, name: request.StreamName };
    if (Object.keys(tags).length > tagsMax) throw controlErrors.tooManyTagsOnStream(of, tagsMax);
    checkNewTags(of, tags);
    const mode = request.StreamModeDetails?.StreamMode ?? 'PROVISIONED';
    const { WarmThroughputMiBps: mibps, RecordDistributionStrategy: strategy } = request;
    if (strategy === 'AUTO' && mode === 'PROVISIONED') throw controlErrors.strategyNeedsOnDemand(of);
    if (mibps !== undefined) {
      if (mode === 'PROVISIONED') throw controlErrors.inProvisionedMode(of);
      checkWarmThroughput(mibps);
      const settings = settingsAt(streams.view.accounts.get(namespaceOf(context)), streams.clock.now());
      if (settings.status === 'DISABLED') throw controlErrors.warmThroughputNeedsCommitment();
    }
    await streams.create(context, {
      name: of.name,
      shards: Math.max(shardsOf(mode, request.ShardCount), mibps ?? 0),
      mode,
      recordKibMax: request.MaxRecordSizeInKiB ?? recordKibDefault,
      tags,
      strategy,
      warmMibps: mibps,
    });
  },
});

function shardsOf(mode: StreamMode, count: number | undefined): number {
  if (mode === 'ON_DEMAND') {
    if (count !== undefined) throw errors.shardCountNotAllowed();
    return onDemandShards;
  }
  if (count === undefined) throw errors.shardCountMissing();
  return count;
}
