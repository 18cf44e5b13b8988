/**
 * One run of calls against the streams and against the reference model at once: what each call answers, what clients see
 * between them, and at the end every record. The service is restarted and crashed in between, in the middle of calls too.
 */
import assert from 'node:assert/strict';
import { type AdjustableClock, present } from '@millrace/base';
import type { LogEngine } from '@millrace/log';
import { AwsError, jsonProtocol } from '@millrace/wire';
import { CatalogError } from '../../catalog/catalog-error.js';
import { MasterKeySet } from '../../keys/master-keys.js';
import type { Caller } from '../address.js';
import { listShards } from '../operations/list-shards.js';
import { putRecords } from '../operations/put-records.js';
import { account, bytesOf, dying, region, TestStreams } from '../streams-fixture.js';
import { arnAt, checkSpread, expected, look, seen } from './model-look.js';
import { committedConsumersMax, consumersMax } from './reference-consumers.js';
import { type Code, ReferenceModel, type ReferenceStream } from './reference-model.js';

const onDemandMax = 2;
const openAttemptsMax = 20;
const scaleEveryMs = 6_000;
/** An engine that does not always know may fail a look, and another one. */
const looksMax = 100;
/** An engine that waits on the clock does nothing more before the next look; a disk takes as long as it takes. */
const turnsOfALook = { waiting: 8, working: 20_000 };
const turnsOfAMillisecond = 4;
/** Each append waits for some milliseconds, and again for one whose outcome is unknown. */
const turnsUntilLanded = 400;

/** Operations after which a stream has other shards. */
const reshaping: ReadonlySet<string> = new Set([
  'CreateStream',
  'MergeShards',
  'SplitShard',
  'UpdateShardCount',
  'UpdateStreamWarmThroughput',
]);

/** Where streams live, each place with names of its own. */
const homes: readonly Caller[] = [
  { account, region },
  { account, region: 'eu-west-1' },
  { account: '210987654321', region },
];
export const homeCount = homes.length;

type Answer = { readonly [member: string]: unknown };

export class ModelRun {
  readonly #models = homes.map(() => new ReferenceModel(onDemandMax));
  #home = 0;
  /** What was done so far, for whoever reads of a failure. */
  readonly history: string[] = [];
  readonly #clock: AdjustableClock;
  readonly #engine: LogEngine;
  readonly late: boolean;
  /** Whether on-demand streams follow their load. */
  readonly scaling: boolean;
  readonly #sealing: boolean;
  #seed: number;
  #under: TestStreams;
  #kill: () => void = () => {};
  #puts = 0;
  #crashTurns: number | undefined;

  /** `late`: appends of a service that crashed may show after its successor has opened. */
  constructor(clock: AdjustableClock, engine: LogEngine, seed: number, late: boolean, scaling: boolean) {
    this.late = late;
    this.scaling = scaling;
    this.#sealing = seed % 2 === 0;
    this.#clock = clock;
    this.#engine = engine;
    this.#seed = seed;
    this.#under = this.#born();
  }

  get under(): TestStreams {
    return this.#under;
  }

