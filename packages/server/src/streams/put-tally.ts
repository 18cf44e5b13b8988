/**
 * What becomes of the records of one put, over as many appends as that takes: each is taken by a shard, or refused, or
 * failed, or, while its shard's children are waited for, still open.
 *
 * Invariant: a result is asked for once nothing is open.
 */
import { assert } from '@millrace/base';
import type { AppendOutcome } from '@millrace/log';
import type { AwsError } from '@millrace/wire';
import type { PutResult, ShardIdentity } from './put-batch.js';
import type { Shard } from './stream.js';

/** Why a record was not taken. */
export type PutFailure = 'full' | 'poisoned' | 'unknown' | 'moved' | 'gone';

export class Tally {
  readonly #shards: ShardIdentity[] = [];
  readonly #shardOf: Uint32Array;
  readonly #positions: Float64Array;
  readonly #arrivalsMs: Float64Array;
  #failures: Map<number, PutFailure> | undefined;
  #refused: ReadonlyMap<number, AwsError> | undefined;

  constructor(count: number) {
    this.#shardOf = new Uint32Array(count);
    this.#positions = new Float64Array(count);
    this.#arrivalsMs = new Float64Array(count);
  }

  /** Takes in the outcomes of one append; answers the shards that were sealed. */
  settle(
    shards: readonly Shard[],
    slotOf: Uint32Array,
    outcomes: readonly AppendOutcome[],
    recordOf: Uint32Array,
  ): readonly Shard[] {
    assert(outcomes.length === shards.length, `${outcomes.length} outcomes for ${shards.length} logs`);
    const base = this.#shards.length;
    const nextOf = new Float64Array(shards.length);
    const sealed: Shard[] = [];
    for (const [slot, shard] of shards.entries()) {
      const outcome = outcomes[slot];
      this.#shards.push(shard);
      if (outcome?.kind === 'appended') nextOf[slot] = outcome.firstPosition;
      if (outcome?.kind === 'sealed') sealed.push(shard);
    }
    for (let i = 0; i < recordOf.length; i++) {
      const slot = slotOf[i] ?? 0;
      const record = recordOf[i] ?? 0;
      const outcome = outcomes[slot];
      if (outcome?.kind === 'appended') {
        // The records of one append to one log are consecutive: the engine's contract.
        const position = nextOf[slot] ?? 0;
        nextOf[slot] = position + 1;
        this.#shardOf[record] = base + slot;
        this.#positions[record] = position;
        this.#arrivalsMs[record] = outcome.arrivalMs;
      } else if (outcome?.kind !== 'sealed') {
        this.#fail(record, failureBy[outcome?.kind ?? 'unknown']);
      }
    }
    return sealed;
  }

  /** Takes in the records that were not let through, each with what is said of it. */
  refuse(refused: ReadonlyMap<number, AwsError>): void {
    this.#refused = refused;
  }

  failAll(records: Uint32Array, failure: PutFailure): void {
    for (const record of records) this.#fail(record, failure);
  }

  #fail(record: number, failure: PutFailure): void {
    this.#failures ??= new Map();
    this.#failures.set(record, failure);
  }

  result(failureOf: (failure: PutFailure) => AwsError): PutResult {
    const errors = this.#errors(failureOf);
    return {
      count: this.#positions.length,
      shards: this.#shards,
      shardOf: this.#shardOf,
      positions: this.#positions,
      arrivalsMs: this.#arrivalsMs,
      failedCount: errors?.size ?? 0,
      errors,
    };
  }

  #errors(failureOf: (failure: PutFailure) => AwsError): ReadonlyMap<number, AwsError> | undefined {
    if (this.#failures === undefined) return this.#refused;
    const failed = [...this.#failures].map(([record, why]) => [record, failureOf(why)] as const);
    return new Map([...failed, ...(this.#refused ?? [])].sort(([a], [b]) => a - b));
  }
}

const failureBy = { full: 'full', poisoned: 'poisoned', unknown: 'unknown', missing: 'gone' } as const;
