/**
 * One run of the demonstration as state: the tally, what was acknowledged, and how both survive.
 *
 *      ledger ──┐                      ┌─▶ again, next: what the producer puts
 *               ├─▶ begin ─▶ catch up ─┤
 *      checkpoint                      └─▶ lost: acknowledged before, and not in the stream now
 *
 * Invariant: whatever instant a run ends at, the next one knows of every event that it was promised.
 */
import type { Clock } from '@millrace/base';
import type { Checkpoint } from './checkpoint.js';
import type { DemoFolder, Remembered } from './demo-folder.js';
import { NumberSet, windowNumbersMax } from './number-set.js';
import { Tally } from './tally.js';
import type { PickedUp } from './view.js';

/** How far ahead of the first uncounted number the producer may run: it waits for the consumer there. */
const aheadMax = windowNumbersMax / 4;
/** The stream's retention: what was not counted for so long is gone by right, and is put again. */
const retentionMs = 24 * 60 * 60 * 1000;

export class Session {
  readonly tally: Tally;
  /** Whether an earlier count was left behind, because its stream is gone. */
  readonly restarted: boolean;
  readonly #folder: DemoFolder;
  readonly #clock: Clock;
  readonly #streamCreatedMs: number;
  readonly #acknowledged: NumberSet;
  readonly #from: Checkpoint | undefined;
  /** Different events counted when this run began. */
  readonly #eventsBefore: number;
  readonly #runs: number;
  readonly #crashes: number;
  /** Acknowledged and not in the checkpoint: what the stream must still hold. */
  readonly #held: readonly number[];
  #ledger: number;
  #saving: Promise<unknown> = Promise.resolve();
  #lostBefore: number;
  #lostNow: readonly number[] = [];
  #expiredNow = 0;
  #stockTaken = false;

  private constructor(
    folder: DemoFolder,
    clock: Clock,
    streamCreatedMs: number,
    remembered: Remembered | undefined,
    newSeries: string,
  ) {
    const before = remembered?.checkpoint;
    const from = before?.streamCreatedMs === streamCreatedMs ? before : undefined;
    this.restarted = before !== undefined && from === undefined;
    this.#folder = folder;
    this.#clock = clock;
    this.#streamCreatedMs = streamCreatedMs;
    this.#from = from;
    this.tally = from === undefined ? Tally.empty(newSeries) : new Tally(from);
    this.#eventsBefore = this.tally.counted.size;
    this.#acknowledged = new NumberSet(from?.acknowledged);
    if (from !== undefined) {
      for (const [first, last] of remembered?.acknowledgedSince ?? []) {
        for (let n = first; n <= last; n++) this.#acknowledged.add(n);
      }
    }
    const { counted } = this.tally;
    this.#held = counted
      .missing(this.#acknowledged.highest, windowNumbersMax)
      .filter((n) => this.#acknowledged.has(n));
    this.#runs = (from?.runs ?? 0) + 1;
    this.#crashes = (from?.crashes ?? 0) + (from?.clean === false ? 1 : 0);
    this.#lostBefore = from?.lost ?? 0;
    this.#ledger = remembered?.nextLedger ?? 1;
  }

  /** Reads what earlier runs left in `folder`. Throws `TypeError` or `SyntaxError` when that is damaged. */
  static async begin(
    folder: DemoFolder,
    clock: Clock,
    streamCreatedMs: number,
    newSeries: string,
  ): Promise<Session> {
    const session = new Session(folder, clock, streamCreatedMs, await folder.load(), newSeries);
    await folder.beginLedger(session.#ledger);
    await session.save(false);
    return session;
  }

  get acknowledged(): NumberSet {
    return this.#acknowledged;
  }

  get runs(): number {
    return this.#runs;
  }

  get crashes(): number {
    return this.#crashes;
  }

  /** Acknowledged once and gone, over all runs. */
  get lost(): number {
    return this.#lostBefore + this.#lostNow.length;
  }

  /** The greatest number that is known to have been given. */
  get last(): number {
    return Math.max(this.#acknowledged.highest, this.tally.counted.highest);
  }

  get lagEvents(): number {
    return Math.max(0, this.#acknowledged.size - this.tally.counted.size);
  }

  /** The greatest number that may be given now. */
  get horizon(): number {
    return this.tally.counted.through + aheadMax;
  }

  /**
   * Holds the stream to what was acknowledged before: to be called once it has been read to its tips, and before
   * anything is put. Answers what the producer has to put again, rising, and its next new number.
   */
  takeStock(): { readonly again: readonly number[]; readonly next: number } {
    const gone = this.#held.filter((n) => !this.tally.counted.has(n));
    const expired = this.#from !== undefined && this.#clock.now() - this.#from.savedMs >= retentionMs;
    if (expired) this.#expiredNow = gone.length;
    else this.#lostNow = gone;
    this.#stockTaken = true;
    const { highest } = this.#acknowledged;
    const again = [...this.#acknowledged.missing(highest, windowNumbersMax), ...gone].sort((a, b) => a - b);
    return { again, next: highest + 1 };
  }

  /** Remembers an acknowledgement, in the ledger too: a run that is killed now still knows of it. */
  async acknowledge(numbers: readonly number[]): Promise<void> {
    for (const n of numbers) this.#acknowledged.add(n);
    await this.#folder.acknowledge(numbers);
  }

  /** Writes a checkpoint, after any that is being written. */
  save(clean: boolean): Promise<void> {
    const saved = this.#saving.then(() => this.#saveNow(clean));
    this.#saving = saved.catch(() => 'told to whoever asked for it');
    return saved;
  }

  async #saveNow(clean: boolean): Promise<void> {
    if (this.#folder.ledgerSpent) {
      this.#ledger++;
      await this.#folder.beginLedger(this.#ledger);
    }
    await this.#folder.save({
      format: 1,
      streamCreatedMs: this.#streamCreatedMs,
      // Until stock is taken the counts are as old as they were: that is what decides between lost and expired.
      savedMs: (this.#stockTaken ? undefined : this.#from?.savedMs) ?? this.#clock.now(),
      clean,
      runs: this.#runs,
      crashes: this.#crashes,
      ledger: this.#ledger,
      acknowledged: this.#acknowledged.state(),
      lost: this.lost,
      ...this.tally.state(),
    });
  }

  pickedUp(): PickedUp | undefined {
    if (this.#from === undefined) return undefined;
    return {
      afterCrash: !this.#from.clean,
      events: this.#eventsBefore,
      held: this.#held.length - this.#expiredNow,
      lost: this.#lostNow.length,
      expired: this.#expiredNow,
      duplicates: this.tally.duplicates - this.#from.duplicates,
    };
  }
}
