/**
 * Commands of consumers, which are kept in their stream: `register` and `deregister` are what clients want, the others
 * are steps of the lifecycle, which `consumerSteps` tells when they are due.
 *
 *      register ──▶ CREATING ─activate-consumer─▶ ACTIVE ──deregister──▶ DELETING ─remove-consumer─▶ gone
 */
import type { AwsError } from '@millrace/wire';
import type { JsonObject } from '../../catalog/catalog-record.js';
import type { CommandTime } from '../../catalog/fold.js';
import { type Consumer, findConsumer } from '../consumers/consumer.js';
import * as consumerErrors from '../consumers/consumer-errors.js';
import * as errors from '../errors.js';
import { numberField, stringField, stringsField } from '../json-field.js';
import type { StreamsDelays } from '../limits.js';
import { keyOf, type Stream } from '../stream.js';
import type { Decided, StreamsState } from '../streams-state.js';
import { onIncarnation, onStream } from '../streams-state.js';
import type { OfIncarnation, OfStream } from './of.js';
import { incarnationFields, streamFields } from './of.js';

type RegisterCommand = {
  readonly type: 'register';
  readonly consumer: string;
  readonly tags: { readonly [key: string]: string };
  readonly consumersMax: number;
  readonly creatingMax: number;
} & OfStream;
type DeregisterCommand = { readonly type: 'deregister'; readonly consumer: string } & OfStream;
type ConsumerStep = {
  readonly type: 'activate-consumer' | 'remove-consumer';
  readonly consumer: string;
  readonly createdMs: number;
} & OfIncarnation;

export type ConsumersCommand = RegisterCommand | DeregisterCommand | ConsumerStep;

const stepFields = (fields: JsonObject) => ({
  ...incarnationFields(fields),
  consumer: stringField(fields, 'consumer'),
  createdMs: numberField(fields, 'createdMs'),
});

export const parseConsumers = {
  register: (fields: JsonObject): RegisterCommand => ({
    type: 'register',
    ...streamFields(fields),
    consumer: stringField(fields, 'consumer'),
    tags: stringsField(fields, 'tags'),
    consumersMax: numberField(fields, 'consumersMax'),
    creatingMax: numberField(fields, 'creatingMax'),
  }),
  deregister: (fields: JsonObject): DeregisterCommand => ({
    type: 'deregister',
    ...streamFields(fields),
    consumer: stringField(fields, 'consumer'),
  }),
  'activate-consumer': (fields: JsonObject): ConsumerStep => ({
    type: 'activate-consumer',
    ...stepFields(fields),
  }),
  'remove-consumer': (fields: JsonObject): ConsumerStep => ({
    type: 'remove-consumer',
    ...stepFields(fields),
  }),
};

export function decideConsumers(state: StreamsState, command: ConsumersCommand, at: CommandTime): Decided {
  switch (command.type) {
    case 'register':
      return onStream(state, command, (stream) => register(stream, command, at));
    case 'deregister':
      return onStream(state, command, (stream) => deregister(stream, command.consumer, at));
    case 'activate-consumer':
    case 'remove-consumer':
      return onIncarnation(state, command, (stream) => step(stream, command, at));
  }
}

/** The order of the checks is undocumented; we chose that of CreateStream: the stream, the name, the limits. */
function register(stream: Stream, command: RegisterCommand, at: CommandTime): Stream | AwsError {
  const { consumer: name, tags, consumersMax, creatingMax } = command;
  if (stream.status === 'CREATING' || stream.status === 'DELETING') {
    return errors.streamNotActive(stream, stream.status);
  }
  const { consumers } = stream;
  if (findConsumer(stream, name) !== undefined) return consumerErrors.consumerExists(stream, name);
  if (consumers.length >= consumersMax) return consumerErrors.tooManyConsumers(stream, consumersMax);
  if (consumers.filter(({ status }) => status === 'CREATING').length >= creatingMax) {
    return consumerErrors.tooManyConsumersCreating(stream, creatingMax);
  }
  const consumer: Consumer = { name, createdMs: at.atMs, status: 'CREATING', sinceMs: at.atMs, tags };
  return { ...stream, consumers: [...consumers, consumer].sort(byName) };
}

/** Deregisters in any state; once more, while it is DELETING, does nothing. */
function deregister(stream: Stream, name: string, at: CommandTime): Stream | AwsError {
  const consumer = findConsumer(stream, name);
  if (consumer === undefined) return consumerErrors.consumerNotFound(stream, name);
  return changed(stream, consumer, deleting(consumer, at));
}

/** One that comes too late changes nothing. */
function step(stream: Stream, command: ConsumerStep, at: CommandTime): Stream {
  const consumer = findConsumer(stream, command.consumer);
  if (consumer?.createdMs !== command.createdMs) return stream;
  if (command.type === 'remove-consumer') {
    return consumer.status === 'DELETING' ? changed(stream, consumer, undefined) : stream;
  }
  if (consumer.status !== 'CREATING') return stream;
  return changed(stream, consumer, { ...consumer, status: 'ACTIVE', sinceMs: at.atMs });
}

/** The consumers of a stream that is deleted go with it. */
export function allDeleting(stream: Stream, at: CommandTime): readonly Consumer[] {
  return stream.consumers.map((consumer) => deleting(consumer, at));
}

/** Whether a consumer is on its way to be there or to be gone. */
export function consumersMoving(stream: Stream): boolean {
  return stream.consumers.some(({ status }) => status !== 'ACTIVE');
}

/** The steps that are due, and how long until the next; undefined when none follows. */
export function consumerSteps(
  stream: Stream,
  delays: StreamsDelays,
  nowMs: number,
): { readonly due: readonly ConsumerStep[]; readonly waitMs: number | undefined } {
  const due: ConsumerStep[] = [];
  let waitMs: number | undefined;
  for (const { name: consumer, createdMs, status, sinceMs } of stream.consumers) {
    if (status === 'ACTIVE') continue;
    const leftMs = sinceMs + (status === 'CREATING' ? delays.createDelayMs : delays.deleteDelayMs) - nowMs;
    const type = status === 'CREATING' ? 'activate-consumer' : 'remove-consumer';
    const { incarnation } = stream;
    if (leftMs <= 0) due.push({ type, key: keyOf(stream), incarnation, consumer, createdMs });
    else waitMs = Math.min(waitMs ?? leftMs, leftMs);
  }
  return { due, waitMs };
}

function deleting(consumer: Consumer, at: CommandTime): Consumer {
  return consumer.status === 'DELETING' ? consumer : { ...consumer, status: 'DELETING', sinceMs: at.atMs };
}

function changed(stream: Stream, before: Consumer, after: Consumer | undefined): Stream {
  if (after === before) return stream;
  return {
    ...stream,
    consumers: stream.consumers.flatMap((consumer) => {
      if (consumer !== before) return [consumer];
      return after === undefined ? [] : [after];
    }),
  };
}

function byName(a: Consumer, b: Consumer): number {
  return a.name < b.name ? -1 : 1;
}
