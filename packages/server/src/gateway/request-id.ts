import { asBuffer, type Random } from '@millrace/base';

const uuidBytes = 16;
/** `x-amz-id-2` is 72 random bytes in base64 on AWS (kinesalite's tests against AWS). */
const extendedBytes = 72;
const pooledIds = 256;

/**
 * Makes the ids that every answer carries. Randomness is drawn for many at once: a system call for each request
 * would cost more than the rest of the headers.
 */
export class RequestIds {
  readonly #random: Random;
  #pool: Buffer = Buffer.alloc(0);
  #used = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A version 4 UUID. */
  requestId(): string {
    const bytes = this.#draw(uuidBytes);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  extendedId(): string {
    return this.#draw(extendedBytes).toString('base64');
  }

  #draw(length: number): Buffer {
    if (this.#used + length > this.#pool.length) {
      this.#pool = asBuffer(this.#random.bytes(pooledIds * (uuidBytes + extendedBytes)));
      this.#used = 0;
    }
    const drawn = this.#pool.subarray(this.#used, this.#used + length);
    this.#used += length;
    return drawn;
  }
}
