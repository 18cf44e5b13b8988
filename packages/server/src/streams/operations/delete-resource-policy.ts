import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { nameOf, type Streams } from '../streams.js';
import { streamOfResource } from './resource.js';
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
    const stream = streamOfResource(streams, request.ResourceARN, context, 'DeleteResourcePolicy');
    await streams.change({ type: 'policy', ...nameOf(stream), policy: null });
  },
});
