/** Those who make, split, merge, scale and delete streams: one command at a time for each name. */
import { pick, type Random } from '@millrace/base';
import type { Shard, Stream } from '@millrace/server';
import { AwsError, shardIdOf } from '@millrace/wire';
import { addressOf, caller, type StreamsWorld } from './streams-world.js';
import { check } from './violation.js';

const streamNames = ['a', 'b', 'c'];

export interface OwnersLimits {
  readonly streamsMax: number;
  readonly shardsMax: number;
}

export class StreamOwners {
  readonly #world: StreamsWorld;
  readonly #random: Random;
  readonly #limits: OwnersLimits;
  /** Names with a command under way. */
  #busy = new Set<string>();

  constructor(world: StreamsWorld, random: Random, limits: OwnersLimits) {
    this.#world = world;
    this.#random = random;
    this.#limits = limits;
  }

  lifeEnds(): void {
    this.#busy = new Set();
  }

  create(): void {
    const { service, lineage } = this.#world;
    const name = pick(this.#random, streamNames.slice(0, this.#limits.streamsMax));
    if (this.#busy.has(name)) return;
    const shards = 1 + this.#random.integer(this.#limits.shardsMax);
    lineage.creating(name);
    const stream = { name, shards, mode: 'PROVISIONED', recordKibMax: 1024, tags: {} } as const;
    this.#command(name, service.create(caller, stream), () => {
      check(this.#world.find(name) !== undefined, () => `${name} was made and is not there`);
    });
  }

  delete(stream: Stream): void {
    const { service, lineage, harness } = this.#world;
    const { name, incarnation } = stream;
    if (this.#busy.has(name)) return;
    lineage.deleting(incarnation);
    this.#command(
      name,
      service.delete(stream),
      () => lineage.deleted(incarnation),
      (error) => {
        const failed = error.code === 'InternalFailureException' && this.#world.diskIsGood;
        check(!failed || !harness.deletesWork, () => `a stream cannot be deleted: ${error.message}`);
      },
    );
  }

  split(stream: Stream): void {
    const open = openShards(stream);
    const { index, range } = pick(this.#random, open);
    if (this.#busy.has(stream.name) || open.length >= this.#limits.shardsMax) return;
    const at = range.start + ((range.end - range.start) * BigInt(1 + this.#random.integer(999))) / 1000n;
    const { service } = this.#world;
    const call = service.split(addressOf(stream), caller, shardIdOf(index), at.toString());
    this.#reshard(stream, [index], call);
  }

  merge(stream: Stream): void {
    const open = openShards(stream);
    const at = this.#random.integer(open.length);
    const [low, high] = [open[at], open[at + 1]];
    if (this.#busy.has(stream.name) || low === undefined || high === undefined) return;
    const { service } = this.#world;
    const call = service.merge(addressOf(stream), caller, shardIdOf(low.index), shardIdOf(high.index));
    this.#reshard(stream, [low.index, high.index], call);
  }

  /** Up to twice as many shards or half: by rounds of splits and merges. */
  scale(stream: Stream): void {
    const { name, openShards, incarnation } = stream;
    if (this.#busy.has(name)) return;
    const least = Math.ceil(openShards / 2);
    const target = Math.min(least + this.#random.integer(openShards * 2 - least + 1), this.#limits.shardsMax);
    const { service, lineage } = this.#world;
    lineage.rescaling(incarnation);
    const limits = { streamShardsMax: 1000, shardsMax: 1000 };
    this.#command(
      name,
      service.change({ type: 'shard-count', ...caller, name, target, ...limits }),
      () => {},
    );
  }

  /** A change that takes the stream through UPDATING and touches no shard: from then on it encrypts, or under another key. */
  rekey(stream: Stream): void {
    const { name } = stream;
    if (this.#busy.has(name)) return;
    const { service } = this.#world;
    this.#command(name, service.encrypt({ ...caller, name }, 'alias/k'), () => {});
  }

  #reshard(stream: Stream, parents: readonly number[], call: Promise<void>): void {
    const { lineage } = this.#world;
    lineage.resharding(stream.incarnation, parents);
    this.#command(stream.name, call, () => {
      if (!lineage.mayBeGone(stream.incarnation)) lineage.resharded(stream.incarnation, parents);
    });
  }

  #command(
    name: string,
    call: Promise<void>,
    done: () => void,
    refused: (error: AwsError) => void = () => undefined,
  ): void {
    const { harness } = this.#world;
    this.#busy.add(name);
    harness.watch(
      call,
      () => {
        this.#busy.delete(name);
        this.#world.observe();
        harness.trace.note(`command done ${name}`);
        done();
      },
      (error) => {
        this.#busy.delete(name);
        if (!(error instanceof AwsError)) throw error;
        harness.trace.note(error.code);
        refused(error);
      },
    );
  }
}

/** By their place on the ring. */
function openShards(stream: Stream): Shard[] {
  const open = stream.shards.filter((shard) => shard.closed === undefined);
  return open.sort((a, b) => (a.range.start < b.range.start ? -1 : 1));
}
