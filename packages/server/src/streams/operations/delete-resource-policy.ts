import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { ofResource, resourceOf } from './resource.js';
import { resourceArn, streamId } from './shapes.js';

const input = structure('DeleteResourcePolicyInput', {
  ResourceARN: required(resourceArn),
  StreamId: streamId,
});

export const deleteResourcePolicy = operation<Streams, typeof input, undefined>({
  name: 'DeleteResourcePolicy',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const resource = resourceOf(streams, request.ResourceARN, context, 'DeleteResourcePolicy');
    await streams.change({ type: 'policy', ...ofResource(resource), policy: null });
  },
});
