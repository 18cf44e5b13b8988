/**
 * The count, and how far it has read: one state, moved by whole pages, so that whoever looks between two pages sees
 * counts and positions that belong together.
 *
 * Invariant: the counts are those of exactly the events before the positions, each number once.
 */
import { present } from '@millrace/base';
import type { Checkpoint, ShardPosition, ShardProgress } from './checkpoint.js';
import { decodeEvent } from './flight.js';
import { NumberSet } from './number-set.js';
import { Statistics } from './statistics.js';
import type { StreamRecord } from './stream-client.js';

export interface Taken {
  readonly fresh: number;
  readonly duplicates: number;
  readonly foreign: number;
}

export class Tally {
  readonly series: string;
  readonly counted: NumberSet;
  readonly statistics: Statistics;
  readonly #shards: Map<string, ShardProgress>;
  #duplicates: number;
  #foreign: number;

  constructor(
    from: Pick<Checkpoint, 'series' | 'shards' | 'counted' | 'duplicates' | 'foreign' | 'airports'>,
  ) {
    this.series = from.series;
    this.counted = new NumberSet(from.counted);
    this.statistics = new Statistics(from.airports);
    this.#shards = new Map(Object.entries(from.shards));
    this.#duplicates = from.duplicates;
    this.#foreign = from.foreign;
  }

  /** A count of nothing, of a series that begins. */
  static empty(series: string): Tally {
    const counted = { through: 0, beyond: [] };
    return new Tally({ series, shards: {}, counted, duplicates: 0, foreign: 0, airports: {} });
  }

  get duplicates(): number {
    return this.#duplicates;
  }

  get foreign(): number {
    return this.#foreign;
  }

  get shards(): ReadonlyMap<string, ShardProgress> {
    return this.#shards;
  }

  positionOf(shardId: string): ShardPosition {
    return this.#shards.get(shardId)?.position ?? 'TRIM_HORIZON';
  }

  /** Counts the records of one page and moves the shard's position behind them. */
  take(shardId: string, records: readonly StreamRecord[]): Taken {
    let fresh = 0;
    let duplicates = 0;
    let foreign = 0;
    for (const record of records) {
      const event = decodeEvent(record.data);
      const outcome = event?.series === this.series ? this.counted.add(event.n) : 'foreign';
      if (outcome === 'present') duplicates++;
      else if (outcome !== 'added') foreign++;
      else {
        this.statistics.count(present(event, 'the event'));
        fresh++;
      }
    }
    this.#duplicates += duplicates;
    this.#foreign += foreign;
    const last = records.at(-1);
    const so = this.#shards.get(shardId);
    this.#shards.set(shardId, {
      position: last?.sequenceNumber ?? so?.position ?? 'TRIM_HORIZON',
      events: (so?.events ?? 0) + fresh + duplicates,
    });
    return { fresh, duplicates, foreign };
  }

  /** The shard is closed and read to its end. */
  ended(shardId: string): void {
    this.#shards.set(shardId, { position: 'SHARD_END', events: this.#shards.get(shardId)?.events ?? 0 });
  }

  /** Forgets shards that the stream no longer lists: their records have passed out of retention. */
  forgetAllBut(shardIds: ReadonlySet<string>): void {
    for (const id of this.#shards.keys()) if (!shardIds.has(id)) this.#shards.delete(id);
  }

  state(): Pick<Checkpoint, 'series' | 'shards' | 'counted' | 'duplicates' | 'foreign' | 'airports'> {
    return {
      series: this.series,
      shards: Object.fromEntries(this.#shards),
      counted: this.counted.state(),
      duplicates: this.#duplicates,
      foreign: this.#foreign,
      airports: this.statistics.counts(),
    };
  }
}
