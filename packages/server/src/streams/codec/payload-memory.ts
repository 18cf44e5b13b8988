/**
 * Memory for the payloads of large puts, which goes round: each piece of it is written by a decoder, kept by the log among
 * its newest records, and written again.
 *
 *      free ──take──▶ decoder ──lend──▶ put and log ──both are through with it──▶ free
 *                        └── not used, or its thread ended ──▶ the collector's
 *
 * Without it each large put takes memory that somebody has to find again, long after it was last looked at: the collector,
 * and then the allocator in an arena of another thread.
 *
 * Invariant: memory is free only when its put was answered and the log has said that it forgot it. Whatever else happens to
 * it, it is left to the collector, which costs time and nothing else.
 */
import { mib } from '@millrace/base';
import { granuleBytes, SpareMemory } from './spare-memory.js';

/** Beyond these, what becomes free is let go. A full tail frees one for each that is taken. */
const freeBytesMax = 16 * mib;

export class PayloadMemory {
  readonly #spare = new SpareMemory(freeBytesMax);
  /** Lent memory that one of its two users is through with, and memory that none is. */
  readonly #lent = new WeakMap<ArrayBufferLike, 'by both' | 'by one'>();

  /** What is free, for tests. */
  get freeBytes(): number {
    return this.#spare.freeBytes;
  }

  /** At least `bytes` of whatever was there before. */
  take(bytes: number): ArrayBuffer {
    return this.#spare.take(bytes);
  }

  /** A large payload that has its memory to itself goes its way: called once, before the append. */
  lend(payload: Uint8Array): void {
    const { buffer, byteOffset } = payload;
    if (byteOffset === 0 && buffer.byteLength >= granuleBytes) this.#lent.set(buffer, 'by both');
  }

  /** One of the two is through with it. Of memory that was not lent nothing is noted. */
  done(memory: ArrayBufferLike): void {
    const held = this.#lent.get(memory);
    if (held === undefined) return;
    if (held === 'by both') {
      this.#lent.set(memory, 'by one');
      return;
    }
    this.#lent.delete(memory);
    this.give(memory);
  }

  /** Gives back what nobody looks at. */
  give(memory: ArrayBufferLike): void {
    this.#spare.give(memory);
  }
}
