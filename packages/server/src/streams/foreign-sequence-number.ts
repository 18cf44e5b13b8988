/**
 * Sequence numbers that we do not give out and AWS still reads. What clients bring need not be ours: the answer must
 * say what AWS says of it. All of it is from kinesalite's tests against AWS.
 *
 *      first days    1 │ created, s │      18       │ shard, low │        the leading 1 left out, or not
 *      version 1     2 │ created, s │  3  │ arrival, s │ … │ 1           47 hexadecimal digits, as is
 *      version 2     2 │ created, s │ 1 │ index │ 2 │ arrival, s │ shard │ 2
 */

import type { ParsedSequenceNumber } from '@millrace/wire';
import { parseSequenceNumber } from '@millrace/wire';

const oldBase = 2n ** 124n;
const oldEnd = 2n ** 129n;
/** A creation from here on is called invalid: the year 2477. */
const createdSEnd = 16_025_175_000;
const secondsMask = 0xfffffffffn;

/** What a StartingSequenceNumber says: one of ours, or one of AWS's first days, which names a shard and no position. */
export function parseStartingSequenceNumber(value: string): ParsedSequenceNumber | undefined {
  return parseSequenceNumber(value) ?? parseOld(value);
}

/** The second in which a SequenceNumberForOrdering says that its record arrived; undefined when it is invalid. */
export function orderingArrivalS(value: string): number | undefined {
  const old = parseOld(value);
  if (old !== undefined) return old.arrivalS;
  if (value.length > 57 || !/^\d+$/.test(value)) return undefined;
  const number = BigInt(value);
  if (number >> 184n !== 2n || Number((number >> 148n) & secondsMask) >= createdSEnd) return undefined;
  switch (number & 0xfn) {
    case 1n:
      return Number((number >> 100n) & secondsMask);
    case 2n: {
      const indexTooHigh = ((number >> 143n) & 1n) === 1n;
      const shardTooHigh = ((number >> 35n) & 1n) === 1n;
      return indexTooHigh || shardTooHigh ? undefined : Number((number >> 36n) & secondsMask);
    }
    default:
      return undefined;
  }
}

function parseOld(value: string): ParsedSequenceNumber | undefined {
  if (!/^\d{1,39}$/.test(value)) return undefined;
  const number = BigInt(value);
  const whole = number < oldBase ? number + oldBase : number;
  const createdS = Number((whole >> 88n) & secondsMask);
  if (whole >= oldEnd || createdS >= createdSEnd) return undefined;
  return { shardIndex: Number(whole & 0xffffn), shardCreatedS: -1, position: 0, arrivalS: 0 };
}
