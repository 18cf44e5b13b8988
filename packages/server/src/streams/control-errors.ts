/**
 * The answers of the control operations that are errors: settings, scaling, tags, policies, the account. Evidence as in
 * `errors.ts`; [F]: tests of kinesalite's fork with UpdateShardCount, written against AWS.
 */
import type { AwsError } from '@millrace/wire';
import type { Named } from './errors.js';
import { answer, invalidArgument, limitExceeded, resourceNotFound, validation } from './errors.js';
import { policyBytesMax, retentionHoursMax, retentionHoursMin, warmMibpsMax } from './limits.js';

const streamOf = (of: Named): string => `Stream ${of.name} under account ${of.account}`;

/** [M], for UpdateShardCount; [D] for the type in SplitShard, MergeShards and UpdateStreamMode. */
export const inOnDemandMode = (of: Named): AwsError =>
  answer(validation, `Request is invalid. ${streamOf(of)} is in On-Demand mode.`);

/** [–], after the words for the other mode */
export const inProvisionedMode = (of: Named): AwsError =>
  answer(validation, `Request is invalid. ${streamOf(of)} is in Provisioned mode.`);

/** [K] */
export const retentionTooShort = (hours: number): AwsError =>
  answer(
    invalidArgument,
    `Minimum allowed retention period is ${retentionHoursMin} hours. Requested retention period (${hours} hours) is too short.`,
  );

/** [M] */
export const retentionTooLong = (hours: number): AwsError =>
  answer(
    invalidArgument,
    `Maximum allowed retention period is ${retentionHoursMax} hours. Requested retention period (${hours} hours) is too long.`,
  );

interface Retained extends Named {
  readonly retentionHours: number;
}

/** [K] */
export const retentionShorter = (of: Retained, hours: number): AwsError =>
  answer(
    invalidArgument,
    `Requested retention period (${hours} hours) for stream ${of.name} can not be shorter than existing retention period (${of.retentionHours} hours). Use DecreaseRetentionPeriod API.`,
  );

/** [K] */
export const retentionLonger = (of: Retained, hours: number): AwsError =>
  answer(
    invalidArgument,
    `Requested retention period (${hours} hours) for stream ${of.name} can not be longer than existing retention period (${of.retentionHours} hours). Use IncreaseRetentionPeriod API.`,
  );

const counts = (open: number, target: number): string =>
  `Current open shard count: ${open}, Target shard count: ${target}`;

/** [F] */
export const targetTooHigh = (open: number, target: number, limit: number): AwsError =>
  answer(
    limitExceeded,
    `Target shard count or number of open shards cannot be greater than ${limit}. ${counts(open, target)}`,
  );

/** [F] */
export const overDouble = (open: number, target: number): AwsError =>
  answer(
    limitExceeded,
    `UpdateShardCount cannot scale up over double your current open shard count. ${counts(open, target)}`,
  );

/** [F] */
export const belowHalf = (open: number, target: number): AwsError =>
  answer(
    limitExceeded,
    `UpdateShardCount cannot scale down below half your current open shard count. ${counts(open, target)}`,
  );

/** [D] for type and limit, [–] for the words; so are the other limits of a day. */
export const tooManyShardCountUpdates = (of: Named, limit: number): AwsError =>
  answer(
    limitExceeded,
    `${streamOf(of)} cannot be scaled more than ${limit} times in a rolling 24-hour period.`,
  );

export const tooManyModeChanges = (of: Named, limit: number): AwsError =>
  answer(
    limitExceeded,
    `${streamOf(of)} cannot change between on-demand and provisioned mode more than ${limit} times in a rolling 24-hour period.`,
  );

export const tooManyEncryptionChanges = (of: Named, limit: number): AwsError =>
  answer(
    limitExceeded,
    `${streamOf(of)} cannot change its encryption more than ${limit} times in a rolling 24-hour period.`,
  );

/** [D] for type and limit */
export const tooManyOnDemandStreams = (account: string, limit: number): AwsError =>
  answer(
    limitExceeded,
    `This request would exceed the limit of ${limit} on-demand streams for the account ${account}.`,
  );

/** [P]: an issue of Terraform's provider quotes it, of 2017, two spaces and all; [D] for the limit, of CREATING alone. */
export const tooManyComingOrGoing = (account: string, limit: number): AwsError =>
  answer(
    limitExceeded,
    `This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or DELETING for the account ${account}. Limit: ${limit}.`,
  );

/** [D] for the type: AUTO on a provisioned stream. */
export const strategyNeedsOnDemand = (of: Named): AwsError =>
  answer(
    invalidArgument,
    `${streamOf(of)} can have the record distribution strategy AUTO in ON_DEMAND mode alone.`,
  );

/** [–] */
export const notEncrypted = (of: Named): AwsError =>
  answer(invalidArgument, `${streamOf(of)} is not encrypted.`);

/** [–] */
export const onlyKms = (): AwsError => answer(invalidArgument, 'EncryptionType must be KMS.');

/** [D]: warm throughput is for accounts with the commitment. [–] for type and words. */
export const warmThroughputNeedsCommitment = (): AwsError =>
  answer(
    invalidArgument,
    'Warm throughput needs MinimumThroughputBillingCommitment to be enabled for the account: see UpdateAccountSettings.',
  );

/** [D] for the limit */
export const warmThroughputTooHigh = (mibps: number): AwsError =>
  answer(
    limitExceeded,
    `Warm throughput of an on-demand stream cannot be greater than ${warmMibpsMax} MiB/s. Requested: ${mibps} MiB/s`,
  );

/** [K] */
export const tagCharactersInvalid = (): AwsError =>
  answer(
    invalidArgument,
    'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
  );

/** [K]: a percent sign passes the first check and not the second. */
export const tagCharactersIllegal = (of: Named, verb: 'add tags to' | 'remove tags from'): AwsError =>
  answer(
    invalidArgument,
    `Failed to ${verb} stream ${of.name} under account ${of.account} because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.`,
  );

/** [K], with the limit of today in the place of the 10 of its time. */
export const tooManyTagsOnStream = (of: Named, limit: number): AwsError =>
  answer(
    invalidArgument,
    `Failed to add tags to stream ${of.name} under account ${of.account} because a given stream cannot have more than ${limit} tags associated with it.`,
  );

/** [D]: keys and values that begin so are AWS's. [–] for the words. */
export const tagReserved = (): AwsError =>
  answer(invalidArgument, "Tag keys that begin with 'aws:' are reserved for AWS.");

/** [–] */
export const resourceMissing = (arn: string): AwsError =>
  answer(resourceNotFound, `Resource ${arn} not found.`);

/** [–] */
export const policyNotFound = (of: Named, consumer?: string): AwsError =>
  answer(
    resourceNotFound,
    `No resource policy is attached to ${consumer === undefined ? '' : `consumer ${consumer} of `}stream ${of.name} under account ${of.account}.`,
  );

/** [–] */
export const policyTooLarge = (): AwsError =>
  answer(limitExceeded, `A resource policy has at most ${policyBytesMax} bytes.`);

/** [–] */
export const policyMalformed = (why: string): AwsError =>
  answer(invalidArgument, `The resource policy is not valid: ${why}`);
