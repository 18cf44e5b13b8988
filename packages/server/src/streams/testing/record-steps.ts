import fc from 'fast-check';
import { getShardIterator } from '../operations/get-shard-iterator.js';
import { padding } from './model-look.js';
import { homeCount } from './model-run.js';
import { step, streamName, type WeightedStep } from './model-step.js';

const keys = fc.array(fc.constantFrom('k1', 'k2', 'k3', 'k4'), { minLength: 1, maxLength: 6 });
const surgeRecords = 8;
const surgeBytes = 1_000_000;

export const recordSteps: readonly WeightedStep[] = [
  [12, step(fc.tuple(streamName, keys), (run, [stream, each]) => run.put(stream, each).then(() => true))],
  [
    3,
    step(fc.tuple(streamName, keys), (run, [stream, each]) => run.put(stream, each, true).then(() => true)),
  ],
  [
    3,
    step(fc.tuple(streamName, fc.constantFrom('PutRecord', 'PutRecords')), (run, [StreamName, operation]) => {
      const record = { PartitionKey: 'k1', Data: 'bm8=' };
      const input = operation === 'PutRecord' ? record : { Records: [record] };
      return run.call(operation, { StreamName, DryRun: true, ...input }, () =>
        run.model.on(StreamName, () => 'DryRunOperationException'),
      );
    }),
  ],
  [
    2,
    step(fc.tuple(streamName, fc.nat()), async (run, [StreamName, at]) => {
      const stream = run.model.streams.get(StreamName);
      const open = stream?.lineage.ids.at(-1) ?? 'shardId-000000000000';
      const input = { StreamName, ShardId: open, ShardIteratorType: 'TRIM_HORIZON' } as const;
      await run.call('GetShardIterator', { ...input, DryRun: true }, () =>
        run.model.on(StreamName, () => 'DryRunOperationException'),
      );
      if (stream === undefined) return true;
      const { ShardIterator } = await run.under.call(getShardIterator, input, run.caller);
      await run.call('GetRecords', { ShardIterator, DryRun: true }, () => 'DryRunOperationException');
      // What one account or region was given is nothing to any other.
      const arn = run.arn(StreamName);
      const { account } = run.caller;
      run.move((run.home + 1 + (at % (homeCount - 1))) % homeCount);
      await run.call('GetRecords', { ShardIterator }, () => 'InvalidArgumentException');
      return run.call('DescribeStreamSummary', { StreamARN: arn }, () =>
        account === run.caller.account ? 'InvalidArgumentException' : 'AccessDeniedException',
      );
    }),
  ],
  [
    1,
    step(streamName, async (run, StreamName) => {
      // Twice, so that nothing from before is counted with it. Not where some of it may not have been taken.
      if (!run.scaling || run.late || run.model.streams.get(StreamName)?.strategy !== 'USER_PARTITION_KEY')
        return true;
      await run.scaled();
      // All with one key: a load for one shard.
      const pad = padding.repeat(surgeBytes);
      for (let i = 0; i < surgeRecords; i++) await run.put(StreamName, ['k1'], false, pad);
      await run.scaled(StreamName);
      return true;
    }),
  ],
];
