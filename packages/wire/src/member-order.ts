/**
 * The order in which AWS names the members that failed. It is neither the model's order nor the alphabet's: in
 * every text recorded against AWS (kinesalite's tests of PutRecord, PutRecords, GetShardIterator, SplitShard,
 * MergeShards, DescribeStream and others) it is the order of a Java 7 `HashMap` with 16 buckets over the names with
 * a small first letter. So it can be computed for members that came later. Two names in one bucket stand in no
 * order that could be derived: those that were recorded are listed, others keep the order of their declaration.
 */
import type { Shape, StructureShape } from './shape.js';

export interface OrderedMember {
  readonly name: string;
  /** With a small first letter, as AWS prints it. */
  readonly printedName: string;
  readonly shape: Shape;
  readonly required: boolean;
}

const buckets = 16;

/** Members that share a bucket with another and were recorded before it. */
const firstInBucket: ReadonlySet<string> = new Set([
  'sequenceNumberForOrdering', // before partitionKey (PutRecord)
  'startingSequenceNumber', // before streamName (GetShardIterator)
  'shardToMerge', // before adjacentShardToMerge (MergeShards)
]);
/** The same the other way round: streamName stands before it (SplitShard). */
const lastInBucket: ReadonlySet<string> = new Set(['shardToSplit']);

const orders = new WeakMap<StructureShape, readonly OrderedMember[]>();

/** The members of `shape` in the order of AWS's messages. */
export function orderedMembers(shape: StructureShape): readonly OrderedMember[] {
  const known = orders.get(shape);
  if (known !== undefined) return known;
  const members = Object.entries(shape.members).map(([name, member]) => ({
    name,
    printedName: smallFirst(name),
    shape: 'required' in member ? member.shape : member,
    required: 'required' in member,
  }));
  members.sort((a, b) => rank(a.printedName) - rank(b.printedName));
  orders.set(shape, members);
  return members;
}

function rank(printedName: string): number {
  const within = firstInBucket.has(printedName) ? 0 : lastInBucket.has(printedName) ? 2 : 1;
  return bucketOf(printedName) * 3 + within;
}

function smallFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/** `String.hashCode` and the supplemental hash of Java 7's `HashMap`. */
function bucketOf(name: string): number {
  let hash = 0;
  for (let at = 0; at < name.length; at++) hash = (Math.imul(31, hash) + name.charCodeAt(at)) | 0;
  hash ^= (hash >>> 20) ^ (hash >>> 12);
  hash ^= (hash >>> 7) ^ (hash >>> 4);
  return hash & (buckets - 1);
}
