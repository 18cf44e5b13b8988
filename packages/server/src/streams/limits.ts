import { kib, mib } from '@millrace/base';

/** Every bound of the streams service, by name. Those of AWS are AWS's; the others are ours. */
export interface StreamsLimits {
  /** Open shards an account may have in a region, those under way included. AWS: 500 to 20,000, by request. */
  readonly shardsPerAccountMax: number;
  /** Data and partition keys of one PutRecords. AWS: 10 MiB (5 MiB until 2025). */
  readonly putBytesMax: number;
  /** Records of one GetRecords. */
  readonly readRecordsMax: number;
  /** Data of one GetRecords. */
  readonly readBytesMax: number;
  /** How long an iterator is good for. AWS: five minutes. */
  readonly iteratorLifeMs: number;
  /** How long a pagination token is good for. AWS: 300 seconds. */
  readonly nextTokenLifeMs: number;
  /** Shards of one DescribeStream. AWS: 100, whatever `Limit` says. */
  readonly describedShardsMax: number;
  /** Shards of one ListShards. AWS: 1000, whatever `MaxResults` says. */
  readonly listedShardsMax: number;
  /** Streams of one ListStreams. AWS: 100, whatever `Limit` says. */
  readonly listedStreamsMax: number;
  /** How long records that met a sealed shard wait for its children; then they fail, and the client tries again. */
  readonly rerouteWaitMsMax: number;
  /** Puts that wait for children at once; more fail at once. */
  readonly reroutesWaitingMax: number;
  /** How often the records of one put may meet a sealed shard. */
  readonly reroutesMax: number;
  /** From one retention sweep to the next. */
  readonly sweepEveryMs: number;
  /** Shards looked at in one go of the sweep; the event loop has the turn between two goes. */
  readonly sweepShardsAtOnce: number;
  /** Wait before a step of a stream's life that failed is tried again. */
  readonly lifecycleRetryMs: number;
}

export const defaultStreamsLimits: StreamsLimits = {
  shardsPerAccountMax: 20_000,
  putBytesMax: 10 * mib,
  readRecordsMax: 10_000,
  readBytesMax: 10 * mib,
  iteratorLifeMs: 300_000,
  nextTokenLifeMs: 300_000,
  describedShardsMax: 100,
  listedShardsMax: 1000,
  listedStreamsMax: 100,
  rerouteWaitMsMax: 10_000,
  reroutesWaitingMax: 10_000,
  reroutesMax: 8,
  sweepEveryMs: 60_000,
  sweepShardsAtOnce: 256,
  lifecycleRetryMs: 500,
};

/**
 * How long streams stay CREATING, UPDATING and DELETING. AWS takes seconds to a minute; a test must see the states,
 * and nobody wants to wait: 50 ms each. With 0 they pass as soon as the disk allows.
 */
export interface StreamsDelays {
  readonly createDelayMs: number;
  readonly updateDelayMs: number;
  readonly deleteDelayMs: number;
}

export const defaultStreamsDelays: StreamsDelays = {
  createDelayMs: 50,
  updateDelayMs: 50,
  deleteDelayMs: 50,
};

/** AWS's default for `MaxRecordSizeInKiB`: partition key and data together. */
export const recordKibDefault = 1024;
export const recordBytesOf = (recordKib: number): number => recordKib * kib;

/** AWS: a stream keeps its records for a day unless told otherwise. */
export const retentionHoursDefault = 24;
export const hourMs = 3_600_000;

/** Shards of a new on-demand stream (observed on AWS by LocalStack's validated tests). */
export const onDemandShards = 4;

/** AWS: tags on a stream (the model's bound of 200 is the wire's, CreateStream's document says 50). */
export const tagsMax = 50;
