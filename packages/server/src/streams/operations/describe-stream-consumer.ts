import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { arnOf } from '../stream.js';
import type { Streams } from '../streams.js';
import { describedConsumer } from './described.js';
import { consumerArn, consumerDescription, consumerName, streamArn, streamId } from './shapes.js';

const input = structure('DescribeStreamConsumerInput', {
  StreamARN: streamArn,
  ConsumerName: consumerName,
  ConsumerARN: consumerArn,
  StreamId: streamId,
});

const output = structure('DescribeStreamConsumerOutput', {
  ConsumerDescription: required(consumerDescription),
});

export const describeStreamConsumer = operation<Streams, typeof input, typeof output>({
  name: 'DescribeStreamConsumer',
  input,
  output,
  errors: [errors.limitExceeded, errors.resourceNotFound, errors.invalidArgument],
  async handle(streams, request, context) {
    const { stream, consumer } = streams.fanOut.find(request, context, 'DescribeStreamConsumer');
    return { ConsumerDescription: { ...describedConsumer(stream, consumer), StreamARN: arnOf(stream) } };
  },
});
