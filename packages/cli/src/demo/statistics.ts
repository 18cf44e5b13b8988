/**
 * What the demonstration counts: flights, minutes of delay and late flights for each airport, and events for each
 * shard. Sums of whole numbers only, so that a count after ten crashes equals one made straight from the file to the
 * last digit; means are made for the eye, when asked for.
 */
import { present } from '@millrace/base';
import type { Flight } from './flight.js';

/** From this many minutes on a flight counts as late, as the US Department of Transportation counts. */
export const lateMinutesMin = 15;

export interface AirportCount {
  readonly flights: number;
  readonly delayMinutes: number;
  readonly late: number;
}

/** As plain data: airports by code, in the alphabet's order. */
export type AirportCounts = Readonly<Record<string, AirportCount>>;

const none: AirportCount = { flights: 0, delayMinutes: 0, late: 0 };

export class Statistics {
  readonly #airports: Map<string, AirportCount>;

  constructor(counts: AirportCounts = {}) {
    this.#airports = new Map(Object.entries(counts));
  }

  count(flight: Flight, times = 1): void {
    const so = this.#airports.get(flight.origin) ?? none;
    this.#airports.set(flight.origin, {
      flights: so.flights + times,
      delayMinutes: so.delayMinutes + flight.delay * times,
      late: so.late + (flight.delay >= lateMinutesMin ? times : 0),
    });
  }

  get airports(): number {
    return this.#airports.size;
  }

  /** The `max` airports with the most flights, the busiest first. */
  busiest(max: number): readonly (readonly [code: string, AirportCount])[] {
    return [...this.#airports]
      .sort(([codeA, a], [codeB, b]) => b.flights - a.flights || (codeA < codeB ? -1 : 1))
      .slice(0, max);
  }

  counts(): AirportCounts {
    return Object.fromEntries([...this.#airports].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** The counts that events 1 … `last` must give, made straight from the flights. */
export function expectedCounts(flights: readonly Flight[], last: number): AirportCounts {
  const statistics = new Statistics();
  const passes = Math.floor(last / flights.length);
  const rest = last % flights.length;
  for (let i = 0; i < flights.length; i++) {
    const times = passes + (i < rest ? 1 : 0);
    if (times > 0) statistics.count(present(flights[i], 'the flight'), times);
  }
  return statistics.counts();
}

/** The codes of the airports whose counts differ. */
export function differences(one: AirportCounts, other: AirportCounts): readonly string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
    .filter((code) => {
      const a = one[code] ?? none;
      const b = other[code] ?? none;
      return a.flights !== b.flights || a.delayMinutes !== b.delayMinutes || a.late !== b.late;
    })
    .sort();
}
