/**
 * The streams' fold under random commands: a snapshot taken anywhere and restored goes on as the state itself does,
 * commands survive being written and read, and the ring stays covered.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@millrace/base';
import { hashKeyMax } from '@millrace/wire';
import fc from 'fast-check';
import type { Json } from '../catalog/catalog-record.js';
import type { Stream } from './stream.js';
import type { StreamsCommand } from './streams-command.js';
import { streamsSection } from './streams-section.js';
import type { StreamsState } from './streams-state.js';
import { nextStep, randomCommand } from './testing/random-commands.js';

const seed = Number(process.argv[2] ?? 20260102);
console.log(`# seed ${seed}`);

const named = fc.record({
  account: fc.constantFrom('111111111111', '222222222222'),
  region: fc.constantFrom('us-east-1', 'eu-west-1'),
  name: fc.constantFrom('a', 'b'),
});
const shard = fc.nat({ max: 12 });
const shardsMax = fc.constantFrom(3, 8, 100);
const consumer = fc.constantFrom('p', 'q', 'r', 's');
const incarnation = fc.record({
  key: named.map((of) => `${of.account}/${of.region}/${of.name}`),
  incarnation: fc.integer({ min: 1, max: 6 }),
});

function typed<T extends string, R extends object>(
  type: T,
  rest: fc.Arbitrary<R>,
): fc.Arbitrary<{ type: T } & R> {
  return rest.map((fields) => ({ type, ...fields }));
}

/** A split or a merge of a shard that is there: which one, as a number to count round with. */
interface Aimed {
  readonly aimed: 'split' | 'merge';
  readonly stream: number;
  readonly shard: number;
}

const aimed: fc.Arbitrary<Aimed> = fc.record({
  aimed: fc.constantFrom('split', 'merge'),
  stream: fc.nat(),
  shard: fc.nat(),
});

/** Clients' commands at random, and the lifecycle's steps both at random and as they would come. */
const command: fc.Arbitrary<StreamsCommand | 'next step' | Aimed | { readonly seed: number }> = fc.oneof(
  { weight: 12, arbitrary: fc.constant('next step' as const) },
  { weight: 8, arbitrary: aimed },
  { weight: 20, arbitrary: fc.record({ seed: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.tuple(named, fc.integer({ min: 1, max: 5 }), shardsMax).map(
      ([of, shards, max]) =>
        ({
          type: 'create',
          ...of,
          shards,
          mode: 'PROVISIONED',
          recordKibMax: 1024,
          tags: { of: of.name },
          shardsMax: max,
        }) as const,
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(named, fc.boolean())
      .map(([of, enforce]) => ({ type: 'delete', ...of, enforce }) as const),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(named, consumer, fc.constantFrom(1, 3), fc.constantFrom(1, 5)).map(
      ([of, name, consumersMax, creatingMax]) =>
        ({
          type: 'register',
          ...of,
          consumer: name,
          tags: { of: of.name },
          consumersMax,
          creatingMax,
        }) as const,
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(named, consumer)
      .map(([of, name]) => ({ type: 'deregister', ...of, consumer: name }) as const),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(named, consumer, fc.constantFrom('a', 'b', 'c'))
      .map(
        ([of, name, key]) =>
          ({ type: 'tag-consumer', ...of, consumer: name, tags: { [key]: key }, tagsMax: 2 }) as const,
      ),
  },
  fc
    .tuple(named, consumer, fc.array(fc.constantFrom('a', 'b')))
    .map(([of, name, keys]) => ({ type: 'untag-consumer', ...of, consumer: name, keys }) as const),
  {
    weight: 8,
    arbitrary: fc
      .tuple(named, shard, fc.bigInt({ min: 0n, max: hashKeyMax }), shardsMax)
      .map(
        ([of, index, at, max]) =>
          ({ type: 'split', ...of, shard: index, at: at.toString(), shardsMax: max }) as const,
      ),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(named, shard, shard)
      .map(([of, a, b]) => ({ type: 'merge', ...of, shard: a, adjacent: b }) as const),
  },
  typed('activate', incarnation),
  typed('remove', incarnation),
  fc.tuple(incarnation, fc.array(shard)).map(([of, shards]) => ({ type: 'forget', ...of, shards }) as const),
  fc
    .tuple(incarnation, shard, fc.array(fc.nat()))
    .map(([of, firstChild, ends]) => ({ type: 'reshard', ...of, firstChild, ends }) as const),
  fc.constant({ type: 'secret', secret: 'ab' } as const),
);

test('the fold is the same through snapshots, and no command breaks what streams are', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 150 }), fc.nat({ max: 20 }), (commands, every) => {
      let state = streamsSection.empty;
      let other = streamsSection.empty;
      for (const [i, each] of commands.entries()) {
        const at = { atMs: 1_000_000 + i * 300, position: i, rules: streamsSection.rules };
        const next = commandOf(state, each);
        if (next === undefined) continue;
        const written = JSON.parse(JSON.stringify(streamsSection.toJson(next))) as Json;
        const decided = streamsSection.decide(state, next, at);
        const again = streamsSection.decide(other, streamsSection.parse(written), at);
        assert.deepEqual(again.outcome, decided.outcome);
        state = decided.state;
        other = again.state;
        if (i % (every + 1) === 0) {
          other = streamsSection.restore(JSON.parse(JSON.stringify(streamsSection.snapshot(other))) as Json);
        }
        for (const stream of state.streams.values()) checkStream(stream);
        assert.deepEqual(pictureOf(other), pictureOf(state));
      }
    }),
    { seed, numRuns: 200 },
  );
});

