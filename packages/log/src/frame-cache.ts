/**
 * Frames that were read from the journal, as long as there is memory that nobody else wants: right after a start, when the
 * tail is empty, and a thousand readers go on in one log each. A frame is read and checked whole for one record of it, and
 * the next reader's record is most likely in the same frame.
 *
 * Invariant: what is kept was checked, and is counted in the budget. A frame is taken in only where there is room, so it
 * drives nothing out, and it gives way before everything else. The one that was not wanted for the longest time goes first.
 */
import type { FrameHead } from './frame.js';
import type { MemoryBudget, MemoryShare } from './memory-budget.js';

export interface CachedFrame {
  readonly head: FrameHead;
  readonly payload: Buffer;
}

/** What a frame's place in the map costs. */
const placeBytes = 512;

export class FrameCache {
  readonly #budget: MemoryBudget;
  /** Shorter ones come many at a time with one read. */
  readonly #frameBytesMin: number;
  readonly #memory: MemoryShare;
  readonly #frames = new Map<number, CachedFrame>();

  /** To be made before all others that share in `budget`. */
  constructor(budget: MemoryBudget, frameBytesMin: number) {
    this.#budget = budget;
    this.#frameBytesMin = frameBytesMin;
    this.#memory = budget.share(() => this.#evict());
  }

  get(file: number, offset: number): CachedFrame | undefined {
    const place = placeOf(file, offset);
    const frame = this.#frames.get(place);
    if (frame === undefined) return undefined;
    this.#frames.delete(place);
    this.#frames.set(place, frame);
    return frame;
  }

  /** Whether a frame of `bytes` is worth keeping, and can be. */
  wants(bytes: number): boolean {
    return bytes >= this.#frameBytesMin && this.#budget.bytes + bytes + placeBytes <= this.#budget.bytesMax;
  }

  /** Takes in a checked frame that lies in memory of its own. Those before `oldestFile` are wanted by nobody any more. */
  put(file: number, offset: number, frame: CachedFrame, oldestFile: number): void {
    for (const place of this.#frames.keys()) if (place < placeOf(oldestFile, 0)) this.#drop(place);
    const place = placeOf(file, offset);
    if (this.#frames.has(place)) return;
    this.#frames.set(place, frame);
    this.#memory.take(frame.head.length + placeBytes);
  }

  #evict(): boolean {
    const oldest = this.#frames.keys().next();
    if (oldest.done) return false;
    this.#drop(oldest.value);
    return true;
  }

  #drop(place: number): void {
    const frame = this.#frames.get(place);
    this.#frames.delete(place);
    if (frame !== undefined) this.#memory.give(frame.head.length + placeBytes);
  }
}

function placeOf(file: number, offset: number): number {
  return file * 2 ** 32 + offset;
}
