import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { resourceOf } from './resource.js';
import { resourceArn, streamId, tagKeys } from './shapes.js';
import { removeTags } from './tagging.js';

const input = structure('UntagResourceInput', {
  TagKeys: required(tagKeys),
  ResourceARN: required(resourceArn),
  StreamId: streamId,
});

export const untagResource = operation<Streams, typeof input, undefined>({
  name: 'UntagResource',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const { stream, consumer } = resourceOf(streams, request.ResourceARN, context, 'UntagResource');
    await removeTags(streams, stream, request.TagKeys, consumer);
  },
});
