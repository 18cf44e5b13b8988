/**
 * Commands for what is put on a stream, a consumer or an account, and changes nothing of what they do: tags, policies,
 * settings. The tags of consumers are commands of theirs.
 */
import type { AwsError } from '@millrace/wire';
import type { JsonObject } from '../../catalog/catalog-record.js';
import type { CommandTime } from '../../catalog/fold.js';
import { settingsWith } from '../account-settings.js';
import { findConsumer } from '../consumers/consumer.js';
import * as consumerErrors from '../consumers/consumer-errors.js';
import * as controlErrors from '../control-errors.js';
import * as errors from '../errors.js';
import {
  listField,
  numberField,
  oneOf,
  optionalNumber,
  optionalString,
  stringField,
  stringsField,
} from '../json-field.js';
import type { Stream } from '../stream.js';
import type { Decided, StreamsState } from '../streams-state.js';
import { namespaceOf, onStream } from '../streams-state.js';
import type { OfAccount, OfStream } from './of.js';
import { accountFields, streamFields } from './of.js';

/** The stream, or one consumer of it, told from others of its name by its creation. */
interface OfPolicy extends OfStream {
  readonly consumer?: string | undefined;
  readonly createdMs?: number | undefined;
}

type TagCommand = {
  readonly type: 'tag';
  readonly tags: { readonly [key: string]: string };
  readonly tagsMax: number;
} & OfStream;
type UntagCommand = { readonly type: 'untag'; readonly keys: readonly string[] } & OfStream;
/** Null takes the policy away. */
type PolicyCommand = { readonly type: 'policy'; readonly policy: string | null } & OfPolicy;
type AccountCommand = { readonly type: 'account'; readonly commitment: 'ENABLED' | 'DISABLED' } & OfAccount;

export type LabelsCommand = TagCommand | UntagCommand | PolicyCommand | AccountCommand;

const policyFields = (fields: JsonObject): OfPolicy => ({
  ...streamFields(fields),
  consumer: optionalString(fields, 'consumer'),
  createdMs: optionalNumber(fields, 'createdMs'),
});

export const parseLabels = {
  tag: (fields: JsonObject): TagCommand => ({
    type: 'tag',
    ...streamFields(fields),
    tags: stringsField(fields, 'tags'),
    tagsMax: numberField(fields, 'tagsMax'),
  }),
  untag: (fields: JsonObject): UntagCommand => ({
    type: 'untag',
    ...streamFields(fields),
    keys: listField(fields, 'keys').map(String),
  }),
  policy: (fields: JsonObject): PolicyCommand => {
    const { policy } = fields;
    return {
      type: 'policy',
      ...policyFields(fields),
      policy: policy === null ? null : stringField(fields, 'policy'),
    };
  },
  account: (fields: JsonObject): AccountCommand => ({
    type: 'account',
    ...accountFields(fields),
    commitment: oneOf(fields, 'commitment', ['ENABLED', 'DISABLED']),
  }),
};

export function decideLabels(state: StreamsState, command: LabelsCommand, at: CommandTime): Decided {
  switch (command.type) {
    case 'tag':
      return onStream(state, command, (stream) => {
        const tags = { ...stream.tags, ...command.tags };
        return Object.keys(tags).length > command.tagsMax
          ? controlErrors.tooManyTagsOnStream(stream, command.tagsMax)
          : { ...stream, tags };
      });
    case 'untag':
      return onStream(state, command, (stream) => ({
        ...stream,
        tags: Object.fromEntries(Object.entries(stream.tags).filter(([key]) => !command.keys.includes(key))),
      }));
    case 'policy':
      return onStream(state, command, (stream) => putPolicy(stream, command));
    case 'account': {
      const namespace = namespaceOf(command);
      const settings = settingsWith(state.accounts.get(namespace), command.commitment, at.atMs);
      return { state: { ...state, accounts: state.accounts.set(namespace, settings) }, outcome: undefined };
    }
  }
}

function putPolicy(stream: Stream, command: PolicyCommand): Stream | AwsError {
  const { consumer: name, createdMs, policy } = command;
  if (stream.status === 'DELETING') return errors.streamNotActive(stream, stream.status);
  const consumer = name === undefined ? undefined : findConsumer(stream, name);
  if (name !== undefined && (consumer === undefined || consumer.createdMs !== createdMs))
    return consumerErrors.consumerNotFound(stream, name);
  if (policy === null && (consumer ?? stream).policy === undefined)
    return controlErrors.policyNotFound(stream);
  const put = { policy: policy ?? undefined };
  if (consumer === undefined) return { ...stream, ...put };
  const consumers = stream.consumers.map((each) => (each === consumer ? { ...consumer, ...put } : each));
  return { ...stream, consumers };
}
