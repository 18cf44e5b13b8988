/**
 * Shard iterators: where to read on, sealed, good for five minutes, for the account and region they were made in.
 *
 *      payload = version (u8, 1) · issued ms (f64) · incarnation (f64) · shard index (u32) · position (f64) ·
 *                stream name (UTF-8, to the end)                                        all big-endian
 *
 * The incarnation ties its position to this stream: in another of the same name the position means nothing. A
 * stream's name has at most 128 bytes, so a token has at most 268 characters; AWS allows 512.
 */
import type { Position } from '@millrace/log';
import * as errors from './errors.js';
import type { TokenSealer } from './sealed-token.js';

export interface ShardIterator {
  readonly issuedMs: number;
  readonly streamName: string;
  readonly incarnation: number;
  readonly shardIndex: number;
  readonly position: Position;
}

/** The kind of token, for `TokenSealer`. */
export const shardIteratorKind = 'shard-iterator';

const version = 1;
const fixedBytes = 29;

export function sealIterator(sealer: TokenSealer, context: string, iterator: ShardIterator): string {
  const name = Buffer.from(iterator.streamName, 'utf8');
  const payload = Buffer.allocUnsafe(fixedBytes + name.length);
  payload.writeUInt8(version, 0);
  payload.writeDoubleBE(iterator.issuedMs, 1);
  payload.writeDoubleBE(iterator.incarnation, 9);
  payload.writeUInt32BE(iterator.shardIndex, 17);
  payload.writeDoubleBE(iterator.position, 21);
  payload.set(name, fixedBytes);
  return sealer.seal(context, payload);
}

/** Opens a token at `nowMs`; throws what AWS answers to one that is forged, foreign or too old. */
export function openIterator(
  sealer: TokenSealer,
  context: string,
  token: string,
  nowMs: number,
  lifeMs: number,
): ShardIterator {
  const payload = sealer.open(context, token);
  if (payload === undefined || payload.length < fixedBytes || payload[0] !== version) {
    throw errors.invalidIterator();
  }
  const view = Buffer.from(payload);
  const iterator = {
    issuedMs: view.readDoubleBE(1),
    streamName: view.toString('utf8', fixedBytes),
    incarnation: view.readDoubleBE(9),
    shardIndex: view.readUInt32BE(17),
    position: view.readDoubleBE(21),
  };
  checkAge(iterator, nowMs, lifeMs);
  return iterator;
}

/** Throws what AWS answers to an iterator that is too old at `nowMs`. */
export function checkAge({ issuedMs }: ShardIterator, nowMs: number, lifeMs: number): void {
  // One of the future is fresh: a clock that was moved ahead may stand behind it after a restart, and a sealed token
  // cannot be forged.
  if (nowMs - issuedMs > lifeMs) throw errors.iteratorExpired(issuedMs, nowMs, lifeMs);
}
