/**
 * What became of requests, and how long they took. Operations and outcomes are names of ours, so they are few: their
 * series need no bound of their own.
 */
import type { Family } from './exposition.js';

/** In seconds. From what a put on a fast disk takes to what a client gives up at. */
const boundsS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const boundsMs = boundsS.map((bound) => bound * 1000);

interface Measured {
  readonly outcomes: Map<string, number>;
  readonly counts: number[];
  sumMs: number;
}

export class RequestMeter {
  readonly #operations = new Map<string, Measured>();

  /** Notes an answer: `outcome` is `OK`, the code of the error, or `Dropped`. */
  answered(operation: string, outcome: string, tookMs: number): void {
    let measured = this.#operations.get(operation);
    if (measured === undefined) {
      measured = { outcomes: new Map(), counts: new Array<number>(boundsMs.length + 1).fill(0), sumMs: 0 };
      this.#operations.set(operation, measured);
    }
    measured.outcomes.set(outcome, (measured.outcomes.get(outcome) ?? 0) + 1);
    measured.sumMs += tookMs;
    let bucket = 0;
    while (bucket < boundsMs.length && tookMs > (boundsMs[bucket] ?? 0)) bucket++;
    measured.counts[bucket] = (measured.counts[bucket] ?? 0) + 1;
  }

  families(): readonly Family[] {
    const operations = [...this.#operations];
    return [
      {
        name: 'millrace_requests_total',
        help: 'Requests answered, by operation and by outcome: OK, the code of the error, or Dropped.',
        type: 'counter',
        samples: operations.flatMap(([operation, { outcomes }]) =>
          [...outcomes].map(([outcome, value]) => ({ labels: { operation, outcome }, value })),
        ),
      },
      {
        name: 'millrace_request_duration_seconds',
        help: 'From the whole request to its answer; of a subscription, to the beginning of its answer.',
        type: 'histogram',
        samples: operations.map(([operation, { counts, sumMs }]) => ({
          labels: { operation },
          bounds: boundsS,
          counts,
          sum: sumMs / 1000,
        })),
      },
    ];
  }
}
