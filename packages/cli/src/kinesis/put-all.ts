/**
 * Puts records until each is accepted or given up: requests within PutRecords' bounds, one after another, and of every
 * answer only the records that were refused are sent again.
 *
 *      entries ──▶ requests ──▶ PutRecords ──▶ accepted
 *                                  ▲  └──refused──▶ pause, doubling ──┐
 *                                  └──────────up to triesMax──────────┘──▶ given up, with AWS's reason
 *
 * Two records of one key may change places when the first of them is refused and sent again, as on AWS.
 */
import type { Clock, Random } from '@millrace/base';
import { sleep } from '@millrace/base';
import type { Kinesis, PutEntry, PutOutcome } from './kinesis.js';

/** PutRecords takes 500 records and, since 2025, 10 MiB; half of that keeps what is sent again small. */
const requestRecordsMax = 500;
const requestBytesMax = 5 * 1024 * 1024;

const triesMax = 12;
const pauseMsMin = 50;
const pauseMsMax = 2_000;

export interface PutAllOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

export interface PutAllResult {
  /** In the order of the entries. */
  readonly outcomes: readonly PutOutcome[];
  /** How many times a record was sent again. */
  readonly resent: number;
}

export async function putAll(
  kinesis: Kinesis,
  stream: string,
  entries: readonly PutEntry[],
  options: PutAllOptions,
): Promise<PutAllResult> {
  const outcomes: PutOutcome[] = [];
  let resent = 0;
  for (const request of requests(entries)) {
    const result = await putRequest(kinesis, stream, request, options);
    outcomes.push(...result.outcomes);
    resent += result.resent;
  }
  return { outcomes, resent };
}

async function putRequest(
  kinesis: Kinesis,
  stream: string,
  entries: readonly PutEntry[],
  { clock, random, signal }: PutAllOptions,
): Promise<PutAllResult> {
  const outcomes = [...(await kinesis.put(stream, entries))];
  let resent = 0;
  let pauseMs = pauseMsMin;
  for (let tries = 1; tries < triesMax; tries++) {
    const refused = outcomes.flatMap(({ kind }, i) => (kind === 'refused' ? [i] : []));
    if (refused.length === 0) break;
    await sleep(clock, pauseMs / 2 + random.integer(pauseMs), signal);
    pauseMs = Math.min(pauseMsMax, pauseMs * 2);
    const again = await kinesis.put(
      stream,
      refused.flatMap((i) => entries[i] ?? []),
    );
    resent += refused.length;
    refused.forEach((i, at) => {
      const outcome = again[at];
      if (outcome !== undefined) outcomes[i] = outcome;
    });
  }
  return { outcomes, resent };
}

/** A record that is too large alone is sent alone: it is AWS's to refuse. */
function* requests(entries: readonly PutEntry[]): Generator<readonly PutEntry[]> {
  let request: PutEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const entryBytes = entry.data.length + Buffer.byteLength(entry.partitionKey ?? '');
    if (
      request.length === requestRecordsMax ||
      (request.length > 0 && bytes + entryBytes > requestBytesMax)
    ) {
      yield request;
      request = [];
      bytes = 0;
    }
    request.push(entry);
    bytes += entryBytes;
  }
  if (request.length > 0) yield request;
}
