/**
 * What all workloads share: a machine, an engine in it, and the ways in which both come to harm.
 *
 *      boot ──▶ open the engine ──▶ prepare (read everything) ──▶ turns … ──▶ crash ──▶ boot …
 *       ▲            │ crash, failing disk, damage     │
 *       └────────────┴─────────────────────────────────┘
 *
 * Invariant: an answer counts only in the life that asked; whatever goes wrong in a callback ends the run.
 */
import { chance, pick, type Random, seededRandom } from '@millrace/base';
import { LogError } from '@millrace/log';
import type { Damage } from './disk-image.js';
import { type LifeEnd, Machine } from './machine.js';
import type { EngineUnderTest, OpenedLog } from './open-log.js';
import type { RunOptions, RunReport } from './run.js';
import { Schedule } from './schedule.js';
import { type DiskFaults, noFaults, SimulatedDisk } from './simulated-disk.js';
import { Trace } from './trace.js';
import { check, Violation } from './violation.js';

/** What nobody may exceed without the run being called stuck. */
const patienceSteps = 20_000;
/** Lives that may end before one has recovered. */
const recoveriesMax = 12;
/** After so many of them nothing more is done to the next. */
const recoveriesHarmedMax = 5;

/** The native engine's file of space that it keeps back. */
const reserveName = 'reserve';

/** How much harm one seed does. */
export interface Temper {
  /** Mean steps from one crash to the next. */
  readonly crashEvery: number;
  /** Of crashes, how many are of the power and not of the process alone. */
  readonly powerShare: number;
  readonly crashesInRecovery: number;
  /** Lives on a disk that fails now and then. */
  readonly faultyLives: number;
  /** Lives that begin on a damaged disk. */
  readonly damages: number;
  /** How often promises settle before the next thing is done. */
  readonly settles: number;
}

function temper(random: Random): Temper {
  return {
    crashEvery: pick(random, [12, 40, 150, 600]),
    powerShare: pick(random, [0.5, 0.8, 1]),
    crashesInRecovery: pick(random, [0, 0.3, 0.6]),
    faultyLives: pick(random, [0, 0.1, 0.4]),
    damages: pick(random, [0, 0, 0.1, 0.3]),
    settles: pick(random, [0.5, 0.9, 1]),
  };
}

/** How a call ended while the machine was driven for its sake. */
export type Settled<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'crashed' };

export class Harness {
  readonly random: Random;
  readonly trace: Trace;
  readonly machine: Machine;
  readonly temper: Temper;
  readonly subject: EngineUnderTest;
  readonly #options: RunOptions;
  readonly #lifeEnds: () => void;
  #engine: OpenedLog | undefined;
  #failure: unknown;
  #inFlight = 0;
  #crashIn = 0;
  /** Steps that the recovery under way has left before it crashes. */
  #recoverySteps = patienceSteps;
  #recoveryCrashes = false;
  #filledInLife: number | undefined;
  #damage: Damage | undefined;
  #repaired: { readonly life: number; readonly name: string } | undefined;
  #damagesFound = 0;
  /** How often bytes were changed on purpose. */
  damagesDone = 0;

  /** `lifeEnds` is told of each crash: what was in flight will never be answered. */
  constructor(options: RunOptions, subject: EngineUnderTest, lifeEnds: () => void) {
    this.#options = options;
    this.subject = subject;
    this.#lifeEnds = lifeEnds;
    this.random = seededRandom(options.seed);
    this.trace = new Trace(options.trace);
    this.temper = temper(this.random);
    const orderly = pick(this.random, [0, 0.5, 0.9]);
    const schedule = new Schedule(this.random, this.trace, orderly);
    const clockFalls = pick(this.random, [0, 0.3]);
    this.machine = new Machine(this.random, schedule, clockFalls, options.tell);
  }

