import type { Random } from '@millrace/base';

/** Choices that are drawn by weight; one of weight 0 never is. */
export class Weighted<T> {
  readonly #weights: readonly (readonly [T, number])[];
  readonly #sum: number;
  readonly #otherwise: T;

  /** `otherwise` is what rounding leaves over. */
  constructor(otherwise: T, weights: readonly (readonly [T, number])[]) {
    this.#otherwise = otherwise;
    this.#weights = weights;
    this.#sum = weights.reduce((sum, [, weight]) => sum + weight, 0);
  }

  pick(random: Random): T {
    let left = random.fraction() * this.#sum;
    for (const [choice, weight] of this.#weights) {
      left -= weight;
      if (left < 0) return choice;
    }
    return this.#otherwise;
  }
}
