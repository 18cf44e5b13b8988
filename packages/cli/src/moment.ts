/** Moments and spans as people type them: `2026-11-21T11:00:00Z`, `1732186800`, `5m` (ago), `30s`. */
import { UsageError } from './usage-error.js';

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of `30s`, `5m`, `1.5h`; a number alone is seconds. */
export function spanMs(text: string): number | undefined {
  const [, amount, unit = 's'] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  const factor = unitsMs[unit];
  return amount === undefined || factor === undefined ? undefined : Math.round(Number(amount) * factor);
}

/** Milliseconds since the epoch; `source` is the flag, for the complaint. */
export function momentMs(text: string, nowMs: number, source: string): number {
  if (/^[0-9]{10}(\.[0-9]{1,3})?$/.test(text)) return Math.round(Number(text) * 1000);
  if (/^[0-9]{13}$/.test(text)) return Number(text);
  const agoMs = /[a-z]$/.test(text) ? spanMs(text) : undefined;
  if (agoMs !== undefined) return nowMs - agoMs;
  // A date alone, or one with a time and its zone; never one of the machine's own forms.
  const parsed = /^\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:?\d\d)?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isNaN(parsed)) return parsed;
  throw new UsageError(
    `${source} is '${text}'; give a time as 2026-11-21T11:00:00Z, seconds since 1970, or how long ago, as 5m`,
  );
}
