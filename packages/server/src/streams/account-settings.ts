/**
 * An account's own settings: the minimum throughput billing commitment, which opens warm throughput.
 *
 *      DISABLED ──enable──▶ ENABLED ──disable, after a day──▶ DISABLED
 *                            │   ▲
 *              disable, before   enable
 *                            ▼   │
 *            ENABLED_UNTIL_EARLIEST_ALLOWED_END ──the day passes──▶ DISABLED
 *
 * AWS's document of the commitment: it holds for a day at least, an earlier end is put off until then, and may be taken
 * back. That last arrow is time's: nothing is written when it is passed, and whoever looks sees it by the clock.
 */
import type { Json } from '../catalog/catalog-record.js';
import { objectOf, oneOf, optionalNumber } from './json-field.js';

export const commitmentStatuses = ['ENABLED', 'DISABLED', 'ENABLED_UNTIL_EARLIEST_ALLOWED_END'] as const;

export interface AccountSettings {
  readonly status: (typeof commitmentStatuses)[number];
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  readonly earliestEndMs: number | undefined;
}

/** What AWS calls at least a day. */
const commitmentMs = 24 * 3_600_000;

const noSettings: AccountSettings = {
  status: 'DISABLED',
  startedMs: undefined,
  endedMs: undefined,
  earliestEndMs: undefined,
};

/** The settings as they stand at `nowMs`. */
export function settingsAt(settings: AccountSettings = noSettings, nowMs: number): AccountSettings {
  const { status, earliestEndMs, startedMs } = settings;
  if (status !== 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' || earliestEndMs === undefined || nowMs < earliestEndMs)
    return settings;
  return { ...noSettings, startedMs, endedMs: earliestEndMs };
}

/** The settings after a client asked for `wanted` at `nowMs`. */
export function settingsWith(
  settings: AccountSettings | undefined,
  wanted: 'ENABLED' | 'DISABLED',
  nowMs: number,
): AccountSettings {
  const before = settingsAt(settings, nowMs);
  if (wanted === 'ENABLED') {
    if (before.status === 'ENABLED') return before;
    if (before.status === 'DISABLED')
      return { ...noSettings, status: 'ENABLED', startedMs: nowMs, earliestEndMs: nowMs + commitmentMs };
    return { ...before, status: 'ENABLED' };
  }
  if (before.status !== 'ENABLED') return before;
  const { startedMs, earliestEndMs = nowMs } = before;
  if (nowMs < earliestEndMs) return { ...before, status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' };
  return { ...noSettings, startedMs, endedMs: nowMs };
}

export function accountSettingsToJson({ status, startedMs, endedMs, earliestEndMs }: AccountSettings): Json {
  return {
    status,
    ...(startedMs === undefined ? {} : { startedMs }),
    ...(endedMs === undefined ? {} : { endedMs }),
    ...(earliestEndMs === undefined ? {} : { earliestEndMs }),
  };
}

export function parseAccountSettings(json: Json): AccountSettings {
  const fields = objectOf(json, "an account's settings");
  return {
    status: oneOf(fields, 'status', commitmentStatuses),
    startedMs: optionalNumber(fields, 'startedMs'),
    endedMs: optionalNumber(fields, 'endedMs'),
    earliestEndMs: optionalNumber(fields, 'earliestEndMs'),
  };
}
