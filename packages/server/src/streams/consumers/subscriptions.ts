/**
 * All subscriptions: who may begin one, and who is told when a stream changes.
 *
 *      SubscribeToShard ──▶ 0 … 5 s after the last one for this consumer and shard:   ResourceInUseException
 *                       └─▶ later:   it takes over, and the earlier one ends with ResourceInUseException
 *
 * The five seconds run from the last successful call, whatever has become of its subscription: AWS's document of
 * SubscribeToShard says it so. A restart forgets them (undocumented; we chose).
 *
 * Invariant: a consumer has at most one subscription to a shard, and there are never more than `subscriptionsMax`.
 */
import type { LogEngine } from '@millrace/log';
import type { Fold } from '../../catalog/fold.js';
import * as errors from '../errors.js';
import { keyOf, type Stream } from '../stream.js';
import type { StreamsCommand } from '../streams-command.js';
import type { StreamsOutcome, StreamsState } from '../streams-state.js';
import { consumerArnOf } from './consumer.js';
import * as consumerErrors from './consumer-errors.js';
import { Subscription, type SubscriptionOptions, type SubscriptionStart } from './subscription.js';

export interface SubscriptionsOptions extends SubscriptionOptions {
  readonly engine: LogEngine;
  readonly fold: Fold<StreamsState, StreamsCommand, StreamsOutcome>;
}

/** The subscriptions to one stream, and the stream as they know it. */
interface OfStream {
  readonly key: string;
  seen: Stream;
  readonly subscriptions: Set<Subscription>;
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** By consumer and shard. */
  readonly #active = new Map<string, Subscription>();
  /** When the last successful call was, by consumer and shard; the oldest first, and none that no longer holds. */
  readonly #calls = new Map<string, number>();
  /** By incarnation. */
  readonly #streams = new Map<number, OfStream>();
  readonly #stopListening: () => void;
  #closed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#stopListening = options.fold.listen((view) => this.#viewChanged(view));
  }

  get count(): number {
    return this.#active.size;
  }

  /** Throws what a call is answered that comes too early after the last one. */
  check(start: Pick<SubscriptionStart, 'stream' | 'consumer' | 'shard'>): void {
    const { limits } = this.#options;
    if (this.#closed) throw errors.closing();
    this.#forgetCalls();
    const key = keyOfStart(start);
    if (this.#calls.has(key))
      throw consumerErrors.subscriptionInUse(consumerArnOf(start.stream, start.consumer));
    if (!this.#active.has(key) && this.#active.size >= limits.subscriptionsMax) {
      throw consumerErrors.tooManySubscriptions(limits.subscriptionsMax);
    }
  }

  /** Begins a subscription; throws as `check` does. */
  begin(start: Omit<SubscriptionStart, 'over'>): Subscription {
    this.check(start);
    const key = keyOfStart(start);
    const former = this.#active.get(key);
    former?.end(consumerErrors.subscriptionInUse(former.consumerArn));
    const { stream } = start;
    const over = (ended: Subscription): void => this.#over(key, stream.incarnation, ended);
    const subscription = new Subscription(this.#options, { ...start, over });
    this.#active.set(key, subscription);
    this.#calls.set(key, this.#options.clock.now());
    const of = this.#streams.get(stream.incarnation) ?? {
      key: keyOf(stream),
      seen: stream,
      subscriptions: new Set(),
    };
    of.subscriptions.add(subscription);
    this.#streams.set(stream.incarnation, of);
    return subscription;
  }

  /** Begins no more, and ends all there are as if their time had come. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const subscription of [...this.#active.values()]) subscription.end('quiet');
  }

  #over(key: string, incarnation: number, subscription: Subscription): void {
    if (this.#active.get(key) === subscription) this.#active.delete(key);
    const of = this.#streams.get(incarnation);
    of?.subscriptions.delete(subscription);
    if (of?.subscriptions.size === 0) this.#streams.delete(incarnation);
  }

  #forgetCalls(): void {
    const { clock, limits } = this.#options;
    const heldSinceMs = clock.now() - limits.subscriptionHeldMs;
    for (const [key, atMs] of this.#calls) {
      if (atMs > heldSinceMs) return;
      this.#calls.delete(key);
    }
  }

  #viewChanged(view: StreamsState): void {
    for (const of of this.#streams.values()) {
      const stream = view.streams.get(of.key);
      if (stream === of.seen) continue;
      if (stream !== undefined) of.seen = stream;
      for (const subscription of [...of.subscriptions]) subscription.streamChanged(stream);
    }
  }
}

function keyOfStart({
  stream,
  consumer,
  shard,
}: Pick<SubscriptionStart, 'stream' | 'consumer' | 'shard'>): string {
  return `${stream.incarnation}/${consumer.name}:${consumer.createdMs}/${shard.index}`;
}
