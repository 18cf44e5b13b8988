import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { arnOf } from '../stream.js';
import type { Streams } from '../streams.js';
import { addressed, streamArn, streamName, warmMibps } from './shapes.js';
import { checkWarmThroughput, warmThroughputObject } from './warm-throughput.js';

const input = structure('UpdateStreamWarmThroughputInput', {
  ...addressed,
  WarmThroughputMiBps: required(warmMibps),
});

const output = structure('UpdateStreamWarmThroughputOutput', {
  StreamARN: streamArn,
  StreamName: streamName,
  WarmThroughput: warmThroughputObject,
});

export const updateStreamWarmThroughput = operation<Streams, typeof input, typeof output>({
  name: 'UpdateStreamWarmThroughput',
  input,
  output,
  errors: [...errors.ofChanges, errors.validation],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'UpdateStreamWarmThroughput');
    const mibps = request.WarmThroughputMiBps;
    checkWarmThroughput(mibps);
    await streams.warm(stream, mibps);
    return {
      StreamARN: arnOf(stream),
      StreamName: stream.name,
      WarmThroughput: { TargetMiBps: mibps, CurrentMiBps: stream.openShards },
    };
  },
});
