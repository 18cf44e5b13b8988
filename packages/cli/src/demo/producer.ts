/**
 * Puts numbered events, at a rate, until told to stop. At least once: a number that the server has not acknowledged
 * is put again, before any later one, for as long as it takes; whoever reads drops the repeats by their number.
 *
 *      again ──┐
 *              ├─▶ batch ≤ 500 ─▶ PutRecords ─▶ acknowledged ─▶ ledger ─▶ told
 *      fresh ──┘     ▲                 │ refused, or no answer
 *                    └──── wait ◀──────┘
 *
 * One request is under way at a time, so that events of one key arrive in their order.
 */
import type { Clock } from '@millrace/base';
import type { Flight } from './flight.js';
import { encodeEvent, flightOf } from './flight.js';
import { pause } from './pause.js';
import type { StreamClient } from './stream-client.js';
import { putEntriesMax, StreamError } from './stream-client.js';

/** Events go out in beats of this length, so that the flow looks steady and batches are worth their request. */
const beatMs = 50;
/** What could not be put in time is made up for, but no more than this much of it. */
const debtMsMax = 1_000;
/** Waits between attempts that failed: doubled from the first to the last of these. */
const backoffMsMin = 50;
const backoffMsMax = 2_000;

export interface ProducerPlan {
  readonly series: string;
  readonly flights: readonly Flight[];
  /** Numbers given before and never acknowledged, rising. */
  readonly again: readonly number[];
  /** The first number that was never given. */
  readonly next: number;
  /** The last number to put; without it the data loops for ever. */
  readonly last: number | undefined;
  /** Events per second; undefined for as fast as it goes. */
  readonly rate: number | undefined;
}

export interface ProducerPorts {
  readonly client: Pick<StreamClient, 'put'>;
  readonly clock: Clock;
  /** The greatest number that may be given now: how far ahead of the count the producer may run. */
  readonly horizon: () => number;
  /** Writes the acknowledgement down; the producer waits for it. Numbers rise. */
  readonly acknowledged: (numbers: readonly number[]) => Promise<void>;
  /** What the server's trouble is, in words; undefined when it has passed. */
  readonly trouble: (words: string | undefined) => void;
}

export class Producer {
  readonly #plan: ProducerPlan;
  readonly #ports: ProducerPorts;
  #again: readonly number[];
  #next: number;
  #backoffMs = 0;

  constructor(plan: ProducerPlan, ports: ProducerPorts) {
    this.#plan = plan;
    this.#ports = ports;
    this.#again = plan.again;
    this.#next = plan.next;
  }

  /** Numbers given and not acknowledged. */
  get pending(): number {
    return this.#again.length;
  }

  /** Puts until `signal` aborts or the last number is acknowledged. A request under way is waited for. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const { rate } = this.#plan;
    let paidMs = clock.now();
    while (!signal.aborted && !this.#done()) {
      const nowMs = clock.now();
      paidMs = Math.max(paidMs, nowMs - debtMsMax);
      const due = rate === undefined ? putEntriesMax : Math.floor(((nowMs - paidMs) * rate) / 1000);
      const batch = this.#take(Math.min(due, putEntriesMax));
      if (batch.length > 0) {
        await this.#put(batch);
        if (rate !== undefined) paidMs += (batch.length * 1000) / rate;
      }
      const more = batch.length === putEntriesMax || (rate === undefined && batch.length > 0);
      const restMs = this.#backoffMs > 0 ? this.#backoffMs : more ? 0 : beatMs;
      if (restMs > 0) await pause(clock, restMs, signal);
    }
  }

  #done(): boolean {
    const { last } = this.#plan;
    return this.#again.length === 0 && last !== undefined && this.#next > last;
  }

  /** The next numbers to put, at most `max`: those to be put again first. */
  #take(max: number): readonly number[] {
    const batch = this.#again.slice(0, max);
    this.#again = this.#again.slice(batch.length);
    const end = Math.min(this.#plan.last ?? Number.POSITIVE_INFINITY, this.#ports.horizon());
    while (batch.length < max && this.#next <= end) batch.push(this.#next++);
    return batch;
  }

  async #put(batch: readonly number[]): Promise<void> {
    const { series, flights } = this.#plan;
    const refused: number[] = [];
    const stored: number[] = [];
    let words: string | undefined;
    try {
      const results = await this.#ports.client.put(
        batch.map((n) => {
          const flight = flightOf(n, flights);
          return { partitionKey: flight.origin, data: encodeEvent(series, n, flight) };
        }),
      );
      batch.forEach((n, i) => {
        const result = results[i];
        if (result?.kind === 'stored') stored.push(n);
        else {
          refused.push(n);
          words = `the server refused an event: ${result?.code ?? 'no answer for it'}`;
        }
      });
    } catch (error) {
      if (!(error instanceof StreamError) || !error.retryable) throw error;
      refused.push(...batch);
      words = error.message;
    }
    this.#again = [...refused, ...this.#again];
    this.#backoffMs =
      words === undefined ? 0 : Math.min(backoffMsMax, Math.max(backoffMsMin, this.#backoffMs * 2));
    if (stored.length > 0) await this.#ports.acknowledged(stored);
    this.#ports.trouble(words);
  }
}
