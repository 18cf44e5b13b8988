/**
 * The writer: takes what is queued, makes one commit of it, writes and syncs that, and only then answers.
 *
 *      queue ──▶ draft ──▶ write ──▶ sync ──▶ publish, answer ──▶ next draft: whatever has been queued meanwhile
 *                            │         └─ failed ──▶ poisoned
 *                            ├─ no room ──▶ cut back: data is answered `full`, commands try again, with the reserve
 *                            └─ failed ──▶ poisoned
 *
 * Invariant: never more than one write or sync of the journal is in flight, so all that is before a commit was synced
 * when it was written. Nothing is shown or acknowledged before its sync. Once poisoned, nothing is written again.
 *
 * What a failed write or sync leaves on the disk nobody knows: the requests of that very commit are answered
 * `unknown`, all others `poisoned`.
 *
 * One file because it is one machine: what a full disk, a new file and a retried command do to each other is only seen
 * together.
 */
import { type Clock, elapsedMs, present } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { CommitDraft } from './commit-draft.js';
import type { LogId } from './contract.js';
import { DiskError } from './disk.js';
import type { Journal } from './journal.js';
import type { NativeLimits } from './limits.js';
import type { Registry } from './registry.js';
import { fail, isPrivileged, type Request, RequestQueue } from './request.js';
import type { Reserve } from './reserve.js';
import type { ReturningCallers } from './returning-callers.js';
import type { Settler } from './settler.js';
import type { Tail } from './tail.js';

export interface GroupCommitParts {
  readonly clock: Clock;
  readonly limits: NativeLimits;
  readonly canaries: Canaries;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly tail: Tail;
  readonly reserve: Reserve;
  readonly settler: Settler;
  readonly callers: ReturningCallers;
  /** The newest time on the disk: the clock is never taken to stand before it. */
  readonly newestMs: number;
  /** Called for each log that a commit changed, once that is visible. */
  readonly changed: (log: LogId) => void;
}

const scratchBytesFirst = 64 * 1024;
/** Offsets have 32 bits: a file that cannot be left for a new one (no room) is not written past this. */
const fileBytesLimit = 2 ** 32;

export class GroupCommit {
  readonly #clock: Clock;
  readonly #limits: NativeLimits;
  readonly #canaries: Canaries;
  readonly #journal: Journal;
  readonly #registry: Registry;
  readonly #tail: Tail;
  readonly #reserve: Reserve;
  readonly #settler: Settler;
  readonly #callers: ReturningCallers;
  readonly #changed: (log: LogId) => void;
  readonly #queue: RequestQueue;
  #newestMs: number;
  #scratch = Buffer.allocUnsafeSlow(scratchBytesFirst);
  /** Privileged requests of a commit that found no room: they go first, and alone. */
  #retry: Request[] = [];
  #reserveWanted = false;
  /** A new file was due and found no room: tried again after the next commit. */
  #rollBlocked = false;
  /** The registry's count of dead records when the active file was begun. */
  #deadAtRoll = 0;
  /** Files went away while the disk was full: worth a look whether it still is. */
  #roomFreed = false;
  #running: Promise<void> | undefined;
  #sweeping: Promise<void> | undefined;
  /** What the sweep does at the moment. */
  #sweepStep: Promise<boolean> | undefined;
  #stopping = false;
  #poison: string | undefined;
  #full: string | undefined;
  #commits = 0;
  #syncs = 0;
  #syncMs = 0;

  constructor(parts: GroupCommitParts) {
    this.#clock = parts.clock;
    this.#limits = parts.limits;
    this.#canaries = parts.canaries;
    this.#journal = parts.journal;
    this.#registry = parts.registry;
    this.#tail = parts.tail;
    this.#reserve = parts.reserve;
    this.#settler = parts.settler;
    this.#callers = parts.callers;
    this.#changed = parts.changed;
    this.#newestMs = parts.newestMs;
    this.#queue = new RequestQueue(parts.limits, parts.journal.chain.tag);
    if (!parts.reserve.held) this.#noteFull('there is none to keep back');
  }

