/**
 * Clients of a log engine, and what may happen to it: many authors append to many logs, readers read, follow and
 * search, logs are made, sealed, trimmed and deleted, the disk fills and empties, fails and flips bits, and the
 * process or the power goes at any step, in recoveries too. Each seed has its own *character*: some have many small
 * records and crash every few steps, some fill the disk, some do nothing but seal.
 *
 * Whatever is answered goes through `log-checker.ts`; after each recovery everything is read.
 */
import { chance, pick, type Random, seededRandom } from '@millrace/base';
import { type LogEngine, LogError, type LogId, type ReadResult } from '@millrace/log';
import type { Damage } from './disk-image.js';
import { LogChecker, recordBytesMin } from './log-checker.js';
import { type LifeEnd, Machine } from './machine.js';
import type { EngineUnderTest } from './open-log.js';
import type { RunOptions, RunReport } from './run.js';
import { Schedule } from './schedule.js';
import { type DiskFaults, noFaults } from './simulated-disk.js';
import { Trace } from './trace.js';
import { check, Violation } from './violation.js';

/** What nobody may exceed without the run being called stuck. */
const patienceSteps = 20_000;
const recoveriesMax = 12;

type Action =
  | 'perform'
  | 'advance'
  | 'append'
  | 'read'
  | 'wait'
  | 'find'
  | 'create'
  | 'seal'
  | 'trim'
  | 'delete'
  | 'fill'
  | 'room'
  | 'close';

/** How one seed behaves. */
interface Character {
  readonly weights: ReadonlyMap<Action, number>;
  readonly weightSum: number;
  readonly logsMax: number;
  readonly recordsMax: number;
  readonly recordBytesMax: number;
  readonly inFlightMax: number;
  readonly crashEvery: number;
  readonly powerShare: number;
  readonly crashesInRecovery: number;
  readonly faultyLives: number;
  readonly damages: number;
  readonly settles: number;
}

function character(random: Random): Character {
  const weights = new Map<Action, number>([
    ['perform', 40],
    ['advance', pick(random, [1, 5, 20])],
    ['append', pick(random, [5, 20, 40])],
    ['read', pick(random, [0, 4, 15])],
    ['wait', pick(random, [0, 2])],
    ['find', pick(random, [0, 2])],
    ['create', pick(random, [0.5, 2])],
    ['seal', pick(random, [0, 0.5, 4])],
    ['trim', pick(random, [0.5, 2, 5])],
    ['delete', pick(random, [0, 0.5, 2])],
    ['fill', pick(random, [0, 0, 0.5])],
    ['room', 1],
    ['close', pick(random, [0, 0.1])],
  ]);
  let weightSum = 0;
  for (const weight of weights.values()) weightSum += weight;
  return {
    weights,
    weightSum,
    logsMax: pick(random, [1, 3, 8]),
    recordsMax: pick(random, [1, 4, 20]),
    recordBytesMax: pick(random, [24, 200, 3000]),
    inFlightMax: pick(random, [1, 4, 16, 64]),
    crashEvery: pick(random, [12, 40, 150, 600]),
    powerShare: pick(random, [0.5, 0.8, 1]),
    crashesInRecovery: pick(random, [0, 0.3, 0.6]),
    faultyLives: pick(random, [0, 0.1, 0.4]),
    damages: pick(random, [0, 0, 0.1, 0.3]),
    settles: pick(random, [0.5, 0.9, 1]),
  };
}

export class LogWorkload {
  readonly #subject: EngineUnderTest;
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #character: Character;
  readonly #machine: Machine;
  readonly #checker = new LogChecker();
  #engine: LogEngine | undefined;
  #failure: unknown;
  #inFlight = 0;
  #waits = new Set<AbortController>();
  #deleting = new Set<LogId>();
  #creating = new Set<LogId>();
  #logsMade = 0;
  #crashIn = 0;
  #damage: Damage | undefined;
  #damagesFound = 0;

