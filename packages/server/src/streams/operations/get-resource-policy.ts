import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { resourceOf } from './resource.js';
import { policy, resourceArn, streamId } from './shapes.js';

const input = structure('GetResourcePolicyInput', {
  ResourceARN: required(resourceArn),
  StreamId: streamId,
});

const output = structure('GetResourcePolicyOutput', { Policy: required(policy) });

/** What AWS answers where no policy is (LocalStack's tests, validated against AWS). */
const noPolicy = '{}';

export const getResourcePolicy = operation<Streams, typeof input, typeof output>({
  name: 'GetResourcePolicy',
  input,
  output,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const resource = resourceOf(streams, request.ResourceARN, context, 'GetResourcePolicy');
    return { Policy: (resource.consumer ?? resource.stream).policy ?? noPolicy };
  },
});
