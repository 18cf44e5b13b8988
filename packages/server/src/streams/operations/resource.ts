import type { Caller } from '../address.js';
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
