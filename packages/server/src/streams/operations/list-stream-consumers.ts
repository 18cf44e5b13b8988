import type { ValueOf } from '@millrace/wire';
import { integer, list, required, structure, timestamp } from '@millrace/wire';
import type { RequestContext } from '../../dispatch/operation.js';
import { operation } from '../../dispatch/operation.js';
import { contextOf } from '../address.js';
import * as errors from '../errors.js';
import { numberField, objectOf, stringField } from '../json-field.js';
import { openNextToken, sealNextToken } from '../next-token.js';
import type { Stream } from '../stream.js';
import type { Streams } from '../streams.js';
import { describedConsumer } from './described.js';
import { consumer, nextToken, streamArn, streamId } from './shapes.js';

/** Consumers of a stream by name: AWS's document promises no order. */
const input = structure('ListStreamConsumersInput', {
  StreamARN: required(streamArn),
  NextToken: nextToken,
  MaxResults: integer({ min: 1, max: 10_000 }),
  StreamCreationTimestamp: timestamp,
  StreamId: streamId,
});

const output = structure('ListStreamConsumersOutput', { Consumers: list(consumer), NextToken: nextToken });

const tokenKind = 'list-stream-consumers';

export const listStreamConsumers = operation<Streams, typeof input, typeof output>({
  name: 'ListStreamConsumers',
  input,
  output,
  errors: [
    errors.resourceNotFound,
    errors.invalidArgument,
    errors.limitExceeded,
    errors.expiredNextToken,
    errors.resourceInUse,
  ],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'ListStreamConsumers');
    const after = afterOf(streams, stream, request, context);
    const { listedConsumersMax } = streams.limits;
    const found = stream.consumers.filter(({ name }) => name > after);
    const listed = found.slice(0, Math.min(request.MaxResults ?? listedConsumersMax, listedConsumersMax));
    const last = listed.at(-1);
    return {
      Consumers: listed.map((each) => describedConsumer(stream, each)),
      NextToken:
        last === undefined || listed.length === found.length
          ? undefined
          : sealNextToken(
              streams.sealerOf(tokenKind),
              contextOf(context),
              { incarnation: stream.incarnation, after: last.name },
              streams.clock.now(),
            ),
    };
  },
});

/** The name after which the page begins. A token is of the stream that it was made for, and of no other of its name. */
function afterOf(
  streams: Streams,
  stream: Stream,
  request: ValueOf<typeof input>,
  context: RequestContext,
): string {
  const { NextToken: token, StreamCreationTimestamp: createdMs } = request;
  if (token === undefined) {
    if (createdMs !== undefined && Math.floor(createdMs / 1000) !== Math.floor(stream.createdMs / 1000)) {
      throw errors.streamNotFound(stream);
    }
    return '';
  }
  if (createdMs !== undefined) throw errors.notWithNextToken('StreamCreationTimestamp');
  const { clock, limits } = streams;
  const sealer = streams.sealerOf(tokenKind);
  const page = objectOf(
    openNextToken(sealer, contextOf(context), token, clock.now(), limits.nextTokenLifeMs),
    'a page',
  );
  if (stream.incarnation !== numberField(page, 'incarnation')) throw errors.invalidNextToken();
  return stringField(page, 'after');
}
