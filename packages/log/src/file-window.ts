/**
 * A window that moves over a file from front to back, so that walking small frames costs few large reads.
 *
 *      file    ───────────┬───────────────┬──────────
 *      window             │ held bytes    │  ──▶ the rest of a frame that was cut off is read behind what is kept
 *                       start
 *
 * Invariant: `bytes[0 .. length)` is the file from `start` on, and `start` is a multiple of 8, so that number tables
 * in frames are aligned in memory. While a walk goes straight on, each read is twice the last, up to `readBytesMax`.
 */
import type { ReadableFile } from './disk.js';
import type { MemoryShare } from './memory-budget.js';

const firstReadBytes = 16 * 1024;

export class FileWindow {
  readonly #readBytesMax: number;
  readonly #memory: MemoryShare | undefined;
  #bytes: Buffer;
  #start = 0;
  #length = 0;
  #file: Pick<ReadableFile, 'read'> | undefined;
  #name = '';
  #end = 0;
  #nextReadBytes = firstReadBytes;
  /** Bytes read since the window was made. */
  bytesRead = 0;

  constructor(readBytesMax: number, memory?: MemoryShare) {
    this.#readBytesMax = readBytesMax;
    this.#memory = memory;
    this.#bytes = Buffer.allocUnsafeSlow(firstReadBytes);
    memory?.take(firstReadBytes);
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Looks at `file` up to `end`, which only ever grows for the same `name`: what is synced there never changes. */
  attach(file: Pick<ReadableFile, 'read'>, name: string, end: number): void {
    if (name !== this.#name) this.#length = 0;
    this.#file = file;
    this.#name = name;
    this.#end = end;
  }

  /** Where `offset` of the file is in `bytes`. */
  at(offset: number): number {
    return offset - this.#start;
  }

  /** Whether `length` bytes from `offset` on are in `bytes`. */
  holds(offset: number, length: number): boolean {
    return offset >= this.#start && offset + length <= this.#start + this.#length;
  }

  /** Reads until `length` bytes from `offset` on are held; `false` when the file ends before. */
  async fill(offset: number, length: number): Promise<boolean> {
    if (this.#file === undefined || offset + length > this.#end) return false;
    const heldEnd = this.#start + this.#length;
    const straightOn = this.#length > 0 && offset >= this.#start && offset <= heldEnd;
    const kept = straightOn ? heldEnd - offset : 0;
    this.#nextReadBytes = straightOn ? Math.min(this.#nextReadBytes * 2, this.#readBytesMax) : firstReadBytes;
    const wanted = Math.min(Math.max(length, this.#nextReadBytes), this.#end - offset);
    this.#makeRoom(wanted, offset - this.#start, kept);
    this.#start = offset;
    this.#length = kept;
    const read = await this.#file.read(this.#bytes.subarray(kept, wanted), offset + kept);
    this.bytesRead += read;
    this.#length = kept + read;
    return this.#length >= length;
  }

  /** Gives back the memory that one large frame took. */
  shrink(): void {
    if (this.#bytes.length <= 2 * this.#readBytesMax) return;
    this.#replace(Buffer.allocUnsafeSlow(firstReadBytes));
    this.#length = 0;
  }

  #makeRoom(wanted: number, from: number, kept: number): void {
    if (this.#bytes.length >= wanted) {
      if (kept > 0) this.#bytes.copyWithin(0, from, from + kept);
      return;
    }
    const larger = Buffer.allocUnsafeSlow(
      Math.max(wanted, Math.min(this.#bytes.length * 2, this.#readBytesMax)),
    );
    if (kept > 0) larger.set(this.#bytes.subarray(from, from + kept));
    this.#replace(larger);
  }

  #replace(bytes: Buffer): void {
    this.#memory?.give(this.#bytes.length);
    this.#bytes = bytes;
    this.#memory?.take(bytes.length);
  }
}
