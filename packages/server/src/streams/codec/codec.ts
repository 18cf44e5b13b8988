/**
 * The heavy work between bytes and batches, behind one interface, so that it can be done here, at once or in slices, or
 * on other threads (`codec-threads.ts`). It is pure: the same bytes give the same batch, and the same page the same bytes, wherever it
 * is done, and nothing is lost when it is done twice.
 */
import type { Protocol } from '@millrace/wire';
import type { PutBatch } from '../put-batch.js';
import { encodeGetRecordsOutput, type RecordsPage } from './get-records-output.js';
import { decodePut, type PutName } from './put-codec.js';
import { finished, type Sliced } from './sliced.js';

export interface Codec {
  /**
   * The batch of a put's body, or undefined when it needs the general way. A promise where it is not read at once; the
   * body stays as it is until then.
   */
  decodePut(
    name: PutName,
    protocol: Protocol,
    body: Uint8Array,
  ): PutBatch | undefined | Promise<PutBatch | undefined>;
  /** The put of `batch` was answered: nobody looks at it any more but the log. */
  done(batch: PutBatch): void;
  /** The body of a GetRecords answer. A promise where it is not written at once; the page stays as it is until then. */
  encodePage(protocol: Protocol, page: RecordsPage): Uint8Array | Promise<Uint8Array>;
  /** All of an answer's body went out: nobody looks at it any more. */
  sent(body: Uint8Array): void;
  /** Other work on so many bytes, here: at once, or in slices where that would hold up others too long. */
  inSlices<T>(work: Sliced<T>, bytes: number): T | Promise<T>;
}

/**
 * Goes on with the batch, in the caller's turn where it is there already: what keeps puts in their order. Undefined,
 * now or later, where there is none.
 */
export function withBatch<T>(
  decoded: ReturnType<Codec['decodePut']>,
  go: (batch: PutBatch) => Promise<T>,
): Promise<T | undefined> | undefined {
  if (decoded instanceof Promise) return decoded.then((batch) => batch && go(batch));
  return decoded && go(decoded);
}

/** The codec on the caller's thread, all of it in the caller's turn. */
export const inlineCodec = {
  decodePut(name: PutName, protocol: Protocol, body: Uint8Array): PutBatch | undefined {
    return finished(decodePut(name, protocol, body));
  },
  done: () => {},
  encodePage: encodeGetRecordsOutput,
  sent: () => {},
  inSlices: finished,
} satisfies Codec;
