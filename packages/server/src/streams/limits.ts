import { kib, mib } from '@millrace/base';

/** Every bound of the streams service, by name. Those of AWS are AWS's; the others are ours. */
export interface StreamsLimits {
  /** Open shards of provisioned streams that an account may have in a region, those under way included; see `rates/quotas.ts`. */
  readonly shardsPerAccountMax: number;
  /** Open shards that UpdateShardCount may ask for. AWS: 10,000. */
  readonly shardsPerStreamMax: number;
  /** On-demand streams an account may have in a region. AWS: 50, more by request. */
  readonly onDemandStreamsMax: number;
  /** Data and partition keys of one PutRecords. AWS: 10 MiB (5 MiB until 2025). */
  readonly putBytesMax: number;
  /** Records of one GetRecords. */
  readonly readRecordsMax: number;
  /** Data of one GetRecords. */
  readonly readBytesMax: number;
  /** A poll that brings the iterator of an answer at the tip within this time is one of a busy poller (`tip-waits.ts`). */
  readonly busyPollMs: number;
  /** Iterators that are remembered so; the oldest go first, and whoever brings one of those is answered at once. */
  readonly busyPollersMax: number;
  /** How long a busy poller waits for the next record. Real time; no less than `busyPollMs`. */
  readonly pollWaitMs: number;
  /** Polls that wait at once, over all streams; more are answered at once. */
  readonly pollsWaitingMax: number;
  /** Shards that busy pollers wait at, or have waited at since the last record; at more of them, all are answered at once. */
  readonly tipsWatchedMax: number;
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
  /** Consumers of one stream. AWS: 20. */
  readonly consumersMax: number;
  /** Consumers of an on-demand stream whose account has the minimum throughput billing commitment (SDK: RegisterStreamConsumer). */
  readonly committedConsumersMax: number;
  /** Consumers of one stream that are CREATING. AWS: 5 at a time; of what, it does not say. */
  readonly consumersCreatingMax: number;
  /** Consumers of one ListStreamConsumers. AWS: 100, whatever `MaxResults` says. */
  readonly listedConsumersMax: number;
  /** How long a subscription lives. AWS: five minutes. */
  readonly subscriptionLifeMs: number;
  /** From a successful SubscribeToShard on, another for the same consumer and shard is refused so long. AWS: 5 s. */
  readonly subscriptionHeldMs: number;
  /** A subscription with nothing to say says so this often. KCL gives one up after 60 s of silence. */
  readonly subscriptionIdleMs: number;
  /** Subscriptions at once, over all streams; more are refused. */
  readonly subscriptionsMax: number;
  /** Records of one event. */
  readonly eventRecordsMax: number;
  /** Data of one event; the first record goes out whatever its size. */
  readonly eventBytesMax: number;
  /** Bytes of events, and of their records, kept for others that stand at the same place; the oldest go first. */
  readonly sharedEventsBytesMax: number;
  /** How long an event with records is good for another subscription. */
  readonly sharedEventMs: number;
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
  /** From one look at the load of on-demand streams to the next. AWS follows within 15 minutes. */
  readonly scaleEveryMs: number;
  /** Wait before a step of a stream's life that failed is tried again. */
  readonly lifecycleRetryMs: number;
}

export const defaultStreamsLimits: StreamsLimits = {
  shardsPerAccountMax: 20_000,
  shardsPerStreamMax: 10_000,
  onDemandStreamsMax: 50,
  putBytesMax: 10 * mib,
  readRecordsMax: 10_000,
  readBytesMax: 10 * mib,
  busyPollMs: 5,
  busyPollersMax: 4096,
  pollWaitMs: 10,
  pollsWaitingMax: 1024,
  tipsWatchedMax: 10_000,
  iteratorLifeMs: 300_000,
  nextTokenLifeMs: 300_000,
  describedShardsMax: 100,
  listedShardsMax: 1000,
  listedStreamsMax: 100,
  consumersMax: 20,
  committedConsumersMax: 50,
  consumersCreatingMax: 5,
  listedConsumersMax: 100,
  subscriptionLifeMs: 300_000,
  subscriptionHeldMs: 5_000,
  subscriptionIdleMs: 5_000,
  subscriptionsMax: 10_000,
  eventRecordsMax: 2_000,
  eventBytesMax: 512 * kib,
  sharedEventsBytesMax: 32 * mib,
  sharedEventMs: 200,
  rerouteWaitMsMax: 10_000,
  reroutesWaitingMax: 10_000,
  reroutesMax: 8,
  sweepEveryMs: 60_000,
  sweepShardsAtOnce: 256,
  scaleEveryMs: 60_000,
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
/** AWS: what a stream's retention may be set to; the upper one is a year. */
export const retentionHoursMin = 24;
export const retentionHoursMax = 8760;
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/**
 * How often within 24 hours AWS changes a stream so; each counted over the 24 hours that have just passed. These, the hours
 * above and the two below do not travel in commands, and the fold decides by them: a change is one of the section's rules.
 */
export const shardCountUpdatesPerDay = 10;
export const modeChangesPerDay = 2;
export const encryptionChangesPerDay = 25;

/** Splits and merges of one round of a reshard: their parents are sealed together, and puts wait for that long. */
export const reshardStepsMax = 256;

/** Shards of a new on-demand stream (observed on AWS by LocalStack's validated tests). */
export const onDemandShards = 4;

/** AWS: what warm throughput may be asked for, 10 GiB/s. A shard takes 1 MiB/s. */
export const warmMibpsMax = 10_240;

/** AWS: a resource policy's size, 20 KiB. */
export const policyBytesMax = 20 * kib;

/** AWS: tags on a stream (the model's bound of 200 is the wire's, CreateStream's document says 50). */
export const tagsMax = 50;
