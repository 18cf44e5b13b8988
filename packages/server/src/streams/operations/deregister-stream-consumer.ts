import { structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { consumerArn, consumerName, streamArn, streamId } from './shapes.js';

const input = structure('DeregisterStreamConsumerInput', {
  StreamARN: streamArn,
  ConsumerName: consumerName,
  ConsumerARN: consumerArn,
  StreamId: streamId,
});

export const deregisterStreamConsumer = operation<Streams, typeof input, undefined>({
  name: 'DeregisterStreamConsumer',
  input,
  output: undefined,
  errors: [errors.limitExceeded, errors.resourceNotFound, errors.invalidArgument],
  async handle(streams, request, context) {
    await streams.fanOut.deregister(request, context, 'DeregisterStreamConsumer');
  },
});
