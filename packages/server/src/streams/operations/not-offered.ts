/**
 * What the newest @aws-sdk/client-kinesis knows and Millrace does not offer (yet): operations, which answer
 * UnknownOperationException, and members of operations that are offered. A test walks the SDK's schemas and fails for
 * whatever is neither declared nor listed here, and for what is listed and does not exist.
 */

/** Operations that are not there. */
export const operationsNotOffered: readonly string[] = [
  // Channels.
  'CreateChannel',
  'DeleteChannel',
  'DescribeChannel',
  'ListChannels',
  'UpdateChannel',
];

/** Operations that other clients know already and that SDK does not yet: those on queues, of botocore 1.44.5. */
export const operationsNewerThanSdk: readonly string[] = [
  'AcknowledgeDeadLetterQueueRecords',
  'AcknowledgeQueueRecords',
  'CreateQueue',
  'DeleteQueue',
  'DescribeQueue',
  'ListQueues',
  'ReceiveDeadLetterQueueRecords',
  'ReceiveQueueRecords',
  'RestoreDeadLetterQueueRecords',
  'UpdateDeadLetterQueueRecordsVisibility',
  'UpdateQueue',
  'UpdateQueueRecordsVisibility',
];

/** Members that are not there, by path from an operation's input or output, with the reason. */
export const membersNotOffered: { readonly [path: string]: string } = {
  'DescribeLimits.output.ChannelCount': 'there are no channels',
  'DescribeLimits.output.ChannelCountLimit': 'there are no channels',
  'DescribeStreamSummary.output.StreamDescriptionSummary.ChannelCount': 'there are no channels',
};

/** Input members that are declared, so that they are checked, and refused when they ask for what is not offered. */
export const membersRefused: { readonly [path: string]: string } = {};

/** Input members that are taken and kept, and bring less than they do on AWS. */
export const membersReduced: { readonly [path: string]: string } = {
  'StartStreamEncryption.input.KeyId':
    'a name: there is no KMS, so every well-formed one is a key from then on, and one master key of the server is behind all',
  'PutResourcePolicy.input.Policy': 'checked and kept; nobody is let in or kept out by it',
  'EnableEnhancedMonitoring.input.ShardLevelMetrics': 'kept and told of; there are no metrics to read yet',
};

/** Output members that are declared and never set, with the reason. */
export const membersNotSet: { readonly [path: string]: string } = {
  'DescribeStreamSummary.output.StreamDescriptionSummary.StreamId': 'reserved by AWS, and of no known form',
};
