/**
 * Writes CBOR (RFC 8949) into one growing buffer: definite lengths, the shortest head for each, doubles in full.
 * Times are AWS's dialect: tag 1 over whole milliseconds.
 */
import { asBuffer } from '@millrace/base';

const initialBytes = 512;
/** A head is at most this long: one byte and an argument of eight. */
export const cborHeadBytesMax = 9;

export class CborWriter {
  #buffer: Buffer = Buffer.allocUnsafe(initialBytes);
  #length = 0;

  /** What was written. The writer is done with it, and is not to be used again. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  map(entries: number): void {
    this.#head(5, entries);
  }

  array(elements: number): void {
    this.#head(4, elements);
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value, 'utf8');
    this.#head(3, bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
  }

  bytes(value: Uint8Array): void {
    this.#head(2, value.length);
    this.#reserve(value.length);
    this.#length += asBuffer(value).copy(this.#buffer, this.#length);
  }

  integer(value: number): void {
    if (value >= 0) this.#head(0, value);
    else this.#head(1, -1 - value);
  }

  double(value: number): void {
    this.#reserve(cborHeadBytesMax);
    this.#buffer[this.#length] = 0xfb;
    this.#buffer.writeDoubleBE(value, this.#length + 1);
    this.#length += 9;
  }

  boolean(value: boolean): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value ? 0xf5 : 0xf4;
  }

  /** Milliseconds since the epoch. */
  time(ms: number): void {
    this.#head(6, 1);
    this.integer(Math.round(ms));
  }

  #head(major: number, argument: number): void {
    this.#reserve(cborHeadBytesMax);
    this.#length = writeCborHead(this.#buffer, this.#length, major, argument);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

/** Writes one head at `at`, where `cborHeadBytesMax` bytes must be free; answers where it ends. */
export function writeCborHead(target: Buffer, at: number, major: number, argument: number): number {
  const type = major << 5;
  if (argument < 24) {
    target[at] = type | argument;
    return at + 1;
  }
  if (argument < 0x100) {
    target[at] = type | 24;
    target[at + 1] = argument;
    return at + 2;
  }
  if (argument < 0x10000) {
    target[at] = type | 25;
    return target.writeUInt16BE(argument, at + 1);
  }
  if (argument < 2 ** 32) {
    target[at] = type | 26;
    return target.writeUInt32BE(argument, at + 1);
  }
  target[at] = type | 27;
  target.writeUInt32BE(Math.floor(argument / 2 ** 32), at + 1);
  return target.writeUInt32BE(argument % 2 ** 32, at + 5);
}
