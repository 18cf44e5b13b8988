/**
 * Sealed tokens: what a client is given to bring back (iterators, pagination), and can neither read nor make.
 *
 *      token  = base64( header · tag · cipher )          header = 00 00 00 00 00 00 00 01, as AWS's iterators have it
 *      tag    = first 16 bytes of HMAC-SHA-256(macKey, kind · 0 · context · 0 · plain)
 *      cipher = AES-256-CTR(cipherKey, iv = tag) over plain
 *      plain  = payload · zeros up to a multiple of 16 · length of payload (u16, big-endian)
 *
 * The tag is also the initial vector, so nothing random is needed and no nonce can repeat over two different plain
 * texts; who holds no key can neither change a token nor turn one into another. `kind` and `context` (account and
 * region) are not in the token, but a token opens only under those it was sealed with.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { asBuffer, assert } from '@millrace/base';

export const secretBytes = 32;

const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]);
const tagBytes = 16;
const blockBytes = 16;
const lengthBytes = 2;
const payloadBytesMax = 0xffff;

export class TokenSealer {
  readonly #kind: string;
  readonly #macKey: Buffer;
  readonly #cipherKey: Buffer;

  /** A sealer for tokens of one kind; the keys are made from `secret` and the kind. */
  constructor(secret: Uint8Array, kind: string) {
    assert(secret.length >= secretBytes, `a secret of ${secret.length} bytes`);
    this.#kind = kind;
    this.#macKey = createHmac('sha256', secret).update(`${kind}/mac`).digest();
    this.#cipherKey = createHmac('sha256', secret).update(`${kind}/cipher`).digest();
  }

  seal(context: string, payload: Uint8Array): string {
    assert(payload.length <= payloadBytesMax, `a token's payload of ${payload.length} bytes`);
    const plain = Buffer.alloc(Math.ceil((payload.length + lengthBytes) / blockBytes) * blockBytes);
    plain.set(payload);
    plain.writeUInt16BE(payload.length, plain.length - lengthBytes);
    const tag = this.#tag(context, plain);
    const cipher = createCipheriv('aes-256-ctr', this.#cipherKey, tag);
    return Buffer.concat([header, tag, cipher.update(plain)]).toString('base64');
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
    const decipher = createDecipheriv('aes-256-ctr', this.#cipherKey, tag);
    const plain = decipher.update(bytes.subarray(header.length + tagBytes));
    if (!timingSafeEqual(tag, this.#tag(context, plain))) return undefined;
    const length = plain.readUInt16BE(plain.length - lengthBytes);
    assert(length <= plain.length - lengthBytes, 'a token of our own that is shorter than it says');
    return plain.subarray(0, length);
  }

  #tag(context: string, plain: Uint8Array): Buffer {
    return createHmac('sha256', this.#macKey)
      .update(`${this.#kind}\0${context}\0`)
      .update(asBuffer(plain))
      .digest()
      .subarray(0, tagBytes);
  }
}
