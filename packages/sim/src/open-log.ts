/** How a workload gets its log engine, and the bugs that can be planted in it. */
import type { Clock, Random } from '@millrace/base';
import type { Disk, LogEngine, SnapshotTarget } from '@millrace/log';

/** Bugs that the engine, or the streams (the last of these), commit when told to, so that the checkers can prove that they would notice. */
export const canaries = [
  'acknowledgeBeforeSync',
  'acknowledgeOutOfOrder',
  'acceptBeyondHole',
  'skipDirectorySync',
  'acceptTornFrame',
  'refuseHealthyTail',
  'sealRace',
  'timeBackwards',
  'lostIndexEntry',
  'manifestBeforeSync',
  'referenceDroppedEarly',
  'nonceByPosition',
] as const;
export type Canary = (typeof canaries)[number];

interface OpenLogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly canary: Canary | undefined;
}

/** An engine that may know the newest time on its disk, and may be copied while it runs. */
export interface OpenedLog extends LogEngine {
  readonly newestArrivalMs?: number;
  snapshot?(target: SnapshotTarget): Promise<unknown>;
}

/** An engine, and what it may do that the native one may not. */
export interface EngineUnderTest {
  readonly open: (options: OpenLogOptions) => Promise<OpenedLog>;
  /** Bytes that may be taken of the disk when every log is deleted. */
  readonly restBytesMax?: number;
  /** Rejects calls with `busy` when many wait. */
  readonly busy?: boolean;
  /** Forgets everything at the end of a life: it is never crashed. */
  readonly forgetful?: boolean;
  /** Answers `unknown` without a reason. */
  readonly moody?: boolean;
}
