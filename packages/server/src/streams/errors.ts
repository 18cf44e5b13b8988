/**
 * The answers of this service that are errors, each in AWS's type and words, and where the words are from:
 * [K] kinesalite's tests against AWS · [M] moto's tests marked as run against AWS · [P] public logs and issues of real
 * runs · [D] AWS's documents · [–] undocumented; we chose.
 */
import { AwsError, shardIdOf } from '@millrace/wire';
import type { DeclaredError } from '../dispatch/operation.js';

const client = (code: string): DeclaredError => ({ code, status: 400 });

export const accessDenied = client('AccessDeniedException');
export const dryRun = client('DryRunOperationException');
export const expiredIterator = client('ExpiredIteratorException');
export const expiredNextToken = client('ExpiredNextTokenException');
export const internalFailure: DeclaredError = { code: 'InternalFailureException', status: 500 };
export const invalidArgument = client('InvalidArgumentException');
export const limitExceeded = client('LimitExceededException');
export const throughputExceeded = client('ProvisionedThroughputExceededException');
export const resourceInUse = client('ResourceInUseException');
export const resourceNotFound = client('ResourceNotFoundException');
export const validation = client('ValidationException');
/** What the model declares for nearly every operation that changes a stream. */
export const ofChanges: readonly DeclaredError[] = [
  resourceNotFound,
  limitExceeded,
  resourceInUse,
  invalidArgument,
  accessDenied,
];
const kmsNotFound = client('KMSNotFoundException');
export const kmsErrors: readonly DeclaredError[] = [
  client('KMSDisabledException'),
  client('KMSInvalidStateException'),
  client('KMSAccessDeniedException'),
  kmsNotFound,
  client('KMSOptInRequired'),
  client('KMSThrottlingException'),
];

/** Who asks about which stream: what most messages name. */
export interface Named {
  readonly account: string;
  readonly name: string;
}

export const answer = (declared: DeclaredError, message: string): AwsError =>
  new AwsError(declared.code, message, { status: declared.status });

const where = (of: Named): string => `in stream ${of.name} under account ${of.account}`;

/** [K] [LS: validated against AWS] */
export const streamNotFound = (of: Named): AwsError =>
  answer(resourceNotFound, `Stream ${of.name} under account ${of.account} not found.`);

/** [P], KMS's own words for what is no id, alias or ARN */
export const keyIdInvalid = (keyId: string): AwsError => answer(kmsNotFound, `Invalid keyId ${keyId}`);

/** [P], KMS's own words for an ARN of another region */
export const keyOfOtherRegion = (region: string): AwsError => answer(kmsNotFound, `Invalid arn ${region}`);

/** [–]: records are there that are sealed under a master key that is not. */
export const masterKeyGone = (fingerprint: string, place: string): AwsError =>
  answer(
    kmsNotFound,
    `The master key ${fingerprint} is not in ${place}: what is sealed under it cannot be read.`,
  );

/** [–]: why no master key can be had. */
export const masterKeyUnusable = (why: string): AwsError =>
  answer(internalFailure, `Internal service failure: ${why}`);

/** [K] */
export const streamExists = (of: Named): AwsError =>
  answer(resourceInUse, `Stream ${of.name} under account ${of.account} already exists.`);

/** [K] */
export const streamNotActive = (of: Named, status: string): AwsError =>
  answer(
    resourceInUse,
    `Stream ${of.name} under account ${of.account} not ACTIVE, instead in state ${status}`,
  );

/** [K]: SplitShard, MergeShards, and ids that are none. */
export const shardNotFound = (of: Named, shardId: string): AwsError =>
  answer(resourceNotFound, `Could not find shard ${shardId} ${where(of)}.`);

/** [K]: GetShardIterator and GetRecords. */
export const shardMissing = (of: Named, index: number): AwsError =>
  answer(resourceNotFound, `Shard ${shardIdOf(index)} ${where(of)} does not exist`);

/** [M] */
export const shardClosed = (of: Named, index: number): AwsError =>
  answer(
    invalidArgument,
    `Shard ${shardIdOf(index)} ${where(of)} has already been merged or split, and thus is not eligible for merging or splitting.`,
  );

/** [K] */
export const shardsNotAdjacent = (of: Named, a: number, b: number): AwsError =>
  answer(
    invalidArgument,
    `Shards ${shardIdOf(a)} and ${shardIdOf(b)} ${where(of)} are not an adjacent pair of shards eligible for merging`,
  );

/** [K] */
export const splitOutOfRange = (
  of: Named,
  index: number,
  at: string,
  range: { readonly start: bigint; readonly end: bigint },
): AwsError =>
  answer(
    invalidArgument,
    `NewStartingHashKey ${at} used in SplitShard() on shard ${shardIdOf(index)} ${where(of)} is not both greater than one plus the shard's StartingHashKey ${range.start} and less than the shard's EndingHashKey ${range.end}.`,
  );

