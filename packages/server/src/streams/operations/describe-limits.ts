import { integer, required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { onDemandStreamsOf, openShardsOf } from '../streams-state.js';

const input = structure('DescribeLimitsInput', {});

const count = integer({ min: 0, max: 1_000_000 });

const output = structure('DescribeLimitsOutput', {
  ShardLimit: required(count),
  OpenShardCount: required(count),
  OnDemandStreamCount: required(count),
  OnDemandStreamCountLimit: required(count),
});

export const describeLimits = operation<Streams, typeof input, typeof output>({
  name: 'DescribeLimits',
  input,
  output,
  errors: [errors.limitExceeded],
  async handle(streams, _request, context) {
    const { limits, view } = streams;
    return {
      ShardLimit: streams.shardsMax(context),
      OpenShardCount: openShardsOf(view, context),
      OnDemandStreamCount: onDemandStreamsOf(view, context),
      OnDemandStreamCountLimit: limits.onDemandStreamsMax,
    };
  },
});
