/**
 * The shapes of the hot operations as their tests and benches need them: the constraints of the service model, by
 * which the general way judges what the hot way answered.
 */
import { blob, integer, list, long, required, string, structure, timestamp } from '@millrace/wire';

const streamMembers = {
  StreamName: string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' }),
  StreamARN: string({ min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+' }),
};

const entryMembers = {
  Data: required(blob({ min: 0, max: 10485760 })),
  ExplicitHashKey: string({ pattern: '0|([1-9]\\d{0,38})' }),
  PartitionKey: required(string({ min: 1, max: 256 })),
};

export const putRecordsShape = structure('PutRecordsInput', {
  Records: required(list(structure('PutRecordsRequestEntry', entryMembers), { min: 1, max: 500 })),
  ...streamMembers,
});

export const putRecordShape = structure('PutRecordInput', { ...entryMembers, ...streamMembers });

export const putRecordsOutputShape = structure('PutRecordsOutput', {
  FailedRecordCount: integer(),
  Records: required(
    list(
      structure('PutRecordsResultEntry', {
        SequenceNumber: string(),
        ShardId: string(),
        ErrorCode: string(),
        ErrorMessage: string(),
      }),
    ),
  ),
  EncryptionType: string(),
});

export const getRecordsOutputShape = structure('GetRecordsOutput', {
  Records: required(
    list(
      structure('Record', {
        SequenceNumber: required(string()),
        ApproximateArrivalTimestamp: timestamp,
        Data: required(blob()),
        PartitionKey: string(),
        EncryptionType: string(),
      }),
    ),
  ),
  NextShardIterator: string(),
  MillisBehindLatest: long(),
  ChildShards: list(
    structure('ChildShard', {
      ShardId: required(string()),
      ParentShards: required(list(string())),
      HashKeyRange: required(
        structure('HashKeyRange', { StartingHashKey: required(string()), EndingHashKey: required(string()) }),
      ),
    }),
  ),
});
