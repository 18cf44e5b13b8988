/**
 * Clients of the streams service, over a log engine that `harness.ts` harms: producers put records under a few keys
 * at a time, readers follow shards through iterators and from parents to children, streams are made, split, merged,
 * deleted and made again under the same names, and time passes by milliseconds and by days.
 *
 * Clients outlive the server: after a crash they go on with the iterators and sequence numbers that they had.
 * Whatever is answered goes through `streams-checker.ts`; after each recovery everything is read.
 */
import { chance, pick, type Random } from '@millrace/base';
import { LogError } from '@millrace/log';
import {
  type GetRecordsResult,
  openStreams,
  type PutBatch,
  type Shard,
  type Stream,
  type Streams,
} from '@millrace/server';
import {
  AwsError,
  hashKeyToWords,
  hashKeyWords,
  partitionKeyHash,
  sequenceNumber,
  shardIdOf,
} from '@millrace/wire';
import { Harness } from './harness.js';
import type { EngineUnderTest, OpenedLog } from './open-log.js';
import type { RunOptions, RunReport } from './run.js';
import {
  dataBytesMin,
  type ReaderPlace,
  type RecordsAnswer,
  type SentRecord,
  StreamsChecker,
  storedBytes,
} from './streams-checker.js';
import { check } from './violation.js';

const caller = { account: '123456789012', region: 'us-east-1' };
const iteratorLifeMs = 300_000;
const hourMs = 3_600_000;
const streamNames = ['a', 'b', 'c'];
const keys = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'].map((key) => ({ key, hash: partitionKeyHash(key) }));
/** Turns that a stream may take to become ACTIVE when nothing is wrong. */
const settleTurnsMax = 200;
const readersMax = 4;

type Call = 'put' | 'read' | 'create' | 'split' | 'merge' | 'delete';
type Action = Call | 'perform' | 'advance' | 'day' | 'fill' | 'room';

interface Character {
  readonly weights: ReadonlyMap<Action, number>;
  readonly weightSum: number;
  readonly streams: number;
  readonly shardsMax: number;
  readonly batchMax: number;
  readonly dataBytesMax: number;
  readonly putsInFlightMax: number;
  readonly delayMs: number;
  readonly commandsBetweenSnapshots: number;
}

function character(random: Random): Character {
  const weights = new Map<Action, number>([
    ['perform', 40],
    ['advance', pick(random, [2, 5, 20])],
    ['put', pick(random, [5, 15, 30])],
    ['read', pick(random, [2, 8])],
    ['create', 1],
    ['split', pick(random, [0, 0.5, 3])],
    ['merge', pick(random, [0, 0.5, 3])],
    ['delete', pick(random, [0, 0.1, 1])],
    ['day', pick(random, [0, 0, 0.3])],
    ['fill', pick(random, [0, 0, 0.3])],
    ['room', 0.2],
  ]);
  let weightSum = 0;
  for (const weight of weights.values()) weightSum += weight;
  return {
    weights,
    weightSum,
    streams: pick(random, [1, 1, 3]),
    shardsMax: pick(random, [2, 6]),
    batchMax: pick(random, [1, 5, 12]),
    dataBytesMax: pick(random, [8, 100, 1500]),
    putsInFlightMax: pick(random, [1, 4, 16]),
    delayMs: pick(random, [0, 50]),
    commandsBetweenSnapshots: pick(random, [1, 4, 1000]),
  };
}

/** A reader, which its client keeps over crashes. */
interface Follower {
  readonly place: ReaderPlace;
  readonly stream: string;
  iterator: string | undefined;
  /** When the iterator was asked for: it was made then or later. */
  issuedMs: number;
  /** When it was answered: it was made then or earlier. */
  answeredMs: number;
  busy: boolean;
}

export class StreamsWorkload {
  readonly #harness: Harness;
  readonly #random: Random;
  readonly #character: Character;
  readonly #checker = new StreamsChecker();
  #streams: Streams | undefined;
  #puts = 0;
  /** Names of streams with a command under way: one at a time. */
  #commanded = new Set<string>();
  readonly #followers: Follower[] = [];

  constructor(options: RunOptions, subject: EngineUnderTest) {
    this.#harness = new Harness(options, subject, () => this.#lifeEnds());
    this.#random = this.#harness.random;
    this.#character = character(this.#random);
  }

