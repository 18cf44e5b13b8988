import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { addressed, shardId } from './shapes.js';

const input = structure('MergeShardsInput', {
  ...addressed,
  ShardToMerge: required(shardId),
  AdjacentShardToMerge: required(shardId),
});

export const mergeShards = operation<Streams, typeof input, undefined>({
  name: 'MergeShards',
  input,
  output: undefined,
  errors: [
    errors.resourceNotFound,
    errors.resourceInUse,
    errors.invalidArgument,
    errors.limitExceeded,
    errors.validation,
    errors.accessDenied,
  ],
  async handle(streams, request, context) {
    await streams.merge(request, context, request.ShardToMerge, request.AdjacentShardToMerge);
  },
});
