import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { resourceOf } from './resource.js';
import { resourceArn, streamId, tagList } from './shapes.js';
import { describedTags } from './tagging.js';

const input = structure('ListTagsForResourceInput', {
  ResourceARN: required(resourceArn),
  StreamId: streamId,
});

const output = structure('ListTagsForResourceOutput', { Tags: tagList });

export const listTagsForResource = operation<Streams, typeof input, typeof output>({
  name: 'ListTagsForResource',
  input,
  output,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const { stream, consumer } = resourceOf(streams, request.ResourceARN, context, 'ListTagsForResource');
    return { Tags: describedTags(consumer ?? stream) };
  },
});
