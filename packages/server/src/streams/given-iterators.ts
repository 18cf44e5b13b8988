/**
 * The iterators of one sealer, of which the last that were given out are known by their text: whoever polls brings one back
 * at once, and opening it, four hashes, was a third of what an answer without records costs.
 *
 * Invariant: what is opened is what a sealer opens. A remembered text opens in its own account and region alone, and not
 * past its age.
 */
import type { TokenSealer } from './sealed-token.js';
import { checkAge, openIterator, type ShardIterator, sealIterator } from './shard-iterator.js';

/** Some half a kilobyte each. */
const rememberedMax = 1024;

export class GivenIterators {
  readonly #sealer: TokenSealer;
  /** By text, the oldest first. */
  readonly #last = new Map<string, { readonly context: string; readonly iterator: ShardIterator }>();

  constructor(sealer: TokenSealer) {
    this.#sealer = sealer;
  }

  seal(context: string, iterator: ShardIterator): string {
    const token = sealIterator(this.#sealer, context, iterator);
    this.#last.set(token, { context, iterator });
    if (this.#last.size > rememberedMax) {
      for (const [oldest] of this.#last) {
        this.#last.delete(oldest);
        break;
      }
    }
    return token;
  }

  /** As `openIterator`. */
  open(context: string, token: string, nowMs: number, lifeMs: number): ShardIterator {
    const known = this.#last.get(token);
    if (known?.context !== context) return openIterator(this.#sealer, context, token, nowMs, lifeMs);
    checkAge(known.iterator, nowMs, lifeMs);
    return known.iterator;
  }
}
