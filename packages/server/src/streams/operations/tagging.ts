/** What the operations of the old way (by stream) and the new (by resource) do alike. */
import type { ValueOf } from '@millrace/wire';
import { tagsMax } from '../limits.js';
import type { Stream } from '../stream.js';
import { nameOf, type Streams } from '../streams.js';
import { checkNewTags, checkTagKeys } from '../tags.js';
import type { tagList } from './shapes.js';

export async function addTags(
  streams: Streams,
  stream: Stream,
  tags: { readonly [key: string]: string },
): Promise<void> {
  checkNewTags(stream, tags);
  await streams.change({ type: 'tag', ...nameOf(stream), tags, tagsMax });
}

export async function removeTags(streams: Streams, stream: Stream, keys: readonly string[]): Promise<void> {
  checkTagKeys(stream, keys);
  await streams.change({ type: 'untag', ...nameOf(stream), keys });
}

/** By key, as ListTagsForStream pages them. */
export function describedTags(stream: Stream): ValueOf<typeof tagList> {
  return Object.entries(stream.tags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ Key: key, Value: value }));
}
