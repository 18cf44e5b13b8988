/** What the operations of the old way (by stream) and the new (by resource) do alike. */
import type { ValueOf } from '@millrace/wire';
import type { Consumer } from '../consumers/consumer.js';
import { tagsMax } from '../limits.js';
import type { Stream } from '../stream.js';
import { nameOf, type Streams } from '../streams.js';
import { checkNewTags, checkTagKeys } from '../tags.js';
import type { tagList } from './shapes.js';

export async function addTags(
  streams: Streams,
  stream: Stream,
  tags: { readonly [key: string]: string },
  consumer?: Consumer,
): Promise<void> {
  checkNewTags(stream, tags);
  const of = nameOf(stream);
  await streams.change(
    consumer === undefined
      ? { type: 'tag', ...of, tags, tagsMax }
      : { type: 'tag-consumer', ...of, consumer: consumer.name, tags, tagsMax },
  );
}

export async function removeTags(
  streams: Streams,
  stream: Stream,
  keys: readonly string[],
  consumer?: Consumer,
): Promise<void> {
  checkTagKeys(stream, keys);
  const of = nameOf(stream);
  await streams.change(
    consumer === undefined
      ? { type: 'untag', ...of, keys }
      : { type: 'untag-consumer', ...of, consumer: consumer.name, keys },
  );
}

/** By key, as ListTagsForStream pages them. */
export function describedTags({ tags }: Pick<Stream, 'tags'>): ValueOf<typeof tagList> {
  return Object.entries(tags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ Key: key, Value: value }));
}