/** [K] */
export const shardLimitExceeded = (
  account: string,
  region: string,
  open: number,
  limit: number,
  additional: number,
): AwsError =>
  answer(
    limitExceeded,
    `This request would exceed the shard limit for the account ${account} in ${region}. Current shard count for the account: ${open}. Limit: ${limit}. Number of additional shards that would have resulted from this request: ${additional}. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.`,
  );

/** [P], of DescribeStream, for a stream (2016 to 2019), and of an operation that names none (2019). */
export const rateExceeded = (account: string, stream: string | undefined): AwsError =>
  answer(
    limitExceeded,
    stream === undefined
      ? `Rate exceeded for account ${account}.`
      : `Rate exceeded for stream ${stream} under account ${account}.`,
  );

/** [P]: PutRecords and PutRecord; GetRecords until 2016 */
export const shardThroughputExceeded = (of: Named, shardId: string): AwsError =>
  answer(throughputExceeded, `Rate exceeded for shard ${shardId} ${where(of)}.`);

/** [P]: GetRecords, in logs of 2023 and 2025 */
export const readThroughputExceeded = (of: Named, index: number): AwsError =>
  answer(throughputExceeded, `Rate exceeded for Shard - ${of.account}/${of.name}/${shardIdOf(index)}`);

/** [P], of GetRecords in 2016 */
export const streamThroughputExceeded = (of: Named): AwsError =>
  answer(throughputExceeded, `Rate exceeded for stream ${of.name} under account ${of.account}.`);

/** [–] */
export const throughputRefused = (account: string): AwsError =>
  answer(throughputExceeded, `Rate exceeded for account ${account}.`);

/** [–] for an answer of its own; [P] for the words, which PutRecords has for a record. */
export const injectedFailure = (): AwsError => answer(internalFailure, 'Internal service failure.');

/** [K] */
export const invalidIterator = (): AwsError => answer(invalidArgument, 'Invalid ShardIterator.');

/** [K], times as `Thu Jan 22 01:22:02 UTC 2015` */
export const iteratorExpired = (createdMs: number, nowMs: number, lifeMs: number): AwsError =>
  answer(
    expiredIterator,
    `Iterator expired. The iterator was created at time ${utc(createdMs)} while right now it is ${utc(nowMs)} which is further in the future than the tolerated delay of ${lifeMs} milliseconds.`,
  );

/** [–] */
export const invalidNextToken = (): AwsError => answer(invalidArgument, 'Invalid NextToken.');

/** [–], after the iterator's words */
export const nextTokenExpired = (createdMs: number, nowMs: number, lifeMs: number): AwsError =>
  answer(
    expiredNextToken,
    `NextToken expired. The NextToken was created at time ${utc(createdMs)} while right now it is ${utc(nowMs)} which is further in the future than the tolerated delay of ${lifeMs} milliseconds.`,
  );

/** [K] [P] for StreamName; [P] for StreamARN, ExclusiveStartShardId and ShardFilter */
export const notWithNextToken = (member: string): AwsError =>
  answer(invalidArgument, `NextToken and ${member} cannot be provided together.`);

/** [K] */
export const nextTokenOrName = (): AwsError =>
  answer(invalidArgument, 'Either NextToken or StreamName should be provided.');

/** [K]: a member that must be there; `path` as `streamName`, `records.3.member.partitionKey`. */
export const memberMissing = (path: string): AwsError =>
  answer(
    validation,
    `1 validation error detected: Value null at '${path}' failed to satisfy constraint: Member must not be null`,
  );

/** [–] */
export const nameAndArnDiffer = (name: string, arn: string): AwsError =>
  answer(invalidArgument, `StreamName ${name} and StreamARN ${arn} do not name the same stream.`);

/** [–] */
export const arnOfOtherRegion = (arn: string, region: string): AwsError =>
  answer(invalidArgument, `StreamARN ${arn} is not in the region of this request, ${region}.`);

/** [P]: IAM's words for a cross-account call without a resource policy. */
export const foreignAccount = (account: string, operationName: string, arn: string): AwsError =>
  answer(
    accessDenied,
    `User: arn:aws:iam::${account}:root is not authorized to perform: kinesis:${operationName} on resource: ${arn} because no resource-based policy allows the kinesis:${operationName} action`,
  );

/** [K] */
export const explicitHashKeyOutOfRange = (value: string): AwsError =>
  answer(
    invalidArgument,
    `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${value}`,
  );

/** [K] */
export const orderingInvalid = (of: Named, value: string): AwsError =>
  answer(
    invalidArgument,
    `ExclusiveMinimumSequenceNumber ${value} used in PutRecord on stream ${of.name} under account ${of.account} is invalid.`,
  );

/** [D] for the code, in the developer guide on partition keys that the service manages; [–] for the words. */
export const orderingNotAllowed = (of: Named): AwsError =>
  answer(
    invalidArgument,
    `SequenceNumberForOrdering must not be specified for stream ${of.name} under account ${of.account}, whose record distribution strategy is AUTO.`,
  );

