/**
 * Reads a log's records from files: what is settled from the chunks, the rest from the journal, from an index entry
 * on, frame by frame, through a window.
 *
 *      index ──▶ stretch ──▶ │ header │frame│frame│ header │frame│ …      commit headers are checked and stepped over
 *                                        ▲ has a section of this log?     no: over it, its payload unread
 *                                                                         yes: payload checked, records copied out
 *
 * Invariant: no byte is served whose frame's checksums do not hold; a frame that should be there and is not is
 * reported as damage with its file and offset. A read goes through at most `readScanBytesMax` of journal.
 */
import type { ChunkSet } from './chunk-set.js';
import type { Position } from './contract.js';
import { DiskError } from './disk.js';
import type { FileWindow } from './file-window.js';
import { type FrameHead, frameKind } from './frame.js';
import type { CachedFrame, FrameCache } from './frame-cache.js';
import { FrameWalk } from './frame-walk.js';
import type { Journal, JournalLease } from './journal.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import type { Stretch } from './log-index.js';
import type { MemoryBudget } from './memory-budget.js';
import type { Page } from './page.js';
import type { RegisteredLog } from './registry.js';
import { WindowPool } from './window-pool.js';

export class Reader {
  readonly #journal: Journal;
  readonly #chunks: ChunkSet;
  readonly #limits: NativeLimits;
  readonly #windows: WindowPool;
  readonly #frames: FrameCache;

  constructor(
    journal: Journal,
    chunks: ChunkSet,
    limits: NativeLimits,
    budget: MemoryBudget,
    frames: FrameCache,
  ) {
    this.#frames = frames;
    this.#journal = journal;
    this.#chunks = chunks;
    this.#limits = limits;
    this.#windows = new WindowPool(limits, budget);
  }

