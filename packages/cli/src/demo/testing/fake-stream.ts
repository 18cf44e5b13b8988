import { createHash } from 'node:crypto';
import { assert, present } from '@millrace/base';
import type { ShardPosition } from '../checkpoint.js';
import type { Page, PutEntry, PutResult, Shard, StreamClient, StreamRecord } from '../stream-client.js';
import { StreamError } from '../stream-client.js';

/** What a put may do beside succeeding: store nothing, store all and lose the answer, or refuse every other entry. */
export type PutFault = 'unavailable' | 'answer lost' | 'every other refused';

interface FakeShard {
  readonly id: string;
  readonly parents: readonly string[];
  readonly records: StreamRecord[];
  open: boolean;
}

/** A stream in memory, with faults on demand and resharding by hand. */
export class FakeStream implements StreamClient {
  readonly #shards: FakeShard[] = [];
  /** Applied to the next puts, one each. */
  readonly putFaults: (PutFault | undefined)[] = [];
  /** Iterators answered before now are refused as expired, once. */
  expireIterators = false;
  readsUnavailable = 0;
  puts = 0;

  async open(shards: number): Promise<{ readonly createdMs: number }> {
    while (this.#shards.length < shards) this.#add([]);
    return { createdMs: 1 };
  }

  /** Closes the shards and puts `count` children in their place. */
  reshard(ids: readonly string[], count: number): void {
    for (const id of ids) this.#shard(id).open = false;
    for (let i = 0; i < count; i++) this.#add(ids);
  }

  /** Adds a record as anybody might. */
  foreign(text: string): void {
    this.#store({ partitionKey: text, data: Buffer.from(text) });
  }

  async put(entries: readonly PutEntry[]): Promise<readonly PutResult[]> {
    const fault = this.putFaults.shift();
    this.puts++;
    if (fault === 'unavailable') throw new StreamError('unavailable', 'nobody there');
    const results = entries.map((entry, i): PutResult => {
      if (fault === 'every other refused' && i % 2 === 1) return { kind: 'refused', code: 'Throttled' };
      return { kind: 'stored', shardId: this.#store(entry) };
    });
    if (fault === 'answer lost') throw new StreamError('unavailable', 'the line went dead');
    return results;
  }

  async shards(): Promise<readonly Shard[]> {
    return this.#shards.map(({ id, parents, open }) => ({ id, parents, open }));
  }

  async iterator(shardId: string, position: ShardPosition): Promise<string> {
    const { records } = this.#shard(shardId);
    const at = records.findIndex(({ sequenceNumber }) => sequenceNumber === position);
    assert(position === 'TRIM_HORIZON' || at >= 0, `no record ${position}`);
    return `${shardId} ${at + 1}`;
  }

  async read(iterator: string): Promise<Page> {
    if (this.expireIterators) {
      this.expireIterators = false;
      throw new StreamError('expired', 'too old');
    }
    if (this.readsUnavailable > 0) {
      this.readsUnavailable--;
      throw new StreamError('unavailable', 'nobody there');
    }
    const [shardId = '', from = ''] = iterator.split(' ');
    const shard = this.#shard(shardId);
    const records = shard.records.slice(Number(from), Number(from) + 7);
    const next = Number(from) + records.length;
    const left = shard.records.length - next;
    return {
      records,
      nextIterator: left === 0 && !shard.open ? undefined : `${shardId} ${next}`,
      behindMs: left,
    };
  }

  close(): void {
    this.#shards.length = 0;
  }

  #add(parents: readonly string[]): void {
    const id = `shardId-${String(this.#shards.length).padStart(12, '0')}`;
    this.#shards.push({ id, parents, records: [], open: true });
  }

  #shard(id: string): FakeShard {
    return present(
      this.#shards.find((shard) => shard.id === id),
      id,
    );
  }

  #store({ partitionKey, data }: PutEntry): string {
    const open = this.#shards.filter((shard) => shard.open);
    const hash = createHash('md5').update(partitionKey).digest()[0] ?? 0;
    const shard = present(open[hash % open.length], 'an open shard');
    shard.records.push({ sequenceNumber: String(1000 + shard.records.length), arrivalMs: 0, data });
    return shard.id;
  }
}
