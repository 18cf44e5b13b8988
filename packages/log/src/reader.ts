/**
 * Reads a log's records from the journal files: from an index entry on, frame by frame, through a window.
 *
 *      index ──▶ stretch ──▶ │ header │frame│frame│ header │frame│ …      commit headers are checked and stepped over
 *                                        ▲ has a section of this log?     no: over it, its payload unread
 *                                                                         yes: payload checked, records copied out
 *
 * Invariant: no byte is served whose frame's checksums do not hold; a frame that should be there and is not is
 * reported as damage with its file and offset. A read goes through at most `readScanBytesMax` of journal.
 */
import { commitHeaderAt, commitHeaderBytes, commitMagic } from './commit.js';
import type { Position } from './contract.js';
import { DiskError } from './disk.js';
import type { FileWindow } from './file-window.js';
import { type FrameHead, frameFixedBytes, frameHeadAt, frameHeadBytesAt, frameKind } from './frame.js';
import { type FileLease, type Journal, journalName } from './journal.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import type { Stretch } from './log-index.js';
import type { Page } from './page.js';
import type { RegisteredLog } from './registry.js';
import { WindowPool } from './window-pool.js';

/** Where a walk stands: a window, attached to a file, and the offset of the next frame or commit header. */
interface Walk {
  readonly window: FileWindow;
  readonly file: number;
  readonly stop: number;
  offset: number;
}

export class Reader {
  readonly #journal: Journal;
  readonly #limits: NativeLimits;
  readonly #windows: WindowPool;

  constructor(journal: Journal, limits: NativeLimits) {
    this.#journal = journal;
    this.#limits = limits;
    this.#windows = new WindowPool(limits);
  }

  /** Fills `page` with records of `log` from `from` on, up to those synced now; answers where to read on. */
  async read(log: RegisteredLog, from: Position, page: Page): Promise<Position> {
    const { end } = log;
    return this.#withWindow(async (window) => {
      const budget = window.bytesRead + this.#limits.readScanBytesMax;
      let position = from;
      while (!page.full && log.exists && window.bytesRead < budget) {
        // A trim during the read moves on what there is to read.
        position = Math.max(position, log.first);
        const stretch = position < end ? log.index.find(position) : undefined;
        if (stretch === undefined) break;
        const lease = await this.#journal.lease(stretch.file);
        try {
          position = await this.#readStretch(log, stretch, position, page, walkOf(window, stretch, lease));
        } finally {
          lease.release();
        }
        if (!page.full) position = Math.max(position, stretch.nextPosition ?? end);
      }
      return position;
    });
  }

  /** The first position in the files that arrived at or after `arrivalMs`; `undefined` when none did. */
  async findArrival(log: RegisteredLog, arrivalMs: number): Promise<Position | undefined> {
    return this.#withWindow(async (window) => {
      const stretch = log.exists ? log.index.findArrival(arrivalMs) : undefined;
      if (stretch === undefined) return undefined;
      const lease = await this.#journal.lease(stretch.file);
      try {
        const walk = walkOf(window, stretch, lease);
        for (;;) {
          const head = this.#nextFrame(walk) ?? (await this.#loadFrame(walk));
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
    walk: Walk,
  ): Promise<Position> {
    const { window } = walk;
    const limit = stretch.nextPosition ?? Number.POSITIVE_INFINITY;
    let position = Math.max(from, log.first);
    while (!page.full && position < limit) {
      const head = this.#nextFrame(walk) ?? (await this.#loadFrame(walk));
      if (head === undefined) break;
      if (holdsRecords(head, log.number, position)) {
        if (!window.holds(walk.offset, head.length)) {
          await this.#fill(walk, head.length);
          continue;
        }
        const payload = head.payload(this.#journal.chain.tag);
        if (payload === undefined) throw damaged(walk.file, walk.offset);
        position = takeRuns(head, payload, log.number, position, page);
      }
      walk.offset += head.length;
    }
    return position;
  }

  /** The frame at the walk's offset, commit headers stepped over; `undefined` when the window does not hold it. */
  #nextFrame(walk: Walk): FrameHead | undefined {
    const { window } = walk;
    while (walk.offset < walk.stop && window.holds(walk.offset, frameFixedBytes)) {
      const at = window.at(walk.offset);
      if (window.bytes.readUInt32LE(at) === commitMagic) {
        if (!window.holds(walk.offset, commitHeaderBytes)) return undefined;
        if (commitHeaderAt(window.bytes, at) === undefined) throw damaged(walk.file, walk.offset);
        walk.offset += commitHeaderBytes;
        continue;
      }
      const headBytes = frameHeadBytesAt(window.bytes, at);
      if (headBytes === undefined) throw damaged(walk.file, walk.offset);
      if (!window.holds(walk.offset, headBytes)) return undefined;
      const head = frameHeadAt(window.bytes, at, this.#journal.chain.tag);
      if (head === undefined) throw damaged(walk.file, walk.offset);
      return head;
    }
    return undefined;
  }

  /** As `#nextFrame`, reading as needed; `undefined` at the walk's stop. */
  async #loadFrame(walk: Walk): Promise<FrameHead | undefined> {
    while (walk.offset < walk.stop) {
      const { window, offset } = walk;
      if (!window.holds(offset, frameFixedBytes)) {
        await this.#fill(walk, frameFixedBytes);
      } else {
        const at = window.at(offset);
        const isCommit = window.bytes.readUInt32LE(at) === commitMagic;
        const wanted = isCommit ? commitHeaderBytes : frameHeadBytesAt(window.bytes, at);
        if (wanted === undefined) throw damaged(walk.file, offset);
        if (!window.holds(offset, wanted)) await this.#fill(walk, wanted);
      }
      const head = this.#nextFrame(walk);
      if (head !== undefined) return head;
    }
    return undefined;
  }

  async #fill(walk: Walk, length: number): Promise<void> {
    if (!(await walk.window.fill(walk.offset, length))) throw damaged(walk.file, walk.offset);
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

function walkOf(window: FileWindow, stretch: Stretch, lease: FileLease): Walk {
  window.attach(lease.file, stretch.file, lease.end);
  return { window, file: stretch.file, offset: stretch.offset, stop: Math.min(stretch.stop, lease.end) };
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
    const firstPosition = head.positionOf(s);
    if (head.logOf(s) === number && firstPosition + count > position) {
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

function damaged(file: number, offset: number): LogError {
  return new LogError('damaged', `${journalName(file)} is damaged at offset ${offset}`);
}
