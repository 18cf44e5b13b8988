import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import { nameOf, type Streams } from '../streams.js';
import { streamArn, streamId, streamModeDetails, warmMibps } from './shapes.js';
import { checkWarmThroughput } from './warm-throughput.js';

const input = structure('UpdateStreamModeInput', {
  StreamARN: required(streamArn),
  StreamId: streamId,
  StreamModeDetails: required(streamModeDetails),
  WarmThroughputMiBps: warmMibps,
});

export const updateStreamMode = operation<Streams, typeof input, undefined>({
  name: 'UpdateStreamMode',
  input,
  output: undefined,
  errors: [...errors.ofChanges, errors.validation],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'UpdateStreamMode');
    const { onDemandStreamsMax } = streams.limits;
    const mode = request.StreamModeDetails.StreamMode;
    const mibps = request.WarmThroughputMiBps;
    if (mibps !== undefined) checkWarmThroughput(mibps);
    await streams.change({
      type: 'mode',
      ...nameOf(stream),
      mode,
      warmMibps: mibps,
      onDemandStreamsMax,
      shardsMax: streams.shardsMax(context),
    });
  },
});
