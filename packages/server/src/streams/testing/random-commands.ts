/**
 * Commands of every kind for a state as it stands, by a seed: what clients might ask for, and what the background would do
 * next. For recorded history and for properties of the fold.
 */
import type { Random } from '@millrace/base';
import { pick } from '@millrace/base';
import { openOf } from '../commands/update.js';
import { keyOf, type Stream, shardLevelMetrics, streamKey } from '../stream.js';
import type { StreamsCommand } from '../streams-command.js';
import type { StreamsState } from '../streams-state.js';

/** What the lifecycle would do next for the first stream that is in transition. */
export function nextStep(state: StreamsState): StreamsCommand | undefined {
  for (const stream of state.streams.values()) {
    const of = { key: keyOf(stream), incarnation: stream.incarnation };
    if (stream.status === 'CREATING') return { type: 'activate', ...of };
    if (stream.status === 'DELETING') return { type: 'remove', ...of };
    if (stream.reshard !== undefined) {
      const { steps } = stream.reshard;
      const firstChild = steps[0]?.children[0]?.index ?? -1;
      const ends = steps.flatMap((step) => step.parents).map((parent) => parent * 10);
      return { type: 'reshard', ...of, firstChild, ends };
    }
    if (stream.status === 'UPDATING') return { type: 'settle', ...of };
    for (const { name: consumer, createdMs, status } of stream.consumers) {
      if (status === 'CREATING') return { type: 'activate-consumer', ...of, consumer, createdMs };
      if (status === 'DELETING') return { type: 'remove-consumer', ...of, consumer, createdMs };
    }
  }
  return undefined;
}

export function randomCommand(random: Random, state: StreamsState): StreamsCommand {
  const step = random.integer(3) === 0 ? nextStep(state) : undefined;
  if (step !== undefined) return step;
  const all = [...state.streams.values()];
  const stream = all.length === 0 || random.integer(8) === 0 ? undefined : pick(random, all);
  return pick(random, stream === undefined ? anywhere : onIt)(random, stream ?? nowhere(random));
}

type Named = Pick<Stream, 'account' | 'region' | 'name' | 'incarnation'> & { readonly of?: Stream };
type Make = (random: Random, stream: Named | Stream) => StreamsCommand;

function nowhere(random: Random): Named {
  return {
    account: pick(random, ['111111111111', '222222222222']),
    region: pick(random, ['us-east-1', 'eu-west-1']),
    name: pick(random, ['a', 'b']),
    incarnation: 1 + random.integer(6),
  };
}

const named = ({ account, region, name }: Named | Stream) => ({ account, region, name });
const open = (stream: Named | Stream) => ('shards' in stream ? openOf(stream) : []);
const oneOpen = (random: Random, stream: Named | Stream) =>
  open(stream)[random.integer(open(stream).length + 1)];
const labelled = (random: Random, stream: Named | Stream) => {
  const consumer = 'consumers' in stream ? stream.consumers[0] : undefined;
  if (consumer === undefined || random.integer(2) === 0) return named(stream);
  return { ...named(stream), consumer: consumer.name, createdMs: consumer.createdMs };
};
const shardsMax = (random: Random) => pick(random, [6, 12, 100]);
const onDemandStreamsMax = 2;

const create: Make = (random, stream) => ({
  type: 'create',
  ...named(stream),
  shards: 1 + random.integer(5),
  mode: pick(random, ['PROVISIONED', 'PROVISIONED', 'ON_DEMAND']),
  recordKibMax: 1024,
  tags: { of: stream.name },
  shardsMax: shardsMax(random),
  onDemandStreamsMax,
});

const anywhere: readonly Make[] = [
  create,
  create,
  (random, stream) => ({ type: 'split', ...named(stream), shard: random.integer(9), at: '77', shardsMax: 9 }),
  (random, stream) => ({
    type: 'account',
    ...named(stream),
    commitment: pick(random, ['ENABLED', 'DISABLED']),
  }),
  (random) => ({ type: 'secret', secret: pick(random, ['ab', 'cd']) }),
];

