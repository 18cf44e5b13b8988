/**
 * Sealed tokens: what a client is given to bring back (iterators, pagination), and can neither read nor make.
 *
 *      token  = base64( header · tag · cipher )          header = 00 00 00 00 00 00 00 01, as AWS's iterators have it
 *      tag    = first 16 bytes of HMAC-SHA-256(macKey, kind · 0 · context · 0 · plain)
 *      cipher = plain ^ the stream of cipherKey from tag on
 *      plain  = payload · zeros up to a multiple of 16 · length of payload (u16, big-endian)
 *
 * The tag is also where the stream starts, so nothing random is needed and no stream repeats over two different plain
 * texts; who holds no key can neither change a token nor turn one into another. `kind` and `context` (account and
 * region) are not in the token, but a token opens only under those it was sealed with.
 */
import { timingSafeEqual } from 'node:crypto';
import { assert } from '@millrace/base';
import { KeyedHash, KeyStream, keyBytes } from './keyed-hash.js';

/** Of the secret that a sealer's keys are made from. */
export const secretBytes = keyBytes;

const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]);
const tagBytes = 16;
const blockBytes = 16;
const lengthBytes = 2;
const payloadBytesMax = 0xffff;

export class TokenSealer {
  readonly #kind: string;
  readonly #mac: KeyedHash;
  readonly #stream: KeyStream;

  /** A sealer for tokens of one kind; the keys are made from `secret` and the kind. */
  constructor(secret: Uint8Array, kind: string) {
    this.#kind = kind;
    const keys = new KeyedHash(secret);
    this.#mac = new KeyedHash(keys.digest(Buffer.from(kind), Buffer.from('/mac')));
    this.#stream = new KeyStream(keys.digest(Buffer.from(kind), Buffer.from('/cipher')));
  }

  seal(context: string, payload: Uint8Array): string {
    assert(payload.length <= payloadBytesMax, `a token's payload of ${payload.length} bytes`);
    const plain = Buffer.alloc(Math.ceil((payload.length + lengthBytes) / blockBytes) * blockBytes);
    plain.set(payload);
    plain.writeUInt16BE(payload.length, plain.length - lengthBytes);
    const tag = this.#tag(context, plain);
    return Buffer.concat([header, tag, this.#stream.apply(tag, plain)]).toString('base64');
  }

  /** The payload of a token that was sealed with this secret, kind and context; undefined for everything else. */
  open(context: string, token: string): Uint8Array | undefined {
    const bytes = Buffer.from(token, 'base64');
    const sealedBytes = bytes.length - header.length - tagBytes;
    if (sealedBytes < blockBytes || sealedBytes % blockBytes !== 0) return undefined;
    // Base64 has many spellings of the same bytes; ours is the one that we give out.
    if (bytes.toString('base64') !== token || !bytes.subarray(0, header.length).equals(header))
      return undefined;
    const tag = bytes.subarray(header.length, header.length + tagBytes);
    const plain = this.#stream.apply(tag, bytes.subarray(header.length + tagBytes));
    if (!timingSafeEqual(tag, this.#tag(context, plain))) return undefined;
    const length = plain.readUInt16BE(plain.length - lengthBytes);
    assert(length <= plain.length - lengthBytes, 'a token of our own that is shorter than it says');
    return plain.subarray(0, length);
  }

  #tag(context: string, plain: Uint8Array): Buffer {
    return this.#mac.digest(Buffer.from(`${this.#kind}\0${context}\0`), plain).subarray(0, tagBytes);
  }
}
