/**
 * Which stream a request means. AWS takes a name, an ARN, or both; the reserved `StreamId` is taken and not looked at.
 *
 *      arn = "arn:aws" … ":kinesis:" region ":" account ":stream/" name
 */
import * as errors from './errors.js';

export interface Addressed {
  readonly StreamName?: string | undefined;
  readonly StreamARN?: string | undefined;
}

export interface Caller {
  readonly account: string;
  readonly region: string;
}

/** The name of the stream that is meant, in the caller's account and region. Throws what AWS answers otherwise. */
export function streamNameOf(addressed: Addressed, caller: Caller, operationName: string): string {
  const { StreamName: name, StreamARN: arn } = addressed;
  if (arn === undefined) {
    // [K] is from the time when StreamName was required; what AWS says since StreamARN came is undocumented.
    if (name === undefined) throw errors.memberMissing('streamName');
    return name;
  }
  const [, , , region, account, resource = ''] = arn.split(':');
  if (account !== caller.account) throw errors.foreignAccount(caller.account, operationName, arn);
  if (region !== caller.region) throw errors.arnOfOtherRegion(arn, caller.region);
  const named = resource.slice('stream/'.length);
  if (name !== undefined && name !== named) throw errors.nameAndArnDiffer(name, arn);
  return named;
}