  run(): Promise<RunReport> {
    return this.#harness.run(
      'streams',
      () => this.#body(),
      () => ({ ...this.#checker.counts }),
    );
  }

  async #body(): Promise<void> {
    const harness = this.#harness;
    await this.#boot();
    while (!harness.over) {
      const going = await harness.turn(() => this.#act(this.#pick()));
      this.#observe();
      if (going) continue;
      harness.crash();
      await this.#boot();
    }
    await this.#finish();
  }

  get #service(): Streams {
    check(this.#streams !== undefined, () => 'no streams are open');
    return this.#streams;
  }

  get #nowMs(): number {
    return this.#harness.machine.clock.now();
  }

  #pick(): Action {
    let left = this.#random.fraction() * this.#character.weightSum;
    for (const [action, weight] of this.#character.weights) {
      left -= weight;
      if (left < 0) return action;
    }
    return 'perform';
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
    const all = [...this.#service.view.streams.values()];
    if (call === 'create' || all.length === 0) {
      this.#create();
      return;
    }
    const stream = pick(this.#random, all);
    const calls = {
      put: () => this.#put(stream),
      read: () => this.#read(all),
      split: () => this.#split(stream),
      merge: () => this.#merge(stream),
      delete: () => this.#delete(stream),
    };
    calls[call]();
  }

  /** What the catalog shows is so from now on. */
  #observe(): void {
    if (this.#streams === undefined) return;
    this.#checker.sawTime(this.#harness.machine.newestMs);
    this.#checker.observe(this.#streams.view.streams.values());
  }

  #create(): void {
    const name = pick(this.#random, streamNames.slice(0, this.#character.streams));
    if (this.#commanded.has(name)) return;
    const shards = 1 + this.#random.integer(this.#character.shardsMax);
    const stream = { name, shards, mode: 'PROVISIONED', recordKibMax: 1024, tags: {} } as const;
    this.#checker.creating(name);
    this.#command(name, this.#service.create(caller, stream), () => {
      check(this.#find(name) !== undefined, () => `${name} was made and is not there`);
    });
  }

  #delete(stream: Stream): void {
    if (this.#commanded.has(stream.name)) return;
    this.#checker.deleting(stream.incarnation);
    this.#command(
      stream.name,
      this.#service.delete(stream),
      () => this.#checker.deleted(stream.incarnation),
      (error) => {
        const { ioErrors } = this.#harness.machine.disk.counts;
        const excused = error.code !== 'InternalFailureException' || ioErrors > 0;
        check(excused, () => `a stream cannot be deleted: ${error.message}`);
      },
    );
  }

