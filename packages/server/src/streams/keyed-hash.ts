/**
 * HMAC-SHA-256 and a stream of key bytes, made of one-shot hashes alone.
 *
 *      hmac   = SHA-256(key ^ 5c… · SHA-256(key ^ 36… · message))                     RFC 2104
 *      stream = SHA-512(key · start · 0) · SHA-512(key · start · 1) · …               counter u32, big-endian
 *
 * `createHmac` and `createCipheriv` make native objects that the collector must free one by one, in its pause: at some
 * thousand tokens a second that was two thirds of each pause of the young heap. A one-shot hash leaves nothing behind.
 */
import { hash } from 'node:crypto';
import { assert } from '@millrace/base';

export const keyBytes = 32;
const digestBytes = 32;

const blockBytes = 64;
const counterBytes = 4;
const streamBlockBytes = 64;

export class KeyedHash {
  readonly #innerPad: Buffer;
  /** The outer pad, and room for the inner digest behind it. */
  readonly #outer: Buffer;

  constructor(key: Uint8Array) {
    assert(key.length === keyBytes, `a key of ${key.length} bytes`);
    this.#innerPad = padded(key, 0x36);
    this.#outer = Buffer.concat([padded(key, 0x5c), Buffer.alloc(digestBytes)]);
  }

  /** The digest of `head · message`, as bytes. */
  digest(head: Uint8Array, message: Uint8Array): Buffer {
    const inner = Buffer.allocUnsafe(blockBytes + head.length + message.length);
    inner.set(this.#innerPad);
    inner.set(head, blockBytes);
    inner.set(message, blockBytes + head.length);
    // As binary text, one character a byte: a string is cheaper than a buffer with memory of its own.
    this.#outer.write(hash('sha256', inner, 'binary'), blockBytes, 'latin1');
    return Buffer.from(hash('sha256', this.#outer, 'binary'), 'latin1');
  }
}

export class KeyStream {
  readonly #key: Buffer;

  constructor(key: Uint8Array) {
    assert(key.length === keyBytes, `a key of ${key.length} bytes`);
    this.#key = Buffer.from(key);
  }

  /** `bytes` combined with the stream that begins at `start`; done twice it answers `bytes` again. */
  apply(start: Uint8Array, bytes: Uint8Array): Buffer {
    const seed = Buffer.allocUnsafe(keyBytes + start.length + counterBytes);
    seed.set(this.#key);
    seed.set(start, keyBytes);
    const combined = Buffer.from(bytes);
    for (let at = 0; at < combined.length; at += streamBlockBytes) {
      seed.writeUInt32BE(at / streamBlockBytes, keyBytes + start.length);
      const stream = hash('sha512', seed, 'binary');
      const end = Math.min(combined.length, at + streamBlockBytes);
      for (let i = at; i < end; i++) combined[i] = (combined[i] ?? 0) ^ stream.charCodeAt(i - at);
    }
    return combined;
  }
}

function padded(key: Uint8Array, pad: number): Buffer {
  const block = Buffer.alloc(blockBytes, pad);
  for (const [i, byte] of key.entries()) block[i] = byte ^ pad;
  return block;
}
