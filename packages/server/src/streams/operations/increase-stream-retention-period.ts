import { integer, required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { changeRetention } from './retention-period.js';
import { addressed } from './shapes.js';

const input = structure('IncreaseStreamRetentionPeriodInput', {
  ...addressed,
  RetentionPeriodHours: required(integer()),
});

export const increaseStreamRetentionPeriod = operation<Streams, typeof input, undefined>({
  name: 'IncreaseStreamRetentionPeriod',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'IncreaseStreamRetentionPeriod');
    await changeRetention(streams, stream, 'increase', request.RetentionPeriodHours);
  },
});
