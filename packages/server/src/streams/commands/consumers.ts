/**
 * Commands of consumers, which are kept in their stream: `register` and `deregister` are what clients want, the others
 * are steps of the lifecycle, which `consumerSteps` tells when they are due.
 *
 *      register ──▶ CREATING ─activate-consumer─▶ ACTIVE ──deregister──▶ DELETING ─remove-consumer─▶ gone
 */
import { AwsError } from '@millrace/wire';
import type { JsonObject } from '../../catalog/catalog-record.js';
import type { CommandTime } from '../../catalog/fold.js';
import { type Consumer, findConsumer } from '../consumers/consumer.js';
import * as consumerErrors from '../consumers/consumer-errors.js';
import * as errors from '../errors.js';
import { listField, numberField, stringField, stringsField } from '../json-field.js';
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
type TagConsumerCommand = {
  readonly type: 'tag-consumer';
  readonly consumer: string;
  readonly tags: { readonly [key: string]: string };
  readonly tagsMax: number;
} & OfStream;
type UntagConsumerCommand = {
  readonly type: 'untag-consumer';
  readonly consumer: string;
  readonly keys: readonly string[];
} & OfStream;
type ConsumerStep = {
  readonly type: 'activate-consumer' | 'remove-consumer';
  readonly consumer: string;
  readonly createdMs: number;
} & OfIncarnation;

export type ConsumersCommand =
  | RegisterCommand
  | DeregisterCommand
  | TagConsumerCommand
  | UntagConsumerCommand
  | ConsumerStep;

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
  'tag-consumer': (fields: JsonObject): TagConsumerCommand => ({
    type: 'tag-consumer',
    ...streamFields(fields),
    consumer: stringField(fields, 'consumer'),
    tags: stringsField(fields, 'tags'),
    tagsMax: numberField(fields, 'tagsMax'),
  }),
  'untag-consumer': (fields: JsonObject): UntagConsumerCommand => ({
    type: 'untag-consumer',
    ...streamFields(fields),
    consumer: stringField(fields, 'consumer'),
    keys: listField(fields, 'keys').map(String),
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
      return onConsumer(state, command, (consumer) => deleting(consumer, at));
    case 'tag-consumer':
      return onConsumer(state, command, (consumer) => {
        const tags = { ...consumer.tags, ...command.tags };
        return Object.keys(tags).length > command.tagsMax
          ? consumerErrors.tooManyTags(command.tagsMax)
          : { ...consumer, tags };
      });
    case 'untag-consumer':
      return onConsumer(state, command, (consumer) => ({
        ...consumer,
        tags: Object.fromEntries(
          Object.entries(consumer.tags).filter(([key]) => !command.keys.includes(key)),
        ),
      }));
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
  const { atMs } = at;
  const consumer: Consumer = {
    name,
    createdMs: atMs,
    status: 'CREATING',
    sinceMs: atMs,
    tags,
    policy: undefined,
  };
  return { ...stream, consumers: [...consumers, consumer].sort(byName) };
}

/** On the consumer of that name, in any state, or refused. Deregistering one that is DELETING does nothing. */
function onConsumer(
  state: StreamsState,
  of: OfStream & { readonly consumer: string },
  change: (consumer: Consumer) => Consumer | AwsError,
): Decided {
  return onStream(state, of, (stream) => {
    const consumer = findConsumer(stream, of.consumer);
    if (consumer === undefined) return consumerErrors.consumerNotFound(stream, of.consumer);
    const after = change(consumer);
    return after instanceof AwsError ? after : changed(stream, consumer, after);
  });
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
