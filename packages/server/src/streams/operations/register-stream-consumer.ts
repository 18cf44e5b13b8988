import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as consumerErrors from '../consumers/consumer-errors.js';
import * as errors from '../errors.js';
import { tagsMax } from '../limits.js';
import type { Streams } from '../streams.js';
import { checkNewTags } from '../tags.js';
import { describedConsumer } from './described.js';
import { consumer, consumerName, streamArn, streamId, tagMap } from './shapes.js';

const input = structure('RegisterStreamConsumerInput', {
  StreamARN: required(streamArn),
  ConsumerName: required(consumerName),
  StreamId: streamId,
  Tags: tagMap,
});

const output = structure('RegisterStreamConsumerOutput', { Consumer: required(consumer) });

export const registerStreamConsumer = operation<Streams, typeof input, typeof output>({
  name: 'RegisterStreamConsumer',
  input,
  output,
  errors: [errors.invalidArgument, errors.limitExceeded, errors.resourceInUse, errors.resourceNotFound],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'RegisterStreamConsumer');
    const tags = request.Tags ?? {};
    checkNewTags(stream, tags);
    if (Object.keys(tags).length > tagsMax) throw consumerErrors.tooManyTags(tagsMax);
    const found = await streams.fanOut.register(stream, request.ConsumerName, tags);
    return { Consumer: describedConsumer(found.stream, found.consumer) };
  },
});
