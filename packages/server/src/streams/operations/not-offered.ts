/**
 * What the newest @aws-sdk/client-kinesis knows and Millrace does not offer (yet): operations, which answer
 * UnknownOperationException, and members of operations that are offered. A test walks the SDK's schemas and fails for
 * whatever is neither declared nor listed here, and for what is listed and does not exist.
 */

/** Operations that are not there. */
export const operationsNotOffered: readonly string[] = [
  // Tags after creation.
  'AddTagsToStream',
  'ListTagsForResource',
  'ListTagsForStream',
  'RemoveTagsFromStream',
  'TagResource',
  'UntagResource',
  // Retention, size, mode and shard count of a stream that is there.
  'DecreaseStreamRetentionPeriod',
  'IncreaseStreamRetentionPeriod',
  'UpdateMaxRecordSize',
  'UpdateShardCount',
  'UpdateStreamMode',
  'UpdateStreamRecordDistributionStrategy',
  'UpdateStreamWarmThroughput',
  // Enhanced fan-out.
  'DeregisterStreamConsumer',
  'DescribeStreamConsumer',
  'ListStreamConsumers',
  'RegisterStreamConsumer',
  'SubscribeToShard',
  // Encryption, policies, monitoring.
  'DeleteResourcePolicy',
  'DisableEnhancedMonitoring',
  'EnableEnhancedMonitoring',
  'GetResourcePolicy',
  'PutResourcePolicy',
  'StartStreamEncryption',
  'StopStreamEncryption',
  // The account.
  'DescribeAccountSettings',
  'DescribeLimits',
  'UpdateAccountSettings',
  // Channels.
  'CreateChannel',
  'DeleteChannel',
  'DescribeChannel',
  'ListChannels',
  'UpdateChannel',
];

/** Members that are not there, by path from an operation's input or output, with the reason. */
export const membersNotOffered: { readonly [path: string]: string } = {
  'DescribeStreamSummary.output.StreamDescriptionSummary.WarmThroughput':
    'on-demand capacity is not metered: there is nothing warm to tell of',
  'DescribeStreamSummary.output.StreamDescriptionSummary.ChannelCount': 'there are no channels',
};

/** Input members that are declared, so that they are checked, and refused when they ask for what is not offered. */
export const membersRefused: { readonly [path: string]: string } = {
  'CreateStream.input.WarmThroughputMiBps': 'refused: on-demand capacity is not metered',
  'CreateStream.input.RecordDistributionStrategy': 'AUTO is refused; USER_PARTITION_KEY is what there is',
};

/** Input members that are taken and kept, and bring less than they do on AWS. */
export const membersReduced: { readonly [path: string]: string } = {
  'CreateStream.input.StreamModeDetails.StreamMode':
    'ON_DEMAND makes four shards, and four they stay: nothing is scaled',
  'CreateStream.input.Tags': 'kept with the stream; no operation tells of them yet',
};

/** Output members that are declared and never set, with the reason. */
export const membersNotSet: { readonly [path: string]: string } = {
  'DescribeStream.output.StreamDescription.KeyId': 'no stream is encrypted',
  'DescribeStreamSummary.output.StreamDescriptionSummary.KeyId': 'no stream is encrypted',
  'DescribeStreamSummary.output.StreamDescriptionSummary.StreamId': 'reserved by AWS, and of no known form',
  'DescribeStreamSummary.output.StreamDescriptionSummary.RecordDistributionStrategy':
    'only on-demand streams may have another than the default',
  'GetRecords.output.Records.EncryptionType': 'AWS leaves it out for streams that are not encrypted',
  'PutRecord.output.EncryptionType': 'AWS leaves it out for streams that are not encrypted',
  'PutRecords.output.EncryptionType': 'AWS leaves it out for streams that are not encrypted',
};
