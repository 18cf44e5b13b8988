/**
 * The writer: takes what is queued, makes commits of it, writes and syncs them, and only then answers.
 *
 *      queue ──▶ draft ──▶ window: write ─ sync, some at once ──▶ publish, answer, in order
 *        ▲                   ├─ no room ──▶ cut back: data is answered `full`, commands try again, with the reserve
 *        │                   └─ failed ──▶ poisoned
 *        └─ the next draft: whatever has been queued meanwhile; beside others, once it is worth a write of its own
 *
 * Invariant: nothing is shown or acknowledged before its sync, or before what was queued before it. All else that is done to
 * the journal (a new file, the reserve, a cut) is done while nothing is in flight. Once poisoned, nothing is written again.
 *
 * What a failed write or sync leaves on the disk nobody knows: the requests of all commits in flight are answered
 * `unknown`, all others `poisoned`.
 *
 * One file because it is one machine: what a full disk, a new file and a retried command do to each other is only seen
 * together.
 */
import { type Clock, present } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { commitHeaderBytes } from './commit.js';
import { CommitDraft } from './commit-draft.js';
import { CommitWindow, type Flight } from './commit-window.js';
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
  readonly #window: CommitWindow;
  /** Privileged requests of a commit that found no room: they go first, and alone. */
  #retry: Request[] = [];
  /** They found none although they were alone: they are tried with the reserve, and then answered. */
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
    this.#window = new CommitWindow({
      journal: parts.journal,
      canaries: parts.canaries,
      synced: (draft, tookMs) => {
        this.#syncMs += tookMs;
        this.#syncs++;
        this.#callers.answered(draft.requests.length, tookMs);
      },
      landed: (draft, headerChecksum) => this.#show(draft, headerChecksum),
    });
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
      if (this.#running === undefined) this.#kick();
      else if (this.#mayGoBeside) this.#window.wake();
    } else fail(request, 'poisoned');
  }

  /**
   * Writes a commit without frames: it names everything before it as synced, so that damage to that can be told
   * from a torn tail. `false` when there is no room or the disk fails.
   */
  async mark(): Promise<boolean> {
    await this.idle();
    if (this.#poison !== undefined) return false;
    const before = this.#commits;
    this.#window.launch({ draft: this.#draft(), writes: true });
    await this.#window.settled();
    if (this.#window.failure !== undefined) await this.#recoverWindow();
    return this.#commits > before;
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
    for (;;) {
      if (this.#window.failure !== undefined) {
        await this.#window.settled();
        await this.#recoverWindow();
      } else if (this.#poison === undefined && this.#hasWork()) await this.#step();
      else if (this.#window.idle) break;
      else await this.#window.change();
    }
    if (this.#poison !== undefined) this.#failAll('poisoned');
    this.#running = undefined;
  }

  #hasWork(): boolean {
    const leaves = this.#leavingIsDue && !this.#rollBlocked;
    return this.#retry.length > 0 || !this.#queue.empty || leaves || this.#roomFreed;
  }

  /** Sends one commit on its way, or waits until that may be worth another look. */
  async #step(): Promise<void> {
    if (this.#window.idle) {
      await this.#launchAlone();
      return;
    }
    if (!this.#mayGoBeside) await this.#window.change();
    else if (this.#journal.lanes <= this.#window.inFlight) await this.#journal.widen();
    else if (!this.#launch(this.#gather(this.#limits.commitsInFlightBytesMax))) await this.#window.change();
  }

  /** Whether what is queued is worth a commit beside those in flight, and nothing has to be done between them. */
  get #mayGoBeside(): boolean {
    const { commitsInFlightMax, commitsInFlightBytesMax } = this.#limits;
    const next = this.#queue.peek();
    return (
      next !== undefined &&
      this.#window.failure === undefined &&
      this.#window.inFlight < commitsInFlightMax &&
      this.#window.bytes + commitHeaderBytes + next.bytes <= commitsInFlightBytesMax &&
      this.#isLarge &&
      this.#retry.length === 0 &&
      this.#hasRoom &&
      !this.#rollDue()
    );
  }

  /** Whether so much is queued that it need not wait for more. */
  get #isLarge(): boolean {
    const { commitsInFlightMax, commitBesideBytesMin } = this.#limits;
    return commitsInFlightMax > 1 && this.#journal.widens && this.#queue.queued.bytes >= commitBesideBytesMin;
  }

  /** Sends a commit on its way when none is, once all else is done that there is to do. */
  async #launchAlone(): Promise<void> {
    const held = this.#retry.length === 0 && !this.#isLarge ? this.#callers.wait() : undefined;
    if (held !== undefined) await held;
    try {
      const roomForData = await this.#prepareFiles();
      if (this.#retry.length === 0 && !roomForData) this.#refuseData();
    } catch (error) {
      this.#poisonBy(error);
      return;
    }
    this.#launch(this.#gather(this.#limits.commitBytesMax + commitHeaderBytes));
  }

  /** Answers whether anything joined `draft`: what conflicts with a commit in flight waits for that. */
  #launch(draft: CommitDraft): boolean {
    draft.close();
    if (draft.requests.length === 0) return false;
    if (this.#journal.headOffset + this.#limits.commitBytesMax < fileBytesLimit) {
      this.#window.launch({ draft, writes: draft.frames > 0 });
    } else {
      this.#noteFull('the newest file is full');
      this.#takeBack([draft]);
    }
    return true;
  }

  #draft(): CommitDraft {
    const nowMs = this.#clock.now();
    this.#newestMs = Math.max(this.#newestMs, nowMs);
    const timeMs = this.#canaries.timeBackwards ? nowMs : this.#newestMs;
    return new CommitDraft(this.#registry, this.#limits, this.#canaries, this.#journal.chain.tag, timeMs);
  }

  /** A draft of what is queued, as much as fits beside what is in flight. */
  #gather(windowBytesMax: number): CommitDraft {
    const draft = this.#draft();
    const roomBytes = windowBytesMax - this.#window.bytes - commitHeaderBytes;
    const bytesMax = Math.min(roomBytes, this.#limits.commitBytesMax);
    const fits = (next: Request): boolean =>
      (draft.bytes === 0 || draft.bytes + next.bytes <= bytesMax) && !draft.conflicts(next);
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

  /**
   * Sees to what a failure has left in the window, in which nothing is in flight any more. After a write for which there
   * was no room, nothing of that is on the disk or answered: the spare file's room is tried, one commit after another.
   */
  async #recoverWindow(): Promise<void> {
    let left: readonly Flight[] = [];
    for (;;) {
      const { failure } = this.#window;
      if (failure === undefined) return;
      left = [...this.#window.takeLeft(), ...left];
      if (!failure.full || this.#poison !== undefined) {
        this.#poisonCommits(left, failure.error);
        return;
      }
      try {
        await this.#journal.cutBack();
        if (!(await this.#journal.dropSpare())) {
          this.#noteFull((failure.error as DiskError).message);
          this.#takeBack(left.map(({ draft }) => draft));
          return;
        }
      } catch (error) {
        this.#poisonCommits(left, error);
        return;
      }
      left = await this.#launchEach(left);
    }
  }

  /** Launches one commit after another; answers which were not, because one before them failed. */
  async #launchEach(flights: readonly Flight[]): Promise<readonly Flight[]> {
    for (const [i, flight] of flights.entries()) {
      this.#window.launch(flight);
      await this.#window.settled();
      if (this.#window.failure !== undefined) return flights.slice(i + 1);
    }
    return [];
  }

  /** Shows and answers a commit that has landed; one that wrote nothing has nothing to show. */
  #show(draft: CommitDraft, headerChecksum: number | undefined): void {
    this.#reserveWanted = false;
    if (headerChecksum === undefined) {
      draft.answer();
      return;
    }
    const journal = this.#journal;
    const bodyAt = journal.nextBodyAt;
    draft.publish(journal.active, bodyAt, this.#tail);
    journal.settle(draft.bytes, headerChecksum);
    this.#commits++;
    this.#rollBlocked = false;
    // Data that was on its way when the reserve was given up says nothing of the room that is left.
    if (draft.hasUnprivileged && this.#reserve.held) this.#full = undefined;
    draft.forEachTouched((log) => this.#changed(log.id));
    draft.answer();
    this.sweep();
  }

  /**
   * Nothing of `drafts` was written: data is answered, commands try again; with the reserve if they were alone. Whether
   * it is there by now says nothing: a sweep may have given it up after they set out.
   */
  #takeBack(drafts: readonly CommitDraft[]): void {
    for (const draft of drafts) draft.rollBack();
    const alone = !drafts.some((draft) => draft.hasUnprivileged);
    const hadReserve = alone && this.#reserveWanted;
    const again: Request[] = [];
    for (const request of drafts.flatMap((draft) => draft.requests)) {
      if (!isPrivileged(request) || hadReserve) fail(request, 'full');
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
      // What a sweep has taken of that room is given back, or has made more, only at its end.
      await this.#sweeping;
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
    if (journal.headOffset >= this.#limits.journalFileBytesMax && journal.activeBodyBytes > 0) return true;
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

  #poisonCommits(left: readonly Flight[], error: unknown): void {
    this.#poisonBy(error);
    for (const { draft } of left) draft.rollBack();
    for (const { draft } of left) for (const request of draft.requests) fail(request, 'unknown');
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
