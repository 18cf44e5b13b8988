/**
 * Reads of one shard: what is still kept of it from a position on, and how a reader goes on from there.
 *
 * Retention holds here, by time: a record older than the stream's retention is not returned, whatever the log still
 * has. A shard has ended when the catalog says that it is closed and the read has come to its final position; a log
 * that is sealed before its children are known has not: the reader asks again.
 */
import type { Clock } from '@millrace/base';
import {
  type LogEngine,
  LogError,
  type LogState,
  type Position,
  type ReadRequest,
  type RecordBatch,
} from '@millrace/log';
import type { OpenedRecords, Opener } from './sealing/opener.js';
import type { Shard, Stream } from './stream.js';
import { encryptionAt, horizonMs, shardLog } from './stream.js';

export interface ShardRead {
  readonly records: RecordBatch;
  /** Where to read on; undefined when the shard has ended. */
  readonly nextPosition: Position | undefined;
  readonly millisBehindLatest: number;
  /** Of all of these records. */
  readonly encryptionType: 'KMS' | undefined;
  /** See `ReadResult` of the log; there for some of what is read as borrowed. */
  readonly release: (() => void) | undefined;
}

interface EncryptionType {
  readonly encryptionType: 'KMS' | undefined;
}

export interface ReaderOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
  /** Undefined where nothing is sealed. */
  readonly opener: Opener | undefined;
}

interface OpenedRead extends OpenedRecords {
  readonly nextPosition: Position;
  readonly state: LogState;
  readonly release?: () => void;
}

/** Reads that may meet a trim of what they are completing, before the log is called damaged. */
const openTriesMax = 4;

const noRecords: RecordBatch = {
  count: 0,
  positions: new Float64Array(0),
  arrivalsMs: new Float64Array(0),
  buffers: [],
  bufferOf: new Uint32Array(0),
  starts: new Uint32Array(0),
  ends: new Uint32Array(0),
};

export class Reader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async read(
    stream: Stream,
    shard: Shard,
    from: Position,
    recordsMax: number,
    bytesMax: number,
    borrowed = false,
  ): Promise<ShardRead> {
    const { clock } = this.#options;
    const beforeMs = horizonMs(stream, clock.now());
    const read = await this.#opened(stream, shard, { from, recordsMax, bytesMax, borrowed }, beforeMs);
    if (read === undefined) return this.#gone(shard, from);
    const { state } = read;
    const { closed } = shard;
    const { records, nextPosition, encryptionType } = alike(stream, read);
    const ended = closed !== undefined && nextPosition >= closed.endPosition;
    return {
      records,
      nextPosition: ended ? undefined : nextPosition,
      millisBehindLatest: this.#behind(records, nextPosition, state, beforeMs, closed, ended),
      encryptionType,
      release: read.release,
    };
  }

  /** What is kept, opened; undefined when there is no such log. */
  async #opened(
    stream: Stream,
    shard: Shard,
    wanted: Omit<ReadRequest, 'log'>,
    beforeMs: number,
  ): Promise<OpenedRead | undefined> {
    const { engine, opener } = this.#options;
    const log = shardLog(stream, shard.index);
    const request = { log, ...wanted };
    const { from } = request;
    for (let tries = 0; tries < openTriesMax; tries++) {
      let read = await engine.read(request);
      if (read.kind === 'records' && (read.records.arrivalsMs[0] ?? beforeMs) < beforeMs) {
        read.release?.();
        const kept = await engine.findByArrival(log, beforeMs);
        read = await engine.read({ ...request, from: Math.max(from, kept ?? from) });
      }
      if (read.kind === 'missing') return undefined;
      if (opener === undefined) return { ...read, sealed: undefined };
      const opened = await opener.open(log, read.records);
      if (opened !== undefined) return { ...read, ...opened };
    }
    throw new LogError(
      'damaged',
      `the log ${log} has lost the beginning of what was sealed together at ${from}`,
    );
  }

  /** The position to begin at for LATEST: past everything that can be read now. */
  latest(stream: Stream, shard: Shard): Position {
    return this.#state(stream, shard)?.endPosition ?? shard.closed?.endPosition ?? 0;
  }

  /** The position of the first record that arrived at or after `timestampMs`. */
  async at(stream: Stream, shard: Shard, timestampMs: number): Promise<Position> {
    const position = await this.#options.engine.findByArrival(shardLog(stream, shard.index), timestampMs);
    return position ?? this.latest(stream, shard);
  }

  #state(stream: Stream, shard: Shard): LogState | undefined {
    return this.#options.engine.state(shardLog(stream, shard.index));
  }

  /** A log that is missing is an expired shard's, between the two steps of its end; or the stream's, being deleted. */
  #gone(shard: Shard, from: Position): ShardRead {
    return {
      records: noRecords,
      nextPosition: shard.closed === undefined ? from : undefined,
      millisBehindLatest: 0,
      encryptionType: undefined,
      release: undefined,
    };
  }

  /**
   * Milliseconds from the last record returned to now; 0 at the tip. At the end of a closed shard, from its end to now
   * (kinesalite, against AWS).
   */
  #behind(
    records: RecordBatch,
    nextPosition: Position,
    state: LogState,
    beforeMs: number,
    closed: Shard['closed'],
    ended: boolean,
  ): number {
    const nowMs = this.#options.clock.now();
    if (ended && closed !== undefined) return records.count > 0 ? 0 : Math.max(0, nowMs - closed.atMs);
    if (nextPosition >= state.endPosition) return 0;
    return Math.max(0, nowMs - (records.arrivalsMs[records.count - 1] ?? beforeMs));
  }
}

/** Of a record: sealed ones say it themselves, of others the catalog may tell it (`EncryptionChange.master`). */
function isEncrypted(stream: Stream, { records, sealed }: OpenedRead, i: number): boolean {
  if (sealed?.[i] === 1) return true;
  const change = encryptionAt(stream, records.arrivalsMs[i] ?? 0);
  return typeof change?.keyId === 'string' && change.master === undefined;
}

/** The records up to a change of the stream's encryption: a page says of all of its records whether they are encrypted. */
function alike(
  stream: Stream,
  read: OpenedRead,
): Pick<OpenedRead, 'records' | 'nextPosition'> & EncryptionType {
  const { records, nextPosition, sealed } = read;
  const { count } = records;
  const told = stream.encryption.some(({ keyId, master }) => keyId !== null && master === undefined);
  if (count === 0 || (!told && sealed === undefined)) {
    return { records, nextPosition, encryptionType: undefined };
  }
  const first = isEncrypted(stream, read, 0);
  const encryptionType = first ? 'KMS' : undefined;
  for (let i = 1; i < count; i++) {
    const position = records.positions[i];
    if (position === undefined || isEncrypted(stream, read, i) === first) continue;
    return { records: { ...records, count: i }, nextPosition: position, encryptionType };
  }
  return { records, nextPosition, encryptionType };
}
