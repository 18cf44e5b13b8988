/**
 * A set of event numbers in the room of a few bytes: all of 1 … `through`, and a bit for each of the next
 * `windowNumbersMax`. Numbers arrive nearly in order, so the bits are few and `through` follows closely.
 *
 *      1 2 3 … through │ through+1 …           … through+windowNumbersMax
 *      ─── all in ──── │ 1 0 1 1 0 0 1 …
 *
 * Invariant: `through` + 1 is not in the set.
 */
import { assert } from '@millrace/base';

/** How far past the first missing number the set can see: half a mebibyte of bits. */
export const windowNumbersMax = 2 ** 22;

export interface NumberSetState {
  readonly through: number;
  /** What is in the set past `through`, as pairs first, last, first, last …, rising. */
  readonly beyond: readonly number[];
}

export class NumberSet {
  #through: number;
  #size: number;
  #highest: number;
  /** Bit i of the window stands for number `#base` + i. The window moves on a page at a time. */
  #base: number;
  #bits: Uint32Array;

  constructor(state: NumberSetState = { through: 0, beyond: [] }) {
    this.#through = state.through;
    this.#size = state.through;
    this.#highest = state.through;
    this.#base = state.through + 1;
    this.#bits = new Uint32Array(1024);
    for (let i = 0; i < state.beyond.length; i += 2) {
      const [first, last] = state.beyond.slice(i, i + 2);
      assert(first !== undefined && last !== undefined, 'ranges come in pairs');
      for (let n = first; n <= last; n++)
        assert(this.add(n) === 'added', `number ${n} stands in order, once`);
    }
  }

  /** Every number from 1 to this one is in the set. */
  get through(): number {
    return this.#through;
  }

  get size(): number {
    return this.#size;
  }

  /** The greatest number in the set, 0 when it is empty. */
  get highest(): number {
    return this.#highest;
  }

  has(n: number): boolean {
    if (n <= this.#through) return n >= 1;
    const bit = n - this.#base;
    const word = this.#bits[bit >>> 5];
    return word !== undefined && (word & (1 << (bit & 31))) !== 0;
  }

  /** Puts `n` in. `beyond`: it lies too far past the first missing number to be remembered, and was not put in. */
  add(n: number): 'added' | 'present' | 'beyond' {
    assert(Number.isSafeInteger(n) && n >= 1, `numbers begin at 1, not ${n}`);
    if (n > this.#through + windowNumbersMax) return 'beyond';
    if (this.has(n)) return 'present';
    this.#makeRoom(n);
    const bit = n - this.#base;
    this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    this.#size++;
    if (n > this.#highest) this.#highest = n;
    if (n === this.#through + 1) this.#advance();
    return 'added';
  }

  /** The numbers from 1 to `last` that are not in the set, the first `max` of them. */
  missing(last: number, max: number): readonly number[] {
    const found: number[] = [];
    for (let n = this.#through + 1; n <= last && found.length < max; n++) if (!this.has(n)) found.push(n);
    return found;
  }

  state(): NumberSetState {
    const beyond: number[] = [];
    for (let n = this.#through + 1; n <= this.#highest; n++) {
      if (!this.has(n)) continue;
      const first = n;
      while (this.has(n + 1)) n++;
      beyond.push(first, n);
    }
    return { through: this.#through, beyond };
  }

  #advance(): void {
    while (this.has(this.#through + 1)) this.#through++;
  }

  /** Sees to it that the window reaches `n`: drops what `through` has passed, then doubles. */
  #makeRoom(n: number): void {
    const words = this.#bits.length;
    if (n - this.#base < words * 32) return;
    const passed = Math.min(words, Math.floor((this.#through + 1 - this.#base) / 32));
    const neededWords = Math.floor((n - this.#base) / 32) + 1 - passed;
    let room = words;
    while (room < neededWords) room *= 2;
    const bits = new Uint32Array(room);
    bits.set(this.#bits.subarray(passed));
    this.#bits = bits;
    this.#base += passed * 32;
  }
}