  /** Of the place where the run stands. */
  get model(): ReferenceModel {
    return present(this.#models[this.#home], 'a model');
  }

  get caller(): Caller {
    return present(homes[this.#home], 'a home');
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  get home(): number {
    return this.#home;
  }

  /** Goes on in another account or region. */
  move(home: number): void {
    if (home !== this.#home) this.history.push(`at ${home}`);
    this.#home = home;
  }

  /** Opens the streams; an engine that does not know whether it made the catalog's log is asked again. */
  async open(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#under.open();
      } catch (error) {
        if (!(error instanceof CatalogError && error.retryable) || attempt === openAttemptsMax) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#under.close();
  }

  arn(name: string): string {
    return arnAt(this.caller, name);
  }

  advance(ms: number): void {
    this.history.push(`${ms} ms`);
    this.#clock.advance(ms);
    this.#tick();
  }

  /** Lets the scaler look: `hot`, at a load that has one shard halved. Afterwards on-demand streams are as it wants them. */
  async scaled(hot: string | undefined = undefined): Promise<void> {
    if (!this.scaling) return;
    const fromMs = this.nowMs;
    const before = this.#shardsWanted();
    for (const model of this.#models) {
      for (const name of model.streams.keys()) model.scale(name, model === this.model && name === hot);
    }
    const wanted = this.#shardsWanted();
    // A look that was late to end is late to begin again.
    for (let looks = 1; looks === 1 || (looks <= looksMax && this.#shardsThere() !== wanted); looks++) {
      this.advance(scaleEveryMs);
      await this.#untilChanged();
    }
    await this.#under.settle(() => this.#shardsThere() === wanted);
    await this.#settled();
    this.#tick();
    if (before !== wanted) await this.#eachHome(() => this.#observe(fromMs));
  }

  async restart(): Promise<void> {
    this.history.push('stop');
    await this.#under.stop();
    await this.crash();
  }

  /** Nothing of the service is left but what it has given to the engine. */
  async crash(): Promise<void> {
    this.history.push('crash');
    this.#kill();
    this.#under = this.#born();
    await this.open();
    await this.#settled();
  }

  /** Makes a call; it must answer as the model does. False when nobody can say what became of it. */
  async call(operation: string, input: object, model: () => Code | undefined): Promise<boolean> {
    return this.ask(operation, input, model, () => {});
  }

  /** The same, and once it is done `told` is given the answer, if there was still somebody to take it. */
  async ask(
    operation: string,
    input: object,
    model: () => Code | undefined,
    told: (answer: Answer | undefined) => void | Promise<void>,
  ): Promise<boolean> {
    this.history.push(`${operation} ${JSON.stringify(input)}`);
    const fromMs = this.nowMs;
    if (this.#crashTurns !== undefined) return this.#askAndCrash(operation, input, model, told);
    const { code, answer } = await this.#answer(operation, input);
    if (code === 'InternalFailureException') return false;
    await this.#settled();
    this.#tick();
    assert.equal(code, model(), `${operation} ${JSON.stringify(input)}`);
    if (answer !== undefined) await told(answer);
    if (reshaping.has(operation)) await this.#observe(fromMs);
    return true;
  }

  /** Has the first call of `step` lose its process after so many turns. */
  async crashingAfter(turns: number, step: () => Promise<boolean | undefined>): Promise<boolean | undefined> {
    this.#crashTurns = turns;
    const known = await step();
    this.#crashTurns = undefined;
    return known;
  }

  /** Begins a call and crashes: what was answered holds; what was not has been done, or it has not. */
  async #askAndCrash(
    operation: string,
    input: object,
    model: () => Code | undefined,
    told: (answer: Answer | undefined) => void | Promise<void>,
  ): Promise<boolean> {
    const turns = this.#crashTurns ?? 0;
    this.#crashTurns = undefined;
    const unseen = this.#changesUnseen(operation, input);
    this.history.push(`and a crash after ${turns} turns`);
    // Past `TestStreams.run`, which would go on moving the clock for an answer that never comes.
    const fromMs = this.nowMs;
    const body = Buffer.from(JSON.stringify(input));
    const begun = this.#under.bound(operation).run(jsonProtocol, body, this.#under.context(this.caller));
    const answers: (string | undefined)[] = [];
    begun.then(
      () => answers.push(undefined),
      (error: unknown) => answers.push(error instanceof AwsError ? error.code : String(error)),
    );
    await this.#turns(turns);
    this.#kill();
    // What an engine that is slow has been given is there before anybody comes back: nobody could say, later.
    if (this.late) await this.#turns(turnsUntilLanded);
    await this.crash();
    this.#tick();
    const found = JSON.stringify(await seen(this));
    const undone = found === JSON.stringify(expected(this.model));
    const known = answers.length > 0 && answers[0] !== 'InternalFailureException';
    if (!known && undone && unseen) return false;
    if (known) assert.equal(answers[0], model(), `${operation}, answered and crashed`);
    else if (!undone) assert.equal(model(), undefined, `${operation} was done`);
    if (known ? answers[0] === undefined : !undone) await told(undefined);
    const now = JSON.stringify(await seen(this));
    assert.equal(now, JSON.stringify(expected(this.model)), `${operation}, crashed after ${turns} turns`);
    await this.#observe(fromMs);
    return true;
  }

  /** Turns of the event loop; an engine that takes its time is given some. */
  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.late && turn % turnsOfAMillisecond === 0) this.#clock.advance(1);
    }
  }

  /** Lets a look at the load come to something. */
  async #untilChanged(): Promise<void> {
    const { view } = this.#under.streams;
    const turns = this.late ? turnsOfALook.waiting : turnsOfALook.working;
    for (let turn = 0; turn < turns && this.#shardsThere() !== this.#shardsWanted(); turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turn >= turnsOfALook.waiting && this.#under.streams.view !== view) return;
    }
  }

  /** Whether the call, once done, would be counted and change nothing that anybody sees. */
  #changesUnseen(operation: string, input: object): boolean {
    const { StreamName, StreamARN, TargetShardCount, KeyId } = input as {
      readonly [member: string]: unknown;
    };
    const stream = this.model.streams.get(String(StreamName ?? String(StreamARN).split('/')[1]));
    if (operation === 'UpdateShardCount') return stream?.shards === TargetShardCount;
    return operation === 'StartStreamEncryption' && stream?.keyId === KeyId;
  }

  /** Puts a record for each key; without keys when `keyless`. */
  async put(name: string, keys: readonly string[], keyless = false, pad = ''): Promise<void> {
    this.history.push(`put ${name} ${keyless ? `${keys.length} without keys` : keys.join()}`);
    const fromMs = this.#clock.now();
    const records = keys.map((key) => ({ key, data: `${this.#puts++}` }));
    const stream = this.model.streams.get(name);
    let answer: Awaited<ReturnType<TestStreams['put']>>;
    try {
      const Records = records.map(({ key, data }) => ({
        ...(keyless ? {} : { PartitionKey: key }),
        Data: bytesOf(data + pad),
      }));
      answer = await this.#under.call(putRecords, { StreamName: name, Records }, this.caller);
    } catch (error) {
      const refused = stream === undefined ? 'ResourceNotFoundException' : 'ValidationException';
      assert.equal((error as AwsError).code, refused);
      assert.ok(stream === undefined || (keyless && stream.strategy === 'USER_PARTITION_KEY'));
      return;
    }
    assert.ok(stream !== undefined && !(keyless && stream.strategy === 'USER_PARTITION_KEY'));
    const toMs = this.#clock.now();
    this.#tick();
    checkSpread(stream, records, answer.Records);
    assert.equal(answer.EncryptionType, stream.keyId === undefined ? undefined : 'KMS');
    for (const [i, { SequenceNumber: number, ShardId: shard }] of answer.Records.entries()) {
      const { key, data } = present(records[i], 'a record');
      if (number === undefined || shard === undefined) this.model.maybe.add(data);
      else
        this.model.records.push({
          ...this.#placed(stream, fromMs, toMs),
          key: keyless ? '' : key,
          data,
          shard,
          sequenceNumber: BigInt(number),
        });
    }
  }

  /** All that clients see is what the model says. */
  async look(): Promise<void> {
    await this.#eachHome(() => look(this));
  }

  async #eachHome(go: () => Promise<void>): Promise<void> {
    const before = this.#home;
    for (const home of homes.keys()) {
      this.#home = home;
      await go();
    }
    this.#home = before;
  }

