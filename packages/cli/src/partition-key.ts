/**
 * Which partition key a record gets that a person puts: one for all, one by its own content, or one that spreads.
 *
 *      random        another for each: even over the shards, no order between records
 *      data          the data itself (its digest, where it is long): equal records to the same shard
 *      field:NAME    a field of its JSON, `field:user.id` beneath another: order for each value
 *      shard         one open shard after another, by explicit hash key: as even as can be
 */
import { createHash } from 'node:crypto';
import type { Random } from '@millrace/base';
import type { PutEntry, Shard } from './kinesis/kinesis.js';
import { parsedJson } from './parsed-json.js';
import { UsageError } from './usage-error.js';

/** AWS's bound on a partition key, in characters. */
const keyCharactersMax = 256;
const randomKeyBytes = 8;

/** Makes an entry of data; `where` names the record in complaints. */
export type Keyer = (data: Uint8Array, where: string) => PutEntry;

export function fixedKey(partitionKey: string, explicitHashKey: string | undefined): Keyer {
  return (data) => ({ partitionKey, explicitHashKey, data });
}

/** `shards` is asked only for the strategy that needs them. */
export async function keyerOf(
  strategy: string,
  random: Random,
  shards: () => Promise<readonly Shard[]>,
): Promise<Keyer> {
  if (strategy === 'random') return (data) => ({ partitionKey: randomKey(random), data });
  if (strategy === 'data') return (data) => ({ partitionKey: keyOfData(data), data });
  if (strategy === 'shard') return inTurns((await shards()).filter(({ open }) => open));
  const [, path] = /^field:(.+)$/.exec(strategy) ?? [];
  if (path !== undefined) return (data, where) => ({ partitionKey: fieldOf(data, path, where), data });
  throw new UsageError(`--key-by is '${strategy}'; give random, data, shard or field:NAME`);
}

export function randomKey(random: Random): string {
  return Buffer.from(random.bytes(randomKeyBytes)).toString('hex');
}

function keyOfData(data: Uint8Array): string {
  const text = Buffer.from(data).toString('utf8');
  const plain = text.length > 0 && text.length <= keyCharactersMax && Buffer.from(text, 'utf8').equals(data);
  return plain ? text : createHash('sha256').update(data).digest('hex');
}

function inTurns(open: readonly Shard[]): Keyer {
  let turn = 0;
  return (data) => {
    const shard = open[turn++ % open.length];
    return { partitionKey: shard?.id ?? 'shard', explicitHashKey: shard?.start.toString(), data };
  };
}

function fieldOf(data: Uint8Array, path: string, where: string): string {
  let value = parsedJson(Buffer.from(data).toString('utf8'));
  if (value === undefined) throw new UsageError(`${where} is no JSON, and --key-by field:${path} needs it`);
  for (const name of path.split('.')) {
    value =
      typeof value === 'object' && value !== null
        ? (value as Readonly<Record<string, unknown>>)[name]
        : undefined;
  }
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new UsageError(`${where} has no ${path} that can be a key; give another --key-by`);
}
