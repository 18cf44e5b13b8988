import { boolean, integer, list, required, structure, timestamp } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import { contextOf } from '../address.js';
import * as errors from '../errors.js';
import { openNextToken, sealNextToken } from '../next-token.js';
import type { Stream } from '../stream.js';
import { arnOf, streamKey } from '../stream.js';
import type { Streams } from '../streams.js';
import { nextToken, streamArn, streamModeDetails, streamName, streamStatus } from './shapes.js';

/** Streams of the caller's account and region, by name; a page ends in a token or in the last name, as the caller likes. */
const input = structure('ListStreamsInput', {
  Limit: integer({ min: 1, max: 10_000 }),
  ExclusiveStartStreamName: streamName,
  NextToken: nextToken,
});

const output = structure('ListStreamsOutput', {
  StreamNames: required(list(streamName)),
  HasMoreStreams: required(boolean),
  NextToken: nextToken,
  StreamSummaries: list(
    structure('StreamSummary', {
      StreamName: required(streamName),
      StreamARN: required(streamArn),
      StreamStatus: required(streamStatus),
      StreamModeDetails: streamModeDetails,
      StreamCreationTimestamp: timestamp,
    }),
  ),
});

const tokenKind = 'list-streams';

export const listStreams = operation<Streams, typeof input, typeof output>({
  name: 'ListStreams',
  input,
  output,
  errors: [errors.limitExceeded, errors.expiredNextToken, errors.invalidArgument],
  async handle(streams, request, context) {
    const { limits, clock } = streams;
    const sealer = streams.sealerOf(tokenKind);
    const bound = contextOf(context);
    let after = request.ExclusiveStartStreamName ?? '';
    if (request.NextToken !== undefined) {
      if (after !== '') throw errors.notWithNextToken('ExclusiveStartStreamName');
      after = String(openNextToken(sealer, bound, request.NextToken, clock.now(), limits.nextTokenLifeMs));
    }
    const page = Math.min(request.Limit ?? limits.listedStreamsMax, limits.listedStreamsMax);
    const { listed, more } = streamsAfter(streams, context.account, context.region, after, page);
    const last = listed.at(-1);
    return {
      StreamNames: listed.map((stream) => stream.name),
      HasMoreStreams: more,
      NextToken:
        more && last !== undefined ? sealNextToken(sealer, bound, last.name, clock.now()) : undefined,
      StreamSummaries: listed.map((stream) => ({
        StreamName: stream.name,
        StreamARN: arnOf(stream),
        StreamStatus: stream.status,
        StreamModeDetails: { StreamMode: stream.mode },
        StreamCreationTimestamp: Math.floor(stream.createdMs / 1000) * 1000,
      })),
    };
  },
});

/** Streams in the order of their names, after `after`: at most `count`, and whether there are more. */
function streamsAfter(
  streams: Streams,
  account: string,
  region: string,
  after: string,
  count: number,
): { listed: readonly Stream[]; more: boolean } {
  const listed: Stream[] = [];
  for (const [, stream] of streams.view.streams.startingAt(streamKey(account, region, after))) {
    if (stream.account !== account || stream.region !== region) break;
    if (stream.name === after) continue;
    if (listed.length === count) return { listed, more: true };
    listed.push(stream);
  }
  return { listed, more: false };
}
