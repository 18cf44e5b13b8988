import { assert } from './assert.js';

/**
 * A first-in, first-out queue with a limit that its owner named. `push` answers whether there was room; what to do
 * when there was none is the caller's decision. A ring that doubles up to the limit: pushes and shifts cost the same
 * at any length.
 */
export class BoundedQueue<T> {
  readonly limit: number;
  #ring: (T | undefined)[] = new Array(16);
  #head = 0;
  #length = 0;

  constructor(limit: number) {
    assert(Number.isSafeInteger(limit) && limit > 0, `a queue needs a limit above zero, not ${limit}`);
    this.limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds `item` at the end; `false`, and nothing changed, when the queue is at its limit. */
  push(item: T): boolean {
    if (this.#length === this.limit) return false;
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) % this.#ring.length] = item;
    this.#length++;
    return true;
  }

  /** Takes the first item, or `undefined` when the queue is empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#length--;
    return item;
  }

  /** The first item without taking it. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  #grow(): void {
    const larger = new Array<T | undefined>(this.#ring.length * 2);
    for (let i = 0; i < this.#length; i++) larger[i] = this.#ring[(this.#head + i) % this.#ring.length];
    this.#ring = larger;
    this.#head = 0;
  }
}
