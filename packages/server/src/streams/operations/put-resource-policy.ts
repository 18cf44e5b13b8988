import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import { consumerNotActive } from '../consumers/consumer-errors.js';
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
    const { stream, consumer } = resource;
    // An issue on CloudFormation's handler, which puts one too soon, quotes the answer.
    if (consumer?.status === 'CREATING')
      throw consumerNotActive(stream, consumer.name, Math.floor(consumer.createdMs / 1000));
    await streams.change({ type: 'policy', ...ofResource(resource), policy: request.Policy });
  },
});
