import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { addressed, hashKey, shardId } from './shapes.js';

const input = structure('SplitShardInput', {
  ...addressed,
  ShardToSplit: required(shardId),
  NewStartingHashKey: required(hashKey),
});

export const splitShard = operation<Streams, typeof input, undefined>({
  name: 'SplitShard',
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
    await streams.split(request, context, request.ShardToSplit, request.NewStartingHashKey);
  },
});
