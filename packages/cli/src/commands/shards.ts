/**
 * `millrace shards`: the shards of a stream, by descent.
 *
 *      SHARD              STATE    SHARE  RANGE                    RING
 *      shardId-…0         closed  50.0 %  00000000… – 7fffffff…   ██████████··········
 *      ├─ shardId-…2      closed  25.0 %  00000000… – 3fffffff…   █████···············
 *      │  └─ shardId-…4   open    50.0 %  …                              and of shardId-…3
 *      └─ shardId-…3      closed  …
 *
 * A shard that was merged stands beneath its parent, and names the other one.
 */
import type { Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import type { Shard } from '../kinesis/kinesis.js';
import { targetOptions } from '../kinesis/target.js';
import { withKinesis } from '../kinesis/with-kinesis.js';
import type { Style } from '../style.js';
import { styleOf } from '../style.js';
import { textTable } from '../text-table.js';
import { UsageError } from '../usage-error.js';

const ringBits = 128n;
const ringCells = 24;
/** Hash keys are shown by their first eight digits in base 16: a shard narrower than that is rare. */
const shownBits = 32n;

const options: readonly Option[] = [
  { name: 'open', text: 'only the shards that take records' },
  { name: 'json', text: 'one JSON object a shard, a line each, with whole hash keys' },
  ...targetOptions,
];

export const shards: Command = {
  name: 'shards',
  summary: 'show a stream’s shards: descent, ranges, which are open',
  usage: 'shards STREAM [options]',
  description: [
    'Shows every shard that can still be read, each beneath the shard that it was split or merged from, with the share of the ring of hash keys that it has. Ranges are shown in base 16, by their first eight digits.',
  ],
  options,
  examples: [['millrace shards orders', 'the tree of its shards']],
  async run(host, argv) {
    const given = readArguments('shards', options, argv, host.environment, 1);
    const [name] = given.words;
    if (name === undefined) throw new UsageError('shards needs a stream: millrace shards STREAM');
    return withKinesis(host, given, {}, async (kinesis) => {
      const all = await kinesis.shards(name);
      const shown = given.on('open') ? all.filter(({ open }) => open) : all;
      if (given.on('json')) {
        for (const shard of shown) host.output.write(`${JSON.stringify(jsonOf(shard))}\n`);
        return 0;
      }
      const detail = await kinesis.describe(name);
      const open = all.filter((shard) => shard.open).length;
      const style = styleOf(host.output, host.environment);
      host.output.write(
        `${style.bold(name)}  ${detail.status}  ${open} open of ${all.length} ${all.length === 1 ? 'shard' : 'shards'}\n\n`,
      );
      host.output.write(shardTree(style, shown));
      return 0;
    });
  },
};

function shardTree(style: Style, all: readonly Shard[]): string {
  const known = new Set(all.map(({ id }) => id));
  const parentOf = (shard: Shard): string | undefined => shard.parents.find((id) => known.has(id));
  const childrenOf = new Map<string | undefined, Shard[]>();
  for (const shard of all) {
    const parent = parentOf(shard);
    const siblings = childrenOf.get(parent);
    if (siblings === undefined) childrenOf.set(parent, [shard]);
    else siblings.push(shard);
  }
  const rows: string[][] = [];
  // By a stack and not by calls: a shard may have been split a thousand times over.
  const stack = (childrenOf.get(undefined) ?? [])
    .map((shard) => ({ shard, label: '', beneath: '' }))
    .reverse();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { shard, label, beneath } = next;
    rows.push(rowOf(style, shard, label, parentOf(shard)));
    const children = childrenOf.get(shard.id) ?? [];
    const entries = children.map((child, i) => ({
      shard: child,
      label: `${beneath}${i === children.length - 1 ? '└─ ' : '├─ '}`,
      beneath: `${beneath}${i === children.length - 1 ? '   ' : '│  '}`,
    }));
    stack.push(...entries.reverse());
  }
  return textTable(style, ['SHARD', 'STATE', 'SHARE>', 'RANGE', 'RING', ''], rows);
}

function rowOf(style: Style, shard: Shard, label: string, parent: string | undefined): string[] {
  const { id, open, start, end, parents } = shard;
  const others = parents.filter((each) => each !== parent);
  return [
    `${style.dim(label)}${open ? style.bold(id) : id}`,
    open ? style.good('open') : style.dim('closed'),
    shareOf(start, end),
    `${hex(start)}… – ${hex(end)}…`,
    open ? style.accent(ringOf(start, end)) : style.dim(ringOf(start, end)),
    others.length === 0 ? '' : style.dim(`${parent === undefined ? 'of' : 'and of'} ${others.join(' and ')}`),
  ];
}

function shareOf(start: bigint, end: bigint): string {
  const thousandths = Number(((end - start + 1n) * 100_000n) >> ringBits) / 1000;
  return `${thousandths >= 0.1 ? thousandths.toFixed(1) : thousandths.toPrecision(1)} %`;
}

function hex(key: bigint): string {
  return (key >> (ringBits - shownBits)).toString(16).padStart(Number(shownBits) / 4, '0');
}

/** The ring unrolled; a shard that has less than a cell still has one. */
function ringOf(start: bigint, end: bigint): string {
  const half = 1n << (ringBits - 1n);
  const cell = (key: bigint): number => Number((key * BigInt(ringCells) + half) >> ringBits);
  const from = Math.min(cell(start), ringCells - 1);
  const to = Math.max(from + 1, cell(end + 1n));
  return Array.from({ length: ringCells }, (_, i) => (i >= from && i < to ? '█' : '·')).join('');
}

function jsonOf({ id, parents, start, end, open }: Shard): object {
  return {
    shardId: id,
    open,
    parents,
    startingHashKey: start.toString(),
    endingHashKey: end.toString(),
    share: Number(((end - start + 1n) * 1_000_000n) >> ringBits) / 1_000_000,
  };
}
