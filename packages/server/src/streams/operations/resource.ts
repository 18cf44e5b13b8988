import type { Caller } from '../address.js';
import type { Consumer } from '../consumers/consumer.js';
import * as controlErrors from '../control-errors.js';
import type { Stream } from '../stream.js';
import type { Streams } from '../streams.js';

/** The stream that a resource's ARN names. */
export function streamOfResource(
  streams: Streams,
  arn: string,
  caller: Caller,
  operationName: string,
): Stream {
  const { 5: resource = '' } = arn.split(':');
  if (!/^stream\/[^/]+$/.test(resource)) throw controlErrors.resourceMissing(arn);
  return streams.find({ StreamARN: arn }, caller, operationName);
}

/** What may have tags: a stream, or a consumer of one. */
export function taggedResource(
  streams: Streams,
  arn: string,
  caller: Caller,
  operationName: string,
): { readonly stream: Stream; readonly consumer: Consumer | undefined } {
  const { 5: resource = '' } = arn.split(':');
  return /^stream\/[^/]+\/consumer\//.test(resource)
    ? streams.fanOut.find({ ConsumerARN: arn }, caller, operationName)
    : { stream: streamOfResource(streams, arn, caller, operationName), consumer: undefined };
}
