/**
 * Pieces of memory that nobody uses now, for whoever needs one as long.
 *
 *      take ──▶ used ──give──▶ free ──take──▶ …         what is used and never given back is the collector's
 *
 * Invariant: a piece is free or somebody's, and free pieces are at most `bytesMax` bytes and `freePiecesMax` pieces.
 */
import { assert, kib } from '@millrace/base';

export const granuleBytes = 64 * kib;
/** A piece this much longer than needed is left for those that need it. */
const spareMax = 1.125;
const freePiecesMax = 64;

export class SpareMemory {
  readonly #bytesMax: number;
  readonly #free: ArrayBuffer[] = [];
  #freeBytes = 0;

  /** Beyond `bytesMax`, what becomes free is let go, the oldest first. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** At least `bytes` of whatever was there before. */
  take(bytes: number): ArrayBuffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const memory = this.#free[i];
      if (memory === undefined || memory.byteLength < bytes) continue;
      if (memory.byteLength > bytes * spareMax + granuleBytes) continue;
      this.#free.splice(i, 1);
      this.#freeBytes -= memory.byteLength;
      return memory;
    }
    const { buffer } = Buffer.allocUnsafeSlow(Math.ceil(bytes / granuleBytes) * granuleBytes);
    assert(buffer instanceof ArrayBuffer, 'the memory of a buffer that is made here');
    return buffer;
  }

  /** Gives back what nobody looks at. */
  give(memory: ArrayBufferLike): void {
    if (!(memory instanceof ArrayBuffer)) return;
    this.#free.push(memory);
    this.#freeBytes += memory.byteLength;
    while (this.#free.length > freePiecesMax || this.#freeBytes > this.#bytesMax) {
      this.#freeBytes -= this.#free.shift()?.byteLength ?? 0;
    }
  }
}