  constructor(options: RunOptions, subject: EngineUnderTest) {
    this.#options = options;
    this.#subject = subject;
    this.#random = seededRandom(options.seed);
    this.#trace = new Trace(options.tell);
    this.#character = character(this.#random);
    const orderly = pick(this.#random, [0, 0.5, 0.9]);
    const schedule = new Schedule(this.#random, this.#trace, orderly);
    this.#machine = new Machine(this.#random, schedule, pick(this.#random, [0, 0.3]));
  }

  async run(): Promise<RunReport> {
    let violation: string | undefined;
    try {
      await this.#boot();
      while (this.#machine.counts.steps < this.#options.steps) await this.#turn();
      await this.#finish();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      violation = error instanceof Violation ? error.message : (error.stack ?? error.message);
    }
    return {
      workload: 'log',
      seed: this.#options.seed,
      violation,
      traceHash: this.#trace.hash,
      counts: {
        ...this.#machine.counts,
        ...this.#checker.counts,
        damagesFound: this.#damagesFound,
      },
    };
  }

  async #turn(): Promise<void> {
    if (this.#crashIn-- <= 0 && !this.#subject.forgetful) {
      this.#crash();
      await this.#boot();
      return;
    }
    const action = this.#pick();
    if (action === 'close') {
      if (!this.#subject.forgetful) await this.#close();
    } else this.#act(action);
    if (chance(this.#random, this.#character.settles)) await this.#machine.schedule.settle();
    this.#verify();
    const health = this.#engine?.health();
    if (health !== undefined && !health.writable && this.#machine.disk.counts.ioErrors > 0) {
      this.#crashIn = Math.min(this.#crashIn, 30);
    }
  }

  #pick(): Action {
    let left = this.#random.fraction() * this.#character.weightSum;
    for (const [action, weight] of this.#character.weights) {
      left -= weight;
      if (left < 0) return action;
    }
    return 'perform';
  }

  #act(action: Exclude<Action, 'close'>): void {
    const machine = this.#machine;
    const engine = this.#engine;
    if (engine === undefined) return;
    if (action === 'perform') {
      if (!machine.perform()) machine.advance(1);
      return;
    }
    if (action === 'advance') {
      machine.advance(pick(this.#random, [0, 1, 10, 1000, 60_000]));
      return;
    }
    if (action === 'fill') {
      machine.image.capacityBlocks = machine.image.usedBlocks + this.#random.integer(6);
      this.#trace.note('fill', machine.image.capacityBlocks);
      return;
    }
    if (action === 'room') {
      if (chance(this.#random, 0.2)) machine.image.capacityBlocks = Number.POSITIVE_INFINITY;
      return;
    }
    if (this.#inFlight >= this.#character.inFlightMax) {
      machine.perform();
      return;
    }
    this.#call(action, engine);
  }

  #call(action: Exclude<Action, 'close' | 'perform' | 'advance' | 'fill' | 'room'>, engine: LogEngine): void {
    if (action === 'create') {
      this.#create(engine);
      return;
    }
    const logs = this.#checker.logs();
    if (logs.length === 0) {
      this.#create(engine);
      return;
    }
    const log = pick(this.#random, logs);
    const calls = {
      append: () => this.#append(engine, logs),
      read: () => this.#read(engine, log),
      wait: () => this.#wait(engine, log),
      find: () => this.#find(engine, log),
      seal: () => this.#seal(engine, log),
      trim: () => this.#trim(engine, log),
      delete: () => this.#delete(engine, logs),
    };
    calls[action]();
  }

  #create(engine: LogEngine): void {
    if (this.#checker.logs().length >= this.#character.logsMax) return;
    const ids: LogId[] = [];
    for (let n = 1 + this.#random.integer(2); n > 0; n--) ids.push(`log-${++this.#logsMade}`);
    this.#checker.creating(ids);
    for (const id of ids) this.#creating.add(id);
    this.#watch('create', engine.create(ids), (outcome) => {
      for (const id of ids) this.#creating.delete(id);
      this.#expected(outcome);
      this.#checker.created(ids, outcome);
    });
  }

  #append(engine: LogEngine, all: readonly LogId[]): void {
    const { recordsMax, recordBytesMax } = this.#character;
    const touched = 1 + this.#random.integer(Math.min(all.length, 3));
    const logs = [...new Set(Array.from({ length: touched }, () => pick(this.#random, all)))];
    const extra = this.#random.integer(recordsMax);
    const logOf = new Uint32Array(logs.length + extra);
    const lengths: number[] = [];
    for (let i = 0; i < logOf.length; i++) {
      logOf[i] = i < logs.length ? i : this.#random.integer(logs.length);
      lengths.push(recordBytesMin + this.#random.integer(recordBytesMax));
    }
    const nowMs = this.#machine.clock.now();
    const { batch, pending } = this.#checker.appending(logs, logOf, lengths, nowMs);
    this.#watch('append', engine.append(batch), (outcomes) => {
      for (const outcome of outcomes) {
        this.#expected(outcome.kind);
        this.#trace.note(outcome.kind, outcome.kind === 'appended' ? outcome.firstPosition : 0);
      }
      this.#checker.appended(pending, outcomes, this.#machine.clock.now());
    });
  }

  #read(engine: LogEngine, log: LogId): void {
    const request = {
      log,
      from: this.#checker.positionAt(log, this.#random.fraction() * 1.2),
      recordsMax: 1 + this.#random.integer(40),
      bytesMax: pick(this.#random, [1, 500, 100_000]),
    };
    const certain = this.#checker.certain(log);
    this.#watch('read', engine.read(request), (result) => {
      this.#checker.read(request, result, certain);
    });
  }

  #wait(engine: LogEngine, log: LogId): void {
    const position = this.#checker.positionAt(log, 1) + this.#random.integer(3);
    const certain = this.#checker.certain(log);
    const abort = new AbortController();
    if (this.#waits.size > 16) for (const waiting of this.#waits) waiting.abort();
    this.#waits.add(abort);
    const life = this.#machine.life;
    const over = (): void => {
      if (life === this.#machine.life) this.#waits.delete(abort);
    };
    engine.waitFor(log, position, abort.signal).then(
      () => {
        over();
        if (life !== this.#machine.life) return;
        this.#guard(() => this.#checker.waited(log, position, engine.state(log), certain));
      },
      (error) => {
        over();
        if (life !== this.#machine.life || abort.signal.aborted) return;
        this.#guard(() => this.#rejected('wait', error));
      },
    );
  }

  #find(engine: LogEngine, log: LogId): void {
    const arrivalMs = this.#checker.arrivalAt(log, this.#random.fraction()) + this.#random.integer(3) - 1;
    const certain = this.#checker.certain(log);
    this.#watch('find', engine.findByArrival(log, arrivalMs), (position) => {
      this.#checker.found(log, arrivalMs, position, certain);
    });
  }

  #seal(engine: LogEngine, log: LogId): void {
    const certain = this.#checker.certain(log);
    this.#checker.sealing(log);
    this.#watch('seal', engine.seal(log), (result) => {
      this.#expected(result.kind);
      this.#trace.note(`seal ${result.kind}`, result.kind === 'sealed' ? result.endPosition : 0);
      this.#checker.sealed(log, result, certain);
    });
  }

  #trim(engine: LogEngine, log: LogId): void {
    const before = this.#checker.positionAt(log, this.#random.fraction() * 1.1);
    this.#checker.trimming(log, before);
    this.#watch('trim', engine.trim(log, before), (outcome) => {
      this.#expected(outcome);
      this.#checker.trimmed(log, before, outcome);
    });
  }

