/** What the ARN of a resource names. */
import type { Caller } from '../address.js';
import type { Consumer } from '../consumers/consumer.js';
import * as controlErrors from '../control-errors.js';
import type { Stream } from '../stream.js';
import { nameOf, type Streams } from '../streams.js';

/** A stream, or a consumer of it. */
export interface Resource {
  readonly stream: Stream;
  readonly consumer: Consumer | undefined;
}

export function resourceOf(streams: Streams, arn: string, caller: Caller, operationName: string): Resource {
  const { 5: resource = '' } = arn.split(':');
  if (resource.includes('/consumer/'))
    return streams.fanOut.find({ ConsumerARN: arn }, caller, operationName);
  if (!/^stream\/[^/]+$/.test(resource)) throw controlErrors.resourceMissing(arn);
  return { stream: streams.find({ StreamARN: arn }, caller, operationName), consumer: undefined };
}

/** What a command on the resource begins with. */
export function ofResource({ stream, consumer }: Resource) {
  if (consumer === undefined) return nameOf(stream);
  return { ...nameOf(stream), consumer: consumer.name, createdMs: consumer.createdMs };
}
