/**
 * Clients of a log engine: many authors append to many logs, readers read, follow and search, logs are made, sealed,
 * trimmed and deleted, the disk fills and empties, and `harness.ts` does harm. Each seed has its own *character*: some
 * have many small records, some fill the disk, some do nothing but seal.
 *
 * Whatever is answered goes through `log-checker.ts`; after each recovery everything is read.
 */
import { chance, pick, type Random } from '@millrace/base';
import { type ControlOutcome, type LogEngine, LogError, type LogId, type Position } from '@millrace/log';
import { BorrowedPages } from './borrowed-pages.js';
import { Harness } from './harness.js';
import { type Action, type Call, type LogCharacter, logCharacter } from './log-character.js';
import { LogChecker } from './log-checker.js';
import { recordBytesMin } from './log-model.js';
import type { EngineUnderTest } from './open-log.js';
import type { RunOptions, RunReport } from './run.js';
import { Snapshots } from './snapshots.js';
import { check } from './violation.js';

/** Appends that may be refused after the disk has room again. */
const resumeAttemptsMax = 100;
const waitsMax = 16;

export class LogWorkload {
  readonly #harness: Harness;
  readonly #random: Random;
  readonly #character: LogCharacter;
  readonly #checker = new LogChecker();
  readonly #snapshots: Snapshots;
  readonly #borrowed = new BorrowedPages();
  #waits = new Map<AbortController, { readonly log: LogId; readonly position: Position }>();
  #deleting = new Set<LogId>();
  #creating = new Set<LogId>();
  #logsMade = 0;

  constructor(options: RunOptions, subject: EngineUnderTest) {
    this.#harness = new Harness(options, subject, () => this.#lifeEnds());
    this.#random = this.#harness.random;
    this.#character = logCharacter(this.#random);
    this.#snapshots = new Snapshots(this.#harness, this.#checker);
  }

