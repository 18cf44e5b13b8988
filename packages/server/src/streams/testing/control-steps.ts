/** Steps of the control plane: streams, shards, settings, labels and the account, each held to what the model says of it. */
import fc from 'fast-check';
import { describeStream } from '../operations/describe-stream.js';
import { shardLevelMetrics } from '../stream.js';
import type { ModelRun } from './model-run.js';
import { addressed, named, step, streamName, type WeightedStep } from './model-step.js';

const modes = fc.constantFrom('PROVISIONED', 'ON_DEMAND');

/** The open shards of a stream as it stands, by their place on the ring; none when there is no stream. */
async function openShards(run: ModelRun, stream: string) {
  if (!run.model.streams.has(stream)) return [];
  const open = (
    await run.under.call(describeStream, { StreamName: stream }, run.caller)
  ).StreamDescription.Shards.filter((shard) => shard.SequenceNumberRange.EndingSequenceNumber === undefined);
  return open.sort((a, b) =>
    BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1,
  );
}

async function splitInput(run: ModelRun, stream: string, at: number) {
  const open = await openShards(run, stream);
  const shard = open[at % Math.max(1, open.length)];
  const { StartingHashKey: start, EndingHashKey: end } = shard?.HashKeyRange ?? {
    StartingHashKey: '0',
    EndingHashKey: '9',
  };
  const cut = (BigInt(start) + BigInt(end)) / 2n;
  return { StreamName: stream, ShardToSplit: shard?.ShardId ?? '0', NewStartingHashKey: `${cut}` };
}

export const create = step(
  fc.tuple(streamName, modes, fc.integer({ min: 1, max: 4 })),
  (run, [stream, mode, shards]) =>
    run.call(
      'CreateStream',
      {
        StreamName: stream,
        StreamModeDetails: { StreamMode: mode },
        ...(mode === 'PROVISIONED' ? { ShardCount: shards } : {}),
      },
      () => run.model.create(stream, mode, mode === 'PROVISIONED' ? shards : 4),
    ),
);

