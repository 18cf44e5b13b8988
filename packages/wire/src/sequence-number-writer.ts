/**
 * Writes many sequence numbers of one shard, one after another, straight into a buffer as digits. Within a shard the
 * numbers of following records differ by a few multiples of two constants, so the last number is kept in limbs of
 * seven decimal digits, and the next is a short addition; only limbs that changed are turned into digits again.
 *
 *      number(position, arrival) = base(shard) + (position + 1) · 2^80 + arrivalS · 2^36
 *
 *      digits │ limb 7 │ limb 6 │ … │ limb 0 │     8 limbs of 7 digits, the least significant first
 */
import { assert } from '@millrace/base';
import { type SequenceNumberShard, sequenceNumber, sequenceNumberDigits } from './sequence-number.js';

const limbDigits = 7;
const limbBase = 10 ** limbDigits;
const limbs = sequenceNumberDigits / limbDigits;

const positionStep = limbsOf(2n ** 80n);
const secondStep = limbsOf(2n ** 36n);

/** A step is multiplied by at most this: seven digits of it, seven of a limb and a carry stay below 2^53. */
const factorMax = 10 ** 7;

/** Three digits as ASCII for each of 0 to 999. */
const triples = new Uint8Array(3000).map((_, at) => {
  const digits = String(Math.floor(at / 3)).padStart(3, '0');
  return digits.charCodeAt(at % 3);
});

export class SequenceNumberWriter {
  readonly #shard: SequenceNumberShard;
  readonly #limbs = new Float64Array(limbs);
  readonly #digits = Buffer.alloc(sequenceNumberDigits);
  #position = -1;
  #arrivalS = -1;

  constructor(shard: SequenceNumberShard) {
    this.#shard = shard;
  }

  /** Writes the 56 digits of the number of the record at `position` to `target[at]`; answers where they end. */
  write(target: Uint8Array, at: number, position: number, arrivalMs: number): number {
    const arrivalS = Math.floor(arrivalMs / 1000);
    const steps = position - this.#position;
    const seconds = arrivalS - this.#arrivalS;
    if (this.#arrivalS >= 0 && steps >= 0 && steps <= factorMax && seconds >= 0 && seconds <= factorMax) {
      const changed = Math.max(this.#add(positionStep, steps), this.#add(secondStep, seconds));
      this.#render(changed);
    } else this.#start(position, arrivalMs);
    this.#position = position;
    this.#arrivalS = arrivalS;
    target.set(this.#digits, at);
    return at + sequenceNumberDigits;
  }

  /** Begins anew from the definition. */
  #start(position: number, arrivalMs: number): void {
    this.#limbs.set(limbsOf(BigInt(sequenceNumber(this.#shard, position, arrivalMs))));
    this.#render(limbs);
  }

  /** Adds `step` · `factor`; answers how many limbs, from the lowest, may have changed. */
  #add(step: Float64Array, factor: number): number {
    if (factor === 0) return 0;
    let carry = 0;
    let limb = 0;
    for (; limb < step.length || carry > 0; limb++) {
      assert(limb < limbs, 'a sequence number of 56 digits');
      const sum = (this.#limbs[limb] ?? 0) + (step[limb] ?? 0) * factor + carry;
      carry = sum < limbBase ? 0 : Math.floor(sum / limbBase);
      this.#limbs[limb] = sum - carry * limbBase;
    }
    return limb;
  }

  #render(count: number): void {
    for (let limb = 0; limb < count; limb++) {
      const value = this.#limbs[limb] ?? 0;
      const at = sequenceNumberDigits - (limb + 1) * limbDigits;
      const high = Math.floor(value / 1000000) | 0;
      const rest = (value - high * 1000000) | 0;
      const middle = (rest / 1000) | 0;
      const low = rest - middle * 1000;
      this.#digits[at] = 0x30 + high;
      this.#digits[at + 1] = triples[middle * 3] ?? 0;
      this.#digits[at + 2] = triples[middle * 3 + 1] ?? 0;
      this.#digits[at + 3] = triples[middle * 3 + 2] ?? 0;
      this.#digits[at + 4] = triples[low * 3] ?? 0;
      this.#digits[at + 5] = triples[low * 3 + 1] ?? 0;
      this.#digits[at + 6] = triples[low * 3 + 2] ?? 0;
    }
  }
}

/** A number in limbs, the least significant first, without leading zeros. */
function limbsOf(value: bigint): Float64Array {
  const parts: number[] = [];
  for (let rest = value; rest > 0n; rest /= BigInt(limbBase)) parts.push(Number(rest % BigInt(limbBase)));
  return Float64Array.from(parts);
}
