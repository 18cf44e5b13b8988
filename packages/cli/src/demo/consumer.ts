/**
 * Reads every shard of the stream from where the tally stands, by polling, through every reshard: a child is read
 * once all its parents are read to their end, so that events of one key are counted in their order.
 *
 *      shard 0 ──────────────▶ end ─┬─▶ shard 4 ───▶          one follower a shard
 *      shard 1 ───────────────────▶ └─▶ shard 5 ───▶
 */
import { setMaxListeners } from 'node:events';
import type { Clock } from '@millrace/base';
import { pause } from './pause.js';
import type { Page, StreamClient } from './stream-client.js';
import { StreamError } from './stream-client.js';
import type { Taken, Tally } from './tally.js';

/** The rest after a page that was empty. */
const pollMs = 50;
/** Waits between attempts that failed: doubled from the first to the last of these. */
const backoffMsMin = 50;
const backoffMsMax = 2_000;

export interface ConsumerPorts {
  readonly client: StreamClient;
  readonly clock: Clock;
  readonly tally: Tally;
  /** After each page that held records; `ageMs` is how long ago its newest record had arrived in the stream. */
  readonly taken: (shardId: string, taken: Taken, ageMs: number) => void;
  /** What the server's trouble is, in words; undefined when it has passed. */
  readonly trouble: (words: string | undefined) => void;
}

export class Consumer {
  readonly #ports: ConsumerPorts;
  readonly #stop = new AbortController();
  /** The followers at work, each with the look at which it last stood at its shard's tip. */
  readonly #followers = new Map<string, { tipAtLook: number; done: Promise<void> }>();
  #look = 0;
  #waiting: { look: number; resolve: () => void }[] = [];
  #shardsOpen: readonly string[] = [];
  /** Looks for shards to read that are under way. */
  #starting = 0;
  #failed: { readonly error: unknown } | undefined;

  constructor(ports: ConsumerPorts) {
    this.#ports = ports;
    // One listener a follower at rest; Node warns of more than ten as of a leak.
    setMaxListeners(0, this.#stop.signal);
  }

  /** The shards that take records, as of the last reshard that was read. */
  get shardsOpen(): readonly string[] {
    return this.#shardsOpen;
  }

  /** Reads until `signal` aborts. Rejects when the stream is gone, or for a bug. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    await this.#startReadable();
    while (this.#followers.size > 0) {
      await Promise.all([...this.#followers.values()].map(({ done }) => done));
    }
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  /** Resolves when every shard has been read to its tip by a look that began after this call. */
  async caughtUp(): Promise<void> {
    const look = ++this.#look;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ look, resolve });
    });
  }

  /** Starts a follower for each shard that is not read yet and whose parents are read to their end. */
  async #startReadable(): Promise<void> {
    const { client, tally } = this.#ports;
    this.#starting++;
    const shards = await this.#insist(() => client.shards());
    this.#starting--;
    if (shards === undefined) return;
    const listed = new Set(shards.map(({ id }) => id));
    this.#shardsOpen = shards.filter(({ open }) => open).map(({ id }) => id);
    tally.forgetAllBut(listed);
    for (const { id, parents } of shards) {
      if (this.#followers.has(id) || tally.positionOf(id) === 'SHARD_END') continue;
      const readable = parents.every(
        (parent) => !listed.has(parent) || tally.positionOf(parent) === 'SHARD_END',
      );
      if (readable) this.#followers.set(id, { tipAtLook: 0, done: this.#follow(id) });
    }
  }

  async #follow(shardId: string): Promise<void> {
    try {
      const ended = await this.#readOn(shardId);
      if (ended) {
        this.#ports.tally.ended(shardId);
        this.#followers.delete(shardId);
        await this.#startReadable();
      }
    } catch (error) {
      this.#failed ??= { error };
      this.#stop.abort();
    }
    this.#followers.delete(shardId);
    this.#tellWaiting();
  }

  /** Reads the shard until it ends (true) or the consumer stops (false). */
  async #readOn(shardId: string): Promise<boolean> {
    const { client, clock, tally, taken } = this.#ports;
    let iterator: string | undefined;
    while (!this.#stop.signal.aborted) {
      const look = this.#look;
      const page = await this.#insist(async (): Promise<Page | 'expired'> => {
        iterator ??= await client.iterator(shardId, tally.positionOf(shardId));
        try {
          return await client.read(iterator);
        } catch (error) {
          if (error instanceof StreamError && error.code === 'expired') return 'expired';
          throw error;
        }
      });
      if (page === undefined) return false;
      if (page === 'expired') {
        iterator = undefined;
        continue;
      }
      const newest = page.records.at(-1);
      if (newest !== undefined) {
        taken(shardId, tally.take(shardId, page.records), Math.max(0, clock.now() - newest.arrivalMs));
      }
      if (page.nextIterator === undefined) return true;
      iterator = page.nextIterator;
      if (newest === undefined) {
        if (page.behindMs === 0) this.#atTip(shardId, look);
        await pause(clock, pollMs, this.#stop.signal);
      }
    }
    return false;
  }

  #atTip(shardId: string, look: number): void {
    const follower = this.#followers.get(shardId);
    if (follower !== undefined) follower.tipAtLook = look;
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    if (this.#starting > 0 && !this.#stop.signal.aborted) return;
    const tips = [...this.#followers.values()].map(({ tipAtLook }) => tipAtLook);
    const reached = this.#stop.signal.aborted ? Number.POSITIVE_INFINITY : Math.min(...tips);
    for (const { resolve } of this.#waiting.filter(({ look }) => look <= reached)) resolve();
    this.#waiting = this.#waiting.filter(({ look }) => look > reached);
  }

  /** Asks until there is an answer; undefined when the consumer stops first. Rejects for what no wait can mend. */
  async #insist<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const { clock, trouble } = this.#ports;
    let waitMs = 0;
    while (!this.#stop.signal.aborted) {
      try {
        const answer = await ask();
        if (waitMs > 0) trouble(undefined);
        return answer;
      } catch (error) {
        if (!(error instanceof StreamError) || !error.retryable) throw error;
        if (error.code !== 'throttled') trouble(error.message);
        waitMs = Math.min(backoffMsMax, Math.max(backoffMsMin, waitMs * 2));
        await pause(clock, waitMs, this.#stop.signal);
      }
    }
    return undefined;
  }
}
