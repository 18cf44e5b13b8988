/**
 * The account at the end: what was counted, held against the numbers that were given and against statistics made
 * straight from the data file.
 */
import { clockFace, grouped, percent, signed } from './figures.js';
import type { NumberSet } from './number-set.js';
import type { AirportCount } from './statistics.js';

/** Gaps are counted up to here. */
const gapsMax = 100_000;
const airportsMax = 3;

export interface Account {
  /** The greatest number that was acknowledged or counted. */
  readonly last: number;
  readonly counted: number;
  /** Numbers from 1 to `last` that were not counted. */
  readonly gaps: number;
  readonly duplicates: number;
  readonly foreign: number;
  readonly lost: number;
  readonly runs: number;
  readonly crashes: number;
  readonly upMs: number;
  /** Airports whose figures are not those of the data file; undefined while there are gaps. */
  readonly wrongAirports: readonly string[] | undefined;
  readonly airportCount: number;
  readonly busiest: readonly (readonly [code: string, AirportCount])[];
}

export function gapsUpTo(numbers: NumberSet, last: number): number {
  return numbers.missing(last, gapsMax).length;
}

/** Whether every number was counted exactly once, with the right figures, and nothing was lost on the way. */
export function complete(account: Account): boolean {
  return account.gaps === 0 && account.lost === 0 && account.wrongAirports?.length === 0;
}

export function summaryLines(account: Account): readonly string[] {
  const { last, gaps, wrongAirports, runs, crashes } = account;
  const figures =
    wrongAirports === undefined
      ? 'not compared while numbers are missing'
      : wrongAirports.length === 0
        ? `those of the data file, for all ${grouped(account.airportCount)} airports`
        : `WRONG for ${wrongAirports.slice(0, 10).join(', ')}`;
  const crashed =
    crashes === 0
      ? ''
      : `, ${crashes === 1 ? 'one of them' : `${grouped(crashes)} of them`} ended by a crash`;
  return [
    `Events         1 … ${grouped(last)}: ${gaps === 0 ? 'every number counted exactly once' : `${grouped(account.counted)} counted once`}`,
    `Gaps           ${grouped(gaps)}`,
    `Lost           ${grouped(account.lost)} of all that was acknowledged`,
    `Duplicates     ${grouped(account.duplicates)} dropped by their number`,
    `Foreign        ${grouped(account.foreign)}`,
    `Statistics     ${figures}`,
    `Runs           ${grouped(runs)}${crashed}; this one took ${clockFace(account.upMs)}`,
    `Busiest        ${account.busiest.slice(0, airportsMax).map(airportWords).join(', ')}`,
  ];
}

function airportWords([code, { flights, delayMinutes, late }]: readonly [string, AirportCount]): string {
  return `${code} ${grouped(flights)} (${signed(delayMinutes / flights)} min, ${percent(late / flights)} late)`;
}
