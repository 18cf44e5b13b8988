import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { addressed, tagKeys } from './shapes.js';
import { removeTags } from './tagging.js';

const input = structure('RemoveTagsFromStreamInput', { ...addressed, TagKeys: required(tagKeys) });

export const removeTagsFromStream = operation<Streams, typeof input, undefined>({
  name: 'RemoveTagsFromStream',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    await removeTags(streams, streams.find(request, context, 'RemoveTagsFromStream'), request.TagKeys);
  },
});