  #shardsWanted(): string {
    const of = this.#models.flatMap(({ streams }, home) =>
      [...streams].map(([name, { shards }]) => `${home} ${name} ${shards}`),
    );
    return of.sort().join();
  }

  #shardsThere(): string {
    const of = [...this.#under.streams.view.streams.values()].map((stream) => {
      const home = homes.findIndex((of) => of.account === stream.account && of.region === stream.region);
      return `${home} ${stream.name} ${stream.openShards}`;
    });
    return of.sort().join();
  }

  #tick(): void {
    for (const model of this.#models) model.nowMs = this.#clock.now();
  }

  /** Notes the shards of the streams here, all that was changed since `fromMs`. */
  async #observe(fromMs: number): Promise<void> {
    for (const [name, stream] of this.model.streams) {
      const { Shards: shards = [] } = await this.#under.call(listShards, { StreamName: name }, this.caller);
      const all = shards.map(({ ShardId: id, HashKeyRange: range }) => ({
        id,
        range: { start: BigInt(range.StartingHashKey), end: BigInt(range.EndingHashKey) },
      }));
      const open = shards.filter((shard) => shard.SequenceNumberRange.EndingSequenceNumber === undefined);
      const changed = { fromMs, toMs: this.nowMs };
      stream.lineage.observe(all, new Set(open.map((shard) => shard.ShardId)), changed);
    }
  }

  #born(): TestStreams {
    let alive = true;
    this.#kill = () => {
      alive = false;
    };
    return new TestStreams(
      this.#clock,
      dying(this.#engine, () => alive),
      this.#seed++,
      {
        limits: {
          scaleEveryMs: this.scaling ? scaleEveryMs : 1e12,
          onDemandStreamsMax: onDemandMax,
          consumersMax,
          committedConsumersMax,
        },
        // As often sealed as only told of.
        ...(this.#sealing ? { keys: new MasterKeySet('the model', [Buffer.alloc(32, 1)]) } : {}),
      },
    );
  }

  async #answer(operation: string, input: object) {
    try {
      const body = Buffer.from(JSON.stringify(input));
      const told = Buffer.from(await this.#under.run(operation, jsonProtocol, body, this.caller)).toString();
      return { code: undefined, answer: JSON.parse(told === '' ? '{}' : told) };
    } catch (error) {
      assert.ok(error instanceof AwsError, String(error));
      return { code: error.code, answer: undefined };
    }
  }

  #settled(): Promise<void> {
    return this.#under.settle(() =>
      [...this.#under.streams.view.streams.values()].every(
        ({ status, consumers }) => status === 'ACTIVE' && consumers.every((of) => of.status === 'ACTIVE'),
      ),
    );
  }

  #placed(stream: ReferenceStream, fromMs: number, toMs: number) {
    return {
      stream: stream.id,
      encrypted: stream.keyId !== undefined,
      fromMs,
      toMs,
      number: this.model.records.length,
      ordered: stream.strategy === 'USER_PARTITION_KEY',
    };
  }
}
