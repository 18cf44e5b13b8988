import { asBuffer, type Random } from '@millrace/base';

const uuidBytes = 16;
const uuidChars = 36;
/** `x-amz-id-2` is 72 random bytes in base64 on AWS (kinesalite's tests against AWS). */
const extendedBytes = 72;
const extendedChars = (extendedBytes / 3) * 4;
const pooledIds = 256;

/**
 * Makes the ids that every answer carries. Randomness is drawn, and spelled, for many at once: a system call for each
 * request would cost more than the rest of the headers.
 */
export class RequestIds {
  readonly #random: Random;
  /** Many UUIDs, one behind the other: each is a slice of these. */
  #uuids = '';
  #uuidAt = 0;
  /** Many extended ids; 72 bytes are whole groups of base64, so that each ends where the next begins. */
  #extended = '';
  #extendedAt = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A version 4 UUID. */
  requestId(): string {
    if (this.#uuidAt === this.#uuids.length) this.#drawUuids();
    const at = this.#uuidAt;
    this.#uuidAt += uuidChars;
    return this.#uuids.slice(at, at + uuidChars);
  }

  extendedId(): string {
    if (this.#extendedAt === this.#extended.length) {
      this.#extended = asBuffer(this.#random.bytes(pooledIds * extendedBytes)).toString('base64');
      this.#extendedAt = 0;
    }
    const at = this.#extendedAt;
    this.#extendedAt += extendedChars;
    return this.#extended.slice(at, at + extendedChars);
  }

  #drawUuids(): void {
    const bytes = asBuffer(this.#random.bytes(pooledIds * uuidBytes));
    for (let at = 0; at < bytes.length; at += uuidBytes) {
      bytes[at + 6] = ((bytes[at + 6] ?? 0) & 0x0f) | 0x40;
      bytes[at + 8] = ((bytes[at + 8] ?? 0) & 0x3f) | 0x80;
    }
    this.#uuids = bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/g, '$1-$2-$3-$4-$5');
    this.#uuidAt = 0;
  }
}
