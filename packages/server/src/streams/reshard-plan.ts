/**
 * How a ring of open shards becomes one of `target` shards of equal size, by nothing but splits in two and merges of
 * neighbours: AWS's document of UpdateShardCount. Which of them AWS picks is unpublished; we chose:
 *
 *      now      │     0     │     1     │     2     │      cuts of 4    ┆        ┆        ┆
 *      split    │   3   │ 4 │  5  │  6  │ 7 │   8   │      at every cut that lies inside a shard
 *      merge    │   3   │    9    │   10    │   8   │      neighbours with no cut between them
 *
 * Each round touches a shard once, so that all of its steps can be done together; a shard with many cuts is halved in
 * rounds, many neighbours are merged in rounds. A cut is taken to be where a shard begins already if one begins within a
 * millionth of the size wanted: thirds and sixths of 2^128 differ by one, and nobody wants a shard of one hash key.
 *
 * The fold decides by this, so a change here is a change of the section's rules.
 */
import type { HashKeyRange } from '@millrace/wire';
import { hashKeyMax } from '@millrace/wire';

export interface OpenShard {
  readonly index: number;
  readonly range: HashKeyRange;
}

/** A split (one parent, two ranges) or a merge (two parents, one range). */
export interface PlannedStep {
  readonly parents: readonly number[];
  readonly ranges: readonly HashKeyRange[];
}

/** The next round towards `target` shards: at most `stepsMax` steps; none when the shards are as they should be. */
export function nextRound(
  open: readonly OpenShard[],
  target: number,
  stepsMax: number,
): readonly PlannedStep[] {
  const shards = byHashKey(open);
  const cuts = cutsOf(shards, target);
  const splits = splitsAt(shards, cuts, stepsMax);
  return splits.length > 0 ? splits : mergesBetween(shards, cuts, stepsMax);
}

/** How many shards are open at once at the most on the way: AWS counts the short-lived ones too. */
export function shardsOnTheWay(open: readonly OpenShard[], target: number): number {
  const shards = byHashKey(open);
  return new Set([...shards.map((shard) => shard.range.start), ...cutsOf(shards, target)]).size;
}

export function byHashKey<T extends OpenShard>(open: readonly T[]): readonly T[] {
  return [...open].sort((a, b) => (a.range.start < b.range.start ? -1 : 1));
}

/** Halves a range; undefined when it has but one hash key. */
export function halvesOf({ start, end }: HashKeyRange): readonly [HashKeyRange, HashKeyRange] | undefined {
  if (start === end) return undefined;
  const middle = (start + end + 1n) / 2n;
  return [
    { start, end: middle - 1n },
    { start: middle, end },
  ];
}

const ringSize = hashKeyMax + 1n;
const nearbyFraction = 1n << 20n;

/** Where the shards should begin, by rising hash key: the first at 0. */
function cutsOf(shards: readonly OpenShard[], target: number): readonly bigint[] {
  const width = ringSize / BigInt(target);
  const nearby = width / nearbyFraction;
  const cuts: bigint[] = [0n];
  let at = 0;
  for (let i = 1; i < target; i++) {
    const ideal = width * BigInt(i);
    while ((shards[at + 1]?.range.start ?? ringSize) <= ideal + nearby) at++;
    const start = shards[at]?.range.start ?? 0n;
    cuts.push(start >= ideal - nearby && start <= ideal + nearby ? start : ideal);
  }
  return cuts;
}

function splitsAt(
  shards: readonly OpenShard[],
  cuts: readonly bigint[],
  stepsMax: number,
): readonly PlannedStep[] {
  const steps: PlannedStep[] = [];
  let next = 0;
  for (const { index, range } of shards) {
    if (steps.length === stepsMax) break;
    while ((cuts[next] ?? ringSize) <= range.start) next++;
    const first = next;
    while ((cuts[next] ?? ringSize) <= range.end) next++;
    const cut = cuts[(first + next - 1) >> 1];
    if (next === first || cut === undefined) continue;
    steps.push({
      parents: [index],
      ranges: [
        { start: range.start, end: cut - 1n },
        { start: cut, end: range.end },
      ],
    });
  }
  return steps;
}

function mergesBetween(
  shards: readonly OpenShard[],
  cuts: readonly bigint[],
  stepsMax: number,
): readonly PlannedStep[] {
  const kept = new Set(cuts);
  const steps: PlannedStep[] = [];
  for (let i = 0; i + 1 < shards.length && steps.length < stepsMax; i++) {
    const [low, high] = [shards[i], shards[i + 1]];
    if (low === undefined || high === undefined || kept.has(high.range.start)) continue;
    steps.push({
      parents: [low.index, high.index],
      ranges: [{ start: low.range.start, end: high.range.end }],
    });
    i++;
  }
  return steps;
}
