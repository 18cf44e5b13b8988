/**
 * Reads of one shard: what is still kept of it from a position on, and how a reader goes on from there.
 *
 * Retention holds here, by time: a record older than the stream's retention is not returned, whatever the log still
 * has. A shard has ended when the catalog says that it is closed and the read has come to its final position; a log
 * that is sealed before its children are known has not: the reader asks again.
 */
import type { Clock } from '@millrace/base';
import type { LogEngine, LogState, Position, RecordBatch } from '@millrace/log';
import type { Shard, Stream } from './stream.js';
import { horizonMs, keyIdAt, shardLog } from './stream.js';

export interface ShardRead {
  readonly records: RecordBatch;
  /** Where to read on; undefined when the shard has ended. */
  readonly nextPosition: Position | undefined;
  readonly millisBehindLatest: number;
  /** Of all of these records. */
  readonly encryptionType: 'KMS' | undefined;
}

export interface ReaderOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
}

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
  ): Promise<ShardRead> {
    const { engine, clock } = this.#options;
    const log = shardLog(stream, shard.index);
    const request = { log, from, recordsMax, bytesMax };
    const beforeMs = horizonMs(stream, clock.now());
    let read = await engine.read(request);
    if (read.kind === 'records' && (read.records.arrivalsMs[0] ?? beforeMs) < beforeMs) {
      const kept = await engine.findByArrival(log, beforeMs);
      read = await engine.read({ ...request, from: Math.max(from, kept ?? from) });
    }
    if (read.kind === 'missing') return this.#gone(shard, from);
    const { state } = read;
    const { closed } = shard;
    const { records, nextPosition } = alike(stream, read.records, read.nextPosition);
    const ended = closed !== undefined && nextPosition >= closed.endPosition;
    return {
      records,
      nextPosition: ended ? undefined : nextPosition,
      millisBehindLatest: this.#behind(records, nextPosition, state, beforeMs, closed, ended),
      encryptionType: encryptionTypeOf(stream, records.arrivalsMs[0]),
    };
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

function encryptionTypeOf(stream: Stream, arrivalMs: number | undefined): 'KMS' | undefined {
  return arrivalMs === undefined || keyIdAt(stream, arrivalMs) === null ? undefined : 'KMS';
}

/** The records up to a change of the stream's encryption: a page says of all of its records whether they are encrypted. */
function alike(
  stream: Stream,
  records: RecordBatch,
  nextPosition: Position,
): { readonly records: RecordBatch; readonly nextPosition: Position } {
  if (stream.encryption.length === 0) return { records, nextPosition };
  const [firstMs = 0] = records.arrivalsMs;
  const lastMs = records.arrivalsMs[records.count - 1] ?? 0;
  if (!stream.encryption.some(({ fromMs }) => fromMs > firstMs && fromMs <= lastMs))
    return { records, nextPosition };
  const type = encryptionTypeOf(stream, firstMs);
  for (let i = 1; i < records.count; i++) {
    const position = records.positions[i];
    if (position === undefined || encryptionTypeOf(stream, records.arrivalsMs[i]) === type) continue;
    return { records: { ...records, count: i }, nextPosition: position };
  }
  return { records, nextPosition };
}
