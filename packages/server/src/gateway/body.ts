import { asBuffer, assert, copyBytes, kib, mib } from '@millrace/base';
import type { ByteBudget } from './byte-budget.js';
import { noBytes } from './exchange.js';
import type { GatewayLimits } from './limits.js';
import { type Refusal, refusals } from './refusal.js';

/**
 * Memory of bodies that have been answered, for those to come. Without it each large body is memory that the garbage
 * collector has to find again, and at a thousand puts a second that is what it does all day. It is shared memory, so
 * that other threads can read a body where it is.
 */
export class BodyMemory {
  readonly #free: Buffer[] = [];
  #bytes = 0;

  /** At least `length` bytes of whatever was there before. */
  take(length: number): Buffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const buffer = this.#free[i];
      if (buffer !== undefined && buffer.length >= length && buffer.length <= spareMax * length) {
        this.#free.splice(i, 1);
        this.#bytes -= buffer.length;
        return buffer;
      }
    }
    return Buffer.from(new SharedArrayBuffer(Math.ceil(length / granuleBytes) * granuleBytes));
  }

  /** Gives back what `take` answered, once nothing refers to it any more. The oldest is let go when there is too much. */
  give(buffer: Buffer): void {
    this.#free.push(buffer);
    this.#bytes += buffer.length;
    while (this.#free.length > freeBuffersMax || this.#bytes > freeBytesMax) {
      this.#bytes -= this.#free.shift()?.length ?? 0;
    }
  }
}

/** A buffer this many times as long as needed is left for a body that needs it. */
const spareMax = 4;
const granuleBytes = 64 * kib;
const freeBuffersMax = 32;
/** A few of the largest bodies: what is let go is found late, because shared memory is on no thread's account. */
const freeBytesMax = 64 * mib;

/** Until a client has sent this much, nothing larger is allocated for it, whatever length it declared. */
const trustedBytes = 64 * kib;

/** After so many chunks, they must have been this long on average: a megabyte of single bytes would be work for a second. */
const scatteredChunks = 4096;
const chunkBytesMin = 16;

type BodyFailure = 'too-large' | 'no-memory' | 'scattered';

export function bodyRefusal(failure: BodyFailure, limits: GatewayLimits): Refusal {
  switch (failure) {
    case 'too-large':
      return refusals.bodyTooLarge(limits.bodyBytesMax);
    case 'no-memory':
      return refusals.noMemory(limits.bufferedBytesMax);
    case 'scattered':
      return refusals.malformed('its body comes in pieces of a few bytes');
  }
}

/**
 * A request's body on its way in. One chunk is kept as it is; more are copied into one buffer, which is allocated at
 * its declared length once the client has shown that it means it, and doubles where no length was declared. So a
 * body costs one copy, and a client holds no more memory than it has sent, small change aside.
 */
export class Body {
  readonly #budget: ByteBudget;
  readonly #memory: BodyMemory;
  readonly #bytesMax: number;
  readonly #declared: number | undefined;
  #bytes: Uint8Array = noBytes;
  #length = 0;
  #chunks = 0;
  /** `#bytes`, where it is ours to copy into and to give back; the first chunk is not. */
  #own: Buffer | undefined;

  /** `declared` is the content length, where there is one. */
  constructor(budget: ByteBudget, memory: BodyMemory, bytesMax: number, declared: number | undefined) {
    this.#budget = budget;
    this.#memory = memory;
    this.#bytesMax = bytesMax;
    this.#declared = declared;
  }

  /** Adds a chunk; answers why it was not added, if it was not. */
  push(chunk: Uint8Array): BodyFailure | undefined {
    const length = this.#length + chunk.length;
    if (++this.#chunks > scatteredChunks && length < this.#chunks * chunkBytesMin) return 'scattered';
    if (length > this.#bytesMax) return 'too-large';
    if (!this.#budget.take(chunk.length)) return 'no-memory';
    if (this.#length === 0) {
      this.#bytes = chunk;
    } else {
      const own = this.#own !== undefined && length <= this.#own.length ? this.#own : this.#grow(length);
      copyBytes(asBuffer(chunk), 0, chunk.length, own, this.#length);
    }
    this.#length = length;
    return undefined;
  }

  /** The whole body: valid until `release`, as is its share of the budget. */
  bytes(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length);
  }

  /** Lets go of the bytes. May be called twice. */
  release(): void {
    this.#budget.give(this.#length);
    if (this.#own !== undefined) this.#memory.give(this.#own);
    this.#bytes = noBytes;
    this.#length = 0;
    this.#own = undefined;
  }

  #grow(needed: number): Buffer {
    assert(needed <= this.#bytesMax, 'a body grows within its limit');
    const wanted = needed <= trustedBytes ? trustedBytes : (this.#declared ?? 2 * needed);
    const bounded = Math.min(
      Math.max(wanted, needed),
      this.#bytesMax,
      this.#declared ?? Number.POSITIVE_INFINITY,
    );
    const larger = this.#memory.take(Math.max(bounded, needed));
    copyBytes(asBuffer(this.#bytes), 0, this.#length, larger, 0);
    if (this.#own !== undefined) this.#memory.give(this.#own);
    this.#bytes = larger;
    this.#own = larger;
    return larger;
  }
}

/**
 * The length that a `content-length` header declares: undefined without one, NaN when it is none. The parsers
 * beneath refuse most bad ones; this refuses the rest.
 */
export function declaredLength(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  return /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
}
