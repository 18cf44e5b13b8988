/**
 * So many at a time: whoever comes later waits for one of those before to be done, in order.
 *
 *      use ──▶ under way, at most `lanes` ──▶ done          use ──▶ waiting ──▶ under way
 *
 * Invariant: never more than `lanes` are under way. How many wait is bounded by whoever hands them in.
 */
export class Lanes {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(lanes: number) {
    this.#free = lanes;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
