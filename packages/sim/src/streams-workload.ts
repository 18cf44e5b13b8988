/**
 * Clients of the streams service, over a log engine that `harness.ts` harms: producers put records under a few keys
 * at a time, followers read shards through iterators and from parents to children, owners make, split, merge, scale and
 * delete streams and make them again under the same names, and time passes by milliseconds and by days.
 *
 * Clients outlive the server. Whatever is answered goes through `streams-checker.ts`; after each recovery everything
 * is read.
 */
import { pick, type Random } from '@millrace/base';
import { openStreams, type Shard, type Stream } from '@millrace/server';
import { AwsError, shardIdOf } from '@millrace/wire';
import { Followers } from './followers.js';
import { Harness } from './harness.js';
import type { EngineUnderTest, OpenedLog } from './open-log.js';
import { Producers, type ProducersLimits } from './producers.js';
import type { RunOptions, RunReport } from './run.js';
import { type OwnersLimits, StreamOwners } from './stream-owners.js';
import { type ReaderPlace, readerAt } from './streams-model.js';
import { addressOf, answerOf, caller, StreamsWorld } from './streams-world.js';
import { check } from './violation.js';
import { Weighted } from './weighted.js';

const hourMs = 3_600_000;
/** Seconds that a stream may take to become ACTIVE when nothing is wrong. */
const settleSecondsMax = 200;
/** Puts that may fail at the end of a run, before one is taken, when an engine does not know what it did. */
const lastPutsMax = 20;

type Call = 'put' | 'read' | 'create' | 'split' | 'merge' | 'scale' | 'rekey' | 'delete';
type Action = Call | 'perform' | 'advance' | 'day' | 'fill' | 'room';

/** How the clients of one seed behave. */
interface Character extends OwnersLimits, ProducersLimits {
  readonly actions: Weighted<Action>;
  readonly delayMs: number;
  readonly commandsBetweenSnapshots: number;
}

function character(random: Random): Character {
  const actions = new Weighted<Action>('perform', [
    ['perform', 40],
    ['advance', pick(random, [2, 5, 20])],
    ['put', pick(random, [5, 15, 30])],
    ['read', pick(random, [2, 8])],
    ['create', 1],
    ['split', pick(random, [0, 0.5, 3])],
    ['merge', pick(random, [0, 0.5, 3])],
    ['scale', pick(random, [0, 0, 1])],
    ['rekey', pick(random, [0, 0.5, 3])],
    ['delete', pick(random, [0, 0.1, 1])],
    ['day', pick(random, [0, 0, 0.3])],
    ['fill', pick(random, [0, 0, 0.3])],
    ['room', 0.2],
  ]);
  return {
    actions,
    streamsMax: pick(random, [1, 1, 3]),
    shardsMax: pick(random, [2, 6]),
    batchMax: pick(random, [1, 5, 12]),
    dataBytesMax: pick(random, [8, 100, 1500]),
    putsInFlightMax: pick(random, [1, 4, 16]),
    delayMs: pick(random, [0, 50]),
    commandsBetweenSnapshots: pick(random, [1, 4, 1000]),
  };
}

export class StreamsWorkload {
  readonly #harness: Harness;
  readonly #random: Random;
  readonly #character: Character;
  readonly #world: StreamsWorld;
  readonly #nonceByPosition: boolean;
  readonly #producers: Producers;
  readonly #followers: Followers;
  readonly #owners: StreamOwners;

