/**
 * How often each operation may be asked for, as AWS documents it, one line an operation.
 *
 * Evidence: `sdk`, the operation's own words in the newest SDK's declarations; `guide`, the table of quotas in the
 * developer guide; `like`, undocumented: we chose what its nearest neighbours have.
 */

export interface OperationRate {
  readonly operation: string;
  /** What each of which has the rate for itself; all within an account and a region. */
  readonly per: 'account' | 'stream' | 'shard' | 'consumer and shard';
  readonly perSecond: number;
  readonly evidence: 'sdk' | 'guide' | 'like';
}

const line = (
  operation: string,
  perSecond: number,
  per: OperationRate['per'],
  evidence: OperationRate['evidence'],
): OperationRate => ({ operation, per, perSecond, evidence });

export const operationRates: readonly OperationRate[] = [
  line('AddTagsToStream', 5, 'account', 'sdk'),
  line('CreateStream', 5, 'account', 'sdk'),
  line('DecreaseStreamRetentionPeriod', 5, 'stream', 'guide'),
  line('DeleteResourcePolicy', 5, 'account', 'like'),
  line('DeleteStream', 5, 'account', 'sdk'),
  line('DeregisterStreamConsumer', 5, 'stream', 'sdk'),
  line('DescribeAccountSettings', 5, 'account', 'sdk'),
  line('DescribeLimits', 1, 'account', 'sdk'),
  line('DescribeStream', 10, 'account', 'sdk'),
  line('DescribeStreamConsumer', 20, 'stream', 'sdk'),
  line('DescribeStreamSummary', 20, 'account', 'sdk'),
  line('DisableEnhancedMonitoring', 5, 'stream', 'guide'),
  line('EnableEnhancedMonitoring', 5, 'stream', 'guide'),
  line('GetRecords', 5, 'shard', 'sdk'),
  line('GetResourcePolicy', 5, 'account', 'like'),
  line('GetShardIterator', 5, 'shard', 'sdk'),
  line('IncreaseStreamRetentionPeriod', 5, 'stream', 'guide'),
  // The guide said 100 until 2024; the SDK has it as 1,000 since.
  line('ListShards', 1000, 'stream', 'sdk'),
  line('ListStreamConsumers', 5, 'stream', 'sdk'),
  line('ListStreams', 5, 'account', 'sdk'),
  line('ListTagsForResource', 5, 'account', 'like'),
  line('ListTagsForStream', 5, 'account', 'sdk'),
  line('MergeShards', 5, 'account', 'sdk'),
  line('PutResourcePolicy', 5, 'account', 'like'),
  line('RegisterStreamConsumer', 5, 'account', 'sdk'),
  line('RemoveTagsFromStream', 5, 'account', 'sdk'),
  line('SplitShard', 5, 'account', 'sdk'),
  line('StartStreamEncryption', 5, 'stream', 'guide'),
  line('StopStreamEncryption', 5, 'stream', 'guide'),
  line('SubscribeToShard', 1, 'consumer and shard', 'sdk'),
  line('TagResource', 5, 'account', 'like'),
  line('UntagResource', 5, 'account', 'like'),
  line('UpdateAccountSettings', 5, 'account', 'sdk'),
  line('UpdateMaxRecordSize', 5, 'stream', 'like'),
  // The guide's table has 5; the SDK, which is newer, 10.
  line('UpdateShardCount', 10, 'stream', 'sdk'),
  line('UpdateStreamMode', 5, 'stream', 'guide'),
  line('UpdateStreamRecordDistributionStrategy', 5, 'stream', 'like'),
  line('UpdateStreamWarmThroughput', 5, 'account', 'sdk'),
];