/** Everything that changes a stream or the account, consumers aside. */
export const controlSteps: readonly WeightedStep[] = [
  [8, create],
  [
    3,
    step(fc.tuple(streamName, fc.nat({ max: 9 })), async (run, [stream, at]) =>
      run.call('SplitShard', await splitInput(run, stream, at), () => run.model.reshard(stream, 1)),
    ),
  ],
  [
    3,
    step(fc.tuple(streamName, fc.nat({ max: 9 })), async (run, [stream, at]) => {
      const open = await openShards(run, stream);
      const [low, high] = [
        open[at % Math.max(1, open.length - 1)],
        open[(at % Math.max(1, open.length - 1)) + 1],
      ];
      if (low === undefined || high === undefined) return true;
      const input = { StreamName: stream, ShardToMerge: low.ShardId, AdjacentShardToMerge: high.ShardId };
      return run.call('MergeShards', input, () => run.model.reshard(stream, -1));
    }),
  ],
  [
    5,
    step(fc.tuple(named, fc.integer({ min: 1, max: 9 })), (run, [of, target]) =>
      run.call(
        'UpdateShardCount',
        { ...addressed(run, of), TargetShardCount: target, ScalingType: 'UNIFORM_SCALING' },
        () => run.model.shardCount(of[0], target),
      ),
    ),
  ],
  [
    5,
    step(
      fc.tuple(
        named,
        fc.constantFrom('increase', 'decrease'),
        fc.constantFrom(23, 24, 24, 30, 72, 72, 8760, 8761),
      ),
      (run, [of, change, hours]) =>
        run.call(
          change === 'increase' ? 'IncreaseStreamRetentionPeriod' : 'DecreaseStreamRetentionPeriod',
          { ...addressed(run, of), RetentionPeriodHours: hours },
          () => run.model.retention(of[0], change, hours),
        ),
    ),
  ],
  [
    1,
    step(fc.tuple(streamName, fc.constantFrom(1024, 2000, 10_240)), (run, [stream, kib]) =>
      run.call('UpdateMaxRecordSize', { StreamARN: run.arn(stream), MaxRecordSizeInKiB: kib }, () =>
        run.model.on(stream, (of) => {
          of.recordKib = kib;
          return undefined;
        }),
      ),
    ),
  ],
  [
    3,
    step(fc.tuple(streamName, modes), (run, [stream, mode]) =>
      run.call(
        'UpdateStreamMode',
        { StreamARN: run.arn(stream), StreamModeDetails: { StreamMode: mode } },
        () => run.model.changeMode(stream, mode),
      ),
    ),
  ],
  [
    2,
    step(fc.tuple(streamName, fc.constantFrom('AUTO', 'USER_PARTITION_KEY')), (run, [stream, strategy]) =>
      run.call(
        'UpdateStreamRecordDistributionStrategy',
        { StreamARN: run.arn(stream), RecordDistributionStrategy: strategy },
        () =>
          run.model.on(stream, (of) => {
            if (of.mode === 'PROVISIONED' && strategy === 'AUTO') return 'InvalidArgumentException';
            of.strategy = strategy;
            return undefined;
          }),
      ),
    ),
  ],
  [
    4,
    step(fc.tuple(named, fc.constantFrom(0, 3, 6, 9, 10_241)), (run, [of, mibps]) =>
      run.call('UpdateStreamWarmThroughput', { ...addressed(run, of), WarmThroughputMiBps: mibps }, () =>
        run.model.warm(of[0], mibps),
      ),
    ),
  ],
  [
    3,
    step(fc.constantFrom('ENABLED', 'ENABLED', 'DISABLED'), (run, Status) =>
      run.call('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status } }, () => {
        run.model.commit(Status);
        return undefined;
      }),
    ),
  ],
  [
    5,
    step(fc.tuple(named, fc.constantFrom('alias/one', 'alias/two', undefined)), (run, [of, key]) =>
      run.call(
        key === undefined ? 'StopStreamEncryption' : 'StartStreamEncryption',
        { ...addressed(run, of), EncryptionType: 'KMS', KeyId: key ?? 'alias/any' },
        () => run.model.encrypt(of[0], key),
      ),
    ),
  ],
  [
    2,
    step(
      fc.tuple(
        named,
        fc.dictionary(fc.constantFrom('x', 'y', 'aws:z', 'p%'), fc.constantFrom('', '1', ';'), {
          minKeys: 1,
        }),
      ),
      (run, [of, Tags]) => {
        const [operation, input] = of[1]
          ? ['TagResource', { ResourceARN: run.arn(of[0]), Tags }]
          : ['AddTagsToStream', { StreamName: of[0], Tags }];
        return run.call(operation as string, input as object, () => run.model.tag(of[0], Tags));
      },
    ),
  ],
  [
    1,
    step(fc.tuple(streamName, fc.constantFrom('x', 'y')), (run, [stream, key]) =>
      run.call('UntagResource', { ResourceARN: run.arn(stream), TagKeys: [key] }, () =>
        run.model.on(stream, (of) => {
          of.tags.delete(key);
          return undefined;
        }),
      ),
    ),
  ],
  [
    1,
    step(fc.tuple(streamName, fc.boolean()), (run, [stream, gone]) => {
      const ResourceARN = run.arn(stream);
      const Policy = JSON.stringify({
        Statement: { Effect: 'Allow', Principal: '*', Action: 'kinesis:*', Resource: ResourceARN },
      });
      return run.call(
        gone ? 'DeleteResourcePolicy' : 'PutResourcePolicy',
        gone ? { ResourceARN } : { ResourceARN, Policy },
        () =>
          run.model.on(stream, (of) => {
            if (gone && of.policy === '{}') return 'ResourceNotFoundException';
            of.policy = gone ? '{}' : Policy;
            return undefined;
          }),
      );
    }),
  ],
  [
    1,
    step(
      fc.tuple(named, fc.boolean(), fc.constantFrom(...shardLevelMetrics, 'ALL')),
      (run, [of, on, metric]) =>
        run.call(
          on ? 'EnableEnhancedMonitoring' : 'DisableEnhancedMonitoring',
          { ...addressed(run, of), ShardLevelMetrics: [metric] },
          () =>
            run.model.on(of[0], ({ metrics }) => {
              for (const each of metric === 'ALL' ? shardLevelMetrics : [metric]) {
                if (on) metrics.add(each);
                else metrics.delete(each);
              }
              return undefined;
            }),
        ),
    ),
  ],
];
