/**
 * The streams' part of the catalog: what commands there are and how each is decided, subject by subject in `commands/`.
 * Pure; time is the command's.
 *
 *      create ─▶ CREATING ─activate─▶ ACTIVE ─split, shard-count, mode, …─▶ UPDATING ─reshard …, settle─▶ ACTIVE
 *                                                                                │ delete (from any)
 *                                                              gone ◀─remove─ DELETING
 *
 * A step of the background that comes too late (the stream was deleted meanwhile) changes nothing.
 *
 * Rules 6: shards of on-demand streams are not of the account's quota; streams that come or go may be limited.
 * Rules 5: an encryption may name the master key that records are sealed under. No record of before does.
 * Rules 4: policies of consumers. No record of before knows any.
 * Rules 3: consumers, and a stream that has some is deleted only when that is meant. No record of before knows any.
 * Rules 2: splits and merges of on-demand streams are refused here; until then the service refused them, and did not ask.
 */
import type { Json } from '../catalog/catalog-record.js';
import type { CommandTime, Section } from '../catalog/fold.js';
import { decideConsumers } from './commands/consumers.js';
import { decideExistence } from './commands/existence.js';
import { decideLabels } from './commands/labels.js';
import { decideResharding } from './commands/resharding.js';
import { decideSettings } from './commands/settings.js';
import type { StreamsCommand } from './streams-command.js';
import { parseCommand } from './streams-command.js';
import type { Decided, StreamsOutcome, StreamsState } from './streams-state.js';
import { noStreams, parseState, stateToJson } from './streams-state.js';

export const streamsSection: Section<StreamsState, StreamsCommand, StreamsOutcome> = {
  name: 'streams',
  rules: 6,
  empty: noStreams,
  decide,
  parse: parseCommand,
  toJson: (command) => ({ ...command }) as Json,
  snapshot: stateToJson,
  restore: parseState,
};

function decide(state: StreamsState, command: StreamsCommand, at: CommandTime): Decided {
  switch (command.type) {
    case 'create':
    case 'delete':
    case 'activate':
    case 'remove':
    case 'forget':
      return decideExistence(state, command, at);
    case 'split':
    case 'merge':
    case 'shard-count':
    case 'scale':
    case 'reshard':
      return decideResharding(state, command, at);
    case 'retention':
    case 'monitoring':
    case 'strategy':
    case 'record-size':
    case 'encryption':
    case 'master':
    case 'mode':
    case 'warm':
    case 'settle':
      return decideSettings(state, command, at);
    case 'tag':
    case 'untag':
    case 'policy':
    case 'account':
      return decideLabels(state, command, at);
    case 'register':
    case 'deregister':
    case 'tag-consumer':
    case 'untag-consumer':
    case 'activate-consumer':
    case 'remove-consumer':
      return decideConsumers(state, command, at);
    case 'secret':
      return { state: { ...state, secret: state.secret ?? command.secret }, outcome: undefined };
  }
}
