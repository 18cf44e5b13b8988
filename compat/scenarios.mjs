// What clients are asked, in the order of the table. Each scenario has streams of its own. What it `needs` are operations
// beyond those of every stream: a scenario is asked once the server offers them.

const fanOut = [
  'RegisterStreamConsumer',
  'DescribeStreamConsumer',
  'SubscribeToShard',
  'DeregisterStreamConsumer',
  'ListStreamConsumers',
];

export const scenarios = [
  {
    id: 'life',
    holds:
      'a stream is made, waited for, described, listed, deleted, gone; names that are taken, or are none, are refused in AWS’s words',
  },
  {
    id: 'records',
    holds:
      'one record and batches, explicit hash keys, binary data, 1 MiB; read whole from every starting position',
  },
  {
    id: 'reshard',
    holds:
      'split and merge under way: every record once, each key in its order, parents before children, ChildShards at each end',
  },
  {
    id: 'names',
    holds: 'the same stream by name and by ARN; other regions and other accounts do not see it',
  },
  {
    id: 'trouble',
    holds:
      'throttling, internal errors and lost answers that the client retries by itself; records of a batch that fail alone',
  },
  {
    id: 'expiry',
    holds: 'an iterator of more than five minutes is refused, and a new one goes on where it was',
  },
  {
    id: 'settings',
    holds:
      'tags, retention, shard count, mode, metrics, limits, policies and encryption are set and read back',
    needs: [
      'UpdateShardCount',
      'StartStreamEncryption',
      'UpdateStreamMode',
      'AddTagsToStream',
      'PutResourcePolicy',
      'DescribeLimits',
      'UpdateMaxRecordSize',
      'UpdateAccountSettings',
      'UpdateStreamWarmThroughput',
    ],
  },
  {
    id: 'distribution',
    holds: 'a stream spreads records by itself, and takes them without a key',
    needs: ['UpdateStreamRecordDistributionStrategy'],
  },
  {
    id: 'extras',
    holds:
      'resource policies, tags by ARN, record size, commitment, mode and warm throughput, by a client whose settings are few',
    needs: [
      'PutResourcePolicy',
      'UpdateMaxRecordSize',
      'UpdateAccountSettings',
      'UpdateStreamWarmThroughput',
    ],
  },
  {
    id: 'fan-out',
    holds:
      'a consumer is registered, described, listed; a subscription brings every record; a consumer is taken away',
    needs: fanOut,
  },
  {
    id: 'consumers',
    holds: 'a consumer is registered, described, listed and taken away, by a client that cannot subscribe',
    needs: [
      'RegisterStreamConsumer',
      'DescribeStreamConsumer',
      'DeregisterStreamConsumer',
      'ListStreamConsumers',
    ],
  },
  {
    id: 'tls',
    holds: 'the same port over TLS, its certificate verified against the one that Millrace gives out',
  },
  {
    id: 'aggregates',
    holds: 'aggregates of the client are taken apart by Millrace’s tail, and Millrace’s by the client',
  },
  {
    id: 'large',
    holds: 'records of 10 MiB, alone and in a batch, between small ones; a byte more is refused',
    needs: ['UpdateMaxRecordSize'],
  },
  {
    id: 'thousand-shards',
    holds: 'a stream of 1,000 shards: listed and described in pages, written to and read whole',
  },
  {
    id: 'sparse',
    holds:
      'an hour in which a record comes every minute, in virtual time, read by the same iterators on and on',
  },
  {
    id: 'crash',
    holds:
      'the server is killed with SIGKILL three times while it is written to: every acknowledged record is there, in the order of its key',
  },
  {
    id: 'producer-crash',
    holds:
      'the server is killed with SIGKILL three times under a producing library: every record is answered, and is where its answer says',
  },
  {
    id: 'consume-reshard',
    holds:
      'an application reads across a split, a merge and UpdateShardCount: every record once, each key in its order, every closed shard at SHARD_END in its table of leases',
    needs: ['UpdateShardCount'],
  },
  {
    id: 'consume-takeover',
    holds:
      'two workers share the shards; one is killed, and the other takes its leases over from its checkpoints',
  },
  {
    id: 'consume-trouble',
    holds:
      'throttling, internal errors, lost answers, records of a batch that fail alone, iterators that are too old',
  },
  {
    id: 'consume-sparse',
    holds: 'an hour in which a record of each key comes every minute, in virtual time',
  },
  { id: 'consume-large', holds: 'a record of 10 MiB between small ones' },
  {
    id: 'consume-crash',
    holds: 'the server is killed with SIGKILL three times under load: nothing that was acknowledged is lost',
  },
  { id: 'consume-tls', holds: 'the same over TLS' },
  {
    id: 'pipe-reshard',
    holds:
      'one pipeline puts, another reads, across a split and a merge: every record once, each key in its order, closed shards done with',
  },
  {
    id: 'pipe-crash',
    holds:
      'the server is killed with SIGKILL three times while a pipeline puts and another reads: nothing that was acknowledged is lost',
  },
  {
    id: 'pipe-takeover',
    holds: 'the pipeline that reads is killed, and another goes on from its checkpoints',
  },
  { id: 'pipe-tls', holds: 'both over TLS' },
  {
    id: 'declare-apply',
    holds:
      'streams of both modes, with retention, tags, metrics and encryption, and consumers are declared and made; a second plan finds nothing to do; destroyed, they are gone',
  },
  {
    id: 'declare-change',
    holds: 'shard count, retention, tags, metrics, encryption and modes are changed, all in place',
  },
  {
    id: 'declare-import',
    holds: 'streams and consumers that are there are taken over, and a plan finds nothing to do',
  },
  {
    id: 'job-read',
    holds: 'a job with checkpoints reads all from the oldest record on, and counts each key exactly',
  },
  {
    id: 'job-reshard',
    holds:
      'a job reads across a split, a merge and UpdateShardCount: every record once, each key in the order of its shard, exact counts',
    needs: ['UpdateShardCount'],
  },
  {
    id: 'job-crash',
    holds:
      'the server is killed with SIGKILL three times under load: the job goes on from its checkpoints, each key in its order, exact counts',
  },
  {
    id: 'job-write',
    holds: 'a job copies a stream through its sink: every record once, each key in its order',
  },
  {
    id: 'job-write-trouble',
    holds:
      'throttling, internal errors, lost answers and records that fail alone on their way through a sink',
  },
  {
    id: 'job-write-crash',
    holds: 'the server of both streams is killed with SIGKILL three times: every record is copied',
  },
  { id: 'listing-first-put', holds: 'the first put of a tutorial: a record of JSON, its answer printed' },
  { id: 'listing-first-read', holds: 'the first read of a tutorial: ten records from the latest' },
  {
    id: 'listing-stream-manager',
    holds: 'create with polling of DescribeStream, put, batch, read of all shards, scaling',
  },
  {
    id: 'listing-buffered-producer',
    holds: 'a producer with a buffer and a thread that empties it, a thousand events, failed ones put back',
  },
  {
    id: 'listing-fan-out-manager',
    holds: 'a consumer is registered, or found when it is there',
    needs: fanOut,
  },
  {
    id: 'listing-consumer-manager',
    holds: 'a consumer is registered, and its subscription read',
    needs: fanOut,
  },
  { id: 'listing-retry-stream', holds: 'a failed record goes back into a retry stream with its history' },
  {
    id: 'listing-auto-scaling',
    holds: 'shards are counted, a target is computed, the stream is scaled to it',
    needs: ['UpdateShardCount'],
  },
  {
    id: 'listing-cost-survey',
    holds: 'every stream is listed and described, its shards, retention and encryption weighed',
  },
];
