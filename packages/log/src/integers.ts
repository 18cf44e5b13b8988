/**
 * Little-endian integers in buffers: of 64 bits for values that are safe integers (positions, times, commit numbers), and
 * memory seen as words. A number written by its index costs a store; `writeUInt32LE` looks at its value, its place and
 * the buffer first.
 */
import { assert } from '@millrace/base';

const twoTo32 = 2 ** 32;

export function writeU64(target: Buffer, value: number, at: number): void {
  target.writeUInt32LE(value >>> 0, at);
  target.writeUInt32LE(Math.floor(value / twoTo32), at + 4);
}

/** The same, by words: `at` counts those. */
export function setU64(words: Uint32Array, value: number, at: number): void {
  words[at] = value >>> 0;
  words[at + 1] = Math.floor(value / twoTo32);
}

export function getU64(words: Uint32Array, at: number): number {
  return (words[at + 1] as number) * twoTo32 + (words[at] as number);
}

export function readU64(source: Buffer, at: number): number {
  return source.readUInt32LE(at + 4) * twoTo32 + source.readUInt32LE(at);
}

/** The least multiple of eight that is not below `length`: everything in the journal starts at one. */
export function align8(length: number): number {
  return Math.ceil(length / 8) * 8;
}

export const wordBytes = Uint32Array.BYTES_PER_ELEMENT;

/** A piece of memory seen two ways. What is written as words lies at a multiple of four. */
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
