/** The words in which the checkers of the streams think: what is shown, what was sent, what was answered. */
import type { Position } from '@millrace/log';

/** Bytes of a record's data that say whose it is: number and length; the rest follows from these. */
export const dataBytesMin = 8;
/** A shard as the catalog shows it. */
export interface ShardSeen {
  readonly index: number;
  readonly createdMs: number;
  readonly range: { readonly start: bigint; readonly end: bigint };
  readonly parents: readonly number[];
  readonly closed: { readonly atMs: number; readonly endPosition: Position } | undefined;
}

/** A stream as the catalog shows it. */
export interface StreamSeen {
  readonly name: string;
  readonly incarnation: number;
  readonly status: string;
  readonly retentionHours: number;
  readonly goneBeforeMs: number;
  readonly shards: readonly ShardSeen[];
  readonly reshard: { readonly steps: readonly { readonly parents: readonly number[] }[] } | undefined;
}

/** What became of a put, as the streams answer it. */
export interface PutAnswer {
  readonly shards: readonly { readonly index: number; readonly createdMs: number }[];
  readonly shardOf: Uint32Array;
  readonly positions: Float64Array;
  readonly arrivalsMs: Float64Array;
  readonly errors: ReadonlyMap<number, unknown> | undefined;
}

/** One record on its way or in its place. */
export interface SentRecord {
  /** In the order of sending. */
  readonly number: number;
  readonly incarnation: number;
  readonly key: string;
  readonly hash: bigint;
  readonly dataBytes: number;
  readonly issuedMs: number;
  /** How many records were known when it was sent. */
  readonly knownBefore: number;
  state: 'pending' | 'open' | 'known' | 'refused';
  shard: number;
  position: Position;
  arrivalMs: number;
  sequence: bigint;
  /** How many records were known once it was. */
  knownAt: number;
}

export interface ModelShard {
  seen: ShardSeen;
  /** Expired, and no longer shown. */
  forgotten: boolean;
  /** By position. */
  readonly known: SentRecord[];
}

export interface ModelStream {
  readonly name: string;
  readonly incarnation: number;
  deleted: 'no' | 'maybe' | 'yes';
  gone: boolean;
  seen: StreamSeen;
  readonly shards: Map<number, ModelShard>;
  /** Reshards asked for, by their parents, and those that were answered. */
  readonly asked: Set<string>;
  readonly answered: Set<string>;
  /** Whether it was ever asked to have another number of shards. */
  rescaled: boolean;
  readonly byNumber: Map<number, SentRecord>;
  /** For each key, those of its records that had the highest sequence number when they became known. */
  readonly byKey: Map<string, SentRecord[]>;
}

/** A reader of one shard, as its client knows it. */
export interface ReaderPlace {
  readonly incarnation: number;
  readonly shard: number;
  /** Records from here on must come, if they were sent after `since` and arrived at `fromMs` or after. */
  next: Position;
  readonly since: number;
  /** None that arrived earlier may come: it began at this time. */
  readonly fromMs: number;
}

/** A reader that begins at the beginning. */
export function readerAt(incarnation: number, shard: number): ReaderPlace {
  return { incarnation, shard, next: 0, since: 0, fromMs: 0 };
}

/** One answer of GetRecords. */
export interface RecordsAnswer {
  readonly records: {
    readonly count: number;
    readonly positions: Float64Array;
    readonly arrivalsMs: Float64Array;
  };
  readonly stored: (i: number) => Uint8Array;
  readonly ended: boolean;
  readonly millisBehindLatest: number;
  readonly children: readonly { readonly index: number }[];
}

/** The bytes of a record as the log keeps them: length of the key (u16), key, data. */
export function storedBytes(record: SentRecord): Uint8Array {
  const keyBytes = Buffer.byteLength(record.key);
  const stored = Buffer.alloc(2 + keyBytes + record.dataBytes);
  stored.writeUInt16LE(keyBytes, 0);
  stored.write(record.key, 2);
  const dataAt = 2 + keyBytes;
  stored.writeUInt32LE(record.number, dataAt);
  stored.writeUInt32LE(record.dataBytes, dataAt + 4);
  let byte = record.number * 31;
  for (let i = dataAt + dataBytesMin; i < stored.length; i++) stored[i] = byte += 13;
  return stored;
}

export function nameOf(stream: ModelStream): string {
  return `${stream.name}#${stream.incarnation}`;
}
