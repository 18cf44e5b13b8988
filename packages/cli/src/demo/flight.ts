/**
 * The events of the demonstration: real flights, put over and over under new numbers.
 *
 *      {"series":"k3v9x2","n":20001,"date":"2001/01/01 00:47","delay":66,"distance":1750,
 *       "origin":"DTW","destination":"LAS"}
 *
 * A *series* is one count from 1 on; its name is drawn when it begins. Event n of a series carries flight
 * (n − 1) mod 20,000 of the data file, so that whoever knows n knows what the event must say.
 */
import { assert, present } from '@millrace/base';

export interface Flight {
  /** Local departure, `2001/01/01 00:47`. */
  readonly date: string;
  /** Minutes late; negative when early. */
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

export interface FlightEvent extends Flight {
  readonly series: string;
  readonly n: number;
}

/** Reads the data file: a JSON array of flights. Throws `TypeError` naming the first that is none. */
export function parseFlights(json: string): readonly Flight[] {
  const rows: unknown = JSON.parse(json);
  if (!Array.isArray(rows) || rows.length === 0) throw new TypeError('the file holds no array of flights');
  return rows.map((row: unknown, i) => {
    const flight = asFlight(row);
    if (flight === undefined) throw new TypeError(`entry ${i} is not a flight`);
    return flight;
  });
}

/** The flight that event `n` carries. */
export function flightOf(n: number, flights: readonly Flight[]): Flight {
  assert(Number.isSafeInteger(n) && n >= 1, `events are numbered from 1, not ${n}`);
  return present(flights[(n - 1) % flights.length], 'the flight');
}

export function encodeEvent(series: string, n: number, flight: Flight): Uint8Array {
  const { date, delay, distance, origin, destination } = flight;
  return Buffer.from(JSON.stringify({ series, n, date, delay, distance, origin, destination }));
}

/** The event that `data` holds, or undefined when it is something else: a stream takes anybody's bytes. */
export function decodeEvent(data: Uint8Array): FlightEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
  const flight = asFlight(value);
  if (flight === undefined) return undefined;
  const { series, n } = value as Partial<Record<string, unknown>>;
  if (typeof series !== 'string' || typeof n !== 'number' || !Number.isSafeInteger(n) || n < 1)
    return undefined;
  return { ...flight, series, n };
}

function asFlight(value: unknown): Flight | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { date, delay, distance, origin, destination } = value as Partial<Record<string, unknown>>;
  if (
    typeof date !== 'string' ||
    !Number.isSafeInteger(delay) ||
    !Number.isSafeInteger(distance) ||
    typeof origin !== 'string' ||
    !/^[A-Z0-9]{3}$/.test(origin) ||
    typeof destination !== 'string'
  ) {
    return undefined;
  }
  return { date, delay: delay as number, distance: distance as number, origin, destination };
}
