import type { ValueOf } from '@millrace/wire';
import {
  boolean,
  integer,
  list,
  required,
  sequenceNumber as sequenceNumberOf,
  shardIdOf,
  string,
  structure,
} from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import { withBatch } from '../codec/codec.js';
import { putBatchFromInput } from '../codec/put-input.js';
import { encodePutRecordsOutput } from '../codec/put-output.js';
import * as errors from '../errors.js';
import type { PutResult } from '../put-batch.js';
import type { Streams } from '../streams.js';
import { addressed, data, encryptionType, hashKey, partitionKey, sequenceNumber, shardId } from './shapes.js';

/** The newest SDK lets `PartitionKey` be left out, for streams whose distribution strategy is AUTO. */
const input = structure('PutRecordsInput', {
  Records: required(
    list(
      structure('PutRecordsRequestEntry', {
        Data: required(data),
        ExplicitHashKey: hashKey,
        PartitionKey: partitionKey,
      }),
      { min: 1, max: 500 },
    ),
  ),
  ...addressed,
  DryRun: boolean,
});

const output = structure('PutRecordsOutput', {
  FailedRecordCount: integer({ min: 1 }),
  Records: required(
    list(
      structure('PutRecordsResultEntry', {
        SequenceNumber: sequenceNumber,
        ShardId: shardId,
        ErrorCode: string(),
        ErrorMessage: string(),
      }),
    ),
  ),
  EncryptionType: encryptionType,
});

export const putRecords = operation<Streams, typeof input, typeof output>({
  name: 'PutRecords',
  input,
  output,
  errors: [
    errors.resourceNotFound,
    errors.invalidArgument,
    errors.throughputExceeded,
    ...errors.kmsErrors,
    errors.accessDenied,
    errors.dryRun,
    errors.internalFailure,
  ],
  async handle(streams, request, context) {
    const { strategy } = streams.writable(request, context, 'PutRecords');
    const keyless = request.Records.findIndex((record) => record.PartitionKey === undefined);
    if (strategy !== 'AUTO' && keyless >= 0)
      throw errors.memberMissing(`records.${keyless + 1}.member.partitionKey`);
    const batch = putBatchFromInput(request, request.Records, strategy);
    if ('invalidHashKey' in batch) {
      throw errors.explicitHashKeyOutOfRange(batch.invalidHashKey);
    }
    if (request.DryRun === true) {
      streams.checkPut(batch, context);
      throw errors.wouldHaveSucceeded();
    }
    return answered(await streams.put(batch, context));
  },
  hot(streams, protocol, body, context) {
    return withBatch(streams.codec.decodePut('PutRecords', protocol, body), async (batch) => {
      const result = await streams.put(batch, context);
      streams.codec.done(batch);
      return encodePutRecordsOutput(protocol, result, result.encryptionType);
    });
  },
});

function answered(result: PutResult): ValueOf<typeof output> {
  return {
    FailedRecordCount: result.failedCount,
    Records: Array.from({ length: result.count }, (_, i) => {
      const error = result.errors?.get(i);
      const shard = result.shards[result.shardOf[i] ?? 0];
      return error !== undefined || shard === undefined
        ? { ErrorCode: error?.code, ErrorMessage: error?.message }
        : {
            ShardId: shardIdOf(shard.index),
            SequenceNumber: sequenceNumberOf(shard, result.positions[i] ?? 0, result.arrivalsMs[i] ?? 0),
          };
    }),
    EncryptionType: result.encryptionType,
  };
}
