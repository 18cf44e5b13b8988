/**
 * The streams' commands as the catalog's log has them: JSON objects told apart by `type`. Each subject of `commands/`
 * brings its own: what clients want, and the steps that the background takes when the logs are ready. A step names the
 * incarnation it is for. Limits travel in the command, so that a replay decides as the first time whatever the limits
 * are by then.
 */
import type { Json, JsonObject } from '../catalog/catalog-record.js';
import { type ConsumersCommand, parseConsumers } from './commands/consumers.js';
import { type ExistenceCommand, parseExistence } from './commands/existence.js';
import { type LabelsCommand, parseLabels } from './commands/labels.js';
import { parseResharding, type ReshardingCommand } from './commands/resharding.js';
import { parseSettings, type SettingsCommand } from './commands/settings.js';
import { objectOf, stringField } from './json-field.js';

/** What iterators and tokens are sealed with. The first secret stays. */
interface SecretCommand {
  readonly type: 'secret';
  readonly secret: string;
}

export type StreamsCommand =
  | ExistenceCommand
  | ReshardingCommand
  | SettingsCommand
  | LabelsCommand
  | ConsumersCommand
  | SecretCommand;

const parsers: { readonly [type in StreamsCommand['type']]: (fields: JsonObject) => StreamsCommand } = {
  ...parseExistence,
  ...parseResharding,
  ...parseSettings,
  ...parseLabels,
  ...parseConsumers,
  secret: (fields) => ({ type: 'secret', secret: stringField(fields, 'secret') }),
};

/** The command that `json` is; throws when it is none of ours. */
export function parseCommand(json: Json): StreamsCommand {
  const fields = objectOf(json, 'a command');
  const type = stringField(fields, 'type');
  const parse = Object.entries(parsers).find(([known]) => known === type)?.[1];
  if (parse === undefined)
    throw new TypeError(`a command of type ${JSON.stringify(type)}, which this Millrace does not have`);
  return parse(fields);
}
