/**
 * A body in chunks, as its bytes come (RFC 9112, section 7.1). Its trailers are lines as those of a head are.
 *
 *      body      = *( size extension CRLF data CRLF ) 1*"0" extension CRLF trailers
 *      size      = 1*8HEXDIG
 *      extension = *( ";" token [ "=" token ] )
 *
 *      size ──▶ name ⇄ value ──▶ size's LF ──▶ data ──▶ data's CR ──▶ data's LF ──┐
 *       ▲                           └──of size 0──▶ trailers                      │
 *       └─────────────────────────────────────────────────────────────────────────┘
 *
 * Extensions say nothing to us; quoted ones are refused, because nobody sends them and readers differ on their ends.
 */
import { kib } from '@millrace/base';
import { tokenBytes } from './head-reader.js';

export type ChunkProgress = 'more' | 'data' | 'trailers' | 'malformed';

const cr = 0x0d;
const lf = 0x0a;
const semicolon = 0x3b;
const equals = 0x3d;

const size = 0;
const name = 1;
const value = 2;
const sizeLf = 3;
const data = 4;
const dataCr = 5;
const dataLf = 6;
const trailers = 7;

const sizeDigitsMax = 8;
/** Bytes of all extensions of one body. */
const extensionBytesMax = 16 * kib;

export class ChunkedBody {
  /** The piece of data that was read last lies in the bytes between these two; reading goes on at `end`. */
  from = 0;
  end = 0;
  #state = size;
  #size = 0;
  /** Characters of the present size, or of the present part of an extension. */
  #characters = 0;
  #extensionBytes = 0;

  /** Reads on, to the end of the next piece of data or of what is there; `end` says where that was. */
  read(bytes: Buffer, from: number): ChunkProgress {
    let at = from;
    while (at < bytes.length) {
      if (this.#state === data) {
        this.from = at;
        this.end = Math.min(bytes.length, at + this.#size);
        this.#size -= this.end - at;
        if (this.#size === 0) this.#state = dataCr;
        return 'data';
      }
      const next = this.#next(bytes[at++] ?? 0);
      if (next === undefined) return 'malformed';
      this.#state = next;
      if (next === trailers) {
        this.end = at;
        return 'trailers';
      }
    }
    this.end = at;
    return 'more';
  }

  /** The state behind `byte`; undefined where it has no place. */
  #next(byte: number): number | undefined {
    switch (this.#state) {
      case size:
        return this.#inSize(byte);
      case name:
      case value:
        return this.#inExtension(byte);
      case sizeLf:
        if (byte !== lf) return undefined;
        return this.#size === 0 ? trailers : data;
      case dataCr:
        return byte === cr ? dataLf : undefined;
      default:
        this.#characters = 0;
        return byte === lf ? size : undefined;
    }
  }

  #inSize(byte: number): number | undefined {
    const digit = hexDigits[byte] ?? 0;
    if (digit > 0) {
      if (++this.#characters > sizeDigitsMax) return undefined;
      this.#size = this.#size * 16 + digit - 1;
      return size;
    }
    return this.#characters > 0 ? this.#behindToken(byte) : undefined;
  }

  #inExtension(byte: number): number | undefined {
    if (++this.#extensionBytes > extensionBytesMax) return undefined;
    if (tokenBytes[byte] === 1) {
      this.#characters++;
      return this.#state;
    }
    if (this.#characters === 0) return undefined;
    if (byte === equals && this.#state === name) {
      this.#characters = 0;
      return value;
    }
    return this.#behindToken(byte);
  }

  #behindToken(byte: number): number | undefined {
    if (byte === cr) return sizeLf;
    if (byte !== semicolon) return undefined;
    this.#characters = 0;
    return name;
  }
}

/** One more than the digit's value; 0 for what is no digit. */
const hexDigits = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? 0 : digit + 1;
});