  run(): Promise<RunReport> {
    return this.#harness.run(
      'log',
      () => this.#body(),
      () => ({ ...this.#checker.counts, ...this.#snapshots.counts }),
    );
  }

  async #body(): Promise<void> {
    const harness = this.#harness;
    await this.#boot();
    while (!harness.over) {
      const action = this.#character.actions.pick(this.#random);
      if (action === 'close') await this.#close();
      else if (!(await harness.turn(() => this.#act(action)))) {
        harness.crash();
        await this.#boot();
      }
      await this.#snapshots.verify();
    }
    await this.#finish();
    await this.#snapshots.verify();
  }

  #act(action: Exclude<Action, 'close'>): void {
    const harness = this.#harness;
    switch (action) {
      case 'perform':
        harness.perform();
        break;
      case 'advance':
        harness.machine.advance(pick(this.#random, [0, 1, 10, 1000, 60_000]));
        break;
      case 'fill':
        harness.fill();
        break;
      case 'room':
        harness.room();
        break;
      case 'damage':
        harness.spoil();
        break;
      case 'intrude':
        harness.intrude();
        break;
      case 'snapshot':
        this.#snapshots.begin(harness.engine);
        break;
      default:
        if (harness.inFlight < this.#character.inFlightMax) this.#call(action, harness.engine);
        else harness.perform();
    }
  }

  #call(call: Call, engine: LogEngine): void {
    const logs = this.#checker.logs();
    if (call === 'create' || logs.length === 0) {
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
    calls[call]();
  }

  #create(engine: LogEngine): void {
    if (this.#checker.logs().length >= this.#character.logsMax) return;
    const ids: LogId[] = [];
    for (let n = 1 + this.#random.integer(2); n > 0; n--) ids.push(`log-${++this.#logsMade}`);
    this.#checker.creating(ids);
    for (const id of ids) this.#creating.add(id);
    const made = (outcome: ControlOutcome): void => {
      for (const id of ids) this.#creating.delete(id);
      this.#checker.created(ids, outcome);
    };
    this.#watch(
      'create',
      engine.create(ids),
      (outcome) => {
        this.#harness.expected(outcome);
        made(outcome);
      },
      () => made('full'),
    );
  }

  #append(engine: LogEngine, all: readonly LogId[]): void {
    const { recordsMax, recordBytesMax } = this.#character;
    const { clock } = this.#harness.machine;
    const touched = 1 + this.#random.integer(Math.min(all.length, 3));
    const logs = [...new Set(Array.from({ length: touched }, () => pick(this.#random, all)))];
    const extra = this.#random.integer(recordsMax);
    const logOf = new Uint32Array(logs.length + extra);
    const lengths: number[] = [];
    for (let i = 0; i < logOf.length; i++) {
      logOf[i] = i < logs.length ? i : this.#random.integer(logs.length);
      lengths.push(recordBytesMin + this.#random.integer(recordBytesMax));
    }
    const { batch, pending } = this.#checker.appending(logs, logOf, lengths, clock.now());
    this.#watch(
      'append',
      engine.append(batch),
      (outcomes) => {
        for (const outcome of outcomes) {
          this.#harness.expected(outcome.kind);
          this.#harness.trace.note(outcome.kind, outcome.kind === 'appended' ? outcome.firstPosition : 0);
        }
        this.#checker.appended(pending, outcomes, this.#harness.machine.newestMs);
      },
      () => this.#checker.turnedAway(pending),
    );
  }

  #read(engine: LogEngine, log: LogId): void {
    const request = {
      log,
      from: this.#checker.positionAt(log, this.#random.fraction() * 1.2),
      recordsMax: 1 + this.#random.integer(40),
      bytesMax: pick(this.#random, [1, 500, 100_000]),
      borrowed: true,
    };
    const certain = this.#checker.certain(log);
    this.#watch('read', engine.read(request), (result) => {
      this.#checker.read(request, result, certain);
      this.#borrowed.hold(result);
    });
  }

  #wait(engine: LogEngine, log: LogId): void {
    const { machine } = this.#harness;
    const position = this.#checker.positionAt(log, 1) + this.#random.integer(3);
    const certain = this.#checker.certain(log);
    const abort = new AbortController();
    if (this.#waits.size >= waitsMax) for (const waiting of this.#waits.keys()) waiting.abort();
    this.#waits.set(abort, { log, position });
    const { life } = machine;
    const settle = (then: () => void): void => {
      if (life !== machine.life) return;
      this.#waits.delete(abort);
      this.#harness.guard(then);
    };
    engine.waitFor(log, position, abort.signal).then(
      () => settle(() => this.#checker.waited(log, position, engine.state(log), certain)),
      (error: unknown) =>
        settle(() => {
          if (!abort.signal.aborted && !this.#isBusy(error)) this.#rejected('wait', error);
        }),
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
      this.#harness.expected(result.kind);
      this.#harness.trace.note(`seal ${result.kind}`, result.kind === 'sealed' ? result.endPosition : 0);
      this.#checker.sealed(log, result, certain);
    });
  }

  #trim(engine: LogEngine, log: LogId): void {
    const before = this.#checker.positionAt(log, this.#random.fraction() * 1.1);
    this.#checker.trimming(log, before);
    this.#watch('trim', engine.trim(log, before), (outcome) => {
      this.#harness.expected(outcome);
      this.#checker.trimmed(log, before, outcome);
    });
  }

  #delete(engine: LogEngine, all: readonly LogId[], share = 0.3): void {
    const busy = (id: LogId): boolean => this.#deleting.has(id) || this.#creating.has(id);
    const ids = all.filter((id) => !busy(id) && (share === 1 || chance(this.#random, share)));
    if (ids.length === 0) return;
    for (const id of ids) {
      this.#deleting.add(id);
      this.#checker.deleting(id);
    }
    const deleted = (outcome: ControlOutcome): void => {
      for (const id of ids) {
        this.#deleting.delete(id);
        this.#checker.deleted(id, outcome);
      }
    };
    this.#watch(
      'delete',
      engine.delete(ids),
      (outcome) => {
        this.#harness.expected(outcome);
        const full = outcome === 'full' && this.#harness.deletesWork;
        check(!full, () => `a delete of ${ids} found the disk full`);
        this.#harness.trace.note(`delete ${outcome}`);
        deleted(outcome);
      },
      () => deleted('full'),
    );
  }

  /** Ends a life gently: what is in flight is answered, and nothing is lost, whatever comes after. */
  async #close(): Promise<void> {
    const harness = this.#harness;
    if (harness.subject.forgetful) return;
    for (const waiting of this.#waits.keys()) waiting.abort();
    let closed = false;
    this.#watch('close', harness.engine.close(), () => {
      closed = true;
    });
    await harness.patiently(() => closed, 'close');
    check(harness.inFlight === 0, () => `${harness.inFlight} calls are in flight after a close`);
    harness.trace.note('closed');
    harness.end(chance(this.#random, 0.5) ? 'process' : 'power');
    await this.#boot();
  }

  #boot(): Promise<void> {
    return this.#harness.boot((engine) => this.#scan(engine));
  }

  #lifeEnds(): void {
    this.#waits = new Map();
    this.#deleting = new Set();
    this.#creating = new Set();
    this.#checker.crashed();
    this.#snapshots.lifeEnds();
    this.#borrowed.lifeEnds();
  }

  /** Reads everything, and lets the checker decide what was open. */
  async #scan(engine: LogEngine): Promise<boolean> {
    for (const log of this.#checker.logs()) {
      for (let from = 0; ; ) {
        const request = { log, from, recordsMax: 200, bytesMax: 1 << 20 };
        const certain = this.#checker.certain(log);
        const read = await this.#harness.settled(engine.read(request));
        if (read.kind === 'crashed') return false;
        if (read.kind === 'error') {
          if (this.#harness.endsByDamage(read.error)) return false;
          throw read.error;
        }
        const result = read.value;
        this.#checker.read(request, result, certain);
        if (result.kind === 'missing' || result.nextPosition >= result.state.endPosition) break;
        from = result.nextPosition;
      }
    }
    this.#checker.recovered(engine.list(), (log) => engine.state(log));
    return true;
  }

  /** Heals everything, and sees to it that nothing was left hanging and that the log still works. */
  async #finish(): Promise<void> {
    const harness = this.#harness;
    harness.heal();
    await harness.patiently(() => harness.inFlight === 0, 'what was in flight');
    if (harness.machine.disk.counts.ioErrors > 0) {
      harness.crash();
      await this.#boot();
      harness.heal();
    }
    await this.#resumes();
    this.#noneForgotten();
    await this.#close();
    if (!harness.subject.forgetful) await this.#givesBack();
  }

  /** Nobody waits for what is there. */
  #noneForgotten(): void {
    for (const { log, position } of this.#waits.values()) {
      const state = this.#harness.engine.state(log);
      const waits = state !== undefined && !state.sealed && this.#checker.certain(log).knownEnd <= position;
      check(waits, () => `${log}: someone still waits for ${position}: ${JSON.stringify(state)}`);
    }
  }

