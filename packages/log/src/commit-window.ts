/**
 * The commits on their way to the disk, in a row: each is written and synced in a lane of its own, as fast as the disk
 * takes them, and they land in the order in which they set out.
 *
 *      launch ──▶ │ 7 write ─ sync ✓ │ 8 write ─ sync ✓ │ 9 write ─ … │        7 and 8 have landed, 9 is in flight
 *      launch ──▶ │ 7 write ─ sync … │ 8 write ─ sync ✓ │ 9 write ✗   │        nothing has: 8 waits for 7
 *
 *      a write found no room   those before it land; it and all behind it are left in the row
 *      any other failure       nothing lands any more, and all are left
 *
 * Invariant: a commit lands only after it and all before it were synced, each through its own descriptor. What is left
 * is taken out (`takeLeft`) only when nothing is in flight.
 */
import { assert, elapsedMs, present } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { commitHeaderBytes } from './commit.js';
import type { CommitDraft } from './commit-draft.js';
import { DiskError } from './disk.js';
import { align8, type WordBuffer, wordBuffer } from './integers.js';
import type { Journal } from './journal.js';

export interface Flight {
  readonly draft: CommitDraft;
  /** Whether it has bytes of its own; else it only waits for those before it. */
  readonly writes: boolean;
}

interface Underway extends Flight {
  readonly bytes: number;
  headerChecksum: number;
  synced: boolean;
}

/** What has gone wrong, and whether that was a write for which there was no room, and nothing else. */
export interface WindowFailure {
  readonly error: unknown;
  readonly full: boolean;
}

export interface CommitWindowParts {
  readonly journal: Journal;
  readonly canaries: Canaries;
  readonly synced: (draft: CommitDraft, tookMs: number) => void;
  /** A commit has landed: `headerChecksum` is that of its header, undefined when it wrote nothing. */
  readonly landed: (draft: CommitDraft, headerChecksum: number | undefined) => void;
}

const scratchBytesFirst = 64 * 1024;

export class CommitWindow {
  readonly #parts: CommitWindowParts;
  /** Memory for the heads of one commit in each lane. */
  readonly #scratches: WordBuffer[] = [];
  readonly #lanesInUse = new Set<number>();
  #row: Underway[] = [];
  #bytes = 0;
  #failure: WindowFailure | undefined;
  #changed: (() => void)[] = [];

  constructor(parts: CommitWindowParts) {
    this.#parts = parts;
  }

  /** Commits that are being written or synced. */
  get inFlight(): number {
    return this.#lanesInUse.size;
  }

  /** Whether nothing is in flight, and nothing waits to land. What a failure has left does not count. */
  get idle(): boolean {
    return this.inFlight === 0 && (this.#row.length === 0 || this.#failure !== undefined);
  }

  /** What those take that have not landed, with their headers. */
  get bytes(): number {
    return this.#bytes;
  }

  get failure(): WindowFailure | undefined {
    return this.#failure;
  }

  /** Resolves when something has ended, or `wake` is called. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  wake(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  /** Resolves when nothing is in flight. */
  async settled(): Promise<void> {
    while (!this.idle) await this.change();
  }

  /** Sends a commit on its way, behind all others. There must be a lane for it. */
  launch({ draft, writes }: Flight): void {
    assert(this.#failure === undefined, 'what a failure has left is taken out first');
    const bytes = writes ? commitHeaderBytes + draft.bytes : 0;
    const flight: Underway = { draft, writes, bytes, headerChecksum: 0, synced: !writes };
    this.#row.push(flight);
    this.#bytes += bytes;
    if (writes) void this.#fly(flight);
    else this.#land();
  }

  /** What a failure has left, in order; then all is as if nothing had been launched. */
  takeLeft(): Flight[] {
    assert(this.idle, 'what is in flight is waited for');
    const left = this.#row;
    this.#row = [];
    this.#bytes = 0;
    this.#failure = undefined;
    return left;
  }

  async #fly(flight: Underway): Promise<void> {
    const lane = this.#takeLane();
    await this.#writeAndSync(flight, lane);
    this.#lanesInUse.delete(lane);
    this.#land();
    this.wake();
  }

  async #writeAndSync(flight: Underway, lane: number): Promise<void> {
    const { journal, canaries, synced } = this.#parts;
    const { draft } = flight;
    const scratch = this.#scratch(lane, draft.scratchBytes);
    const { parts, bodyChecksum } = draft.encode(scratch);
    const { bytes: bodyBytes, frames: frameCount, timeMs } = draft;
    const stamped = journal.stamp(scratch.bytes, { bodyBytes, bodyChecksum, frameCount, timeMs });
    flight.headerChecksum = stamped.headerChecksum;
    try {
      await journal.write(lane, parts, stamped.offset);
    } catch (error) {
      this.#fail(error, error instanceof DiskError && error.code === 'full');
      return;
    }
    if (canaries.acknowledgeBeforeSync) {
      flight.synced = true;
      this.#land();
    }
    const beganMs = elapsedMs();
    try {
      await journal.sync(lane);
    } catch (error) {
      this.#fail(error, false);
      return;
    }
    synced(draft, elapsedMs() - beganMs);
    flight.synced = true;
    if (canaries.acknowledgeOutOfOrder) draft.answer();
  }

  /** Lets land what may. */
  #land(): void {
    if (this.#failure?.full === false) return;
    while (this.#row[0]?.synced === true) {
      const flight = present(this.#row.shift(), 'a commit');
      this.#bytes -= flight.bytes;
      this.#parts.landed(flight.draft, flight.writes ? flight.headerChecksum : undefined);
    }
  }

  #fail(error: unknown, full: boolean): void {
    if (this.#failure === undefined || (this.#failure.full && !full)) this.#failure = { error, full };
  }

  #takeLane(): number {
    let lane = 0;
    while (this.#lanesInUse.has(lane)) lane++;
    assert(lane < this.#parts.journal.lanes, 'a commit has no lane');
    this.#lanesInUse.add(lane);
    return lane;
  }

  #scratch(lane: number, bytes: number): WordBuffer {
    const held = this.#scratches[lane];
    if (held !== undefined && held.bytes.length >= bytes) return held;
    const larger = wordBuffer(Math.max(align8(bytes), (held?.bytes.length ?? scratchBytesFirst / 2) * 2));
    this.#scratches[lane] = larger;
    return larger;
  }
}
