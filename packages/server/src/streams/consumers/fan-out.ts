/**
 * Enhanced fan-out as operations ask for it: consumers of a stream, and their subscriptions to its shards.
 *
 *      operation ──▶ FanOut ──┬─ catalog: register, deregister
 *                             └─ Subscriptions ──▶ Subscription ──▶ SharedEvents ──▶ reader ──▶ log
 */
import type { Clock } from '@millrace/base';
import type { LogEngine } from '@millrace/log';
import type { Protocol } from '@millrace/wire';
import type { RequestContext } from '../../dispatch/operation.js';
import { settingsAt } from '../account-settings.js';
import { type Caller, streamNameOf } from '../address.js';
import type { OfStream } from '../commands/of.js';
import * as errors from '../errors.js';
import type { StreamsLimits } from '../limits.js';
import type { Reader } from '../reader.js';
import { type StartingPoint, startingPosition } from '../starting-position.js';
import { parseShardId, type Shard, type Stream, visibleShard } from '../stream.js';
import type { StreamsCommand } from '../streams-command.js';
import type { StreamsMeter } from '../streams-meter.js';
import { findStream, namespaceOf, type StreamsState } from '../streams-state.js';
import { type Consumer, createdS, findConsumer, parseConsumerArn } from './consumer.js';
import * as consumerErrors from './consumer-errors.js';
import { SharedEvents } from './shared-events.js';
import type { Pace, Subscription } from './subscription.js';
import { Subscriptions, type SubscriptionsOptions } from './subscriptions.js';

export interface FanOutOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
  readonly fold: SubscriptionsOptions['fold'];
  readonly limits: StreamsLimits;
  readonly reader: Reader;
  /** What holds subscriptions to AWS's 2 MB a second; without it, they go as fast as their clients. */
  readonly pace: Pace | undefined;
  readonly meter: StreamsMeter | undefined;
  readonly report: (message: string) => void;
  /** Has a command decided; throws when it is refused. */
  readonly change: (command: StreamsCommand & OfStream) => Promise<void>;
}

/** How operations say which consumer they mean: by its ARN, or by its name and the ARN of its stream. */
interface NamedConsumer {
  readonly ConsumerARN?: string | undefined;
  readonly ConsumerName?: string | undefined;
  readonly StreamARN?: string | undefined;
}

export interface SubscribeRequest {
  readonly ConsumerARN: string;
  readonly ShardId: string;
  readonly point: StartingPoint;
  readonly dryRun: boolean;
}

interface Found {
  readonly stream: Stream;
  readonly consumer: Consumer;
}

export class FanOut {
  readonly #options: FanOutOptions;
  readonly #subscriptions: Subscriptions;

  constructor(options: FanOutOptions) {
    const { engine, reader, clock, limits } = options;
    this.#options = options;
    const events = new SharedEvents({ engine, reader, clock, limits });
    this.#subscriptions = new Subscriptions({ ...options, events });
  }

  /** How many subscriptions there are now. */
  get subscriptions(): number {
    return this.#subscriptions.count;
  }

  async register(stream: Stream, name: string, tags: { readonly [key: string]: string }): Promise<Found> {
    const { consumersCreatingMax: creatingMax } = this.#options.limits;
    const consumersMax = this.#consumersMax(stream);
    const of = nameOf(stream);
    await this.#options.change({ type: 'register', ...of, consumer: name, tags, consumersMax, creatingMax });
    return this.#find(of, name);
  }

  async deregister(named: NamedConsumer, caller: Caller, operationName: string): Promise<void> {
    const { stream, consumer } = this.find(named, caller, operationName);
    await this.#options.change({ type: 'deregister', ...nameOf(stream), consumer: consumer.name });
  }

  /** The consumer that is meant, in any state. */
  find(named: NamedConsumer, caller: Caller, operationName: string): Found {
    const { ConsumerARN: arn, ConsumerName: name, StreamARN: streamArn } = named;
    if (arn === undefined) {
      if (name === undefined || streamArn === undefined) throw consumerErrors.consumerUnnamed();
      const { account, region } = caller;
      return this.#find({ account, region, name: streamNameOf(named, caller, operationName) }, name);
    }
    const meant = parseConsumerArn(arn);
    const StreamARN = arn.slice(0, arn.indexOf('/consumer/'));
    const streamName = streamNameOf({ StreamARN }, caller, operationName, arn);
    if ((streamArn ?? StreamARN) !== StreamARN || (name ?? meant.consumerName) !== meant.consumerName) {
      throw consumerErrors.consumerNamesDiffer(arn);
    }
    const { account, region } = caller;
    const found = this.#find({ account, region, name: streamName }, meant.consumerName);
    // The same name, deregistered and registered again, is another consumer.
    if (createdS(found.consumer) !== meant.createdS)
      throw consumerErrors.consumerNotFound(found.stream, meant.consumerName);
    return found;
  }

  /** Begins a subscription, which ends when the context's signal aborts. */
  async subscribe(
    request: SubscribeRequest,
    context: RequestContext,
    protocol: Protocol,
  ): Promise<Subscription> {
    const { reader, clock } = this.#options;
    const { stream, shard, consumer } = this.#subscribable(request, context);
    this.#subscriptions.check({ stream, consumer, shard });
    const nowMs = clock.now();
    const position = await startingPosition(reader, stream, shard, request.point, nowMs, 'SubscribeToShard');
    if (request.dryRun) throw errors.wouldHaveSucceeded();
    // While the position was looked up, the stream may have changed.
    const found = this.#subscribable(request, context);
    const subscription = this.#subscriptions.begin({ ...found, position, protocol });
    const { signal } = context;
    if (signal.aborted) subscription.end('quiet');
    signal.addEventListener('abort', () => subscription.end('quiet'), { once: true });
    return subscription;
  }

  close(): void {
    this.#subscriptions.close();
  }

  #consumersMax(stream: Stream): number {
    const { fold, clock, limits } = this.#options;
    const { status } = settingsAt(fold.view.accounts.get(namespaceOf(stream)), clock.now());
    return stream.mode === 'ON_DEMAND' && status !== 'DISABLED'
      ? limits.committedConsumersMax
      : limits.consumersMax;
  }

  #subscribable(request: SubscribeRequest, caller: Caller): Found & { readonly shard: Shard } {
    const { stream, consumer } = this.find({ ConsumerARN: request.ConsumerARN }, caller, 'SubscribeToShard');
    if (stream.status === 'DELETING') throw errors.streamNotFound(stream);
    if (consumer.status !== 'ACTIVE') {
      throw consumerErrors.consumerNotActive(stream, consumer.name, createdS(consumer));
    }
    const index = parseShardId(request.ShardId);
    if (index === undefined) throw errors.shardNotFound(stream, request.ShardId);
    const shard = visibleShard(stream, index, this.#options.clock.now());
    if (shard === undefined) throw errors.shardMissing(stream, index);
    return { stream, consumer, shard };
  }

  #find(of: OfStream, consumerName: string): Found {
    const view: StreamsState = this.#options.fold.view;
    const stream = findStream(view, of.account, of.region, of.name);
    if (stream === undefined) throw errors.streamNotFound(of);
    const consumer = findConsumer(stream, consumerName);
    if (consumer === undefined) throw consumerErrors.consumerNotFound(stream, consumerName);
    return { stream, consumer };
  }
}

function nameOf({ account, region, name }: Stream): OfStream {
  return { account, region, name };
}