  #delete(engine: LogEngine, all: readonly LogId[]): void {
    const ids = all.filter(
      (id) => !this.#deleting.has(id) && !this.#creating.has(id) && chance(this.#random, 0.3),
    );
    if (ids.length === 0) return;
    for (const id of ids) {
      this.#deleting.add(id);
      this.#checker.deleting(id);
    }
    this.#watch('delete', engine.delete(ids), (outcome) => {
      for (const id of ids) this.#deleting.delete(id);
      this.#expected(outcome);
      check(outcome !== 'full', () => `a delete of ${ids} found the disk full`);
      this.#trace.note(`delete ${outcome}`);
      for (const id of ids) this.#checker.deleted(id, outcome);
    });
  }

  /** Ends a life gently: what is in flight is answered, and nothing after it. */
  async #close(): Promise<void> {
    const engine = this.#engine;
    if (engine === undefined) return;
    for (const waiting of this.#waits) waiting.abort();
    let closed = false;
    this.#watch('close', engine.close(), () => {
      closed = true;
    });
    await this.#patiently(() => closed, 'close');
    check(this.#inFlight === 0, () => `${this.#inFlight} calls are in flight after a close`);
    this.#trace.note('closed');
    this.#end(chance(this.#random, 0.5) ? 'process' : 'power');
    await this.#boot();
  }

  #crash(): void {
    this.#end(chance(this.#random, this.#character.powerShare) ? 'power' : 'process');
  }

  #end(end: LifeEnd): void {
    this.#machine.endLife(end);
    this.#options.tell?.(`    crash ${this.#machine.life}: ${end}`);
    this.#engine = undefined;
    this.#inFlight = 0;
    this.#waits = new Set();
    this.#deleting = new Set();
    this.#creating = new Set();
    this.#checker.crashed();
  }

  /** Starts lives until one has opened the log and has read all of it. */
  async #boot(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      check(attempt <= recoveriesMax, () => `no recovery in ${recoveriesMax} lives`);
      const calm = attempt > 4;
      const machine = this.#machine;
      machine.startLife();
      if (attempt === 0) this.#spoil();
      const crashes = !calm && chance(this.#random, this.#character.crashesInRecovery);
      const crashAfter = crashes ? this.#random.integer(pick(this.#random, [8, 60])) : patienceSteps;
      machine.disk.faults = calm ? noFaults : this.#faults(0.02);
      const opened = await this.#openEngine(crashAfter);
      if (opened === 'again') continue;
      machine.disk.faults = noFaults;
      this.#engine = opened;
      if ((await this.#scan(opened, crashAfter)) === 'again') continue;
      if (this.#damage !== undefined) machine.image.repair(this.#damage);
      this.#damage = undefined;
      machine.disk.faults = this.#faults(0.01);
      this.#crashIn = Math.floor(-Math.log(1 - this.#random.fraction()) * this.#character.crashEvery);
      return;
    }
  }

  #faults(probability: number): DiskFaults {
    if (!chance(this.#random, this.#character.faultyLives)) return noFaults;
    const some = (): number => (chance(this.#random, 0.5) ? probability : 0);
    return { writeFails: some(), syncFails: some() * 3, readFails: some(), nameFails: some() };
  }

  /** Damages the disk, sometimes, before a life begins. */
  #spoil(): void {
    if (!chance(this.#random, this.#character.damages)) return;
    this.#damage = this.#machine.image.damage(this.#random);
    if (this.#damage !== undefined) this.#trace.note(`damage ${this.#damage.name}`, this.#damage.offset);
  }

  async #openEngine(crashAfter: number): Promise<LogEngine | 'again'> {
    const machine = this.#machine;
    let opened: LogEngine | undefined;
    let failed: { readonly error: unknown } | undefined;
    this.#subject
      .open({ disk: machine.disk, clock: machine.clock, random: this.#random, canary: this.#options.canary })
      .then(
        (engine) => {
          opened = engine;
        },
        (error: unknown) => {
          failed = { error };
        },
      );
    const end = await machine.drive(() => opened !== undefined || failed !== undefined, crashAfter);
    this.#verify();
    check(end !== 'stuck', () => 'the open is stuck');
    if (end === 'stopped') {
      check(crashAfter < patienceSteps, () => 'the open takes for ever');
      machine.counts.crashesInRecovery++;
      this.#crash();
      return 'again';
    }
    if (opened !== undefined) return opened;
    this.#openFailed(failed?.error);
    this.#crash();
    return 'again';
  }

  /** An open may fail only by what was done to it. */
  #openFailed(error: unknown): void {
    if (!(error instanceof LogError)) throw error;
    const { counts } = this.#machine.disk;
    if (error.code === 'damaged' || error.code === 'foreign') this.#foundDamage(error);
    else {
      const excused = error.code === 'disk' && counts.ioErrors + counts.fullErrors > 0;
      check(excused, () => `the open failed with ${error.code}: ${error.message}`);
      if (counts.fullErrors > 0) this.#machine.image.capacityBlocks = Number.POSITIVE_INFINITY;
    }
  }

  #foundDamage(error: LogError): void {
    const damage = this.#damage;
    check(damage !== undefined, () => `a healthy disk was refused: ${error.message}`);
    check(error.message.includes(damage.name), () => `${damage.name} is damaged, not: ${error.message}`);
    this.#damagesFound++;
    this.#machine.image.repair(damage);
    this.#damage = undefined;
    this.#trace.note('damage found');
  }

  /** Reads everything, and lets the checker decide what was open. */
  async #scan(engine: LogEngine, crashAfter: number): Promise<'done' | 'again'> {
    let left = crashAfter;
    for (const log of this.#checker.logs()) {
      for (let from = 0; ; ) {
        const request = { log, from, recordsMax: 200, bytesMax: 1 << 20 };
        const certain = this.#checker.certain(log);
        let result: ReadResult | undefined;
        let failed: { readonly error: unknown } | undefined;
        engine.read(request).then(
          (answer) => {
            result = answer;
          },
          (error: unknown) => {
            failed = { error };
          },
        );
        const before = this.#machine.counts.steps;
        const end = await this.#machine.drive(() => result !== undefined || failed !== undefined, left);
        left -= this.#machine.counts.steps - before;
        check(end !== 'stuck', () => 'a read is stuck');
        if (end === 'stopped') {
          check(crashAfter < patienceSteps, () => 'a read takes for ever');
          this.#machine.counts.crashesInRecovery++;
          this.#crash();
          return 'again';
        }
        if (failed !== undefined) {
          if (!(failed.error instanceof LogError) || failed.error.code !== 'damaged') throw failed.error;
          this.#foundDamage(failed.error);
          this.#crash();
          return 'again';
        }
        if (result === undefined) break;
        this.#checker.read(request, result, certain);
        if (result.kind === 'missing' || result.nextPosition >= result.state.endPosition) break;
        from = result.nextPosition;
      }
    }
    this.#checker.recovered(engine.list(), (log) => engine.state(log));
    return 'done';
  }

  /** Heals everything, and sees to it that nothing was left hanging and that the log still works. */
  async #finish(): Promise<void> {
    const machine = this.#machine;
    machine.disk.faults = noFaults;
    machine.image.capacityBlocks = Number.POSITIVE_INFINITY;
    await this.#patiently(() => this.#inFlight === 0, 'what was in flight');
    if (machine.disk.counts.ioErrors > 0) {
      this.#crash();
      await this.#boot();
      machine.disk.faults = noFaults;
    }
    await this.#resumes();
    if (!this.#subject.forgetful) await this.#close();
  }

  /** With room and a healthy disk the log must take an append soon. */
  async #resumes(): Promise<void> {
    const id = 'the-last-log';
    for (let attempt = 0; ; attempt++) {
      const engine = this.#engine;
      check(engine !== undefined, () => 'no engine');
      const before = this.#checker.counts.appended;
      this.#checker.creating([id]);
      this.#watch('create', engine.create([id]), (outcome) => this.#checker.created([id], outcome));
      await this.#patiently(() => this.#inFlight === 0, 'a create');
      this.#append(engine, [id]);
      await this.#patiently(() => this.#inFlight === 0, 'an append');
      if (this.#checker.counts.appended > before) return;
      check(attempt < 100, () => `no append is taken although there is room: ${engine.health().reason}`);
      this.#machine.advance(1000);
    }
  }

  async #patiently(done: () => boolean, what: string): Promise<void> {
    const end = await this.#machine.drive(() => done() || this.#failure !== undefined, patienceSteps);
    this.#verify();
    check(end === 'done', () => `${what}: ${end}`);
  }

  /** Keeps an eye on a call: its answer counts only in the life that asked. */
  #watch<T>(what: string, call: Promise<T>, answered: (value: T) => void): void {
    const life = this.#machine.life;
    this.#inFlight++;
    call.then(
      (value) => {
        if (life !== this.#machine.life) return;
        this.#inFlight--;
        this.#guard(() => answered(value));
      },
      (error: unknown) => {
        if (life !== this.#machine.life) return;
        this.#inFlight--;
        this.#guard(() => this.#rejected(what, error));
      },
    );
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** Only reads may reject, and only because of the disk. */
  #rejected(what: string, error: unknown): void {
    const reading = what === 'read' || what === 'find';
    const { ioErrors } = this.#machine.disk.counts;
    if (error instanceof LogError && error.code === 'disk' && reading && ioErrors > 0) return;
    throw error;
  }

  /** `poisoned`, `unknown` and `full` need a reason. */
  #expected(outcome: string): void {
    const { ioErrors, fullErrors } = this.#machine.disk.counts;
    if (outcome === 'unknown' && this.#subject.moody) return;
    if (outcome === 'poisoned' || outcome === 'unknown') {
      check(ioErrors > 0, () => `answered ${outcome}, and the disk never failed`);
    }
    if (outcome === 'full') check(fullErrors > 0, () => 'answered full, and the disk never was');
  }

  #verify(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const misuse = this.#machine.disk.misuses[0];
    check(misuse === undefined, () => `misuse of the disk: ${misuse}`);
  }
}
