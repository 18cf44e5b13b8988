/** What commands of many kinds begin with: whose they are, or which stream's. */
import type { JsonObject } from '../../catalog/catalog-record.js';
import { numberField, stringField } from '../json-field.js';

/** An account in a region: streams, limits and settings are each one's own. */
export interface OfAccount {
  readonly account: string;
  readonly region: string;
}

/** What a client means: whatever stream has the name when the command is decided. */
export interface OfStream extends OfAccount {
  readonly name: string;
}

/** What a step of the background means: this one stream, not another that was made under its name since. */
export interface OfIncarnation {
  readonly key: string;
  readonly incarnation: number;
}

export function accountFields(fields: JsonObject): OfAccount {
  return { account: stringField(fields, 'account'), region: stringField(fields, 'region') };
}

export function streamFields(fields: JsonObject): OfStream {
  return { ...accountFields(fields), name: stringField(fields, 'name') };
}

export function incarnationFields(fields: JsonObject): OfIncarnation {
  return { key: stringField(fields, 'key'), incarnation: numberField(fields, 'incarnation') };
}
