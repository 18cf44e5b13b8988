/**
 * What a look through a data directory has found, in the words of whoever uses streams: the log knows numbers and
 * positions, the catalog knows what they are called.
 *
 *      log stream-3/shard-2, positions 40 to 52  ──▶  stream flights, shardId-000000000002, 12 records after 4954… at 11:40
 */
import type { CheckedLog, Finding, FindingKind, LostRange, StoreReport } from '@millrace/log/upkeep';
import { endingSequenceNumber, sequenceNumber, shardIdOf, startingSequenceNumber } from '@millrace/wire';
import { catalogLog } from '../catalog/catalog.js';
import { type Shard, type Stream, shardLog } from '../streams/stream.js';
import type { StreamsState } from '../streams/streams-state.js';

/** Records that are gone from a shard, between two that are there. */
export interface LostRecords {
  readonly records: number;
  /** Whether nobody knows how many: none, some, or all of `records`. */
  readonly atMost: boolean;
  /** Of the last record before, and the first after, or of the shard's start and end. */
  readonly afterSequenceNumber: string | undefined;
  readonly beforeSequenceNumber: string | undefined;
  /** When those two arrived, milliseconds since the epoch; undefined where there is none. */
  readonly afterMs: number | undefined;
  readonly beforeMs: number | undefined;
}

export interface LogReport {
  /** `flights` and `shardId-000000000002`; undefined for a log of our own, or one that nothing names. */
  readonly stream: string | undefined;
  readonly account: string | undefined;
  readonly region: string | undefined;
  readonly shard: string | undefined;
  /** How the log is called in a sentence. */
  readonly name: string;
  readonly log: string;
  readonly records: number;
  readonly lastMs: number;
  readonly lost: readonly LostRecords[];
}

export interface FindingReport extends Finding {
  /** What to do about it, in a sentence. */
  readonly advice: string;
}

export interface DirectoryReport {
  readonly directory: string;
  readonly sound: boolean;
  readonly findings: readonly FindingReport[];
  readonly findingsMore: number;
  readonly logs: readonly LogReport[];
  readonly files: number;
  readonly bytes: number;
  /** Those of streams: the catalog's own do not count. */
  readonly records: number;
  /** As far as they can be counted, the catalog's too. */
  readonly recordsLost: number;
  /** Whether more may be gone, and nobody knows how many. */
  readonly moreMayBeLost: boolean;
  /** What was known to be gone before: the directory was repaired once. */
  readonly recordsLostBefore: number;
}

export function directoryReport(
  directory: string,
  store: StoreReport,
  streams: StreamsState,
  problems: readonly Finding[],
  recordsLostBefore: number,
): DirectoryReport {
  const byLog = new Map<string, { readonly stream: Stream; readonly shard: Shard }>();
  for (const stream of streams.streams.values()) {
    for (const shard of stream.shards) byLog.set(shardLog(stream, shard.index), { stream, shard });
  }
  const logs = store.logs.map((log) => logReport(log, byLog.get(log.id ?? '')));
  const lost = logs.flatMap((log) => log.lost);
  const findings = [...store.findings, ...problems].map((finding) => {
    const of = byLog.get(finding.log ?? '');
    const where = finding.log === undefined ? '' : ` (${nameOf(finding.log, of)})`;
    return { ...finding, message: `${finding.message}${where}`, advice: advice[finding.kind] };
  });
  return {
    directory,
    sound: findings.every(({ severity }) => severity === 'note') && store.sound,
    findings,
    findingsMore: store.findingsMore,
    logs,
    files: store.files,
    bytes: store.bytes,
    records: logs.reduce((sum, { log, records }) => sum + (log === catalogLog ? 0 : records), 0),
    recordsLost: lost.reduce((sum, { atMost, records }) => sum + (atMost ? 0 : records), 0),
    moreMayBeLost: lost.some(({ atMost }) => atMost) || (!store.logsKnown && store.files > 0),
    recordsLostBefore,
  };
}

function logReport(
  log: CheckedLog,
  of: { readonly stream: Stream; readonly shard: Shard } | undefined,
): LogReport {
  const id = log.id ?? `number ${log.number}`;
  return {
    stream: of?.stream.name,
    account: of?.stream.account,
    region: of?.stream.region,
    shard: of === undefined ? undefined : shardIdOf(of.shard.index),
    name: nameOf(id, of),
    log: id,
    records: log.records,
    lastMs: log.lastArrivalMs,
    lost: log.lost.map((range) => lostRecords(log, range, of?.shard)),
  };
}

function lostRecords(log: CheckedLog, range: LostRange, shard: Shard | undefined): LostRecords {
  const { from, to, afterMs, atMost } = range;
  // Of what is gone at the end, the log still knows when the last of it arrived.
  const beforeMs = range.beforeMs ?? (to >= log.end && !atMost ? log.lastArrivalMs : undefined);
  const numbers = { afterSequenceNumber: undefined, beforeSequenceNumber: undefined };
  const ends = { afterMs, beforeMs };
  if (shard === undefined) return { records: to - from, atMost, ...numbers, ...ends };
  const isFirst = from <= log.first || afterMs === undefined;
  const closedMs = shard.closed?.atMs;
  return {
    records: to - from,
    atMost,
    afterSequenceNumber: isFirst ? startingSequenceNumber(shard) : sequenceNumber(shard, from - 1, afterMs),
    beforeSequenceNumber:
      beforeMs !== undefined && to < log.end
        ? sequenceNumber(shard, to, beforeMs)
        : closedMs === undefined
          ? undefined
          : endingSequenceNumber(shard, closedMs),
    ...ends,
  };
}

function nameOf(log: string, of: { readonly stream: Stream; readonly shard: Shard } | undefined): string {
  if (of !== undefined) return `stream ${of.stream.name}, ${shardIdOf(of.shard.index)}`;
  if (log === catalogLog) return 'the catalog: all streams, shards and their settings';
  return `the log ${log}, which no stream names`;
}

const salvage = 'Restore the directory from a snapshot, or salvage the rest: millrace repair.';
const nothing = 'Nothing: the next start sees to it.';

const advice: Readonly<Record<FindingKind, string>> = {
  changed: salvage,
  cut: salvage,
  records: salvage,
  unreadable: `The disk itself fails: copy what can be read to another one first. ${salvage}`,
  missing: `Look for the file where it may have gone, and put it back as it was. If it is lost: ${salvage}`,
  misplaced:
    'Put the files back under the names they belong to, or take the copy away, and check again; a repair finds each by what it holds.',
  foreign: 'Move it out of the directory and check again.',
  newer: 'Use the newer Millrace that wrote it.',
  unfinished: 'Remove the directory and make it again.',
  torn: nothing,
  leftover: nothing,
};
