/** Steps of enhanced fan-out: consumers come and go, and each that subscribes is given what lies after its start. */
import assert from 'node:assert/strict';
import { cborProtocol, jsonProtocol } from '@millrace/wire';
import fc from 'fast-check';
import { type Position, Subscriber } from '../consumers/subscriber-fixture.js';
import { describeStreamConsumer } from '../operations/describe-stream-consumer.js';
import { listShards } from '../operations/list-shards.js';
import { unpadded } from './model-look.js';
import type { ModelRun } from './model-run.js';
import { addressed, named, step, streamName, type WeightedStep } from './model-step.js';
import type { ReferenceRecord, ReferenceStream } from './reference-model.js';

const consumerName = fc.constantFrom('c', 'c', 'd', 'e', 'f');
const positions = fc.constantFrom<Position['Type']>(
  'TRIM_HORIZON',
  'TRIM_HORIZON',
  'LATEST',
  'AT_TIMESTAMP',
  'AT_SEQUENCE_NUMBER',
  'AFTER_SEQUENCE_NUMBER',
);

/** Consumers come and go, and streams with them. */
export const consumerSteps: readonly WeightedStep[] = [
  [
    1,
    step(fc.tuple(named, fc.boolean()), (run, [of, EnforceConsumerDeletion]) =>
      run.call('DeleteStream', { ...addressed(run, of), EnforceConsumerDeletion }, () =>
        run.model.delete(of[0], EnforceConsumerDeletion),
      ),
    ),
  ],
  [
    4,
    step(fc.tuple(streamName, consumerName), (run, [stream, ConsumerName]) =>
      run.ask(
        'RegisterStreamConsumer',
        { StreamARN: run.arn(stream), ConsumerName },
        () => run.model.register(stream, ConsumerName),
        async (answer) => {
          const { ConsumerDescription: told } = await run.under.call(
            describeStreamConsumer,
            { StreamARN: run.arn(stream), ConsumerName },
            run.caller,
          );
          const answered = answer as { readonly Consumer: object } | undefined;
          if (answered !== undefined) {
            const { Consumer: consumer } = answered;
            assert.deepEqual(consumer, { ...consumer, ConsumerARN: told.ConsumerARN });
          }
          run.model.streams.get(stream)?.consumers.called(ConsumerName, told.ConsumerARN);
        },
      ),
    ),
  ],
  [
    2,
    step(fc.tuple(streamName, consumerName, fc.boolean()), (run, [stream, ConsumerName, byArn]) => {
      const arn = run.model.streams.get(stream)?.consumers.arnOf(ConsumerName);
      const input =
        byArn && arn !== undefined ? { ConsumerARN: arn } : { StreamARN: run.arn(stream), ConsumerName };
      return run.call('DeregisterStreamConsumer', input, () =>
        run.model.on(stream, ({ consumers }) => consumers.deregister(ConsumerName)),
      );
    }),
  ],
  [
    1,
    step(fc.tuple(streamName, consumerName, fc.constantFrom('x', 'y')), (run, [stream, consumer, key]) => {
      const arn = run.model.streams.get(stream)?.consumers.arnOf(consumer);
      const ResourceARN = arn ?? `${run.arn(stream)}/consumer/${consumer}:1`;
      return run.call('TagResource', { ResourceARN, Tags: { [key]: '1' } }, () =>
        run.model.on(stream, ({ consumers }) => consumers.tag(consumer, key, '1')),
      );
    }),
  ],
];

export const fanOutSteps: readonly WeightedStep[] = [
  [
    5,
    step(
      fc.tuple(streamName, consumerName, positions, fc.nat(), fc.boolean()),
      async (run, [name, consumer, type, at, cbor]) => {
        const stream = run.model.streams.get(name);
        const arn = stream?.consumers.arnOf(consumer);
        if (stream === undefined || arn === undefined) {
          const ConsumerARN = `${run.arn(name)}/consumer/${consumer}:1`;
          const StartingPosition = { Type: 'LATEST' };
          const input = { ConsumerARN, ShardId: 'shardId-000000000000', StartingPosition };
          return run.call('SubscribeToShard', input, () => 'ResourceNotFoundException');
        }
        run.history.push(`${consumer} reads ${name} ${type}`);
        const { Shards = [] } = await run.under.call(listShards, { StreamName: name }, run.caller);
        for (const { ShardId } of Shards) {
          await follows(run, stream, {
            arn,
            shard: ShardId,
            type,
            at,
            protocol: cbor ? cborProtocol : jsonProtocol,
          });
        }
        return true;
      },
    ),
  ],
];

