import type { ValueOf } from '@millrace/wire';
import { enumeration, required, structure, timestamp } from '@millrace/wire';
import { commitmentStatuses, settingsAt } from '../account-settings.js';
import type { Caller } from '../address.js';
import type { Streams } from '../streams.js';
import { namespaceOf } from '../streams-state.js';

/** What both operations on the account's settings answer. */
export const accountSettings = (name: string) =>
  structure(name, {
    MinimumThroughputBillingCommitment: structure('MinimumThroughputBillingCommitmentOutput', {
      Status: required(enumeration(...commitmentStatuses)),
      StartedAt: timestamp,
      EndedAt: timestamp,
      EarliestAllowedEndAt: timestamp,
    }),
  });

export function describedSettings(
  streams: Streams,
  caller: Caller,
): ValueOf<ReturnType<typeof accountSettings>> {
  const settings = settingsAt(streams.view.accounts.get(namespaceOf(caller)), streams.clock.now());
  return {
    MinimumThroughputBillingCommitment: {
      Status: settings.status,
      StartedAt: settings.startedMs,
      EndedAt: settings.endedMs,
      EarliestAllowedEndAt: settings.earliestEndMs,
    },
  };
}
