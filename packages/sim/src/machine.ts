/**
 * A machine that runs one process at a time on one disk: each *life* has a clock and a disk of its own, and ends by a
 * crash of the process or of the power. The next life's clock may stand before the last one's: wall clocks do that.
 *
 *      startLife ──▶ steps (operations performed, timers fired) ──▶ endLife ──▶ startLife …
 *
 * A *step* is one operation performed or one move of the clock; it is what `--steps` counts.
 */
import { AdjustableClock, type Clock, chance, pick, type Random } from '@millrace/base';
import { DiskImage } from './disk-image.js';
import { crashFates } from './file-body.js';
import type { Schedule } from './schedule.js';
import { SimulatedDisk } from './simulated-disk.js';

/** A Tuesday in November 2025. */
const epochMs = 1_763_424_000_000;
const hourMs = 3_600_000;

export interface MachineCounts {
  steps: number;
  processCrashes: number;
  powerFailures: number;
  crashesInRecovery: number;
}

export type LifeEnd = 'process' | 'power';

export class Machine {
  readonly random: Random;
  readonly schedule: Schedule;
  readonly image = new DiskImage();
  readonly counts: MachineCounts = { steps: 0, processCrashes: 0, powerFailures: 0, crashesInRecovery: 0 };
  /** How often a new life's clock stands before the old one's. */
  readonly clockFalls: number;
  #newestMs = epochMs;
  #life = 0;
  #clock: AdjustableClock;
  #disk: SimulatedDisk;

  readonly #tell: ((line: string) => void) | undefined;

  constructor(
    random: Random,
    schedule: Schedule,
    clockFalls: number,
    tell: ((line: string) => void) | undefined,
  ) {
    this.#tell = tell;
    this.random = random;
    this.schedule = schedule;
    this.clockFalls = clockFalls;
    this.#clock = heldClock(epochMs);
    this.#disk = new SimulatedDisk(this.image, schedule, random);
  }

  get life(): number {
    return this.#life;
  }

  /** The newest instant that any life's clock has shown. */
  get newestMs(): number {
    this.#newestMs = Math.max(this.#newestMs, this.#clock.now());
    return this.#newestMs;
  }

  get clock(): AdjustableClock {
    return this.#clock;
  }

  get disk(): SimulatedDisk {
    return this.#disk;
  }

  startLife(): void {
    this.#life++;
    const beforeMs = this.newestMs;
    const falls = chance(this.random, this.clockFalls);
    const nowMs = falls ? beforeMs - this.random.integer(hourMs) : beforeMs + this.random.integer(5000);
    this.#clock = heldClock(nowMs);
    this.#disk = new SimulatedDisk(this.image, this.schedule, this.random);
    this.schedule.trace.note('life', this.#life, nowMs - epochMs);
  }

  endLife(end: LifeEnd): void {
    this.#life++;
    this.#disk.end();
    this.schedule.abandon();
    if (end === 'process') {
      this.counts.processCrashes++;
      this.image.endProcess();
      this.#tellCrash('process crash');
      return;
    }
    this.counts.powerFailures++;
    const fate = pick(this.random, crashFates);
    this.image.losePower(fate, this.random);
    this.#tellCrash(`power failure, unsynced: ${fate}`);
  }

  #tellCrash(what: string): void {
    const { steps } = this.counts;
    this.schedule.trace.note(what, this.#life);
    this.#tell?.(`  step ${steps}: ${what}; ${this.image.names().length} files left`);
  }

  /** Performs one waiting operation. */
  perform(): boolean {
    if (!this.schedule.performOne()) return false;
    this.counts.steps++;
    return true;
  }

  advance(ms: number): void {
    this.counts.steps++;
    this.schedule.trace.note('advance', ms);
    this.#clock.advance(ms);
  }

  /**
   * Lets the process go on by itself until `done`, for `stepsMax` steps at most. Time passes only when nothing else
   * is left to do. `stuck`: neither an operation nor a timer is left, and it is not done.
   */
  async drive(done: () => boolean, stepsMax: number): Promise<'done' | 'stopped' | 'stuck'> {
    for (let left = stepsMax; ; left--) {
      await this.schedule.settle();
      if (done()) return 'done';
      if (left <= 0) return 'stopped';
      if (this.perform()) continue;
      const dueMs = this.#clock.nextDueMs();
      if (dueMs === undefined) return 'stuck';
      this.advance(Math.max(0, dueMs - this.#clock.now()));
    }
  }
}

function heldClock(nowMs: number): AdjustableClock {
  const still: Clock = { now: () => nowMs, schedule: () => ({ cancel: () => undefined }) };
  const clock = new AdjustableClock(still);
  clock.hold();
  return clock;
}
