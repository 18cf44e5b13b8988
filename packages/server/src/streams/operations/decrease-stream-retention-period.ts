import { integer, required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { changeRetention } from './retention-period.js';
import { addressed } from './shapes.js';

const input = structure('DecreaseStreamRetentionPeriodInput', {
  ...addressed,
  RetentionPeriodHours: required(integer()),
});

export const decreaseStreamRetentionPeriod = operation<Streams, typeof input, undefined>({
  name: 'DecreaseStreamRetentionPeriod',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'DecreaseStreamRetentionPeriod');
    await changeRetention(streams, stream, 'decrease', request.RetentionPeriodHours);
  },
});
