/**
 * Writes many sequence numbers, of one shard or of a thousand, straight into a buffer as digits. A number is a sum of a
 * few small factors, each times a constant, so it is added up in limbs of seven decimal digits, which doubles hold
 * exactly: no big integers and nothing kept a shard.
 *
 *      number = base + (shard mod 16) · 2^144 + (position + 1) · 2^80 + shard · 2^4
 *      base   = 2^185 + shard created, s · 2^148 + arrival, s · 2^36 + 2          changes with the second only
 *
 *      digits │ limb 7 │ limb 6 │ … │ limb 0 │     8 limbs of 7 digits, the least significant first
 *
 * Invariant: the digits are those of `sequenceNumber`, which is the definition.
 */
import { assert } from '@millrace/base';
import { type SequenceNumberShard, sequenceNumberDigits } from './sequence-number.js';

const limbDigits = 7;
const limbBase = 10 ** limbDigits;
const limbs = sequenceNumberDigits / limbDigits;

/** What may be large is added in two factors of this base: times seven digits, a few of them stay below 2^53. */
const factorBase = 10 ** 8;
const farOf = (value: number): number => Math.floor(value / factorBase);
const nearOf = (value: number): number => value % factorBase;

const origin = limbsOf(2n ** 185n + 2n);
const createdStep = limbsOf(2n ** 148n);
const farCreatedStep = limbsOf(2n ** 148n * BigInt(factorBase));
const lowBitsStep = limbsOf(2n ** 144n);
const positionStep = limbsOf(2n ** 80n);
const farPositionStep = limbsOf(2n ** 80n * BigInt(factorBase));
const arrivalStep = limbsOf(2n ** 36n);
const farArrivalStep = limbsOf(2n ** 36n * BigInt(factorBase));
const indexStep = 16;
const secondsEnd = 2 ** 36;

/** Three digits as ASCII for each of 0 to 999. */
const triples = new Uint8Array(3000).map((_, at) => {
  const digits = String(Math.floor(at / 3)).padStart(3, '0');
  return digits.charCodeAt(at % 3);
});

export class SequenceNumberWriter {
  readonly #base = new Float64Array(limbs);
  #createdS = -1;
  #arrivalS = -1;

  /** Writes the 56 digits of the number of the record at `position` to `target[at]`; answers where they end. */
  write(
    target: Uint8Array,
    at: number,
    shard: SequenceNumberShard,
    position: number,
    arrivalMs: number,
  ): number {
    const createdS = Math.floor(shard.createdMs / 1000);
    const arrivalS = Math.floor(arrivalMs / 1000);
    if (createdS !== this.#createdS || arrivalS !== this.#arrivalS) this.#rebase(createdS, arrivalS);
    const { index } = shard;
    assert(position >= 0 && position < Number.MAX_SAFE_INTEGER, `no log position: ${position}`);
    assert(index >= 0 && index < 2 ** 31, `no shard index: ${index}`);
    const far = farOf(position + 1);
    const near = nearOf(position + 1);
    const lowBits = index & 0xf;
    let carry = index * indexStep;
    for (let limb = 0; limb < limbs; limb++) {
      const sum =
        (this.#base[limb] as number) +
        (lowBitsStep[limb] as number) * lowBits +
        (positionStep[limb] as number) * near +
        (farPositionStep[limb] as number) * far +
        carry;
      carry = Math.floor(sum / limbBase);
      render(target, at + sequenceNumberDigits - (limb + 1) * limbDigits, sum - carry * limbBase);
    }
    assert(carry === 0, 'a sequence number of 56 digits');
    return at + sequenceNumberDigits;
  }

  #rebase(createdS: number, arrivalS: number): void {
    assert(createdS >= 0 && createdS < secondsEnd, `no time for a sequence number: ${createdS} s`);
    assert(arrivalS >= 0 && arrivalS < secondsEnd, `no time for a sequence number: ${arrivalS} s`);
    let carry = 0;
    for (let limb = 0; limb < limbs; limb++) {
      const sum =
        (origin[limb] as number) +
        (createdStep[limb] as number) * nearOf(createdS) +
        (farCreatedStep[limb] as number) * farOf(createdS) +
        (arrivalStep[limb] as number) * nearOf(arrivalS) +
        (farArrivalStep[limb] as number) * farOf(arrivalS) +
        carry;
      carry = Math.floor(sum / limbBase);
      this.#base[limb] = sum - carry * limbBase;
    }
    this.#createdS = createdS;
    this.#arrivalS = arrivalS;
  }
}

/** Seven digits. */
function render(target: Uint8Array, at: number, value: number): void {
  const high = (value / 1000000) | 0;
  const rest = (value - high * 1000000) | 0;
  const middle = (rest / 1000) | 0;
  const low = rest - middle * 1000;
  target[at] = 0x30 + high;
  target[at + 1] = triples[middle * 3] as number;
  target[at + 2] = triples[middle * 3 + 1] as number;
  target[at + 3] = triples[middle * 3 + 2] as number;
  target[at + 4] = triples[low * 3] as number;
  target[at + 5] = triples[low * 3 + 1] as number;
  target[at + 6] = triples[low * 3 + 2] as number;
}

/** A number in limbs, the least significant first. */
function limbsOf(value: bigint): Float64Array {
  const parts = new Float64Array(limbs);
  let rest = value;
  for (let limb = 0; limb < limbs; limb++) {
    parts[limb] = Number(rest % BigInt(limbBase));
    rest /= BigInt(limbBase);
  }
  return parts;
}
