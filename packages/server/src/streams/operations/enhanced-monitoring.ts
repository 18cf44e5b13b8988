import type { ValueOf } from '@millrace/wire';
import { structure } from '@millrace/wire';
import type { Stream } from '../stream.js';
import { arnOf, shardLevelMetrics } from '../stream.js';
import { nameOf, type Streams } from '../streams.js';
import { metricsNames, streamArn, streamName } from './shapes.js';

/** What both operations on enhanced monitoring answer: the metrics before and after. */
export const monitoringOutput = structure('EnhancedMonitoringOutput', {
  StreamName: streamName,
  CurrentShardLevelMetrics: metricsNames,
  DesiredShardLevelMetrics: metricsNames,
  StreamARN: streamArn,
});

export async function changeMonitoring(
  streams: Streams,
  stream: Stream,
  change: 'enable' | 'disable',
  names: ValueOf<typeof metricsNames>,
): Promise<ValueOf<typeof monitoringOutput>> {
  const metrics = shardLevelMetrics.filter((metric) => names.includes('ALL') || names.includes(metric));
  await streams.change({ type: 'monitoring', ...nameOf(stream), change, metrics });
  const now = streams.find({ StreamName: stream.name }, stream, 'DescribeStream');
  return {
    StreamName: stream.name,
    CurrentShardLevelMetrics: stream.shardLevelMetrics,
    DesiredShardLevelMetrics: now.shardLevelMetrics,
    StreamARN: arnOf(stream),
  };
}
