/**
 * Which stream a request means. AWS takes a name, an ARN, or both; the reserved `StreamId` is taken and not looked at.
 *
 *      arn = "arn:aws" … ":kinesis:" region ":" account ":stream/" name
 */
import type { OfStream } from './commands/of.js';
import * as errors from './errors.js';
import { parseShardId } from './stream.js';

export interface Addressed {
  readonly StreamName?: string | undefined;
  readonly StreamARN?: string | undefined;
}

export interface Caller {
  readonly account: string;
  readonly region: string;
}

/**
 * The name of the stream that is meant, in the caller's account and region. Throws what AWS answers otherwise: `resourceArn`
 * is what a stranger is kept from, where that is not the stream (IAM's reference of actions has the consumer for fan-out).
 */
export function streamNameOf(
  addressed: Addressed,
  caller: Caller,
  operationName: string,
  resourceArn = addressed.StreamARN,
): string {
  const { StreamName: name, StreamARN: arn } = addressed;
  if (arn === undefined) {
    // [K] is from the time when StreamName was required; what AWS says since StreamARN came is undocumented.
    if (name === undefined) throw errors.memberMissing('streamName');
    return name;
  }
  const [, , , region, account, resource = ''] = arn.split(':');
  if (account !== caller.account)
    throw errors.foreignAccount(caller.account, operationName, resourceArn ?? arn);
  if (region !== caller.region) throw errors.arnOfOtherRegion(arn, caller.region);
  const named = resource.slice('stream/'.length);
  if (name !== undefined && name !== named) throw errors.nameAndArnDiffer(name, arn);
  return named;
}

/** What a command on the stream that is meant begins with, whether there is one or not. */
export function ofNamed(addressed: Addressed, caller: Caller, operationName: string): OfStream {
  const { account, region } = caller;
  return { account, region, name: streamNameOf(addressed, caller, operationName) };
}

/** AWS looks at the id before it looks for the stream (kinesalite, against AWS). */
export function shardIndexOf(stream: OfStream, shardId: string): number {
  const index = parseShardId(shardId);
  if (index === undefined) throw errors.shardNotFound(stream, shardId);
  return index;
}

/** What tokens are bound to: they open for this account and region alone. */
export function contextOf(caller: Caller): string {
  return `${caller.account}/${caller.region}`;
}
