import { enumeration, integer, required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { arnOf } from '../stream.js';
import { nameOf, type Streams } from '../streams.js';
import { addressed, streamArn, streamName } from './shapes.js';

/** Answers at once; the splits and merges towards the count are carried out while the stream is UPDATING. */
const count = integer({ min: 1 });

const input = structure('UpdateShardCountInput', {
  ...addressed,
  TargetShardCount: required(count),
  ScalingType: required(enumeration('UNIFORM_SCALING')),
});

const output = structure('UpdateShardCountOutput', {
  StreamName: streamName,
  CurrentShardCount: count,
  TargetShardCount: count,
  StreamARN: streamArn,
});

export const updateShardCount = operation<Streams, typeof input, typeof output>({
  name: 'UpdateShardCount',
  input,
  output,
  errors: [...errors.ofChanges, errors.validation],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'UpdateShardCount');
    const { shardsPerStreamMax: streamShardsMax } = streams.limits;
    const shardsMax = streams.shardsMax(context);
    const target = request.TargetShardCount;
    await streams.change({ type: 'shard-count', ...nameOf(stream), target, streamShardsMax, shardsMax });
    return {
      StreamName: stream.name,
      CurrentShardCount: stream.openShards,
      TargetShardCount: target,
      StreamARN: arnOf(stream),
    };
  },
});
