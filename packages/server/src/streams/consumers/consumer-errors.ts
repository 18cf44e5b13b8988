/** The answers of enhanced fan-out that are errors. Evidence as in `errors.ts`. */
import type { AwsError } from '@millrace/wire';
import {
  answer,
  internalFailure,
  invalidArgument,
  limitExceeded,
  type Named,
  resourceInUse,
  resourceNotFound,
} from '../errors.js';

const streamOf = (of: Named): string => `Stream ${of.name} under account ${of.account}`;

/** [–] */
export const consumerArnInvalid = (arn: string): AwsError =>
  answer(invalidArgument, `ConsumerARN ${arn} is not the ARN of a consumer.`);

/** moto has these words; that they are AWS's is likely and not shown. */
export const consumerNotFound = (of: Named, consumer: string): AwsError =>
  answer(resourceNotFound, `Consumer ${consumer}, account ${of.account} not found.`);

/** [–], after the words for a consumer that is not active */
export const consumerExists = (of: Named, consumer: string): AwsError =>
  answer(
    resourceInUse,
    `Consumer ${consumer} under stream ${of.name} already exists for account ${of.account}.`,
  );

/** [P]: an issue on CloudFormation's handler quotes it whole. */
export const consumerNotActive = (of: Named, consumer: string, createdS: number): AwsError =>
  answer(
    resourceInUse,
    `Consumer ${consumer} with creation timestamp ${createdS} under stream ${of.name} and account ${of.account} is not in ACTIVE status.`,
  );

/** [D] for the type and the limit. [–] for the words. */
export const tooManyConsumers = (of: Named, limit: number): AwsError =>
  answer(limitExceeded, `${streamOf(of)} has ${limit} registered consumers, and may have no more.`);

/** [D] for the type and the limit. [–] for the words, and for counting by stream: the document does not say. */
export const tooManyConsumersCreating = (of: Named, limit: number): AwsError =>
  answer(
    limitExceeded,
    `${streamOf(of)} has ${limit} consumers in CREATING status, and may have no more at one time.`,
  );

/** [–] */
export const consumerUnnamed = (): AwsError =>
  answer(invalidArgument, 'Either ConsumerARN or both StreamARN and ConsumerName must be provided.');

/** [–] */
export const consumerNamesDiffer = (arn: string): AwsError =>
  answer(
    invalidArgument,
    `ConsumerARN ${arn} does not belong to the StreamARN or ConsumerName given with it.`,
  );

/** [–] */
export const tooManyTags = (limit: number): AwsError =>
  answer(invalidArgument, `A consumer has at most ${limit} tags.`);

/** [D] for the type. [–] for the words. */
export const streamHasConsumers = (of: Named): AwsError =>
  answer(
    resourceInUse,
    `${streamOf(of)} has registered consumers: deregister them, or set EnforceConsumerDeletion.`,
  );

/** [P]: tests of Spark's connector against AWS, and logs of Go's, have the sentence up to "consumer". */
export const subscriptionInUse = (consumerArn: string): AwsError =>
  answer(resourceInUse, `Another active subscription exists for this consumer: ${consumerArn}`);

/** [–] */
export const tooManySubscriptions = (limit: number): AwsError =>
  answer(limitExceeded, `There are ${limit} subscriptions already, and no more are taken.`);

/** [–]: what ends a subscription whose log cannot be read. */
export const readFailure = (): AwsError =>
  answer(internalFailure, 'Internal service failure: the log could not be read. Try again.');
