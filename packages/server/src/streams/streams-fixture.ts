/**
 * The streams under test: a service over an engine of any kind, with a clock that the test holds, called as dispatch
 * calls it (bytes in, bytes out). For tests alone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@millrace/base';
import { AdjustableClock, assert, present, SystemClock, seededRandom } from '@millrace/base';
import type { LogEngine } from '@millrace/log';
import { nodeDisk, openMemoryEngine, openNativeEngine } from '@millrace/log';
import { openAwkwardEngine } from '@millrace/log/awkward-engine';
import type { Protocol, StructureShape, ValueOf } from '@millrace/wire';
import { AwsError, jsonProtocol } from '@millrace/wire';
import type { BoundOperation, Operation, OutputOf, RequestContext, Service } from '../dispatch/operation.js';
import type { Caller } from './address.js';
import { streamsService } from './index.js';
import { openStreams } from './open-streams.js';
import { createStream } from './operations/create-stream.js';
import { describeStream } from './operations/describe-stream.js';
import { getRecords } from './operations/get-records.js';
import { getShardIterator } from './operations/get-shard-iterator.js';
import { putRecords } from './operations/put-records.js';
import type { StartingType } from './starting-position.js';
import type { Streams, StreamsOptions } from './streams.js';

export const account = '123456789012';
export const region = 'us-east-1';
export const caller = { account, region };

/** Engines that the streams must hold over. */
export const engines: { readonly [name: string]: (clock: Clock, seed: number) => Promise<LogEngine> } = {
  memory: async (clock) => openMemoryEngine({ clock }),
  awkward: async (clock, seed) => openAwkwardEngine({ clock, random: seededRandom(seed) }),
  native: async (clock, seed) => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-streams-'));
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
    return openNativeEngine({ disk: await nodeDisk(directory), clock, random: seededRandom(seed) });
  },
};

export class TestStreams {
  readonly clock: AdjustableClock;
  readonly engine: LogEngine;
  readonly reports: string[] = [];
  readonly #options: Partial<StreamsOptions>;
  #seed: number;
  #streams: Streams | undefined;
  #service: Service | undefined;

  constructor(clock: AdjustableClock, engine: LogEngine, seed: number, options: Partial<StreamsOptions>) {
    this.clock = clock;
    this.engine = engine;
    this.#seed = seed;
    this.#options = options;
  }