  constructor(options: RunOptions, subject: EngineUnderTest) {
    this.#harness = new Harness(options, subject, () => this.#lifeEnds());
    const random = this.#harness.random;
    this.#random = random;
    this.#character = character(random);
    this.#world = new StreamsWorld(this.#harness);
    this.#nonceByPosition = options.canary === 'nonceByPosition';
    const { sealed } = this.#world;
    this.#harness.machine.image.watch = (name, bytes) => {
      this.#harness.guard(() => sealed.wrote(name, bytes));
    };
    this.#producers = new Producers(this.#world, random, this.#character);
    this.#followers = new Followers(this.#world, random);
    this.#owners = new StreamOwners(this.#world, random, this.#character);
  }

  run(): Promise<RunReport> {
    return this.#harness.run(
      'streams',
      () => this.#body(),
      () => ({
        ...this.#world.checker.counts,
        ...this.#world.lineage.counts,
        groupsSealed: this.#world.sealed.groups,
      }),
    );
  }

  async #body(): Promise<void> {
    const harness = this.#harness;
    await this.#boot();
    while (!harness.over) {
      const going = await harness.turn(() => this.#act(this.#character.actions.pick(this.#random)));
      this.#world.observe();
      if (going) continue;
      harness.crash();
      await this.#boot();
    }
    await this.#finish();
  }

  #act(action: Action): void {
    const harness = this.#harness;
    const { machine } = harness;
    switch (action) {
      case 'perform':
        harness.perform();
        break;
      case 'advance':
        machine.advance(pick(this.#random, [1, 10, 100, 1000, 61_000, 301_000]));
        break;
      case 'day':
        machine.advance(pick(this.#random, [1, 12, 25]) * hourMs);
        break;
      case 'fill':
        harness.fill();
        break;
      case 'room':
        harness.room();
        break;
      default:
        this.#call(action);
    }
  }

  #call(call: Call): void {
    const { streams } = this.#world;
    if (call === 'create' || streams.length === 0) {
      this.#owners.create();
      return;
    }
    const stream = pick(this.#random, streams);
    const calls = {
      put: () => this.#producers.put(stream),
      read: () => this.#followers.step(),
      split: () => this.#owners.split(stream),
      merge: () => this.#owners.merge(stream),
      scale: () => this.#owners.scale(stream),
      rekey: () => this.#owners.rekey(stream),
      delete: () => this.#owners.delete(stream),
    };
    calls[call]();
  }

  #boot(): Promise<void> {
    return this.#harness.boot((engine) => this.#prepare(engine));
  }

  #lifeEnds(): void {
    this.#producers.lifeEnds();
    this.#followers.lifeEnds();
    this.#owners.lifeEnds();
    this.#world.lifeEnds();
  }

  /** Opens the streams as the server does, and reads everything. */
  async #prepare(engine: OpenedLog): Promise<boolean> {
    const { clock } = this.#harness.machine;
    const { delayMs, commandsBetweenSnapshots } = this.#character;
    clock.raiseTo(engine.newestArrivalMs ?? 0);
    const opened = await this.#harness.settled(
      openStreams({
        engine,
        clock,
        random: this.#random,
        keys: this.#world.sealed.keys,
        nonceByPosition: this.#nonceByPosition,
        delays: { createDelayMs: delayMs, updateDelayMs: delayMs, deleteDelayMs: delayMs },
        catalogLimits: { commandsBetweenSnapshots, snapshotPartChars: 300 },
        nextTurn: (run) => clock.schedule(0, run),
      }),
    );
    if (opened.kind === 'crashed') return false;
    if (opened.kind === 'error') {
      if (this.#harness.endsByDamage(opened.error)) return false;
      // An engine that does not know whether it made the catalog's log is asked again.
      if (this.#harness.subject.moody && String(opened.error).startsWith('CatalogError'))
        return this.#prepare(engine);
      throw opened.error;
    }
    clock.raiseTo(opened.value.lastCommandMs);
    this.#world.started(opened.value);
    return this.#scan();
  }

  async #scan(): Promise<boolean> {
    for (const stream of this.#world.streams) {
      if (stream.status === 'CREATING' || stream.status === 'DELETING') continue;
      for (const shard of stream.shards) if (!(await this.#scanShard(stream, shard))) return false;
    }
    this.#world.checker.recovered();
    return true;
  }

  /** Reads a shard from its beginning to its tip or its end; false when the life has ended. */
  async #scanShard(stream: Stream, shard: Shard): Promise<boolean> {
    const { service, checker } = this.#world;
    const place = readerAt(stream.incarnation, shard.index);
    const point = { type: 'TRIM_HORIZON' } as const;
    const begin = service.polling.shardIterator(addressOf(stream), caller, shardIdOf(shard.index), point);
    const first = await this.#settled(place, begin);
    if (first === 'over') return false;
    for (let iterator = first === 'gone' ? undefined : first; iterator !== undefined; ) {
      const askedMs = this.#world.nowMs;
      const { known } = checker;
      const result = await this.#settled(
        place,
        service.polling.getRecords({ ShardIterator: iterator }, caller),
      );
      if (result === 'over') return false;
      if (result === 'gone') return true;
      this.#world.observe();
      checker.got(place, answerOf(result), askedMs, known);
      const tip = result.records.count === 0 && result.millisBehindLatest === 0;
      const ends = shard.closed === undefined || result.nextIterator === undefined;
      check(!tip || ends, () => `${stream.name}: shard ${shard.index} is closed, and does not end`);
      iterator = tip ? undefined : result.nextIterator;
    }
    return true;
  }

  /** `gone`: the shard expired while it was read. `over`: the life has ended. */
  async #settled<T>(place: ReaderPlace, call: Promise<T>): Promise<T | 'gone' | 'over'> {
    const settled = await this.#harness.settled(call);
    if (settled.kind === 'answer') return settled.value;
    if (settled.kind === 'crashed') return 'over';
    const { error } = settled;
    if (this.#harness.endsByDamage(error)) return 'over';
    if (error instanceof AwsError && error.code === 'ResourceNotFoundException') {
      this.#world.observe();
      const { lineage } = this.#world;
      const { incarnation, shard } = place;
      const gone = lineage.mayBeGone(incarnation) || lineage.mayBeExpired(incarnation, shard);
      check(gone, () => `a shard cannot be read: ${error.message}`);
      return 'gone';
    }
    throw error;
  }

  /** Heals everything, and sees to it that nothing hangs, every stream settles, and no log is left over. */
  async #finish(): Promise<void> {
    const harness = this.#harness;
    harness.heal();
    await harness.patiently(() => harness.inFlight === 0, 'what was in flight');
    if (harness.machine.disk.counts.ioErrors > 0) {
      harness.crash();
      await this.#boot();
      harness.heal();
    }
    // What the log had begun without being asked may still end in the want of room that is over, and a put with it.
    await harness.patiently(() => harness.machine.schedule.waiting === 0, 'what the want of room had begun');
    await this.#settles();
    await this.#takesRecords();
    this.#noLeftovers();
    if (harness.subject.forgetful) return;
    await this.#close();
    await this.#boot();
  }

  async #settles(): Promise<void> {
    const { machine } = this.#harness;
    const unsettled = (): Stream | undefined =>
      this.#world.streams.find((stream) => stream.status !== 'ACTIVE');
    for (let second = 0; unsettled() !== undefined; second++) {
      const stream = unsettled();
      check(second < settleSecondsMax, () => `${stream?.name} stays ${stream?.status}`);
      machine.advance(1000);
      await this.#harness.patiently(() => machine.schedule.waiting === 0, 'a second');
      this.#world.observe();
    }
  }

  async #takesRecords(): Promise<void> {
    const { checker, streams } = this.#world;
    for (const stream of streams) {
      const before = checker.counts.stored;
      for (let attempt = 0; checker.counts.stored === before; attempt++) {
        const patience = this.#harness.subject.moody ? lastPutsMax : 1;
        check(attempt < patience, () => `${stream.name} takes no records`);
        this.#producers.put(stream);
        await this.#harness.patiently(() => this.#harness.inFlight === 0, 'a last put');
      }
    }
  }

  /** Every log belongs to a shard that there is. */
  #noLeftovers(): void {
    const known = new Set(['catalog']);
    for (const stream of this.#world.streams) {
      for (const shard of stream.shards) known.add(`stream-${stream.incarnation}/shard-${shard.index}`);
    }
    const left = this.#harness.engine.list().filter((log) => !known.has(log));
    check(left.length === 0, () => `logs of no shard: ${left.join(', ')}`);
  }

  async #close(): Promise<void> {
    const harness = this.#harness;
    const { service } = this.#world;
    let closed = false;
    harness.watch(
      service.close().then(() => harness.engine.close()),
      () => {
        closed = true;
      },
      (error) => {
        throw error;
      },
    );
    await harness.patiently(() => closed, 'the close');
    harness.end('power');
  }
}
