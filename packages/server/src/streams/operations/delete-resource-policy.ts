import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as controlErrors from '../control-errors.js';
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
    const { stream, consumer } = resource;
    // The rules of the catalog say this of the stream, and stay as they are: see decision 0013.
    if (stream.status !== 'DELETING' && consumer !== undefined && consumer.policy === undefined)
      throw controlErrors.policyNotFound(stream, consumer.name);
    await streams.change({ type: 'policy', ...ofResource(resource), policy: null });
  },
});
