import { assert } from '@millrace/base';

/**
 * The bytes that all connections together may make the process hold: bodies that are coming in or being worked on,
 * and answers that wait for their clients. Whoever cannot take what it needs refuses its request.
 */
export class ByteBudget {
  readonly limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes `bytes`, or answers `false` and takes nothing. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.limit) return false;
    this.#taken += bytes;
    return true;
  }

  /** Takes `bytes` that are there already, beyond the limit if need be: others are refused until they are gone. */
  force(bytes: number): void {
    this.#taken += bytes;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    assert(this.#taken >= 0, 'more bytes were given back than taken');
  }
}
