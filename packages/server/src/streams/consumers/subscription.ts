/**
 * One consumer's subscription to one shard, as the pieces of the answer that carries it: an `initial-response`, events
 * while it lives, an exception if something ends it.
 *
 *      opening ──▶ following ──▶ over ──▶ (exception) ──▶ done
 *                    │    ▲       ▲
 *                    └────┘       └── shard ended · five minutes · taken over · stream or consumer gone · client gone
 *
 * It works only when it is asked for the next piece, and is asked when the client has taken the last: a reader that is
 * slow follows the log at its own pace and costs one event of memory. Nobody polls: it waits for the log, and for
 * whatever changes the stream.
 */
import type { Clock, Timer } from '@millrace/base';
import { type LogEngine, LogError, type Position } from '@millrace/log';
import { AwsError, exceptionMessage, initialResponse, type Protocol } from '@millrace/wire';
import * as errors from '../errors.js';
import type { StreamsLimits } from '../limits.js';
import { type Shard, type Stream, shardAt, shardLog } from '../stream.js';
import type { StreamsMeter } from '../streams-meter.js';
import { type Consumer, consumerArnOf, findConsumer } from './consumer.js';
import * as consumerErrors from './consumer-errors.js';
import type { EventPage, SharedEvents } from './shared-events.js';

/**
 * How fast a subscription may be served. Asked after each event with its bytes as AWS counts them, keys and data;
 * answers the milliseconds until the next may follow.
 */
export type Pace = (
  subscription: { readonly consumerArn: string; readonly log: string },
  bytes: number,
) => number;

export interface SubscriptionOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
  readonly limits: StreamsLimits;
  readonly events: SharedEvents;
  readonly pace: Pace | undefined;
  readonly meter: StreamsMeter | undefined;
  readonly report: (message: string) => void;
}

export interface SubscriptionStart {
  readonly stream: Stream;
  readonly consumer: Consumer;
  readonly shard: Shard;
  readonly position: Position;
  readonly protocol: Protocol;
  /** Told once, when it is over. */
  readonly over: (subscription: Subscription) => void;
}

/** Why a subscription is over: an error that its client is told, or an end like any other. */
type End = AwsError | 'quiet';

export class Subscription implements AsyncIterator<Uint8Array, void> {
  readonly consumerArn: string;
  readonly #options: SubscriptionOptions;
  readonly #start: SubscriptionStart;
  readonly #log: string;
  readonly #life: Timer;
  #stream: Stream;
  #shard: Shard;
  #position: Position;
  #phase: 'opening' | 'following' | 'done' = 'opening';
  #end: End | undefined;
  #saidMs: number;
  /** Not before this instant does the next event follow. */
  #paceMs = 0;
  #wake: (() => void) | undefined;

  constructor(options: SubscriptionOptions, start: SubscriptionStart) {
    const { clock, limits } = options;
    this.consumerArn = consumerArnOf(start.stream, start.consumer);
    this.#options = options;
    this.#start = start;
    this.#stream = start.stream;
    this.#shard = start.shard;
    this.#position = start.position;
    this.#log = shardLog(start.stream, start.shard.index);
    this.#saidMs = clock.now();
    this.#life = clock.schedule(limits.subscriptionLifeMs, () => this.end('quiet'));
  }

  /** Ends it; the first reason counts. */
  end(why: End): void {
    if (this.#end !== undefined) return;
    this.#end = why;
    this.#life.cancel();
    this.#start.over(this);
    this.#wake?.();
  }

  /** The stream has changed, or is gone. */
  streamChanged(stream: Stream | undefined): void {
    const { consumer, stream: of } = this.#start;
    if (stream === undefined || stream.incarnation !== of.incarnation || stream.status === 'DELETING') {
      this.end(errors.streamNotFound(of));
      return;
    }
    const found = findConsumer(stream, consumer.name);
    if (found?.createdMs !== consumer.createdMs || found.status === 'DELETING') {
      this.end(consumerErrors.consumerNotFound(of, consumer.name));
      return;
    }
    this.#stream = stream;
    const shard = shardAt(stream, this.#shard.index);
    if (shard === undefined || shard === this.#shard) return;
    this.#shard = shard;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    const piece = await this.#piece();
    return piece === undefined ? { done: true, value: undefined } : { done: false, value: piece };
  }

  async return(): Promise<IteratorResult<Uint8Array, void>> {
    this.end('quiet');
    this.#phase = 'done';
    return { done: true, value: undefined };
  }

  async #piece(): Promise<Uint8Array | undefined> {
    if (this.#phase === 'done') return undefined;
    if (this.#phase === 'opening') {
      this.#phase = 'following';
      return initialResponse(this.#start.protocol);
    }
    while (this.#end === undefined) {
      const event = await this.#event();
      if (event !== undefined) return event;
    }
    this.#phase = 'done';
    return this.#end === 'quiet' ? undefined : exceptionMessage(this.#start.protocol, this.#end);
  }

  /** The next event, or undefined when it is to be asked for again. */
  async #event(): Promise<Uint8Array | undefined> {
    const { clock, events, limits } = this.#options;
    const paceMs = this.#paceMs - clock.now();
    if (paceMs > 0) return this.#wait(paceMs, false);
    try {
      const shard = this.#shard;
      const page = await events.page(this.#stream, shard, this.#position);
      // What changed meanwhile woke nobody: nobody waited.
      if (this.#end !== undefined || shard !== this.#shard) return undefined;
      const idleMs = limits.subscriptionIdleMs - (clock.now() - this.#saidMs);
      if (page.records.count > 0 || page.nextPosition === undefined || idleMs <= 0) return this.#say(page);
      this.#position = page.nextPosition;
      return await this.#wait(idleMs, true);
    } catch (error) {
      if (error instanceof AwsError) this.end(error);
      else if (error instanceof LogError) this.#failed(error);
      else throw error;
      return undefined;
    }
  }

  #say(page: EventPage): Uint8Array {
    const { clock, meter, pace } = this.#options;
    const event = page.event(this.#start.protocol);
    this.#saidMs = clock.now();
    meter?.gave(this.#stream, page.records.count, page.kinesisBytes);
    if (page.nextPosition === undefined) this.end('quiet');
    else this.#position = page.nextPosition;
    if (pace !== undefined && page.records.count > 0) {
      this.#paceMs =
        this.#saidMs + pace({ consumerArn: this.consumerArn, log: this.#log }, page.kinesisBytes);
    }
    return event;
  }

  /** Waits until something has changed: the subscription or its stream, the log if it is followed, or the time. */
  async #wait(timeMs: number, following: boolean): Promise<undefined> {
    const { engine, clock } = this.#options;
    const waiting = new AbortController();
    const { signal } = waiting;
    this.#wake = () => waiting.abort();
    const timer = clock.schedule(timeMs, this.#wake);
    try {
      // A log that is sealed, or gone, has nothing to wait for: the catalog is about to say what has become of it.
      const open = following && engine.state(this.#log)?.sealed === false;
      if (open) await engine.waitFor(this.#log, this.#position, signal);
      else await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      timer.cancel();
      this.#wake = undefined;
    }
    return undefined;
  }

  #failed(error: LogError): void {
    if (error.code === 'closed') {
      this.end('quiet');
      return;
    }
    this.#options.report(`a subscription of ${this.consumerArn} was ended: ${error.message}`);
    this.end(consumerErrors.readFailure());
  }
}