/** [K], with the limit of the stream in the place of the 1 MiB of its time. `path` is `data`, `records.3.member.data`. */
export const recordTooLarge = (path: string, dataBytes: number, dataBytesMax: number): AwsError =>
  answer(
    validation,
    `1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=${dataBytes} cap=${dataBytes}]' at '${path}' failed to satisfy constraint: Member must have length less than or equal to ${dataBytesMax}`,
  );

/** [P], for 5 MB; the limit has doubled since. */
export const recordsTooLarge = (limitMib: number): AwsError =>
  answer(invalidArgument, `Records size exceeds ${limitMib} MB limit`);

/** [P]: what PutRecords says of a record that it could not take, as the code of the record, not of the answer. */
export const recordFailure = (): AwsError =>
  new AwsError('InternalFailure', 'Internal service failure.', { status: 500 });

/** [–]: AWS has no disk. Why the record, or the command, was not taken. */
export const storageFailure = (why: 'full' | 'poisoned' | 'unknown' | 'moved'): AwsError =>
  answer(internalFailure, storageWords[why]);

/** [–] */
export const tooManyCommands = (): AwsError =>
  answer(limitExceeded, 'Too many changes to streams are under way. Try again.');

/** [–] */
export const commandTooLarge = (why: string): AwsError => answer(limitExceeded, why);

/** [–] */
export const closing = (): AwsError =>
  answer(internalFailure, 'Internal service failure: Millrace is stopping. Nothing was done.');

const storageWords = {
  full: 'Internal service failure: the disk that holds the data is full. Nothing was written. Make room, then try again.',
  poisoned:
    'Internal service failure: an earlier write to the disk failed, so nothing more is written until Millrace is restarted. Reads go on.',
  unknown:
    'Internal service failure: whether it was written is not known. Trying again may write it a second time.',
  moved:
    'Internal service failure: the shard was closed and its children are not there yet. Nothing was written. Try again.',
} as const;

/** [K] for GetShardIterator */
export const startingSequenceNumberInvalid = (
  of: Named,
  value: string,
  index: number,
  operationName: string,
): AwsError =>
  answer(
    invalidArgument,
    `StartingSequenceNumber ${value} used in ${operationName} on shard ${shardIdOf(index)} ${where(of)} is invalid.`,
  );

/** [K] */
export const startingSequenceNumberOfOtherShard = (encoded: number, asked: number): AwsError =>
  answer(
    invalidArgument,
    `Invalid StartingSequenceNumber. It encodes ${shardIdOf(encoded)}, while it was used in a call to a shard with ${shardIdOf(asked)}`,
  );

/** [K] for GetShardIterator */
export const startingSequenceNumberOfOtherStream = (
  of: Named,
  value: string,
  index: number,
  operationName: string,
): AwsError =>
  answer(
    invalidArgument,
    `StartingSequenceNumber ${value} used in ${operationName} on shard ${shardIdOf(index)} ${where(of)} is invalid because it did not come from this stream.`,
  );

/** [K] */
export const startingSequenceNumberMisused = (type: string, given: boolean): AwsError =>
  answer(
    invalidArgument,
    `Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ${type} and ${given ? 'also a' : 'no'} StartingSequenceNumber.`,
  );

/** [K] */
export const timestampMissing = (): AwsError =>
  answer(
    invalidArgument,
    'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.',
  );

/** [K] */
export const timestampInFuture = (timestampMs: number, nowMs: number): AwsError =>
  answer(
    invalidArgument,
    `The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ${timestampMs}, currentTimestampInMillis: ${nowMs}`,
  );

/** [–] */
export const shardFilterIncomplete = (type: string, member: string): AwsError =>
  answer(invalidArgument, `Must specify ${member} in the ShardFilter of type ${type}.`);

/** [D] for the rule, in the SDK's words on `ShardFilter`; [–] for code and words. */
export const shardFilterExcess = (type: string, member: string): AwsError =>
  answer(invalidArgument, `${member} must not be specified in the ShardFilter of type ${type}.`);

/** [–] */
export const shardCountMissing = (): AwsError =>
  answer(invalidArgument, 'ShardCount must be specified for a stream in PROVISIONED mode.');

/** [–] */
export const shardCountNotAllowed = (): AwsError =>
  answer(invalidArgument, 'ShardCount must not be specified for a stream in ON_DEMAND mode.');

/** [–], after EC2's words for its own DryRun */
export const wouldHaveSucceeded = (): AwsError =>
  answer(dryRun, 'Request would have succeeded, but DryRun flag is set.');

/** `Thu Jan 22 01:22:02 UTC 2015`, as Java prints a date. */
function utc(timeMs: number): string {
  const [weekday, day, month, year, time] = new Date(timeMs).toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}
