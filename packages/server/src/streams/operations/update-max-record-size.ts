import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { nameOf, type Streams } from '../streams.js';
import { recordKib, streamArn, streamId } from './shapes.js';

const input = structure('UpdateMaxRecordSizeInput', {
  StreamARN: streamArn,
  StreamId: streamId,
  MaxRecordSizeInKiB: required(recordKib),
});

export const updateMaxRecordSize = operation<Streams, typeof input, undefined>({
  name: 'UpdateMaxRecordSize',
  input,
  output: undefined,
  errors: [...errors.ofChanges, errors.validation],
  async handle(streams, request, context) {
    // There is no name to say it with, so what the SDK calls optional is needed.
    if (request.StreamARN === undefined) throw errors.memberMissing('streamARN');
    const stream = streams.find(request, context, 'UpdateMaxRecordSize');
    await streams.change({ type: 'record-size', ...nameOf(stream), kib: request.MaxRecordSizeInKiB });
  },
});
