/**
 * What becomes of an on-demand stream's shards under a load: pure, from what it has taken and what it has.
 *
 *      wanted = the most of 4, twice the peak of thirty days, and the warm throughput         (AWS's document, 4: [LS])
 *      fewer than wanted   halve the busiest, the widest first among equals
 *      a shard over half of what it is made for,
 *      and well over its share of the load         halve it                                   (AWS: over 500 KB/s)
 *      more than wanted, and than it had in
 *      thirty days, and none is hot                merge the neighbours that take least
 *
 * A hot shard whose load is one partition key's stays hot however often it is halved: such halving ends at twice what
 * is wanted. AWS publishes no rule for shrinking; two shards are merged only where they take a quarter of a shard.
 */
import { onDemandShards } from './limits.js';
import type { OpenShard } from './reshard-plan.js';

export interface ScalePlan {
  /** Shards to halve, and lower neighbours of pairs to merge. */
  readonly halve: readonly number[];
  readonly merge: readonly number[];
}

export interface ScaleInput {
  /** By their place on the ring. */
  readonly open: readonly OpenShard[];
  /** Units by shard; see `load.ts`. */
  readonly units: ReadonlyMap<number, number>;
  readonly peakUnits: number;
  readonly warmMibps: number;
  /** What it has had within the time for which it keeps it. */
  readonly keptShards: number;
}

const hotUnits = 0.5;
/** At twice the peak every shard takes about half of what it can; chance alone must not halve them again. */
const hotShare = 1.5;
const coolUnits = 0.25;

function shardsWanted(peakUnits: number, warmMibps: number): number {
  return Math.max(onDemandShards, Math.ceil(2 * peakUnits), warmMibps);
}

export function scalePlan(input: ScaleInput): ScalePlan {
  const { open, units, peakUnits, warmMibps, keptShards } = input;
  const wanted = shardsWanted(peakUnits, warmMibps);
  const unitsOf = (shard: OpenShard): number => units.get(shard.index) ?? 0;
  const shareUnits = open.reduce((sum, shard) => sum + unitsOf(shard), 0) / open.length;
  const isHot = (shard: OpenShard): boolean =>
    unitsOf(shard) > hotUnits && unitsOf(shard) > hotShare * shareUnits;
  const hot = open.filter(isHot).length;
  const growth = Math.max(wanted - open.length, open.length < 2 * wanted ? hot : 0);
  if (growth > 0) {
    const busiest = [...open].sort((a, b) => unitsOf(b) - unitsOf(a) || widerFirst(a, b));
    return { halve: busiest.slice(0, growth).map((shard) => shard.index), merge: [] };
  }
  const least = Math.max(wanted, keptShards);
  if (hot > 0 || open.length <= least) return { halve: [], merge: [] };
  const pairs = open.flatMap((low, i) => {
    const high = open[i + 1];
    return high === undefined ? [] : [{ at: i, index: low.index, units: unitsOf(low) + unitsOf(high) }];
  });
  const merge: number[] = [];
  const used = new Set<number>();
  for (const pair of pairs.sort((a, b) => a.units - b.units || a.at - b.at)) {
    if (open.length - merge.length <= least || pair.units > coolUnits) break;
    if (used.has(pair.at) || used.has(pair.at + 1)) continue;
    used.add(pair.at).add(pair.at + 1);
    merge.push(pair.index);
  }
  return { halve: [], merge };
}

function widerFirst(a: OpenShard, b: OpenShard): number {
  const [wide, other] = [a.range.end - a.range.start, b.range.end - b.range.start];
  return wide === other ? a.index - b.index : wide > other ? -1 : 1;
}
