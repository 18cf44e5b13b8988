/**
 * Sequence numbers: a pure, reversible function of (shard, position in its log, arrival time), in AWS's own form: a
 * decimal of 56 digits over 186 bits, fields from the top, in hexadecimal digits:
 *
 *      2 │ shard created, s │ shard index, low │ sequence index │ 00 │ arrival, s │ shard index │ version
 *      1 │        9         │        1         │       16       │  2 │      9     │      8      │ 1 (= 2)
 *
 * Source: kinesalite, whose tests ran against AWS; four numbers printed in AWS's documents between 2014 and 2019
 * decode by it. What the two zero digits mean is unknown.
 *
 * Sequence index 0 is the shard's own start, so the record at log position p has sequence index p + 1. The index
 * stands above the arrival: numbers rise with positions within a shard whatever the clock does, and differ between
 * shards by their index.
 */
import { assert } from '@millrace/base';

/** The shard that a sequence number belongs to. */
export interface SequenceNumberShard {
  /** The number in `shardId-000000000007`: 0 to 2^31 − 1. */
  readonly index: number;
  /** Creation of the shard, milliseconds since the epoch; the number keeps whole seconds. */
  readonly createdMs: number;
}

/** What a sequence number says. */
export interface ParsedSequenceNumber {
  readonly shardIndex: number;
  /** Whole seconds since the epoch. */
  readonly shardCreatedS: number;
  /** The position in the shard's log: −1 for the shard's start, `Infinity` for its end. */
  readonly position: number;
  /** Whole seconds since the epoch. */
  readonly arrivalS: number;
}

export const sequenceNumberDigits = 56;

const version = 2n;
const endIndex = 0x7fffffffffffffffn;
const shardIndexMax = 0x7fffffff;
/** Nine hexadecimal digits. */
const secondsMax = 2 ** 36 - 1;

/** The sequence number of the record at `position` of the shard's log, which arrived at `arrivalMs`. */
export function sequenceNumber(shard: SequenceNumberShard, position: number, arrivalMs: number): string {
  assert(Number.isSafeInteger(position) && position >= 0, `no log position: ${position}`);
  return compose(shard, BigInt(position) + 1n, seconds(arrivalMs));
}

/** `SequenceNumberRange.StartingSequenceNumber` of a shard: index 0, arrived when the shard was made. */
export function startingSequenceNumber(shard: SequenceNumberShard): string {
  return compose(shard, 0n, seconds(shard.createdMs));
}

/** `SequenceNumberRange.EndingSequenceNumber` of a closed shard: above all of its records. */
export function endingSequenceNumber(shard: SequenceNumberShard, closedMs: number): string {
  return compose(shard, endIndex, seconds(closedMs));
}

/**
 * What `text` says, or undefined when it is no number of this form (another version, a field out of its range, not
 * decimal). That it was ever given out is for the caller to find: shard, creation and position are there to compare.
 */
export function parseSequenceNumber(text: string): ParsedSequenceNumber | undefined {
  if (text.length !== sequenceNumberDigits || !/^[1-9][0-9]+$/.test(text)) return undefined;
  const value = BigInt(text);
  if (value >> 184n !== 2n || (value & 0xfn) !== version || ((value >> 72n) & 0xffn) !== 0n) return undefined;
  const shardIndex = Number((value >> 4n) & 0xffffffffn);
  const index = (value >> 80n) & 0xffffffffffffffffn;
  if (shardIndex > shardIndexMax || Number((value >> 144n) & 0xfn) !== (shardIndex & 0xf)) return undefined;
  if (index > BigInt(Number.MAX_SAFE_INTEGER) && index !== endIndex) return undefined;
  return {
    shardIndex,
    shardCreatedS: Number((value >> 148n) & 0xfffffffffn),
    position: index === endIndex ? Number.POSITIVE_INFINITY : Number(index) - 1,
    arrivalS: Number((value >> 36n) & 0xfffffffffn),
  };
}

/** `shardId-000000000007`. */
export function shardIdOf(index: number): string {
  return `shardId-${String(index).padStart(12, '0')}`;
}

function compose(shard: SequenceNumberShard, index: bigint, arrivalS: bigint): string {
  assert(
    Number.isSafeInteger(shard.index) && shard.index >= 0 && shard.index <= shardIndexMax,
    'no shard index',
  );
  const value =
    (2n << 184n) |
    (seconds(shard.createdMs) << 148n) |
    (BigInt(shard.index & 0xf) << 144n) |
    (index << 80n) |
    (arrivalS << 36n) |
    (BigInt(shard.index) << 4n) |
    version;
  return value.toString();
}

function seconds(timeMs: number): bigint {
  const whole = Math.floor(timeMs / 1000);
  assert(whole >= 0 && whole <= secondsMax, `no time for a sequence number: ${timeMs}`);
  return BigInt(whole);
}
