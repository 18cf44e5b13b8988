/** A subscription as dispatch opens it and the gateway reads it: a call, then pieces. For tests alone. */
import assert from 'node:assert/strict';
import type { ValueOf } from '@millrace/wire';
import { cborProtocol, EventStreamDecoder, jsonProtocol, type Protocol } from '@millrace/wire';
import type { RequestContext } from '../../dispatch/operation.js';
import { listStreamConsumers } from '../operations/list-stream-consumers.js';
import { registerStreamConsumer } from '../operations/register-stream-consumer.js';
import { subscribeToShard, subscribeToShardEvent } from '../operations/subscribe-to-shard.js';
import { account, readRecord, region, type TestStreams } from '../streams-fixture.js';

export type Position = ValueOf<typeof subscribeToShard.input>['StartingPosition'];

type Event = ValueOf<typeof subscribeToShardEvent>;

/** What comes over the stream, by its kind. */
type Told =
  | { readonly kind: 'opening' }
  | { readonly kind: 'event'; readonly event: Event; readonly bytes: Uint8Array }
  | { readonly kind: 'exception'; readonly name: string }
  | { readonly kind: 'end' };

export const streamArn = `arn:aws:kinesis:${region}:${account}:stream/s`;

export async function registered(under: TestStreams, ConsumerName: string): Promise<string> {
  const named = { StreamARN: streamArn, ConsumerName };
  const known = (await under.call(listStreamConsumers, { StreamARN: streamArn })).Consumers?.find(
    (each) => each.ConsumerName === ConsumerName,
  );
  const Consumer = known ?? (await under.call(registerStreamConsumer, named)).Consumer;
  await under.settle(
    () =>
      under.streams.fanOut.find({ ConsumerARN: Consumer.ConsumerARN }, { account, region }, '').consumer
        .status === 'ACTIVE',
  );
  return Consumer.ConsumerARN;
}

export class Subscriber {
  readonly texts: string[] = [];
  readonly #under: TestStreams;
  readonly #protocol: Protocol;
  readonly #pieces: AsyncIterator<Uint8Array, void>;
  /** Where a subscription that goes on after this one begins. */
  next: Position | undefined;
  children: readonly string[] | undefined;

  private constructor(under: TestStreams, protocol: Protocol, pieces: AsyncIterator<Uint8Array, void>) {
    this.#under = under;
    this.#protocol = protocol;
    this.#pieces = pieces;
  }

  static async open(
    under: TestStreams,
    request: { readonly ConsumerARN: string; readonly ShardId: string; readonly StartingPosition: Position },
    options: { readonly protocol?: Protocol; readonly context?: Partial<RequestContext> } = {},
  ): Promise<Subscriber> {
    const protocol = options.protocol ?? jsonProtocol;
    const context = { ...under.context(), ...options.context };
    const body = protocol.encode(subscribeToShard.input, request);
    const answer = await under.moving(under.bound('SubscribeToShard').run(protocol, body, context));
    assert('pieces' in answer);
    assert.equal(answer.contentType, 'application/vnd.amazon.eventstream');
    const subscriber = new Subscriber(under, protocol, answer.pieces);
    assert.equal((await subscriber.told()).kind, 'opening');
    return subscriber;
  }

  /** The next that comes. */
  async told(): Promise<Told> {
    const { done, value } = await this.#under.moving(this.#pieces.next());
    if (done === true || value === undefined) return { kind: 'end' };
    const [message, ...more] = new EventStreamDecoder().push(value);
    assert(message !== undefined && more.length === 0, 'a piece is a message');
    const { headers, payload } = message;
    if (headers[':message-type'] === 'exception')
      return { kind: 'exception', name: headers[':exception-type'] ?? '' };
    if (headers[':event-type'] === 'initial-response') return { kind: 'opening' };
    assert.equal(headers[':event-type'], 'SubscribeToShardEvent');
    const json = this.#protocol.contentType !== cborProtocol.contentType;
    assert.equal(headers[':content-type'], json ? 'application/json' : 'application/cbor');
    const event = this.#protocol.decode(subscribeToShardEvent, payload);
    this.#take(event);
    return { kind: 'event', event, bytes: value };
  }

  /** Reads until something other than records comes, or an event without any. */
  async drain(): Promise<Told> {
    for (;;) {
      const told = await this.told();
      if (told.kind !== 'event' || told.event.Records.length === 0) return told;
    }
  }

  leave(): Promise<unknown> {
    return this.#pieces.return?.() ?? Promise.resolve();
  }

  #take(event: Event): void {
    this.texts.push(...event.Records.map((record) => readRecord(record).data));
    const { ContinuationSequenceNumber: SequenceNumber, ChildShards } = event;
    assert.ok(
      (SequenceNumber === undefined) !== (ChildShards === undefined),
      'KCL: a continuation or children',
    );
    this.children = ChildShards?.map(({ ShardId }) => ShardId);
    this.next = SequenceNumber === undefined ? undefined : { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber };
  }
}