  get streams(): Streams {
    assert(this.#streams !== undefined, 'the streams are open');
    return this.#streams;
  }

  /** Opens the service over the engine, as a restart would: nothing but the engine is kept. */
  async open(): Promise<void> {
    this.#seed++;
    const opening = openStreams({
      engine: this.engine,
      clock: this.clock,
      random: seededRandom(this.#seed),
      delays: { createDelayMs: 0, updateDelayMs: 0, deleteDelayMs: 0 },
      report: (message) => this.reports.push(message),
      ...this.#options,
    });
    this.#streams = await this.moving(opening);
    const service = streamsService(this.#streams);
    await service.later?.read();
    this.#service = service;
  }

  /** Stops the service; the engine stays. */
  async stop(): Promise<void> {
    if (this.#streams !== undefined) await this.moving(this.#streams.close());
    this.#streams = undefined;
  }

  /** Stops the service and closes the engine. */
  async close(): Promise<void> {
    await this.stop();
    await this.moving(this.engine.close());
  }

  async reopen(): Promise<void> {
    await this.stop();
    await this.open();
  }

  context(of: Partial<Caller> = {}): RequestContext {
    const { signal } = new AbortController();
    return { account, region, requestId: 'test', clock: this.clock, signal, ...of };
  }

  /** Calls an operation as a client would, over JSON; rejects with the `AwsError` of the answer. */
  async call<I extends StructureShape, O extends StructureShape | undefined>(
    declared: Operation<Streams, I, O>,
    input: ValueOf<I>,
    of: Partial<Caller> = {},
  ): Promise<OutputOf<O>> {
    const body = await this.run(declared.name, jsonProtocol, jsonProtocol.encode(declared.input, input), of);
    const { output } = declared;
    // Without an output there is nothing to decode, and `OutputOf` is void.
    return (output === undefined ? undefined : jsonProtocol.decode(output, body)) as OutputOf<O>;
  }

  async run(
    operation: string,
    protocol: Protocol,
    body: Uint8Array,
    of: Partial<Caller> = {},
  ): Promise<Uint8Array> {
    const answer = await this.moving(this.bound(operation).run(protocol, body, this.context(of)));
    assert(!('pieces' in answer), `${operation} answers whole`);
    return 'body' in answer ? answer.body : answer;
  }

  /** An operation as dispatch calls it. */
  bound(operation: string): BoundOperation {
    const bound = this.#service?.operations.get(operation);
    assert(bound !== undefined, `there is no operation ${operation}`);
    return bound;
  }

  /** The type and message that an operation refuses a JSON input with. */
  async refusal(
    operation: string,
    input: object,
    of: Partial<Caller> = {},
  ): Promise<readonly [string, string]> {
    try {
      const answer = await this.run(operation, jsonProtocol, Buffer.from(JSON.stringify(input)), of);
      throw new Error(`${operation} answered ${Buffer.from(answer).toString('utf8')}`);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      return [error.code, error.message];
    }
  }

  /** Lets the background work until `done`, moving the held clock from timer to timer. */
  async settle(done: () => boolean): Promise<void> {
    for (let turns = 0; !done(); turns++) {
      assert(turns < settleTurnsMax, 'nothing more happens, and what was waited for has not happened');
      await new Promise((resolve) => setImmediate(resolve));
      const dueMs = this.clock.nextDueMs();
      if (turns % 4 === 3 && dueMs !== undefined && dueMs - this.clock.now() <= settleStepMsMax) {
        this.clock.advance(dueMs - this.clock.now());
      }
    }
  }

  /** Awaits `pending` while the clock moves: an engine may wait on it. */
  async moving<T>(pending: Promise<T>): Promise<T> {
    let done = false;
    const finish = (): void => {
      done = true;
    };
    pending.then(finish, finish);
    await this.settle(() => done);
    return pending;
  }

  status(name: string, of = caller): string | undefined {
    return this.streams.view.streams.get(`${of.account}/${of.region}/${name}`)?.status;
  }

  async active(name: string): Promise<void> {
    await this.settle(() => this.status(name) === 'ACTIVE');
  }

  async createStream(name: string, shards: number): Promise<void> {
    await this.call(createStream, { StreamName: name, ShardCount: shards });
    await this.active(name);
  }

  async describe(name: string): Promise<OutputOf<(typeof describeStream)['output']>['StreamDescription']> {
    return (await this.call(describeStream, { StreamName: name })).StreamDescription;
  }

  /** Puts records, each its own data, and answers as PutRecords does. */
  put(name: string, records: readonly PutEntry[]): Promise<OutputOf<(typeof putRecords)['output']>> {
    return this.call(putRecords, {
      StreamName: name,
      Records: records.map(({ key, data, hashKey }) => ({
        Data: bytesOf(data),
        PartitionKey: key,
        ExplicitHashKey: hashKey,
      })),
    });
  }

  async iterator(
    name: string,
    shard: number | string,
    type: StartingType = 'TRIM_HORIZON',
    more: { readonly StartingSequenceNumber?: string; readonly Timestamp?: number } = {},
  ): Promise<string> {
    const input = { StreamName: name, ShardId: String(shard), ShardIteratorType: type, ...more };
    return present((await this.call(getShardIterator, input)).ShardIterator, 'an iterator');
  }

  read(iterator: string, limit?: number): Promise<OutputOf<(typeof getRecords)['output']>> {
    return this.call(getRecords, { ShardIterator: iterator, Limit: limit });
  }

  /** Everything that a shard has, read in pages; stops at the tip or at the shard's end. */
  async readShard(name: string, shard: number | string, limit = 10_000): Promise<readonly ReadRecord[]> {
    const records: ReadRecord[] = [];
    let iterator: string | undefined = await this.iterator(name, shard);
    while (iterator !== undefined) {
      const page: OutputOf<(typeof getRecords)['output']> = await this.read(iterator, limit);
      records.push(...page.Records.map(readRecord));
      if (page.Records.length === 0 && page.MillisBehindLatest === 0) break;
      iterator = page.NextShardIterator;
    }
    return records;
  }
}

export interface PutEntry {
  readonly key: string;
  readonly data: string;
  readonly hashKey?: string;
}

export function readRecord(record: {
  readonly PartitionKey?: string | undefined;
  readonly Data: Uint8Array;
  readonly SequenceNumber: string;
}): ReadRecord {
  const data = Buffer.from(record.Data).toString('utf8');
  return { key: record.PartitionKey ?? '', data, sequenceNumber: record.SequenceNumber };
}

export interface ReadRecord {
  readonly key: string;
  readonly data: string;
  readonly sequenceNumber: string;
}

/** Timers further off than this are not waited for: they are sweeps and limits, not steps. */
const settleStepMsMax = 5_000;
/** Turns of the event loop, some microseconds each: a real disk may take thousands of them. */
const settleTurnsMax = 5_000_000;

/** A held clock that stands at a fixed instant. */
export function heldClock(): AdjustableClock {
  const clock = new AdjustableClock({ now: () => startMs, schedule: new SystemClock().schedule });
  clock.hold();
  return clock;
}

export const startMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export async function testStreams(
  options: Partial<StreamsOptions> = {},
  engine: keyof typeof engines = 'memory',
  seed = 1,
): Promise<TestStreams> {
  const clock = heldClock();
  const make = engines[engine];
  assert(make !== undefined, `there is no engine ${engine}`);
  const streams = new TestStreams(clock, await make(clock, seed), seed, options);
  await streams.open();
  return streams;
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** An engine that stops answering: every call after `alive` says no hangs for good, without being done. */
export function dying(engine: LogEngine, alive: () => boolean): LogEngine {
  const hang = <T>(): Promise<T> => new Promise<T>(() => {});
  return {
    create: (logs) => (alive() ? engine.create(logs) : hang()),
    append: (batch) => (alive() ? engine.append(batch) : hang()),
    read: (request) => (alive() ? engine.read(request) : hang()),
    seal: (log) => (alive() ? engine.seal(log) : hang()),
    trim: (log, before) => (alive() ? engine.trim(log, before) : hang()),
    delete: (logs) => (alive() ? engine.delete(logs) : hang()),
    findByArrival: (log, arrivalMs) => engine.findByArrival(log, arrivalMs),
    state: (log) => engine.state(log),
    waitFor: (log, position, signal) => engine.waitFor(log, position, signal),
    list: () => engine.list(),
    health: () => engine.health(),
    counters: () => engine.counters(),
    close: () => engine.close(),
  };
}