function commandOf(
  state: StreamsState,
  each: StreamsCommand | 'next step' | Aimed | { readonly seed: number },
): StreamsCommand | undefined {
  if (each === 'next step') return nextStep(state);
  if ('aimed' in each) return hit(state, each);
  return 'seed' in each ? randomCommand(seededRandom(each.seed), state) : each;
}

function hit(state: StreamsState, { aimed: what, stream: s, shard: i }: Aimed): StreamsCommand | undefined {
  const streams = [...state.streams.values()];
  const stream = streams[s % Math.max(1, streams.length)];
  if (stream === undefined) return undefined;
  const open = stream.shards.filter((each) => each.closed === undefined);
  open.sort((a, b) => (a.range.start < b.range.start ? -1 : 1));
  const { account, region, name } = stream;
  const [low, high] = [open[i % open.length], open[(i + 1) % open.length]];
  if (low === undefined || high === undefined) return undefined;
  if (what === 'merge')
    return { type: 'merge', account, region, name, shard: low.index, adjacent: high.index };
  const at = (low.range.start + low.range.end) / 2n;
  return { type: 'split', account, region, name, shard: low.index, at: at.toString(), shardsMax: 100 };
}

function checkStream(stream: Stream): void {
  const open = stream.shards.filter((each) => each.closed === undefined);
  open.sort((a, b) => (a.range.start < b.range.start ? -1 : 1));
  let next = 0n;
  for (const { range } of open) {
    assert.equal(range.start, next);
    next = range.end + 1n;
  }
  assert.equal(next, hashKeyMax + 1n, 'the open shards cover the ring');
  assert.equal(stream.openShards, open.length);
  for (const [i, each] of stream.shards.entries()) {
    assert.ok(each.index > (stream.shards[i - 1]?.index ?? -1) && each.index < stream.nextShardIndex);
    for (const parent of stream.shards.filter((of) => each.parents.includes(of.index))) {
      assert.ok(each.createdMs >= parent.createdMs + 1000 && parent.closed !== undefined);
    }
  }
  const names = stream.consumers.map((each) => each.name);
  assert.deepEqual(names, [...new Set(names)].sort(), 'consumers have names of their own, in order');
  if (stream.status === 'DELETING') assert.ok(stream.consumers.every((each) => each.status === 'DELETING'));
}

/** Maps are trees, and equal ones may be of other forms. */
function pictureOf(state: StreamsState): object {
  return {
    ...state,
    streams: [...state.streams],
    openShards: [...state.openShards],
    onDemandStreams: [...state.onDemandStreams],
    accounts: [...state.accounts],
  };
}
