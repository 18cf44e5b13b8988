/**
 * A consumer: a name registered with one stream, which may then subscribe to its shards. It is kept in the stream, so
 * that it goes with the stream.
 *
 *      register ──▶ CREATING ──▶ ACTIVE ──deregister──▶ DELETING ──▶ gone
 *
 *      arn = arn of the stream "/consumer/" name ":" creation, in whole seconds
 *
 * Invariant: in one stream no two consumers have a name at one time. The name comes back, the creation tells which.
 */
import type { Stream } from '../stream.js';
import { arnOf } from '../stream.js';
import * as consumerErrors from './consumer-errors.js';

export interface Consumer {
  readonly name: string;
  readonly createdMs: number;
  readonly status: 'CREATING' | 'ACTIVE' | 'DELETING';
  /** When the status was taken. */
  readonly sinceMs: number;
  readonly tags: { readonly [key: string]: string };
  /** The resource policy, as it was given. */
  readonly policy: string | undefined;
}

/** What the ARN of a consumer says. */
export interface ConsumerArn {
  readonly account: string;
  readonly region: string;
  readonly streamName: string;
  readonly consumerName: string;
  readonly createdS: number;
}

export function consumerArnOf(stream: Stream, consumer: Consumer): string {
  return `${arnOf(stream)}/consumer/${consumer.name}:${createdS(consumer)}`;
}

/** AWS shows whole seconds, in the ARN and as ConsumerCreationTimestamp. */
export function createdS(consumer: Consumer): number {
  return Math.floor(consumer.createdMs / 1000);
}

/** Throws what is answered to text that the model's pattern lets pass and that is no consumer's ARN all the same. */
export function parseConsumerArn(arn: string): ConsumerArn {
  const found =
    /^arn:aws[^:]*:kinesis:([^:]+):(\d{12}):stream\/([^/:]+)\/consumer\/([^/:]+):(\d{1,15})$/.exec(arn);
  const [, region, account, streamName, consumerName, created] = found ?? [];
  if (
    region === undefined ||
    account === undefined ||
    streamName === undefined ||
    consumerName === undefined
  ) {
    throw consumerErrors.consumerArnInvalid(arn);
  }
  return { account, region, streamName, consumerName, createdS: Number(created) };
}

/** The consumer of this name that the stream has. */
export function findConsumer(stream: Stream, name: string): Consumer | undefined {
  return stream.consumers.find((consumer) => consumer.name === name);
}
