/**
 * The demonstration's memory, one JSON file: what has been counted, together with how far it was read. Both are
 * taken in the same instant and land on the disk by one rename, so that after any crash the counts are exactly those
 * of the events before the positions: reading on from there counts nothing twice and skips nothing.
 *
 *      { format, series, streamCreatedMs, savedMs, clean, runs, crashes, ledger,
 *        shards: { "shardId-…": { position, events } }, counted, acknowledged,
 *        duplicates, foreign, lost, airports: { "ATL": { flights, delayMinutes, late } } }
 */
import type { NumberSetState } from './number-set.js';
import type { AirportCount, AirportCounts } from './statistics.js';

/** Where reading goes on in a shard, in the words of Kinesis' consumers: a sequence number means after it. */
export type ShardPosition = 'TRIM_HORIZON' | 'SHARD_END' | (string & {});

export interface ShardProgress {
  readonly position: ShardPosition;
  /** Events of ours read from it, repeated ones too. */
  readonly events: number;
}

export interface Checkpoint {
  readonly format: 1;
  readonly series: string;
  /** When the stream was made: another one of the same name holds none of our events. */
  readonly streamCreatedMs: number;
  readonly savedMs: number;
  /** Whether the run that wrote it had stopped in order. */
  readonly clean: boolean;
  /** Runs begun, and how many of them ended without a word. */
  readonly runs: number;
  readonly crashes: number;
  /** The first ledger whose acknowledgements are not in `acknowledged` yet. */
  readonly ledger: number;
  readonly shards: Readonly<Record<string, ShardProgress>>;
  readonly counted: NumberSetState;
  readonly acknowledged: NumberSetState;
  readonly duplicates: number;
  readonly foreign: number;
  /** Acknowledged once, and not in the stream after a crash. */
  readonly lost: number;
  readonly airports: AirportCounts;
}

export function encodeCheckpoint(checkpoint: Checkpoint): string {
  return `${JSON.stringify(checkpoint)}\n`;
}

/** Throws `TypeError` that names the member which is not as it should be. */
export function decodeCheckpoint(text: string): Checkpoint {
  const members: Members<Checkpoint> = record(JSON.parse(text), 'the checkpoint');
  if (members.format !== 1) throw new TypeError(`its format is ${JSON.stringify(members.format)}, not 1`);
  const count = (name: keyof Checkpoint): number => natural(members[name], name);
  if (typeof members.series !== 'string') throw new TypeError('series is no text');
  if (typeof members.clean !== 'boolean') throw new TypeError('clean is neither true nor false');
  return {
    format: 1,
    series: members.series,
    streamCreatedMs: count('streamCreatedMs'),
    savedMs: count('savedMs'),
    clean: members.clean,
    runs: count('runs'),
    crashes: count('crashes'),
    ledger: count('ledger'),
    shards: mapped(members.shards, 'shards', (shard: Members<ShardProgress>, name) => {
      if (typeof shard.position !== 'string') throw new TypeError(`the position of ${name} is no text`);
      return { position: shard.position, events: natural(shard.events, `${name} events`) };
    }),
    counted: numbers(members.counted, 'counted'),
    acknowledged: numbers(members.acknowledged, 'acknowledged'),
    duplicates: count('duplicates'),
    foreign: count('foreign'),
    lost: count('lost'),
    airports: mapped(members.airports, 'airports', (airport: Members<AirportCount>, name) => ({
      flights: natural(airport.flights, `${name} flights`),
      delayMinutes: integer(airport.delayMinutes, `${name} delayMinutes`),
      late: natural(airport.late, `${name} late`),
    })),
  };
}

/** An object before its members have been looked at. */
type Members<T> = { readonly [K in keyof T]?: unknown };

function record(value: unknown, name: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${name} is no object`);
  }
  return value;
}

function mapped<T>(
  value: unknown,
  name: string,
  each: (members: object, name: string) => T,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record(value, name)).map(([key, entry]) => [key, each(record(entry, key), key)]),
  );
}

function integer(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new TypeError(`${name} is no whole number`);
  return value;
}

function natural(value: unknown, name: string): number {
  const number = integer(value, name);
  if (number < 0) throw new TypeError(`${name} is negative`);
  return number;
}

function numbers(value: unknown, name: string): NumberSetState {
  const members: Members<NumberSetState> = record(value, name);
  const through = natural(members.through, `${name} through`);
  const beyond: unknown = members.beyond;
  if (!Array.isArray(beyond) || beyond.length % 2 !== 0) throw new TypeError(`${name} beyond holds no pairs`);
  let last = through;
  const ends = beyond.map((end: unknown, i) => {
    const number = natural(end, `${name} beyond`);
    // Ranges neither touch one another nor what comes before them.
    if (i % 2 === 0 ? number <= last + 1 : number < last) throw new TypeError(`${name} beyond does not rise`);
    last = number;
    return number;
  });
  return { through, beyond: ends };
}
