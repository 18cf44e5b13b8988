import { boolean, integer, required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { tagsMax } from '../limits.js';
import type { Streams } from '../streams.js';
import { addressed, tagKey, tagList } from './shapes.js';
import { describedTags } from './tagging.js';

const input = structure('ListTagsForStreamInput', {
  ...addressed,
  ExclusiveStartTagKey: tagKey,
  Limit: integer({ min: 1, max: 50 }),
});

const output = structure('ListTagsForStreamOutput', {
  Tags: required(tagList),
  HasMoreTags: required(boolean),
});

export const listTagsForStream = operation<Streams, typeof input, typeof output>({
  name: 'ListTagsForStream',
  input,
  output,
  errors: [errors.resourceNotFound, errors.invalidArgument, errors.limitExceeded, errors.accessDenied],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'ListTagsForStream');
    const after = request.ExclusiveStartTagKey ?? '';
    const tags = describedTags(stream).filter(({ Key: key }) => key > after);
    const limit = request.Limit ?? tagsMax;
    return { Tags: tags.slice(0, limit), HasMoreTags: tags.length > limit };
  },
});
