/**
 * A piece of memory seen two ways: as bytes, and as the little-endian 32-bit numbers that formats are made of. A number
 * written by its index costs a store; `writeUInt32LE` looks at its value, its place and the buffer first.
 *
 * Invariant: both are the same memory, all of it; what is written as numbers lies at a multiple of four.
 */
import { assert } from '@millrace/base';

export const wordBytes = Uint32Array.BYTES_PER_ELEMENT;

export interface WordBuffer {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
}

/** `length` bytes, a multiple of four, of whatever was there before. */
export function wordBuffer(length: number): WordBuffer {
  assert(length % wordBytes === 0, 'a buffer of words is as long as its words');
  const bytes = Buffer.allocUnsafeSlow(length);
  return { bytes, words: new Uint32Array(bytes.buffer, bytes.byteOffset, length / wordBytes) };
}
