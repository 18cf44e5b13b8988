import { integer, required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { onDemandShards, recordKibDefault, tagsMax } from '../limits.js';
import type { StreamMode } from '../stream.js';
import type { Streams } from '../streams.js';
import { recordDistributionStrategy, recordKib, streamModeDetails, streamName, tagMap } from './shapes.js';

/**
 * The members are the newest SDK's. What cannot be kept is refused, and what brings less than on AWS is said: see
 * `membersRefused` and `membersReduced` in `not-offered.ts`.
 */
const input = structure('CreateStreamInput', {
  StreamName: required(streamName),
  ShardCount: integer({ min: 1 }),
  StreamModeDetails: streamModeDetails,
  Tags: tagMap,
  WarmThroughputMiBps: integer({ min: 0 }),
  MaxRecordSizeInKiB: recordKib,
  RecordDistributionStrategy: recordDistributionStrategy,
});

export const createStream = operation<Streams, typeof input, undefined>({
  name: 'CreateStream',
  input,
  output: undefined,
  errors: [errors.resourceInUse, errors.limitExceeded, errors.invalidArgument, errors.validation],
  async handle(streams, request, context) {
    if (request.WarmThroughputMiBps !== undefined) throw errors.notOffered('WarmThroughputMiBps');
    if (request.RecordDistributionStrategy === 'AUTO')
      throw errors.notOffered('RecordDistributionStrategy AUTO');
    const tags = request.Tags ?? {};
    if (Object.keys(tags).length > tagsMax) throw errors.tooManyTags(tagsMax);
    const mode = request.StreamModeDetails?.StreamMode ?? 'PROVISIONED';
    await streams.create(context, {
      name: request.StreamName,
      shards: shardsOf(mode, request.ShardCount),
      mode,
      recordKibMax: request.MaxRecordSizeInKiB ?? recordKibDefault,
      tags,
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
