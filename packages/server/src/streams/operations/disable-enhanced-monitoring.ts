import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { changeMonitoring, monitoringOutput } from './enhanced-monitoring.js';
import { addressed, metricsNames } from './shapes.js';

const input = structure('DisableEnhancedMonitoringInput', {
  ...addressed,
  ShardLevelMetrics: required(metricsNames),
});

export const disableEnhancedMonitoring = operation<Streams, typeof input, typeof monitoringOutput>({
  name: 'DisableEnhancedMonitoring',
  input,
  output: monitoringOutput,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'DisableEnhancedMonitoring');
    return changeMonitoring(streams, stream, 'disable', request.ShardLevelMetrics);
  },
});