  /** When every log is deleted, their space is free again. */
  async #givesBack(): Promise<void> {
    const harness = this.#harness;
    const { restBytesMax = 0 } = harness.subject;
    harness.heal();
    this.#delete(harness.engine, this.#checker.logs(), 1);
    await harness.patiently(() => harness.inFlight === 0, 'the last delete');
    await harness.patiently(() => harness.machine.schedule.waiting === 0, 'what follows a delete');
    const { usedBytes } = harness.machine.image;
    check(usedBytes <= restBytesMax, () => `${usedBytes} bytes are taken when every log is deleted`);
  }

  /** With room and a healthy disk the log must take an append soon. */
  async #resumes(): Promise<void> {
    const harness = this.#harness;
    const id = 'the-last-log';
    const before = this.#checker.counts.appended;
    for (let attempt = 0; attempt < resumeAttemptsMax; attempt++) {
      this.#checker.creating([id]);
      const created = harness.engine.create([id]);
      this.#watch('create', created, (outcome) => this.#checker.created([id], outcome));
      await harness.patiently(() => harness.inFlight === 0, 'a create');
      this.#append(harness.engine, [id]);
      await harness.patiently(() => harness.inFlight === 0, 'an append');
      if (this.#checker.counts.appended > before) return;
      harness.machine.advance(1000);
    }
    check(false, () => `no append is taken although there is room: ${harness.engine.health().reason}`);
  }

  /** `turnedAway`: the call was told that the log is busy, and has done nothing. */
  #watch<T>(
    what: Call | 'close',
    call: Promise<T>,
    answered: (value: T) => void,
    turnedAway: () => void = () => undefined,
  ): void {
    this.#harness.watch(call, answered, (error) => {
      if (this.#isBusy(error)) turnedAway();
      else this.#rejected(what, error);
    });
  }

  #isBusy(error: unknown): boolean {
    return this.#harness.subject.busy === true && error instanceof LogError && error.code === 'busy';
  }

  /** Only reads may reject, and only because of the disk. */
  #rejected(what: Call | 'close', error: unknown): void {
    const reading = what === 'read' || what === 'find';
    if (reading && this.#harness.isDamage(error)) return;
    const { ioErrors } = this.#harness.machine.disk.counts;
    if (error instanceof LogError && error.code === 'disk' && reading && ioErrors > 0) return;
    throw error;
  }
}
