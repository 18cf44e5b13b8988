import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { checkPolicy } from '../resource-policy.js';
import type { Streams } from '../streams.js';
import { ofResource, resourceOf } from './resource.js';
import { policy, resourceArn, streamId } from './shapes.js';

const input = structure('PutResourcePolicyInput', {
  ResourceARN: required(resourceArn),
  StreamId: streamId,
  Policy: required(policy),
});

export const putResourcePolicy = operation<Streams, typeof input, undefined>({
  name: 'PutResourcePolicy',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const resource = resourceOf(streams, request.ResourceARN, context, 'PutResourcePolicy');
    checkPolicy(request.Policy, request.ResourceARN);
    await streams.change({ type: 'policy', ...ofResource(resource), policy: request.Policy });
  },
});
