/**
 * Token buckets by key: a rate, and as much of it at once as the bucket holds. A bucket that nobody has taken from for
 * as long as it takes to fill up is as good as none, so those are let go of when there are many.
 *
 *      full ──take──▶ less ──time──▶ full          `charge` may leave a debt, which has to be filled up first
 */
import type { Clock } from '@millrace/base';

/** Buckets of one set; over it the full ones go, and if that is not enough those that were made first. */
const bucketsMax = 20_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

export class TokenBuckets {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #capacity: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, perSecond: number, capacity = perSecond) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#capacity = capacity;
  }

  /** Takes `count` if there are so many; answers whether. */
  take(key: string, count = 1): boolean {
    if (!this.holds(key, count)) return false;
    this.charge(key, count);
    return true;
  }

  /** Whether `count` could be taken; with 0, whether there is no debt. */
  holds(key: string, count: number): boolean {
    return this.#filled(key) >= count;
  }

  /** Whether anything at all is left. */
  any(key: string): boolean {
    return this.#filled(key) > 0;
  }

  /** How long until anything is left; 0 when something is. */
  msUntilAny(key: string): number {
    const tokens = this.#filled(key);
    return tokens > 0 ? 0 : Math.floor((-tokens / this.#perSecond) * 1000) + 1;
  }

  /** Takes `count`, be it more than there is. */
  charge(key: string, count: number): void {
    const { tokens, atMs } = this.#bucket(key);
    this.#buckets.set(key, { tokens: tokens - count, atMs });
  }

  /** Leaves nothing, and on top of it a debt of `count`. */
  drain(key: string, count = 0): void {
    this.#buckets.set(key, { tokens: -count, atMs: this.#clock.now() });
  }

  get size(): number {
    return this.#buckets.size;
  }

  #filled(key: string): number {
    return this.#buckets.has(key) ? this.#bucket(key).tokens : this.#capacity;
  }

  /** The bucket as it stands now; made full where there is none. */
  #bucket(key: string): Bucket {
    const nowMs = this.#clock.now();
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= bucketsMax) this.#sweep(nowMs);
      bucket = { tokens: this.#capacity, atMs: nowMs };
      this.#buckets.set(key, bucket);
      return bucket;
    }
    bucket.tokens = this.#refilled(bucket, nowMs);
    bucket.atMs = nowMs;
    return bucket;
  }

  #refilled({ tokens, atMs }: Bucket, nowMs: number): number {
    return Math.min(this.#capacity, tokens + ((nowMs - atMs) / 1000) * this.#perSecond);
  }

  #sweep(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#refilled(bucket, nowMs) >= this.#capacity) this.#buckets.delete(key);
    }
    const excess = this.#buckets.size - bucketsMax / 2;
    if (excess <= 0) return;
    let dropped = 0;
    for (const key of this.#buckets.keys()) {
      if (dropped++ >= excess) break;
      this.#buckets.delete(key);
    }
  }
}
