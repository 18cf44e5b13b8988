/**
 * Where records go: the open shards of a stream by their place on the ring of hash keys, as typed arrays, so that
 * routing a record allocates nothing and costs a binary search on 32-bit words, with 4 shards as with 10,000.
 *
 * Invariant: the open shards cover the ring, so every hash key has one.
 */
import { assert } from '@millrace/base';
import type { LogId } from '@millrace/log';
import { findHashKeyRange, hashKeyToWords, hashKeyWords } from '@millrace/wire';
import type { Shard, Stream } from './stream.js';
import { shardLog } from './stream.js';

export interface Routed {
  /** The shards touched, each once, in the order in which they were met. */
  readonly shards: readonly Shard[];
  readonly logs: readonly LogId[];
  /** For each record, the index into both. */
  readonly slotOf: Uint32Array;
}

export class ShardRing {
  readonly #shards: readonly Shard[];
  readonly #logs: readonly LogId[];
  readonly #starts: Uint32Array;
  /** Scratch of `route`: for each shard its slot plus one, 0 while it has none. */
  readonly #slots: Uint32Array;
  /** The shard that the next record goes to which no key sends anywhere. */
  #turn = 0;

  constructor(stream: Stream) {
    this.#shards = stream.shards.filter((shard) => shard.closed === undefined).sort(byStart);
    assert(this.#shards[0]?.range.start === 0n, `the open shards of ${stream.name} do not cover the ring`);
    this.#logs = this.#shards.map((shard) => shardLog(stream, shard.index));
    this.#starts = new Uint32Array(this.#shards.length * hashKeyWords);
    for (const [i, shard] of this.#shards.entries())
      hashKeyToWords(shard.range.start, this.#starts, i * hashKeyWords);
    this.#slots = new Uint32Array(this.#shards.length);
  }

  /** Takes the turns of the next `count` records that no key sends anywhere; answers the first. */
  takeTurns(count: number): number {
    const first = this.#turn;
    this.#turn = (first + count) % this.#shards.length;
    return first;
  }

  /** The shards whose turns they are, each once. */
  shardsAt(turn: number, count: number): readonly Shard[] {
    const length = Math.min(count, this.#shards.length);
    return pick(
      this.#shards,
      Array.from({ length }, (_, i) => (turn + i) % this.#shards.length),
    );
  }

  /** Gives the `count` records hash keys that spread them evenly: each goes to the shard after the last one's. */
  spread(hashes: Uint32Array, count: number, turn = this.takeTurns(count)): void {
    for (let i = 0; i < count; i++) {
      const from = ((turn + i) % this.#shards.length) * hashKeyWords;
      hashes.set(this.#starts.subarray(from, from + hashKeyWords), i * hashKeyWords);
    }
  }

  /** Sends the `count` records with these hashes (four words each) to their shards. */
  route(hashes: Uint32Array, count: number): Routed {
    if (count === 1) return this.#routeOne(hashes);
    const slotOf = new Uint32Array(count);
    const touched: number[] = [];
    const slots = this.#slots;
    for (let i = 0; i < count; i++) {
      const at = findHashKeyRange(this.#starts, hashes, i * hashKeyWords);
      let slot = slots[at] ?? 0;
      if (slot === 0) {
        slot = touched.push(at);
        slots[at] = slot;
      }
      slotOf[i] = slot - 1;
    }
    for (const at of touched) slots[at] = 0;
    return { shards: pick(this.#shards, touched), logs: pick(this.#logs, touched), slotOf };
  }

  #routeOne(hashes: Uint32Array): Routed {
    const touched = [findHashKeyRange(this.#starts, hashes, 0)];
    return { shards: pick(this.#shards, touched), logs: pick(this.#logs, touched), slotOf: firstSlot };
  }
}

/** Of a single record. Nobody writes to it. */
const firstSlot = Uint32Array.of(0);

const rings = new WeakMap<readonly Shard[], ShardRing>();

/** The ring of a stream as it stands in this view; made once for each list of shards. */
export function ringOf(stream: Stream): ShardRing {
  let ring = rings.get(stream.shards);
  if (ring === undefined) {
    ring = new ShardRing(stream);
    rings.set(stream.shards, ring);
  }
  return ring;
}

function byStart(a: Shard, b: Shard): number {
  return a.range.start < b.range.start ? -1 : 1;
}

function pick<T>(from: readonly T[], at: readonly number[]): T[] {
  const picked: T[] = [];
  for (const i of at) {
    const item = from[i];
    assert(item !== undefined, `no shard at ${i}`);
    picked.push(item);
  }
  return picked;
}
