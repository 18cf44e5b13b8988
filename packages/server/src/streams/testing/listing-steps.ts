/** Steps of ListShards: every filter, page by page, beside what the reference lineage says; tokens used as they must not be. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { listShards } from '../operations/list-shards.js';
import { pages } from './model-look.js';
import { homeCount, type ModelRun } from './model-run.js';
import { step, streamName, type WeightedStep } from './model-step.js';
import type { FilterType, ReferenceFilter } from './reference-lineage.js';
import { hourMs, type ReferenceStream } from './reference-model.js';

const filterType = fc.constantFrom<FilterType>(
  'AFTER_SHARD_ID',
  'AT_TRIM_HORIZON',
  'FROM_TRIM_HORIZON',
  'AT_LATEST',
  'AT_TIMESTAMP',
  'FROM_TIMESTAMP',
);

export const listingSteps: readonly WeightedStep[] = [
  [
    4,
    step(
      fc.tuple(streamName, filterType, fc.nat(), fc.integer({ min: 1, max: 4 })),
      async (run, [name, Type, at, perPage]) => {
        const stream = run.model.streams.get(name);
        if (stream === undefined) {
          const input = { StreamName: name, ShardFilter: { Type: 'AT_LATEST' } };
          return run.call('ListShards', input, () => 'ResourceNotFoundException');
        }
        run.history.push(`list ${name} ${Type} by ${perPage}`);
        await lists(run, name, stream, filterFor(run, stream, Type, at), perPage);
        await misuses(run, name, stream, at);
        return true;
      },
    ),
  ],
  [
    1,
    step(
      fc.tuple(
        streamName,
        fc.constantFrom<object>(
          { Type: 'AT_LATEST', ShardId: 'shardId-000000000000' },
          { Type: 'AFTER_SHARD_ID' },
          { Type: 'AT_TIMESTAMP' },
          { Type: 'FROM_TRIM_HORIZON', Timestamp: 1 },
          { Type: 'FROM_TIMESTAMP', Timestamp: 9e9 },
        ),
      ),
      (run, [name, ShardFilter]) =>
        run.call('ListShards', { StreamName: name, ShardFilter }, () =>
          run.model.on(name, () => 'InvalidArgumentException'),
        ),
    ),
  ],
];

function filterFor(run: ModelRun, stream: ReferenceStream, Type: FilterType, at: number): ReferenceFilter {
  if (Type === 'AFTER_SHARD_ID')
    return { Type, ShardId: stream.lineage.ids[at % stream.lineage.ids.length] ?? '' };
  if (!Type.endsWith('_TIMESTAMP')) return { Type };
  // Some instant of the last days, and often enough one at which something was done.
  const instants = [run.nowMs, run.nowMs - (at % (50 * hourMs)), ...stream.lineage.instants];
  return { Type, timestampMs: instants[at % instants.length] ?? run.nowMs };
}

async function lists(
  run: ModelRun,
  name: string,
  stream: ReferenceStream,
  filter: ReferenceFilter,
  MaxResults: number,
): Promise<void> {
  const listed: string[] = [];
  const { under, caller } = run;
  const { timestampMs: Timestamp, ...rest } = filter;
  const ShardFilter = Timestamp === undefined ? rest : { ...rest, Timestamp };
  await pages(async (token) => {
    const of = token.NextToken === undefined ? { StreamName: name, ShardFilter } : token;
    const { Shards = [], NextToken } = await under.call(listShards, { ...of, MaxResults }, caller);
    assert.ok(Shards.length <= MaxResults && (NextToken === undefined || Shards.length === MaxResults));
    listed.push(...Shards.map((shard) => shard.ShardId));
    return NextToken;
  });
  assert.deepEqual(listed, [...new Set(listed)].sort(), 'each once, by rising id');
  // Over an engine that takes its time, the instant from which on records are kept is not known to the millisecond.
  if (run.late) return;
  const horizonMs = stream.horizonMs(run.nowMs);
  for (const id of new Set([...stream.lineage.ids, ...listed])) {
    const expected = stream.lineage.lists(filter, id, horizonMs);
    if (expected !== undefined)
      assert.equal(listed.includes(id), expected, `${JSON.stringify(filter)}: ${id}`);
  }
}

/** A token is good for five minutes, with nothing beside it, and for nobody else. */
async function misuses(run: ModelRun, name: string, stream: ReferenceStream, at: number): Promise<void> {
  const { under, caller } = run;
  const { NextToken } = await under.call(listShards, { StreamName: name, MaxResults: 1 }, caller);
  if (stream.shards > 1) assert.ok(NextToken !== undefined, 'there is more than one shard');
  if (NextToken === undefined) return;
  const refusal = (input: object, of = caller) => under.refusal('ListShards', input, of);
  assert.equal((await refusal({ NextToken, StreamName: name }))[0], 'InvalidArgumentException');
  const here = run.home;
  run.move((here + 1 + (at % (homeCount - 1))) % homeCount);
  assert.equal((await refusal({ NextToken }, run.caller))[0], 'InvalidArgumentException');
  run.move(here);
  if (at % 4 !== 0) return;
  run.advance(300_001);
  assert.equal((await refusal({ NextToken }))[0], 'ExpiredNextTokenException');
}
