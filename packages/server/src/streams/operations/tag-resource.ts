import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { resourceOf } from './resource.js';
import { resourceArn, streamId, tagMap } from './shapes.js';
import { addTags } from './tagging.js';

const input = structure('TagResourceInput', {
  Tags: required(tagMap),
  ResourceARN: required(resourceArn),
  StreamId: streamId,
});

export const tagResource = operation<Streams, typeof input, undefined>({
  name: 'TagResource',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const { stream, consumer } = resourceOf(streams, request.ResourceARN, context, 'TagResource');
    await addTags(streams, stream, request.Tags, consumer);
  },
});