const onIt: readonly Make[] = [
  create,
  (random, stream) => ({ type: 'delete', ...named(stream), enforce: random.integer(2) === 0 }),
  (random, stream) => {
    const shard = oneOpen(random, stream);
    const at = shard === undefined ? 5n : (shard.range.start + shard.range.end) / 2n;
    return {
      type: 'split',
      ...named(stream),
      shard: shard?.index ?? 0,
      at: `${at}`,
      shardsMax: shardsMax(random),
    };
  },
  (random, stream) => {
    const at = random.integer(open(stream).length + 1);
    const [low, high] = [open(stream)[at], open(stream)[at + 1]];
    return { type: 'merge', ...named(stream), shard: low?.index ?? 0, adjacent: high?.index ?? 1 };
  },
  (random, stream) => ({
    type: 'shard-count',
    ...named(stream),
    target: 1 + random.integer(10),
    streamShardsMax: 9,
    shardsMax: shardsMax(random),
  }),
  (random, stream) => ({
    type: 'scale',
    key: `${stream.account}/${stream.region}/${stream.name}`,
    incarnation: stream.incarnation,
    halve: open(stream)
      .map((shard) => shard.index)
      .filter(() => random.integer(3) === 0),
    merge: [oneOpen(random, stream)?.index ?? 0],
    shardsMax: shardsMax(random),
  }),
  (random, stream) => ({
    type: 'retention',
    ...named(stream),
    change: pick(random, ['increase', 'decrease']),
    hours: pick(random, [24, 30, 48, 8760]),
  }),
  (random, stream) => ({
    type: 'monitoring',
    ...named(stream),
    change: pick(random, ['enable', 'disable']),
    metrics: shardLevelMetrics.filter(() => random.integer(2) === 0),
  }),
  (random, stream) => ({
    type: 'strategy',
    ...named(stream),
    strategy: pick(random, ['AUTO', 'USER_PARTITION_KEY']),
  }),
  (random, stream) => ({ type: 'record-size', ...named(stream), kib: 1024 + random.integer(9000) }),
  (random, stream) => ({
    type: 'encryption',
    ...named(stream),
    change: pick(random, ['start', 'stop']),
    keyId: pick(random, ['k1', 'k2']),
    ...(random.integer(3) === 0 ? {} : { master: pick(random, ['m1', 'm2']) }),
  }),
  (random, stream) => ({
    type: 'master',
    key: streamKey(stream.account, stream.region, stream.name),
    incarnation: stream.incarnation,
    master: pick(random, ['m1', 'm2']),
  }),
  (random, stream) => ({
    type: 'mode',
    ...named(stream),
    mode: pick(random, ['PROVISIONED', 'ON_DEMAND']),
    warmMibps: random.integer(4) === 0 ? 7 : undefined,
    onDemandStreamsMax,
    shardsMax: shardsMax(random),
  }),
  (random, stream) => ({
    type: 'warm',
    ...named(stream),
    mibps: random.integer(12),
    shardsMin: random.integer(6),
    shardsMax: shardsMax(random),
  }),
  (random, stream) => ({
    type: 'account',
    ...named(stream),
    commitment: pick(random, ['ENABLED', 'DISABLED']),
  }),
  (random, stream) => ({
    type: 'tag',
    ...named(stream),
    tags: { [pick(random, ['x', 'y', 'z'])]: '1' },
    tagsMax: 3,
  }),
  (random, stream) => ({ type: 'untag', ...named(stream), keys: [pick(random, ['x', 'of'])] }),
  (random, stream) => ({ type: 'policy', ...labelled(random, stream), policy: pick(random, ['{}', null]) }),
  (random, stream) => ({
    type: 'register',
    ...named(stream),
    consumer: pick(random, ['c', 'd', 'e']),
    tags: {},
    consumersMax: 2,
    creatingMax: 1,
  }),
  (random, stream) => ({
    type: 'tag-consumer',
    ...named(stream),
    consumer: pick(random, ['c', 'd']),
    tags: { [pick(random, ['x', 'y'])]: '1' },
    tagsMax: 1,
  }),
  (random, stream) => ({
    type: 'untag-consumer',
    ...named(stream),
    consumer: pick(random, ['c', 'd']),
    keys: ['x'],
  }),
  (random, stream) => ({ type: 'deregister', ...named(stream), consumer: pick(random, ['c', 'd', 'e']) }),
  (random, stream) => ({
    type: 'forget',
    key: `${stream.account}/${stream.region}/${stream.name}`,
    incarnation: stream.incarnation,
    shards: [random.integer(6), random.integer(6)],
  }),
];
