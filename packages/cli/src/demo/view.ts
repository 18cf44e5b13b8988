import type { AirportCount } from './statistics.js';

/** All that is to be seen of the demonstration at one instant, as plain data. */
export interface View {
  readonly endpoint: string;
  readonly streamName: string;
  readonly processId: number;
  /** Where the data is, as the user would say it. */
  readonly dataPath: string;
  readonly upMs: number;
  readonly runs: number;
  readonly crashes: number;
  readonly inPerSecond: number;
  readonly outPerSecond: number;
  /** Events per second in and out, slot by slot, the oldest first. */
  readonly inHistory: readonly number[];
  readonly outHistory: readonly number[];
  /** Acknowledged and not yet counted. */
  readonly lagEvents: number;
  /** From arrival in the stream to the count, of the newest event. */
  readonly lagMs: number;
  /** Different events counted, and how many make one pass over the data. */
  readonly events: number;
  readonly passEvents: number;
  readonly duplicates: number;
  readonly foreign: number;
  readonly lost: number;
  readonly shards: readonly ShardView[];
  readonly airports: readonly (readonly [code: string, AirportCount])[];
  readonly airportCount: number;
  /** Still reading what an earlier run left in the stream; nothing is put meanwhile. */
  readonly catchingUp: boolean;
  readonly pickedUp: PickedUp | undefined;
  /** What the server's trouble is, while it has any. */
  readonly trouble: string | undefined;
}

export interface ShardView {
  readonly id: string;
  readonly events: number;
  readonly perSecond: number;
  /** Of all that flows just now; of all there ever was while nothing flows. */
  readonly share: number;
}

/** What an earlier run left, and what became of it. */
export interface PickedUp {
  readonly afterCrash: boolean;
  /** Different events counted at the last checkpoint. */
  readonly events: number;
  /** Acknowledged before the crash and not in the last checkpoint: what the server had to have kept. */
  readonly held: number;
  readonly lost: number;
  /** Acknowledged, not counted, and gone because the stream keeps records for a day only. Put again. */
  readonly expired: number;
  /** Dropped since. */
  readonly duplicates: number;
}
