import { asBuffer, assert, kib } from '@millrace/base';
import type { ByteBudget } from './byte-budget.js';
import { noBytes } from './exchange.js';

/** Until a client has sent this much, nothing larger is allocated for it, whatever length it declared. */
const trustedBytes = 64 * kib;

/**
 * A request's body on its way in. One chunk is kept as it is; more are copied into one buffer, which is allocated at
 * its declared length once the client has shown that it means it, and doubles where no length was declared. So a
 * body costs one copy, and a client holds no more memory than it has sent, small change aside.
 */
export class Body {
  readonly #budget: ByteBudget;
  readonly #bytesMax: number;
  readonly #declared: number | undefined;
  #bytes: Uint8Array = noBytes;
  #length = 0;
  /** Whether `#bytes` is ours to copy into; the first chunk is not. */
  #own = false;

  /** `declared` is the content length, where there is one. */
  constructor(budget: ByteBudget, bytesMax: number, declared: number | undefined) {
    this.#budget = budget;
    this.#bytesMax = bytesMax;
    this.#declared = declared;
  }

  /** Adds a chunk; answers why it was not added, if it was not. */
  push(chunk: Uint8Array): 'too-large' | 'no-memory' | undefined {
    const length = this.#length + chunk.length;
    if (length > this.#bytesMax) return 'too-large';
    if (!this.#budget.take(chunk.length)) return 'no-memory';
    if (this.#length === 0) {
      this.#bytes = chunk;
    } else {
      if (!this.#own || length > this.#bytes.length) this.#grow(length);
      this.#bytes.set(chunk, this.#length);
    }
    this.#length = length;
    return undefined;
  }

  /** The whole body; it keeps its share of the budget until `release`. */
  bytes(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length);
  }

  /** Lets go of the bytes. May be called twice. */
  release(): void {
    this.#budget.give(this.#length);
    this.#bytes = noBytes;
    this.#length = 0;
    this.#own = false;
  }

  #grow(needed: number): void {
    assert(needed <= this.#bytesMax, 'a body grows within its limit');
    const wanted = needed <= trustedBytes ? trustedBytes : (this.#declared ?? 2 * needed);
    const bounded = Math.min(
      Math.max(wanted, needed),
      this.#bytesMax,
      this.#declared ?? Number.POSITIVE_INFINITY,
    );
    const larger = Buffer.allocUnsafeSlow(Math.max(bounded, needed));
    asBuffer(this.#bytes).copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    this.#own = true;
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
