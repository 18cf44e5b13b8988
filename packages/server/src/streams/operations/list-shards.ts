import type { ValueOf } from '@millrace/wire';
import { enumeration, integer, list, required, structure, timestamp } from '@millrace/wire';
import type { RequestContext } from '../../dispatch/operation.js';
import { operation } from '../../dispatch/operation.js';
import { contextOf } from '../address.js';
import * as errors from '../errors.js';
import { numberField, objectOf, oneOf, stringField } from '../json-field.js';
import { openNextToken, sealNextToken } from '../next-token.js';
import type { ShardFilter } from '../shard-filter.js';
import { shardFilter, shardFilterTypes } from '../shard-filter.js';
import type { Stream } from '../stream.js';
import { parseShardId, visibleShards } from '../stream.js';
import type { Streams } from '../streams.js';
import { describedShard } from './described.js';
import { addressed, nextToken, shard, shardId } from './shapes.js';

const input = structure('ListShardsInput', {
  ...addressed,
  NextToken: nextToken,
  ExclusiveStartShardId: shardId,
  MaxResults: integer({ min: 1, max: 10_000 }),
  StreamCreationTimestamp: timestamp,
  ShardFilter: structure('ShardFilter', {
    Type: required(enumeration(...shardFilterTypes)),
    ShardId: shardId,
    Timestamp: timestamp,
  }),
});

const output = structure('ListShardsOutput', { Shards: list(shard), NextToken: nextToken });

/** What is listed, from which index on: what a NextToken carries. */
interface Page {
  readonly stream: Stream;
  readonly after: number;
  readonly filter: ShardFilter | undefined;
}

const tokenKind = 'list-shards';

export const listShards = operation<Streams, typeof input, typeof output>({
  name: 'ListShards',
  input,
  output,
  errors: [
    errors.resourceNotFound,
    errors.invalidArgument,
    errors.limitExceeded,
    errors.expiredNextToken,
    errors.resourceInUse,
    errors.accessDenied,
  ],
  async handle(streams, request, context) {
    const { stream, after, filter } =
      request.NextToken === undefined
        ? firstPage(streams, request, context)
        : nextPage(streams, request, request.NextToken, context);
    // AWS's document: ResourceInUseException unless the stream can be read; UPDATING ones can (KCL reshards so).
    if (stream.status === 'CREATING' || stream.status === 'DELETING') {
      throw errors.streamNotActive(stream, stream.status);
    }
    const nowMs = streams.clock.now();
    const listed = shardFilter(filter, stream, nowMs);
    const found = visibleShards(stream, nowMs).filter((each) => each.index > after && listed(each));
    const resultsMax = streams.limits.listedShardsMax;
    const shards = found.slice(0, Math.min(request.MaxResults ?? resultsMax, resultsMax));
    const last = shards.at(-1);
    return {
      Shards: shards.map(describedShard),
      NextToken:
        last === undefined || shards.length === found.length
          ? undefined
          : sealPage(streams, { stream, after: last.index, filter }, context),
    };
  },
});

function firstPage(streams: Streams, request: ValueOf<typeof input>, context: RequestContext): Page {
  if (request.StreamName === undefined && request.StreamARN === undefined) throw errors.nextTokenOrName();
  const stream = streams.find(request, context, 'ListShards');
  const { ExclusiveStartShardId: start, StreamCreationTimestamp: createdMs, ShardFilter: filter } = request;
  // "Distinguishes streams of the same name, one deleted": another creation is another stream. Whole seconds are shown.
  if (createdMs !== undefined && Math.floor(createdMs / 1000) !== Math.floor(stream.createdMs / 1000)) {
    throw errors.streamNotFound(stream);
  }
  const after = start === undefined ? -1 : parseShardId(start);
  if (after === undefined) throw errors.shardNotFound(stream, start ?? '');
  return { stream, after, filter };
}

/** AWS: everything but MaxResults is in the token, and giving it once more is refused. */
function nextPage(
  streams: Streams,
  request: ValueOf<typeof input>,
  token: string,
  context: RequestContext,
): Page {
  for (const member of [
    'StreamName',
    'StreamARN',
    'ExclusiveStartShardId',
    'StreamCreationTimestamp',
    'ShardFilter',
  ] as const) {
    if (request[member] !== undefined) throw errors.notWithNextToken(member);
  }
  const { limits, clock } = streams;
  const page = objectOf(
    openNextToken(
      streams.sealerOf(tokenKind),
      contextOf(context),
      token,
      clock.now(),
      limits.nextTokenLifeMs,
    ),
    'a page',
  );
  const stream = streams.find({ StreamName: stringField(page, 'name') }, context, 'ListShards');
  if (stream.incarnation !== numberField(page, 'incarnation')) throw errors.streamNotFound(stream);
  return { stream, after: numberField(page, 'after'), filter: filterOf(page) };
}

function filterOf(page: ReturnType<typeof objectOf>): ShardFilter | undefined {
  const { type, shardId: id, timestampMs } = page;
  if (type === undefined) return undefined;
  return {
    Type: oneOf(page, 'type', shardFilterTypes),
    ShardId: id === undefined ? undefined : stringField(page, 'shardId'),
    Timestamp: timestampMs === undefined ? undefined : numberField(page, 'timestampMs'),
  };
}

function sealPage(streams: Streams, page: Page, context: RequestContext): string {
  const { stream, after, filter } = page;
  const json = {
    name: stream.name,
    incarnation: stream.incarnation,
    after,
    ...(filter === undefined ? {} : { type: filter.Type }),
    ...(filter?.ShardId === undefined ? {} : { shardId: filter.ShardId }),
    ...(filter?.Timestamp === undefined ? {} : { timestampMs: Math.max(0, Math.floor(filter.Timestamp)) }),
  };
  return sealNextToken(streams.sealerOf(tokenKind), contextOf(context), json, streams.clock.now());
}
