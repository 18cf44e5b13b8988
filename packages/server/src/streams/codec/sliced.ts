/**
 * Work in slices: what a large request takes is done a slice a turn, so that whoever else waits has a turn in between.
 *
 *      turn │ slice of A │ others │ slice of B │ others │ slice of A │ others …        one slice a turn, whoever's it is
 *
 * Invariant: between two turns at most one slice is done, however many large requests there are: with more of them
 * each takes longer, and nobody else does. They take their slices in turn. Their number is bounded by the requests that
 * the gateway lets in.
 */
import { mib } from '@millrace/base';

/** Work that says after each slice how many bytes it has gone through, and answers its result at last. */
export type Sliced<T> = Generator<number, T, void>;

/** Bytes of a slice, of a body that is read or of records that are written: about 1 ms of JSON, less of CBOR. */
export const sliceBytes = mib / 2;
/** What is no longer than this is done at once: other turns would cost it more than it costs others. */
export const atOnceBytesMax = 2 * sliceBytes;
/** What is longer than this is not gone through in one piece. */
export const pieceBytes = sliceBytes / 4;

/** The result of `work`, done at once to its end. */
export function finished<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

interface Job {
  /** Does a slice; answers whether it was the last. */
  readonly step: () => boolean;
}

export class SlicedWork {
  readonly #nextTurn: (run: () => void) => void;
  readonly #jobs: Job[] = [];

  /** `nextTurn` calls back once whatever else is ready has run. */
  constructor(nextTurn: (run: () => void) => void = setImmediate) {
    this.#nextTurn = nextTurn;
  }

  /** Does `work`, from the next turn on; rejects with what it throws. */
  run<T>(work: Sliced<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const step = (): boolean => {
        try {
          const { done, value } = work.next();
          if (done === true) resolve(value);
          return done === true;
        } catch (error) {
          reject(error);
          return true;
        }
      };
      this.#jobs.push({ step });
      if (this.#jobs.length === 1) this.#nextTurn(() => this.#turn());
    });
  }

  #turn(): void {
    const job = this.#jobs[0];
    if (job?.step() === false) this.#jobs.push(job);
    this.#jobs.shift();
    if (this.#jobs.length > 0) this.#nextTurn(() => this.#turn());
  }
}