  #split(stream: Stream): void {
    const open = openShards(stream);
    const shard = pick(this.#random, open);
    if (this.#commanded.has(stream.name) || open.length >= this.#character.shardsMax) return;
    const { start, end } = shard.range;
    const at = start + ((end - start) * BigInt(1 + this.#random.integer(999))) / 1000n;
    this.#reshard(
      stream,
      [shard.index],
      this.#service.split(addressOf(stream), caller, shardIdOf(shard.index), at.toString()),
    );
  }

  #merge(stream: Stream): void {
    const open = openShards(stream);
    const at = this.#random.integer(open.length);
    const [low, high] = [open[at], open[at + 1]];
    if (this.#commanded.has(stream.name) || low === undefined || high === undefined) return;
    const merged = this.#service.merge(
      addressOf(stream),
      caller,
      shardIdOf(low.index),
      shardIdOf(high.index),
    );
    this.#reshard(stream, [low.index, high.index], merged);
  }

  #reshard(stream: Stream, parents: readonly number[], call: Promise<void>): void {
    this.#checker.resharding(stream.incarnation, parents);
    this.#command(stream.name, call, () => {
      if (!this.#checker.mayBeGone(stream.incarnation)) this.#checker.resharded(stream.incarnation, parents);
    });
  }

  #command(
    name: string,
    call: Promise<void>,
    done: () => void,
    refused: (error: AwsError) => void = () => undefined,
  ): void {
    this.#commanded.add(name);
    this.#harness.watch(
      call,
      () => {
        this.#commanded.delete(name);
        this.#observe();
        this.#harness.trace.note(`command done ${name}`);
        done();
      },
      (error) => {
        this.#commanded.delete(name);
        if (this.#unreadable(error)) return;
        if (!(error instanceof AwsError)) throw error;
        this.#harness.trace.note(error.code);
        refused(error);
      },
    );
  }

  #put(stream: Stream): void {
    const { batchMax, dataBytesMax, putsInFlightMax } = this.#character;
    if (this.#puts >= putsInFlightMax || (stream.status !== 'ACTIVE' && stream.status !== 'UPDATING')) {
      this.#harness.perform();
      return;
    }
    const records: SentRecord[] = [];
    for (let n = 1 + this.#random.integer(batchMax); n > 0; n--) {
      const { key, hash } = pick(this.#random, keys);
      const bytes = dataBytesMin + this.#random.integer(dataBytesMax);
      records.push(this.#checker.sending(stream.incarnation, key, hash, bytes, this.#nowMs));
    }
    const single = records.length === 1;
    this.#puts++;
    this.#harness.watch(
      this.#service.put(batchOf(stream.name, records), caller, single),
      (answer) => {
        this.#puts--;
        this.#observe();
        this.#harness.trace.note('put', answer.count, answer.failedCount);
        this.#checker.put(records, answer, this.#harness.machine.disk.counts.ioErrors === 0);
      },
      (error) => {
        this.#puts--;
        if (!(error instanceof AwsError)) throw error;
        this.#checker.refused(records, this.#harness.machine.disk.counts.ioErrors === 0);
      },
    );
  }

  /** One of the readers takes its next step: an iterator, or records. */
  #read(all: readonly Stream[]): void {
    if (this.#followers.length < readersMax && chance(this.#random, 0.3)) this.#newFollower(all);
    const idle = this.#followers.filter((follower) => !follower.busy);
    if (idle.length === 0) return;
    const follower = pick(this.#random, idle);
    const stream = this.#find(follower.stream);
    if (stream?.incarnation !== follower.place.incarnation) {
      this.#drop(follower);
      return;
    }
    if (follower.iterator === undefined) this.#iterator(follower, stream);
    else this.#getRecords(follower, follower.iterator);
  }

  #newFollower(all: readonly Stream[]): void {
    const stream = pick(this.#random, all);
    if (stream.status === 'CREATING') return;
    const shard = pick(this.#random, stream.shards);
    const place: ReaderPlace = { incarnation: stream.incarnation, shard: shard.index, next: 0, since: 0 };
    const follower: Follower = {
      place,
      stream: stream.name,
      iterator: undefined,
      issuedMs: 0,
      answeredMs: 0,
      busy: false,
    };
    if (chance(this.#random, 0.3)) this.#latest(follower, stream);
    this.#followers.push(follower);
  }

  /** A reader that begins at LATEST: all that is sent after its iterator was answered must come. */
  #latest(follower: Follower, stream: Stream): void {
    follower.busy = true;
    const point = { type: 'LATEST' } as const;
    const shardId = shardIdOf(follower.place.shard);
    const issuedMs = this.#nowMs;
    this.#harness.watch(
      this.#service.shardIterator(addressOf(stream), caller, shardId, point),
      (iterator) => {
        const at = this.#followers.indexOf(follower);
        const place = { ...follower.place, since: this.#checker.sent };
        const started = { ...follower, place, iterator, issuedMs, answeredMs: this.#nowMs, busy: false };
        if (at >= 0) this.#followers[at] = started;
      },
      (error) => this.#readFailed(follower, error),
    );
  }

  #iterator(follower: Follower, stream: Stream): void {
    const { place } = follower;
    const shard = stream.shards.find(({ index }) => index === place.shard);
    if (shard === undefined) {
      this.#drop(follower);
      return;
    }
    const number = sequenceNumber(shard, Math.max(0, place.next - 1), 0);
    const point =
      place.next === 0
        ? ({ type: 'TRIM_HORIZON' } as const)
        : ({ type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: number } as const);
    const askedMs = this.#nowMs;
    follower.busy = true;
    this.#harness.watch(
      this.#service.shardIterator(addressOf(stream), caller, shardIdOf(place.shard), point),
      (iterator) => {
        follower.busy = false;
        follower.iterator = iterator;
        follower.issuedMs = askedMs;
        follower.answeredMs = this.#nowMs;
      },
      (error) => this.#readFailed(follower, error),
    );
  }

  #getRecords(follower: Follower, iterator: string): void {
    const { place } = follower;
    const askedMs = this.#nowMs;
    const { known } = this.#checker;
    const limit = pick(this.#random, [1, 10, 10_000]);
    follower.busy = true;
    this.#harness.watch(
      this.#service.getRecords({ ShardIterator: iterator, Limit: limit }, caller),
      (result) => {
        follower.busy = false;
        this.#observe();
        // An iterator of a stream that was deleted and made again reads the new one.
        if (result.stream.incarnation !== place.incarnation) {
          check(this.#checker.mayBeGone(place.incarnation), () => 'a reader was led to another stream');
          this.#drop(follower);
          return;
        }
        this.#checker.got(place, answerOf(result), askedMs, known);
        follower.iterator = result.nextIterator;
        follower.issuedMs = askedMs;
        follower.answeredMs = this.#nowMs;
        if (result.nextIterator === undefined) this.#followChildren(follower, result.children);
      },
      (error) => this.#readFailed(follower, error),
    );
  }

  #followChildren(follower: Follower, children: readonly Shard[]): void {
    this.#drop(follower);
    for (const child of children.slice(0, readersMax - this.#followers.length)) {
      const { incarnation } = follower.place;
      const place: ReaderPlace = { incarnation, shard: child.index, next: 0, since: 0 };
      this.#followers.push({
        place,
        stream: follower.stream,
        iterator: undefined,
        issuedMs: 0,
        answeredMs: 0,
        busy: false,
      });
    }
  }

  #drop(follower: Follower): void {
    const at = this.#followers.indexOf(follower);
    if (at >= 0) this.#followers.splice(at, 1);
  }

  /** A reader may be told that its iterator is too old, or that what it reads is gone; nothing else. */
  #readFailed(follower: Follower, error: unknown): void {
    follower.busy = false;
    if (this.#unreadable(error)) return;
    if (!(error instanceof AwsError)) throw error;
    const { incarnation, shard } = follower.place;
    this.#harness.trace.note(error.code, incarnation, shard);
    if (error.code === 'ExpiredIteratorException') {
      check(
        this.#nowMs - follower.issuedMs > iteratorLifeMs,
        () => `an iterator expired too early: ${error.message}`,
      );
      follower.iterator = undefined;
      return;
    }
    // Time that only clients were told of, in an iterator, may be forgotten by a restart; then it is of the future.
    if (error.code === 'InvalidArgumentException' && follower.answeredMs > this.#nowMs) {
      follower.iterator = undefined;
      return;
    }
    const gone = this.#checker.mayBeGone(incarnation) || this.#checker.mayBeExpired(incarnation, shard);
    check(
      error.code === 'ResourceNotFoundException' && gone,
      () => `a reader was told ${error.code}: ${error.message}`,
    );
    this.#drop(follower);
  }

  /** Whether a read failed, and the disk may be blamed. */
  #unreadable(error: unknown): boolean {
    const { ioErrors } = this.#harness.machine.disk.counts;
    return error instanceof LogError && error.code === 'disk' && ioErrors > 0;
  }

  #find(name: string): Stream | undefined {
    for (const stream of this.#service.view.streams.values()) if (stream.name === name) return stream;
    return undefined;
  }

  #boot(): Promise<void> {
    return this.#harness.boot((engine) => this.#prepare(engine));
  }

  #lifeEnds(): void {
    this.#streams = undefined;
    this.#puts = 0;
    this.#commanded = new Set();
    for (const follower of this.#followers) follower.busy = false;
    this.#checker.crashed();
  }

  /** Opens the streams as the server does, and reads everything. */
  async #prepare(engine: OpenedLog): Promise<boolean> {
    const { machine } = this.#harness;
    const { clock } = machine;
    const { delayMs, commandsBetweenSnapshots } = this.#character;
    clock.raiseTo(engine.newestArrivalMs ?? 0);
    const opened = await this.#harness.settled(
      openStreams({
        engine,
        clock,
        random: this.#random,
        delays: { createDelayMs: delayMs, updateDelayMs: delayMs, deleteDelayMs: delayMs },
        catalogLimits: { commandsBetweenSnapshots, snapshotPartChars: 300 },
      }),
    );
    if (opened.kind === 'crashed') return false;
    if (opened.kind === 'error') {
      if (this.#harness.endsByDamage(opened.error)) return false;
      throw opened.error;
    }
    this.#streams = opened.value;
    clock.raiseTo(opened.value.lastCommandMs);
    this.#checker.started(clock.now());
    this.#observe();
    return this.#scan();
  }

  async #scan(): Promise<boolean> {
    for (const stream of [...this.#service.view.streams.values()]) {
      if (stream.status === 'CREATING' || stream.status === 'DELETING') continue;
      for (const shard of stream.shards) if (!(await this.#scanShard(stream, shard))) return false;
    }
    this.#checker.recovered();
    return true;
  }

  async #scanShard(stream: Stream, shard: Shard): Promise<boolean> {
    const service = this.#service;
    const place: ReaderPlace = { incarnation: stream.incarnation, shard: shard.index, next: 0, since: 0 };
    const point = { type: 'TRIM_HORIZON' } as const;
    const got = await this.#settled(
      place,
      service.shardIterator(addressOf(stream), caller, shardIdOf(shard.index), point),
    );
    let iterator = got === 'over' || got === 'gone' ? undefined : got;
    if (got === 'over') return false;
    while (iterator !== undefined) {
      const askedMs = this.#nowMs;
      const { known } = this.#checker;
      const result = await this.#settled(place, service.getRecords({ ShardIterator: iterator }, caller));
      if (result === 'over') return false;
      if (result === 'gone') return true;
      this.#observe();
      this.#checker.got(place, answerOf(result), askedMs, known);
      const tip = result.records.count === 0 && result.millisBehindLatest === 0;
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
      this.#observe();
      const { incarnation, shard } = place;
      const gone = this.#checker.mayBeGone(incarnation) || this.#checker.mayBeExpired(incarnation, shard);
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
    await this.#settles();
    this.#noLeftovers();
    if (harness.subject.forgetful) return;
    await this.#close();
    await this.#boot();
  }

  async #settles(): Promise<void> {
    const { machine } = this.#harness;
    const settled = (): boolean => {
      this.#observe();
      return [...this.#service.view.streams.values()].every((stream) => stream.status === 'ACTIVE');
    };
    for (let turn = 0; turn < settleTurnsMax; turn++) {
      if (settled()) break;
      machine.advance(1000);
      await machine.drive(() => machine.schedule.waiting === 0, 1000);
      this.#harness.verify();
    }
    const stuck = [...this.#service.view.streams.values()].find((stream) => stream.status !== 'ACTIVE');
    check(stuck === undefined, () => `${stuck?.name} stays ${stuck?.status}`);
    for (const stream of this.#service.view.streams.values()) {
      const before = this.#checker.counts.stored;
      this.#put(stream);
      await this.#harness.patiently(() => this.#harness.inFlight === 0, 'a last put');
      check(this.#checker.counts.stored > before, () => `${stream.name} takes no records`);
    }
  }

  /** Every log belongs to a shard that there is. */
  #noLeftovers(): void {
    const known = new Set(['catalog']);
    for (const stream of this.#service.view.streams.values()) {
      for (const shard of stream.shards) known.add(`stream-${stream.incarnation}/shard-${shard.index}`);
    }
    const left = this.#harness.engine.list().filter((log) => !known.has(log));
    check(left.length === 0, () => `logs of no shard: ${left.join(', ')}`);
  }

  async #close(): Promise<void> {
    const harness = this.#harness;
    let closed = false;
    harness.watch(
      this.#service.close().then(() => harness.engine.close()),
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

function addressOf(stream: Stream): { readonly StreamName: string } {
  return { StreamName: stream.name };
}

function openShards(stream: Stream): Shard[] {
  const open = stream.shards.filter((shard) => shard.closed === undefined);
  return open.sort((a, b) => (a.range.start < b.range.start ? -1 : 1));
}

function batchOf(streamName: string, records: readonly SentRecord[]): PutBatch {
  const parts = records.map(storedBytes);
  const ends = new Uint32Array(parts.length);
  const hashes = new Uint32Array(parts.length * hashKeyWords);
  let end = 0;
  for (const [i, part] of parts.entries()) {
    ends[i] = end += part.length;
    hashKeyToWords(records[i]?.hash ?? 0n, hashes, i * hashKeyWords);
  }
  const payload = Buffer.concat(parts);
  return { streamName, streamArn: undefined, count: parts.length, payload, ends, hashes };
}

function answerOf(result: GetRecordsResult): RecordsAnswer {
  const { records, nextIterator, millisBehindLatest, children } = result;
  return {
    records,
    stored: (i) => {
      const buffer = records.buffers[records.bufferOf[i] ?? -1];
      check(buffer !== undefined, () => `record ${i} of an answer has no bytes`);
      return buffer.subarray(records.starts[i], records.ends[i]);
    },
    ended: nextIterator === undefined,
    millisBehindLatest,
    children,
  };
}