  /** Fills `page` with records of `log` from `from` on, up to those synced now; answers where to read on. */
  async read(log: RegisteredLog, from: Position, page: Page): Promise<Position> {
    const { end } = log;
    return this.#withWindow(async (window) => {
      const { readBytesMax: pieceBytesMax, readScanBytesMax } = this.#limits;
      const readBefore = window.bytesRead;
      let settledBytes = 0;
      let position = from;
      while (!page.full && log.exists) {
        const bytesMax = readScanBytesMax - settledBytes - (window.bytesRead - readBefore);
        if (bytesMax <= 0) break;
        // A trim during the read moves on what there is to read.
        position = Math.max(position, log.first);
        if (position >= end) break;
        const settledEnd = Math.min(log.settledEnd, end);
        if (position < settledEnd) {
          const limits = { pieceBytesMax, bytesMax };
          const read = await this.#chunks.read(log.number, position, settledEnd, page, limits);
          position = read.position;
          settledBytes += read.bytes;
          continue;
        }
        const stretch = log.index.find(position);
        if (stretch === undefined) break;
        position = await this.#readStretch(log, stretch, position, page, window);
        if (!page.full) position = Math.max(position, stretch.nextPosition ?? end);
      }
      return position;
    });
  }

  /** The first position in the files that arrived at or after `arrivalMs`; `undefined` when none did. */
  async findArrival(log: RegisteredLog, arrivalMs: number): Promise<Position | undefined> {
    return this.#withWindow(async (window) => {
      if (!log.exists) return undefined;
      const { firstArrivalMs } = log.index;
      if (firstArrivalMs === undefined || firstArrivalMs >= arrivalMs) {
        const { settledEnd } = log;
        return (await this.#chunks.findArrival(log.number, arrivalMs, window)) ?? settledEnd;
      }
      const stretch = log.index.findArrival(arrivalMs);
      if (stretch === undefined) return undefined;
      const lease = await this.#journal.lease(stretch.file);
      try {
        const walk = this.#walk(window, stretch, lease);
        for (;;) {
          const head = walk.next() ?? (await walk.load());
          if (head === undefined) return stretch.nextPosition;
          const position = positionOfArrival(head, log.number, arrivalMs);
          if (position !== undefined) return position;
          walk.offset += head.length;
        }
      } finally {
        lease.release();
      }
    });
  }

  /** Resolves when every read that has begun is done. */
  idle(): Promise<void> {
    return this.#windows.idle();
  }

  async #readStretch(
    log: RegisteredLog,
    stretch: Stretch,
    from: Position,
    page: Page,
    window: FileWindow,
  ): Promise<Position> {
    const lease = await this.#journal.lease(stretch.file);
    try {
      const walk = this.#walk(window, stretch, lease);
      const limit = stretch.nextPosition ?? Number.POSITIVE_INFINITY;
      let position = Math.max(from, log.first);
      while (!page.full && position < limit) {
        const cached = this.#frames.get(stretch.file, walk.offset);
        const head = cached?.head ?? walk.next() ?? (await walk.load());
        if (head === undefined) break;
        if (holdsRecords(head, log.number, position)) {
          let payload = cached?.payload ?? walk.payload(head);
          if (payload === undefined && this.#frames.wants(head.length))
            payload = (await this.#keep(stretch.file, walk, head)).payload;
          if (payload === undefined) {
            await walk.loadFrame(head);
            continue;
          }
          position = takeRuns(head, payload, log.number, position, page);
        }
        walk.offset += head.length;
      }
      return position;
    } finally {
      lease.release();
    }
  }

  /** Reads the frame at the walk's offset for whoever comes for another log of it, too. */
  async #keep(file: number, walk: FrameWalk, head: FrameHead): Promise<CachedFrame> {
    const { offset } = walk;
    const frame: CachedFrame = await walk.loadApart(head);
    this.#frames.put(file, offset, frame, this.#journal.oldest);
    return frame;
  }

  #walk(window: FileWindow, stretch: Stretch, lease: JournalLease): FrameWalk {
    const { offset, stop } = stretch;
    const { name, end } = lease;
    return new FrameWalk(window, lease.file, this.#journal.chain.tag, { name, end, offset, stop });
  }

  async #withWindow<T>(use: (window: FileWindow) => Promise<T>): Promise<T> {
    const window = await this.#windows.take();
    try {
      return await use(window);
    } catch (error) {
      if (error instanceof DiskError) throw new LogError('disk', error.message, { cause: error });
      throw error;
    } finally {
      this.#windows.giveBack(window);
    }
  }
}

/** Whether an append has records for log `number` at or after `position`. */
function holdsRecords(head: FrameHead, number: number, position: Position): boolean {
  if (head.kind !== frameKind.append) return false;
  for (let s = 0; s < head.sectionCount; s++) {
    if (head.logOf(s) === number && head.positionOf(s) + head.countOf(s) > position) return true;
  }
  return false;
}

/** Copies what an append has for log `number` from `from` on into `page`; answers where to read on. */
function takeRuns(head: FrameHead, payload: Buffer, number: number, from: Position, page: Page): Position {
  const batch = { payload, ends: head.ends, order: head.order };
  let position = from;
  let orderStart = 0;
  for (let s = 0; s < head.sectionCount && !page.full; s++) {
    const count = head.countOf(s);
    // A frame may have hundreds of sections of others, each of which costs its count and no more.
    const end = head.logOf(s) === number ? head.positionOf(s) + count : position;
    if (end > position) {
      const firstPosition = end - count;
      const run = { batch, firstPosition, count, arrivalMs: head.arrivalOf(s), orderStart };
      position = page.copy(run, Math.max(position, firstPosition));
    }
    orderStart += count;
  }
  return position;
}

/** The position of the first record that an append has for log `number` from `arrivalMs` on. */
function positionOfArrival(head: FrameHead, number: number, arrivalMs: number): Position | undefined {
  if (head.kind !== frameKind.append) return undefined;
  for (let s = 0; s < head.sectionCount; s++) {
    if (head.logOf(s) !== number || head.countOf(s) === 0) continue;
    if (head.arrivalOf(s) >= arrivalMs) return head.positionOf(s);
  }
  return undefined;
}