  get engine(): OpenedLog {
    check(this.#engine !== undefined, () => 'no engine is open');
    return this.#engine;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Runs `body` to its end or to the first broken promise. */
  async run(
    workload: RunReport['workload'],
    body: () => Promise<void>,
    counts: () => Readonly<Record<string, number>>,
  ): Promise<RunReport> {
    let violation: string | undefined;
    try {
      await body();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      violation = error instanceof Violation ? error.message : (error.stack ?? error.message);
    }
    return {
      workload,
      seed: this.#options.seed,
      violation,
      traceHash: this.trace.hash,
      counts: { ...this.machine.counts, ...counts(), damagesFound: this.#damagesFound },
    };
  }

  get isDamaged(): boolean {
    return this.#damage !== undefined;
  }

  get over(): boolean {
    return this.machine.counts.steps >= this.#options.steps;
  }

  /** One turn of a life: `act` does one thing. False: it is time to crash. */
  async turn(act: () => void): Promise<boolean> {
    if (!this.subject.forgetful && this.#crashIn-- <= 0) return false;
    act();
    if (chance(this.random, this.temper.settles)) await this.machine.schedule.settle();
    this.verify();
    if (this.machine.disk.counts.ioErrors > 0 && this.#engine?.health().writable === false) {
      this.#crashIn = Math.min(this.#crashIn, 30);
    }
    return true;
  }

  /** Whoever does nothing else lets the machine do something: an operation, or a millisecond. */
  perform(): void {
    if (!this.machine.perform()) this.machine.advance(1);
  }

  crash(): void {
    this.end(chance(this.random, this.temper.powerShare) ? 'power' : 'process');
  }

  end(end: LifeEnd): void {
    this.machine.endLife(end);
    this.#engine = undefined;
    this.#inFlight = 0;
    this.#lifeEnds();
  }

  /** Starts lives until one has opened the engine and `prepare` answers that it is done. */
  async boot(prepare: (engine: OpenedLog) => Promise<boolean>): Promise<void> {
    const { machine, random } = this;
    for (let attempt = 0; ; attempt++) {
      check(attempt <= recoveriesMax, () => `no recovery in ${recoveriesMax} lives`);
      const calm = attempt >= recoveriesHarmedMax || this.subject.forgetful === true;
      machine.startLife();
      if (attempt === 0 && chance(random, this.temper.damages)) this.spoil();
      this.#recoveryCrashes = !calm && chance(random, this.temper.crashesInRecovery);
      this.#recoverySteps = this.#recoveryCrashes ? random.integer(pick(random, [8, 60])) : patienceSteps;
      machine.disk.faults = calm ? noFaults : this.#faults(0.02);
      const engine = await this.#openEngine();
      if (engine === undefined) continue;
      machine.disk.faults = noFaults;
      this.#engine = engine;
      if (!(await prepare(engine))) continue;
      this.#repair();
      machine.disk.faults = this.#faults(0.01);
      this.#crashIn = Math.floor(-Math.log(1 - random.fraction()) * this.temper.crashEvery);
      return;
    }
  }

  /** Drives the machine until `call` has settled; in a recovery that is to crash, it may do that first. */
  async settled<T>(call: Promise<T>): Promise<Settled<T>> {
    let settled: Settled<T> | undefined;
    call.then(
      (value) => {
        settled = { kind: 'answer', value };
      },
      (error: unknown) => {
        settled = { kind: 'error', error };
      },
    );
    const { counts } = this.machine;
    const before = counts.steps;
    const end = await this.machine.drive(() => settled !== undefined, this.#recoverySteps);
    this.#recoverySteps -= counts.steps - before;
    this.verify();
    if (settled !== undefined) return settled;
    check(end === 'stopped' && this.#recoveryCrashes, () => `a recovery is ${end}`);
    counts.crashesInRecovery++;
    this.crash();
    return { kind: 'crashed' };
  }

  /** As `isDamage`; then the life is over. */
  endsByDamage(error: unknown): boolean {
    if (!this.isDamage(error)) return false;
    this.crash();
    return true;
  }

  /** Whether an error tells of the damage that was done. If so it is repaired. */
  isDamage(error: unknown): boolean {
    if (!(error instanceof LogError) || error.code !== 'damaged') return false;
    const { life } = this.machine;
    // What was read before a repair may be told after it, when other bytes are damaged already.
    const before = this.#repaired;
    const isNew = this.#damage !== undefined && error.message.includes(this.#damage.name);
    const isOld = before?.life === life && error.message.includes(before.name);
    if (isNew || !isOld) this.#foundDamage(error);
    return true;
  }

  /** A second process tries to open the directory: it must be told that it is taken, and touch nothing. */
  intrude(): void {
    if (this.subject.forgetful) return;
    const { image, schedule, clock } = this.machine;
    const disk = new SimulatedDisk(image, schedule, this.random);
    const opened = this.subject.open({ disk, clock, random: this.random, canary: undefined });
    this.watch(
      opened,
      () => check(false, () => 'a second process has opened the directory'),
      (error) => {
        const locked = error instanceof LogError && error.code === 'locked' && disk.counts.operations === 1;
        check(locked, () => `a second process was told: ${error}`);
      },
    );
  }

  /** Drives the machine until `done`, with patience. */
  async patiently(done: () => boolean, what: string): Promise<void> {
    const end = await this.machine.drive(() => done() || this.#failure !== undefined, patienceSteps);
    this.verify();
    check(end === 'done', () => `${what}: ${end}`);
  }

  /** From here on the disk is good and has room. */
  heal(): void {
    this.#repair();
    this.machine.disk.faults = noFaults;
    this.room();
  }

  /**
   * Fills the disk but for a few blocks, if it has room and the engine holds its reserve. Who takes away what the
   * engine gives up of that takes away the room for deletes, too; that cannot be survived and is not done.
   */
  fill(): void {
    const { image } = this.machine;
    if (image.capacityBlocks < Number.POSITIVE_INFINITY || image.find(reserveName) === undefined) return;
    image.capacityBlocks = image.usedBlocks + this.random.integer(6);
    this.#filledInLife = this.machine.life;
    this.trace.note('fill', image.capacityBlocks);
  }

  room(): void {
    this.machine.image.capacityBlocks = Number.POSITIVE_INFINITY;
    this.#filledInLife = undefined;
  }

  /** Whether a delete must find room: the reserve was whole when the disk became full, and no crash came since. */
  get deletesWork(): boolean {
    return this.#filledInLife === this.machine.life;
  }

  /** Keeps an eye on a call; its answer counts only in the life that asked. */
  watch<T>(call: Promise<T>, answered: (value: T) => void, rejected: (error: unknown) => void): void {
    const { life } = this.machine;
    this.#inFlight++;
    const settle = (then: () => void): void => {
      if (life !== this.machine.life) return;
      this.#inFlight--;
      this.guard(then);
    };
    call.then(
      (value) => settle(() => answered(value)),
      (error: unknown) => settle(() => rejected(error)),
    );
  }

  /** What `work` throws ends the run at its next step. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failure ??= error;
    }
  }

  verify(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const misuse = this.machine.disk.misuses[0];
    check(misuse === undefined, () => `misuse of the disk: ${misuse}`);
  }

  /** `poisoned`, `unknown` and `full` need a reason. */
  expected(outcome: string): void {
    const { ioErrors, fullErrors } = this.machine.disk.counts;
    if (outcome === 'unknown' && this.subject.moody) return;
    if (outcome === 'poisoned' || outcome === 'unknown') {
      check(ioErrors > 0, () => `answered ${outcome}, and the disk never failed`);
    }
    if (outcome === 'full') check(fullErrors > 0, () => 'answered full, and the disk never was');
  }

  #faults(probability: number): DiskFaults {
    if (!chance(this.random, this.temper.faultyLives)) return noFaults;
    const some = (): number => (chance(this.random, 0.5) ? probability : 0);
    return { writeFails: some(), syncFails: some() * 3, readFails: some(), nameFails: some() };
  }

  /** Damages the disk, if it is whole. */
  spoil(): void {
    if (this.#damage !== undefined) return;
    this.#damage = this.machine.image.damage(this.random);
    if (this.#damage === undefined) return;
    this.damagesDone++;
    this.trace.note(`damage ${this.#damage.name}`, this.#damage.offset);
  }

  async #openEngine(): Promise<OpenedLog | undefined> {
    const { clock, disk } = this.machine;
    const { canary } = this.#options;
    const opened = await this.settled(this.subject.open({ disk, clock, random: this.random, canary }));
    if (opened.kind === 'answer') return opened.value;
    if (opened.kind === 'error') {
      this.#openFailed(opened.error);
      this.crash();
    }
    return undefined;
  }

  /** An open may fail only by what was done to it. */
  #openFailed(error: unknown): void {
    if (!(error instanceof LogError)) throw error;
    const { counts } = this.machine.disk;
    if (error.code === 'damaged' || error.code === 'foreign') {
      this.#foundDamage(error);
      return;
    }
    const excused = error.code === 'disk' && counts.ioErrors > 0;
    check(excused, () => `the open failed with ${error.code}: ${error.message}`);
  }

  #repair(): void {
    if (this.#damage === undefined) return;
    this.machine.image.repair(this.#damage);
    this.#repaired = { life: this.machine.life, name: this.#damage.name };
    this.#damage = undefined;
  }

  #foundDamage(error: LogError): void {
    const damage = this.#damage;
    check(damage !== undefined, () => `a healthy disk was refused: ${error.message}`);
    check(error.message.includes(damage.name), () => `${damage.name} is damaged, not: ${error.message}`);
    this.#damagesFound++;
    this.#repair();
    this.trace.note('damage found');
  }
}