interface Following {
  readonly arn: string;
  readonly shard: string;
  readonly type: Position['Type'];
  /** Picks the record, or the instant, of positions that need one. */
  readonly at: number;
  readonly protocol: typeof jsonProtocol;
}

/** Reads one shard to its tip or its end: everything after the start comes, once, in order, and nothing else. */
async function follows(run: ModelRun, stream: ReferenceStream, of: Following): Promise<void> {
  // One subscription of a consumer and shard holds out any other for five seconds.
  run.advance(5_000);
  const beginMs = run.nowMs;
  const records = run.model.records.filter((each) => each.stream === stream.id && each.shard === of.shard);
  const { position, required, allowed } = start(of, stream, records, beginMs);
  const request = { ConsumerARN: of.arn, ShardId: of.shard, StartingPosition: position };
  const { under, caller } = run;
  const subscriber = await Subscriber.open(under, request, { protocol: of.protocol, context: caller });
  const again = Subscriber.open(under, request, { context: caller });
  await assert.rejects(again, { code: 'ResourceInUseException' });
  for (;;) {
    const told = await subscriber.told();
    assert.equal(told.kind, 'event');
    if (told.kind !== 'event' || told.event.ContinuationSequenceNumber === undefined) break;
    if (told.event.Records.length === 0 && told.event.MillisBehindLatest === 0) break;
  }
  await subscriber.leave();
  run.advance(0);
  const horizonMs = stream.horizonMs(run.nowMs);
  const came = subscriber.texts.map(unpadded);
  const texts = new Set(came);
  assert.equal(texts.size, came.length, 'nothing comes twice');
  for (const record of records) {
    const found = texts.delete(record.data);
    if (required(record) && record.fromMs >= horizonMs) assert.ok(found, `${record.data} did not come`);
    if (!allowed(record)) assert.ok(!found, `${record.data} came`);
  }
  for (const data of texts) assert.ok(run.model.maybe.has(data), `nobody put ${data} there`);
  const order = new Map(records.map(({ data, sequenceNumber }) => [data, sequenceNumber]));
  const numbers = came.flatMap((data) => order.get(data) ?? []);
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => (a < b ? -1 : 1)),
    'in order',
  );
}

interface Start {
  readonly position: Position;
  readonly required: (record: ReferenceRecord) => boolean;
  readonly allowed: (record: ReferenceRecord) => boolean;
}

/** A position of the type, and which records must come from it on, and which may. */
function start(
  of: Following,
  stream: ReferenceStream,
  records: readonly ReferenceRecord[],
  nowMs: number,
): Start {
  const horizonMs = stream.horizonMs(nowMs);
  const kept = (record: ReferenceRecord): boolean => record.toMs >= horizonMs;
  const picked = records.filter((record) => record.fromMs >= horizonMs)[of.at % Math.max(1, records.length)];
  if (of.type === 'LATEST')
    return { position: { Type: 'LATEST' }, required: () => false, allowed: () => false };
  if (of.type === 'TRIM_HORIZON' || picked === undefined) {
    return { position: { Type: 'TRIM_HORIZON' }, required: () => true, allowed: kept };
  }
  if (of.type === 'AT_TIMESTAMP') {
    const Timestamp = picked.toMs;
    return {
      position: { Type: 'AT_TIMESTAMP', Timestamp },
      required: (record) => record.fromMs >= Timestamp,
      allowed: (record) => record.toMs >= Timestamp,
    };
  }
  const number = picked.sequenceNumber;
  const after = of.type === 'AFTER_SEQUENCE_NUMBER';
  const due = (record: ReferenceRecord): boolean =>
    after ? record.sequenceNumber > number : record.sequenceNumber >= number;
  return { position: { Type: of.type, SequenceNumber: `${number}` }, required: due, allowed: due };
}