  get poisoned(): boolean {
    return this.#poison !== undefined;
  }

  /** Why nothing is written any more, or for the time being. */
  get trouble(): string | undefined {
    return this.#poison ?? this.#full;
  }

  get commits(): number {
    return this.#commits;
  }

  /** Time that commits have waited for their syncs. */
  get syncMs(): number {
    return this.#syncMs;
  }

  get syncs(): number {
    return this.#syncs;
  }

  get queued(): { readonly requests: number; readonly bytes: number; readonly waiting: number } {
    return { ...this.#queue.queued, waiting: this.#queue.waiting };
  }

  /** Queues a request; it is answered when its commit is synced, or cannot be. */
  submit(request: Request): void {
    if (this.#poison === undefined) {
      this.#queue.push(request);
      this.#callers.arrived();
      this.#kick();
    } else fail(request, 'poisoned');
  }

  /**
   * Writes a commit without frames: it names everything before it as synced, so that damage to that can be told
   * from a torn tail. `false` when there is no room or the disk fails.
   */
  async mark(): Promise<boolean> {
    await this.idle();
    if (this.#poison !== undefined) return false;
    const draft = this.#draft();
    return (await this.#write(draft)) === 'answered' && this.#poison === undefined;
  }

  /** Lets settling end where it is: the log is about to be closed. */
  stop(): void {
    this.#stopping = true;
    this.#settler.stop();
  }

  /** Resolves when nothing is queued, written, settled or removed. */
  async idle(): Promise<void> {
    while (this.#running !== undefined || this.#sweeping !== undefined) {
      await this.#running;
      await this.#sweeping;
    }
  }

  /** Begins to settle old files, and to remove those in which nothing is alive; commits are not held up. */
  sweep(): void {
    if (this.#leavingIsDue && !this.#rollBlocked) this.#kick();
    if (this.#sweeping === undefined && this.#sweepIsDue) this.#sweeping = this.#sweep();
  }

  get #sweepIsDue(): boolean {
    return this.#poison === undefined && !this.#stopping && this.#settler.due(this.#hasRoom);
  }

  /** Whether there may be room for what can wait. */
  get #hasRoom(): boolean {
    return this.#full === undefined && this.#reserve.held;
  }

  #kick(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // One turn later, so that the calls of this turn share the first commit.
    await Promise.resolve();
    while (this.#poison === undefined && this.#hasWork()) await this.#step();
    this.#failAll('poisoned');
    this.#running = undefined;
  }

  #hasWork(): boolean {
    const leaves = this.#leavingIsDue && !this.#rollBlocked;
    return this.#retry.length > 0 || !this.#queue.empty || leaves || this.#roomFreed;
  }

  /** One commit, from the queue to its answers. */
  async #step(): Promise<void> {
    const held = this.#retry.length === 0 ? this.#callers.wait() : undefined;
    if (held !== undefined) await held;
    try {
      const roomForData = await this.#prepareFiles();
      if (this.#retry.length === 0 && !roomForData) this.#refuseData();
    } catch (error) {
      this.#poisonBy(error);
      return;
    }
    const draft = this.#gather();
    draft.close();
    if (draft.frames === 0) {
      draft.answer();
      return;
    }
    if ((await this.#write(draft)) === 'full') this.#takeBack(draft);
  }

  #draft(): CommitDraft {
    const nowMs = this.#clock.now();
    this.#newestMs = Math.max(this.#newestMs, nowMs);
    const timeMs = this.#canaries.timeBackwards ? nowMs : this.#newestMs;
    return new CommitDraft(this.#registry, this.#limits, this.#canaries, this.#journal.chain.tag, timeMs);
  }

  #gather(): CommitDraft {
    const draft = this.#draft();
    const fits = (next: Request): boolean =>
      (draft.bytes === 0 || draft.bytes + next.bytes <= this.#limits.commitBytesMax) &&
      !draft.conflicts(next);
    if (this.#retry.length > 0) {
      let taken = 0;
      for (let next = this.#retry[0]; next !== undefined && fits(next); next = this.#retry[taken]) {
        draft.join(next);
        taken++;
      }
      this.#retry.splice(0, taken);
      return draft;
    }
    for (let next = this.#queue.peek(); next !== undefined && fits(next); next = this.#queue.peek()) {
      this.#queue.shift();
      draft.join(next);
    }
    return draft;
  }

  /** Writes and syncs `draft`, and answers it, well or not. On `full` nothing of it is on the disk or answered. */
  async #write(draft: CommitDraft): Promise<'answered' | 'full'> {
    const journal = this.#journal;
    if (this.#scratch.length < draft.scratchBytes) {
      this.#scratch = Buffer.allocUnsafeSlow(Math.max(draft.scratchBytes, this.#scratch.length * 2));
    }
    const { parts, bodyChecksum } = draft.encode(this.#scratch);
    const stamp = journal.stamp(this.#scratch, draft.bytes, bodyChecksum, draft.frames, draft.timeMs);
    if (journal.activeEnd + this.#limits.commitBytesMax >= fileBytesLimit) {
      return this.#noteFull('the newest file is full');
    }
    try {
      await journal.write(parts);
    } catch (error) {
      if (!isFull(error)) return this.#poisonCommit(draft, error);
      try {
        await journal.cutBack();
        if (await journal.dropSpare()) return this.#write(draft);
      } catch (cutError) {
        return this.#poisonCommit(draft, cutError);
      }
      return this.#noteFull(error.message);
    }
    if (this.#canaries.acknowledgeBeforeSync) this.#show(draft, stamp);
    const beganMs = elapsedMs();
    try {
      await journal.sync();
    } catch (error) {
      return this.#poisonCommit(draft, error);
    }
    const tookMs = elapsedMs() - beganMs;
    this.#syncMs += tookMs;
    this.#syncs++;
    this.#callers.answered(draft.requests.length, tookMs);
    if (!this.#canaries.acknowledgeBeforeSync) this.#show(draft, stamp);
    return 'answered';
  }

  #show(draft: CommitDraft, headerChecksum: number): void {
    const journal = this.#journal;
    const bodyAt = journal.nextBodyAt;
    draft.publish(journal.active, bodyAt, this.#tail);
    journal.settle(draft.bytes, headerChecksum);
    this.#commits++;
    this.#rollBlocked = false;
    if (draft.hasUnprivileged) this.#full = undefined;
    for (const log of draft.touched) this.#changed(log.id);
    draft.answer();
    this.sweep();
  }

  /** Nothing of `draft` was written: data is answered, commands try again; with the reserve if they were alone. */
  #takeBack(draft: CommitDraft): void {
    draft.rollBack();
    const alone = !draft.hasUnprivileged;
    const again: Request[] = [];
    for (const request of draft.requests) {
      if (!isPrivileged(request) || (alone && this.#reserve.spent)) fail(request, 'full');
      else again.push(request);
    }
    this.#retry.unshift(...again);
    this.#reserveWanted = alone && again.length > 0;
  }

  /** Sees to the reserve and to a new file when one is due. Answers whether there may be room for data. */
  async #prepareFiles(): Promise<boolean> {
    if (!this.#hasRoom) {
      // A chunk that is being made takes room which commits need, unless it is what makes room.
      if (this.#settler.reclaiming) await this.#sweepStep;
      else await this.#settler.abandon();
      await this.#journal.dropSpare();
    }
    if (this.#reserveWanted) {
      this.#reserveWanted = false;
      await this.#reserve.giveUp();
    }
    if (this.#rollDue()) {
      await this.#settledEnough();
      await this.#roll();
    }
    if (this.#full === undefined) {
      this.#roomFreed = false;
      return true;
    }
    if (this.#retry.length > 0) return false;
    // What a command has freed is there only after its files are gone.
    await this.#sweeping;
    const held = await this.#reserve.restore();
    if (held && this.#roomFreed) this.#full = undefined;
    this.#roomFreed = false;
    return held;
  }

  #rollDue(): boolean {
    const journal = this.#journal;
    if (journal.activeEnd >= this.#limits.journalFileBytesMax && journal.activeBodyBytes > 0) return true;
    return this.#leavingIsDue;
  }

  /**
   * Whether the active file is left before it is long, for the room in it: nothing in it is alive, or the disk is full
   * and something has died. What is alive in it is then settled, and the file removed.
   */
  get #leavingIsDue(): boolean {
    const journal = this.#journal;
    const bytes = this.#keepsNothing ? journal.roomBytes : journal.activeBodyBytes;
    if (bytes <= this.#limits.deadBytesMax) return false;
    return (
      !this.#registry.anchored || (this.#full !== undefined && this.#registry.deadRecords > this.#deadAtRoll)
    );
  }

  /** Whether no log has a record anywhere. */
  get #keepsNothing(): boolean {
    return !this.#registry.anchored && this.#settler.empty;
  }

  async #roll(): Promise<void> {
    if (this.#keepsNothing) await this.#journal.dropSpare();
    for (const mayGiveUp of [true, false]) {
      try {
        await this.#journal.roll(this.#registry, this.#newestMs);
        this.#rollBlocked = false;
        this.#deadAtRoll = this.#registry.deadRecords;
        this.sweep();
        return;
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#noteFull(error.message);
        // A new file is how a full disk gets rid of an old one; for data alone the old file does for now.
        this.#rollBlocked = true;
        if (!mayGiveUp || this.#reserve.spent || !this.#leavingIsDue) return;
        await this.#reserve.giveUp();
      }
    }
  }

  /** Waits, when too many files are unsettled, until there is one less; not when settling has stopped. */
  async #settledEnough(): Promise<void> {
    const { oldest } = this.#journal;
    if (this.#settler.unsettledFiles < this.#limits.unsettledFilesMax) return;
    while (this.#journal.oldest === oldest && this.#sweepStep !== undefined) await this.#sweepStep;
  }

  async #sweep(): Promise<void> {
    try {
      while (this.#sweepIsDue) {
        this.#sweepStep = this.#settler.step(this.#hasRoom);
        const done = await this.#sweepStep;
        if (!this.#reserve.held) this.#noteFull('its reserve is given up');
        this.#roomFreed ||= this.#full !== undefined && done;
        if (!done) break;
      }
    } catch (error) {
      this.#poisonBy(error);
    }
    this.#sweepStep = undefined;
    this.#sweeping = undefined;
    const leaves = this.#leavingIsDue && !this.#rollBlocked;
    if (this.#roomFreed || leaves) this.#kick();
  }

  #refuseData(): void {
    const kept: Request[] = [];
    while (!this.#queue.empty) {
      const request = present(this.#queue.shift(), 'a queued request');
      if (isPrivileged(request)) kept.push(request);
      else fail(request, 'full');
    }
    this.#retry.push(...kept);
  }

  #noteFull(reason: string): 'full' {
    this.#full = `no room on the disk: ${reason}`;
    return 'full';
  }

  #poisonCommit(draft: CommitDraft, error: unknown): 'answered' {
    this.#poisonBy(error);
    draft.rollBack();
    for (const request of draft.requests) fail(request, 'unknown');
    return 'answered';
  }

  /** From here on nothing is written: what the disk holds is for the next opening to find out. */
  #poisonBy(error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    void this.#settler.abandon();
    this.#poison ??= `a write or sync failed (${error.message}); restart to go on from what is on the disk`;
  }

  #failAll(failure: 'poisoned'): void {
    for (const request of this.#retry) fail(request, failure);
    this.#retry = [];
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) fail(next, failure);
  }
}

function isFull(error: unknown): error is DiskError {
  return error instanceof DiskError && error.code === 'full';
}
