/** How a stream becomes UPDATING, goes on from round to round, and is ACTIVE again. */
import type { CommandTime } from '../../catalog/fold.js';
import type { Fingerprint } from '../../keys/master-keys.js';
import { reshardStepsMax } from '../limits.js';
import type { PlannedStep } from '../reshard-plan.js';
import { byHashKey, nextRound } from '../reshard-plan.js';
import type { EncryptionChange, PendingSettings, Shard, Stream } from '../stream.js';
import { horizonMs, pendingOf } from '../stream.js';

/** The stream UPDATING with these splits and merges to be done. */
export function resharding(stream: Stream, at: CommandTime, steps: readonly PlannedStep[]): Stream {
  return planned({ ...stream, status: 'UPDATING', sinceMs: at.atMs }, steps);
}

/** The stream on its way to `target` shards of equal size; UPDATING though it may have nothing to do. */
export function towards(stream: Stream, target: number, at: CommandTime): Stream {
  const steps = nextRound(openOf(stream), target, reshardStepsMax);
  return resharding({ ...stream, targetShards: target }, at, steps);
}

/** The stream UPDATING for a while, and then set to this. */
export function waiting(stream: Stream, pending: Partial<PendingSettings>, at: CommandTime): Stream {
  return { ...stream, status: 'UPDATING', sinceMs: at.atMs, pending: pendingOf(pending) };
}

/** A stream whose round is done: on to the next, or ACTIVE. */
export function goneOn(stream: Stream, at: CommandTime): Stream {
  const { targetShards } = stream;
  if (targetShards === undefined) return settled(stream, at);
  const next = nextRound(openOf(stream), targetShards, reshardStepsMax);
  return next.length === 0 ? settled(stream, at) : planned(stream, next);
}

/** The stream ACTIVE again, with what it was UPDATING for. */
export function settled(stream: Stream, at: CommandTime): Stream {
  const { pending } = stream;
  const active: Stream = {
    ...stream,
    status: 'ACTIVE',
    sinceMs: at.atMs,
    targetShards: undefined,
    pending: undefined,
  };
  if (pending === undefined) return active;
  const { keyId, master, mode = stream.mode, recordKibMax = stream.recordKibMax } = pending;
  return {
    ...active,
    mode,
    recordKibMax,
    warmMibps: mode === 'PROVISIONED' ? undefined : (pending.warmMibps ?? stream.warmMibps),
    encryption: keyId === undefined ? stream.encryption : encryptionFrom(stream, keyId, master, at.atMs),
  };
}

/** The open shards by their place on the ring. */
export function openOf(stream: Stream): readonly Shard[] {
  return byHashKey(stream.shards.filter((shard) => shard.closed === undefined));
}

/** The stream with these steps written down, and its next indexes given to their children. */
function planned(stream: Stream, steps: readonly PlannedStep[]): Stream {
  let index = stream.nextShardIndex;
  const reshard = {
    steps: steps.map(({ parents, ranges }) => ({
      parents,
      children: ranges.map((range) => ({ index: index++, range })),
    })),
  };
  return { ...stream, nextShardIndex: index, reshard: steps.length === 0 ? undefined : reshard };
}

/** What no record that is left can ask for is dropped: all before the change that held at the horizon. */
export function encryptionFrom(
  stream: Stream,
  keyId: string | null,
  master: Fingerprint | undefined,
  fromMs: number,
): readonly EncryptionChange[] {
  const beforeMs = horizonMs(stream, fromMs);
  const oldest = stream.encryption.findLastIndex((change) => change.fromMs <= beforeMs);
  const change = { fromMs, keyId, ...(master === undefined ? {} : { master }) };
  return [...stream.encryption.slice(Math.max(0, oldest)), change];
}
