/**
 * The streams' commands as the catalog's log has them: JSON objects told apart by `type`.
 *
 * `create`, `delete`, `split`, `merge` are what clients want; `activate`, `reshard`, `remove` and `forget` are steps that
 * the lifecycle takes when the logs are ready. A step names the incarnation it is for. Limits travel in the command, so
 * that a replay decides as the first time whatever the limits are by then.
 */
import type { Json } from '../catalog/catalog-record.js';
import {
  listField,
  numberField,
  objectOf,
  oneOf,
  stringField,
  stringsField,
  wholeNumber,
} from './json-field.js';
import type { StreamMode } from './stream.js';

export interface CreateCommand {
  readonly type: 'create';
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly shards: number;
  readonly mode: StreamMode;
  readonly recordKibMax: number;
  readonly tags: { readonly [key: string]: string };
  readonly shardsMax: number;
}

export interface OfStream {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export interface OfIncarnation {
  readonly key: string;
  readonly incarnation: number;
}

export type StreamsCommand =
  | CreateCommand
  | ({ readonly type: 'delete' } & OfStream)
  | ({
      readonly type: 'split';
      readonly shard: number;
      readonly at: string;
      readonly shardsMax: number;
    } & OfStream)
  | ({ readonly type: 'merge'; readonly shard: number; readonly adjacent: number } & OfStream)
  | ({ readonly type: 'activate' } & OfIncarnation)
  /** The parents are sealed; `ends` are their final positions, in the order of the reshard's parents. */
  | ({
      readonly type: 'reshard';
      readonly firstChild: number;
      readonly ends: readonly number[];
    } & OfIncarnation)
  /** The logs are gone. */
  | ({ readonly type: 'remove' } & OfIncarnation)
  /** The logs of these closed shards are gone, with all their records. */
  | ({ readonly type: 'forget'; readonly shards: readonly number[] } & OfIncarnation)
  /** The first secret stays. */
  | { readonly type: 'secret'; readonly secret: string };

/** The command that `json` is; throws when it is none of ours. */
export function parseCommand(json: Json): StreamsCommand {
  const fields = objectOf(json, 'a command');
  const type = stringField(fields, 'type');
  const ofStream = () => ({
    account: stringField(fields, 'account'),
    region: stringField(fields, 'region'),
    name: stringField(fields, 'name'),
  });
  const ofIncarnation = () => ({
    key: stringField(fields, 'key'),
    incarnation: numberField(fields, 'incarnation'),
  });
  const numbers = (name: string) => listField(fields, name).map((value) => wholeNumber(value, name));
  const number = (name: string) => numberField(fields, name);
  switch (type) {
    case 'create':
      return {
        type,
        ...ofStream(),
        shards: number('shards'),
        mode: oneOf(fields, 'mode', ['PROVISIONED', 'ON_DEMAND']),
        recordKibMax: number('recordKibMax'),
        tags: stringsField(fields, 'tags'),
        shardsMax: number('shardsMax'),
      };
    case 'delete':
      return { type, ...ofStream() };
    case 'split':
      return {
        type,
        ...ofStream(),
        shard: number('shard'),
        at: stringField(fields, 'at'),
        shardsMax: number('shardsMax'),
      };
    case 'merge':
      return { type, ...ofStream(), shard: number('shard'), adjacent: number('adjacent') };
    case 'activate':
    case 'remove':
      return { type, ...ofIncarnation() };
    case 'reshard':
      return { type, ...ofIncarnation(), firstChild: number('firstChild'), ends: numbers('ends') };
    case 'forget':
      return { type, ...ofIncarnation(), shards: numbers('shards') };
    case 'secret':
      return { type, secret: stringField(fields, 'secret') };
    default:
      throw new TypeError(`a command of type ${JSON.stringify(type)}, which this Millrace does not have`);
  }
}
