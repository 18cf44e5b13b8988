import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { nameOf, type Streams } from '../streams.js';
import { recordDistributionStrategy, streamArn, streamId } from './shapes.js';

const input = structure('UpdateStreamRecordDistributionStrategyInput', {
  StreamARN: required(streamArn),
  StreamId: streamId,
  RecordDistributionStrategy: required(recordDistributionStrategy),
});

export const updateStreamRecordDistributionStrategy = operation<Streams, typeof input, undefined>({
  name: 'UpdateStreamRecordDistributionStrategy',
  input,
  output: undefined,
  errors: [...errors.ofChanges, errors.validation],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'UpdateStreamRecordDistributionStrategy');
    const strategy = request.RecordDistributionStrategy;
    await streams.change({ type: 'strategy', ...nameOf(stream), strategy });
  },
});
