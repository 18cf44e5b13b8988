import type { Protocol, ValueOf } from '@millrace/wire';
import { boolean, integer, list, required, sequenceNumber, structure, validate } from '@millrace/wire';
import { type LentBody, operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { GetRecordsResult } from '../records-page.js';
import { decodeStoredRecord } from '../stored-record.js';
import type { Streams } from '../streams.js';
import { describedChild } from './described.js';
import { childShard, millisBehindLatest, record, shardIterator, streamArn, streamId } from './shapes.js';

/** Small requests, large answers: a request is decoded in the general way, its answer encoded by the codec. */
const input = structure('GetRecordsInput', {
  ShardIterator: required(shardIterator),
  Limit: integer({ min: 1, max: 10_000 }),
  StreamARN: streamArn,
  StreamId: streamId,
  DryRun: boolean,
});

const output = structure('GetRecordsOutput', {
  Records: required(list(record)),
  NextShardIterator: shardIterator,
  MillisBehindLatest: millisBehindLatest,
  ChildShards: list(childShard),
});

export const getRecords = operation<Streams, typeof input, typeof output>({
  name: 'GetRecords',
  input,
  output,
  errors: [
    errors.resourceNotFound,
    errors.invalidArgument,
    errors.throughputExceeded,
    errors.expiredIterator,
    ...errors.kmsErrors,
    errors.accessDenied,
    errors.dryRun,
    errors.internalFailure,
  ],
  async handle(streams, request, context) {
    if (request.DryRun === true) {
      streams.polling.checkIterator(request, context);
      throw errors.wouldHaveSucceeded();
    }
    return answered(await streams.polling.getRecords(request, context));
  },
  hot(streams, protocol, body, context) {
    const request = protocol.decode(input, body);
    validate(input, request);
    if (request.DryRun === true) return undefined;
    return encoded(streams, protocol, streams.polling.getRecords(request, context, true));
  },
});

/** The records go back to the log once they are encoded, and the answer's memory to the codec once it went out. */
async function encoded(
  { codec }: Streams,
  protocol: Protocol,
  answer: Promise<GetRecordsResult>,
): Promise<LentBody> {
  const result = await answer;
  const body = await codec.encodePage(protocol, {
    records: result.records,
    shard: result.shard,
    nextShardIterator: result.nextIterator,
    millisBehindLatest: result.millisBehindLatest,
    childShards: childrenOf(result),
    encryptionType: result.encryptionType,
  });
  result.release?.();
  return { body, sent: () => codec.sent(body) };
}

function answered(result: GetRecordsResult): ValueOf<typeof output> {
  return {
    Records: recordsOf(result),
    NextShardIterator: result.nextIterator,
    MillisBehindLatest: result.millisBehindLatest,
    ChildShards: childrenOf(result),
  };
}

/** Present only at the end of a shard: KCL refuses children together with an iterator. */
function childrenOf(result: GetRecordsResult): readonly ValueOf<typeof childShard>[] | undefined {
  return result.nextIterator === undefined ? result.children.map(describedChild) : undefined;
}

function recordsOf({ records, shard, encryptionType }: GetRecordsResult): readonly ValueOf<typeof record>[] {
  return Array.from({ length: records.count }, (_, i) => {
    const buffer = records.buffers[records.bufferOf[i] ?? 0] ?? new Uint8Array(0);
    const { partitionKey, data } = decodeStoredRecord(buffer.subarray(records.starts[i], records.ends[i]));
    const arrivalMs = records.arrivalsMs[i] ?? 0;
    return {
      SequenceNumber: sequenceNumber(shard, records.positions[i] ?? 0, arrivalMs),
      ApproximateArrivalTimestamp: arrivalMs,
      Data: data,
      PartitionKey: partitionKey === '' ? undefined : partitionKey,
      EncryptionType: encryptionType,
    };
  });
}
