import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { addressed, tagMap } from './shapes.js';
import { addTags } from './tagging.js';

const input = structure('AddTagsToStreamInput', { ...addressed, Tags: required(tagMap) });

export const addTagsToStream = operation<Streams, typeof input, undefined>({
  name: 'AddTagsToStream',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    await addTags(streams, streams.find(request, context, 'AddTagsToStream'), request.Tags);
  },
});
