/**
 * What streams must be after a sequence of calls, in as few words as will do: no shards but their number, no time but
 * hours, no steps. A call answers the code that AWS would, or nothing when it is done; `streams-model.fuzz.ts` holds the
 * service to it.
 */
import { ReferenceConsumers } from './reference-consumers.js';
import { ReferenceLineage } from './reference-lineage.js';

export const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export type Code =
  | 'ResourceNotFoundException'
  | 'ResourceInUseException'
  | 'InvalidArgumentException'
  | 'ValidationException'
  | 'AccessDeniedException'
  | 'DryRunOperationException'
  | 'ExpiredNextTokenException'
  | 'LimitExceededException';

export interface ReferenceRecord {
  readonly stream: number;
  readonly key: string;
  readonly data: string;
  readonly sequenceNumber: bigint;
  readonly shard: string;
  readonly encrypted: boolean;
  /** It arrived between these. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Its place among all puts; the keys of records put under AUTO have no order. */
  readonly number: number;
  readonly ordered: boolean;
}

export class ReferenceStream {
  readonly id: number;
  mode: 'PROVISIONED' | 'ON_DEMAND';
  shards: number;
  retentionHours = 24;
  goneBeforeMs = 0;
  recordKib = 1024;
  strategy: 'AUTO' | 'USER_PARTITION_KEY' = 'USER_PARTITION_KEY';
  tags = new Map<string, string>();
  metrics = new Set<string>();
  policy = '{}';
  keyId: string | undefined;
  warm: number | undefined;
  readonly consumers = new ReferenceConsumers();
  readonly lineage = new ReferenceLineage();
  changes = { mode: [] as number[], shardCount: [] as number[], start: [] as number[], stop: [] as number[] };

  constructor(id: number, mode: 'PROVISIONED' | 'ON_DEMAND', shards: number) {
    this.id = id;
    this.mode = mode;
    this.shards = shards;
  }

  /** Records that arrived before this are gone. */
  horizonMs(nowMs: number): number {
    return Math.max(this.goneBeforeMs, nowMs - this.retentionHours * hourMs);
  }
}

export class ReferenceModel {
  readonly streams = new Map<string, ReferenceStream>();
  readonly records: ReferenceRecord[] = [];
  /** Sequence numbers are not known for these: the answer said that nobody knows whether they were taken. */
  readonly maybe = new Set<string>();
  readonly onDemandMax: number;
  nowMs = 0;
  #made = 0;
  #commitment: { earliestEndMs: number; until: boolean } | undefined;

  constructor(onDemandMax: number) {
    this.onDemandMax = onDemandMax;
  }

  get commitment(): 'ENABLED' | 'DISABLED' | 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' {
    const of = this.#commitment;
    if (of === undefined || (of.until && this.nowMs >= of.earliestEndMs)) return 'DISABLED';
    return of.until ? 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' : 'ENABLED';
  }

  commit(wanted: 'ENABLED' | 'DISABLED'): void {
    const now = this.commitment;
    if (wanted === 'ENABLED') {
      if (now === 'DISABLED') this.#commitment = { earliestEndMs: this.nowMs + dayMs, until: false };
      else if (this.#commitment !== undefined) this.#commitment.until = false;
    } else if (now === 'ENABLED' && this.#commitment !== undefined) this.#commitment.until = true;
  }

  create(name: string, mode: 'PROVISIONED' | 'ON_DEMAND', shards: number): Code | undefined {
    if (this.streams.has(name)) return 'ResourceInUseException';
    if (mode === 'ON_DEMAND' && this.#onDemand() >= this.onDemandMax) return 'LimitExceededException';
    this.streams.set(name, new ReferenceStream(++this.#made, mode, shards));
    return undefined;
  }

  delete(name: string, enforced: boolean): Code | undefined {
    return this.on(name, ({ consumers }) => {
      if (consumers.names.length > 0 && !enforced) return 'ResourceInUseException';
      this.streams.delete(name);
      return undefined;
    });
  }

  /** On-demand streams of an account with the commitment may have more consumers. */
  register(name: string, consumer: string): Code | undefined {
    return this.on(name, ({ mode, consumers }) =>
      consumers.register(consumer, mode === 'ON_DEMAND' && this.commitment !== 'DISABLED'),
    );
  }

  /** What a look at the load comes to: `hot` is one shard's, and has it halved while there are not twice the wanted. */
  scale(name: string, hot: boolean): void {
    const stream = this.streams.get(name);
    if (stream === undefined || stream.mode === 'PROVISIONED') return;
    const wanted = Math.max(4, stream.warm ?? 0);
    stream.shards = Math.max(wanted, stream.shards + (hot && stream.shards < 2 * wanted ? 1 : 0));
  }

  /** `change` answers why not; on a stream that there is. */
  on(name: string, change: (stream: ReferenceStream) => Code | undefined): Code | undefined {
    const stream = this.streams.get(name);
    return stream === undefined ? 'ResourceNotFoundException' : change(stream);
  }

  reshard(name: string, added: 1 | -1): Code | undefined {
    return this.on(name, (stream) => {
      if (stream.mode === 'ON_DEMAND') return 'ValidationException';
      stream.shards += added;
      return undefined;
    });
  }

  shardCount(name: string, target: number): Code | undefined {
    return this.on(name, (stream) => {
      if (stream.mode === 'ON_DEMAND') return 'ValidationException';
      if (target > 2 * stream.shards || target < stream.shards / 2) return 'LimitExceededException';
      if (!this.#once(stream.changes.shardCount, 10)) return 'LimitExceededException';
      stream.shards = target;
      return undefined;
    });
  }

  retention(name: string, change: 'increase' | 'decrease', hours: number): Code | undefined {
    return this.on(name, (stream) => {
      const before = stream.retentionHours;
      const wrongWay = change === 'increase' ? hours < before : hours > before;
      if (hours < 24 || hours > 8760 || wrongWay) return 'InvalidArgumentException';
      if (hours > before) stream.goneBeforeMs = stream.horizonMs(this.nowMs);
      stream.retentionHours = hours;
      return undefined;
    });
  }

  changeMode(name: string, mode: 'PROVISIONED' | 'ON_DEMAND'): Code | undefined {
    return this.on(name, (stream) => {
      if (stream.mode === mode) return 'ValidationException';
      const { mode: times } = stream.changes;
      if (times.filter((atMs) => atMs > this.nowMs - dayMs).length >= 2) return 'LimitExceededException';
      if (mode === 'PROVISIONED' && stream.strategy === 'AUTO') return 'InvalidArgumentException';
      if (mode === 'ON_DEMAND' && this.#onDemand() >= this.onDemandMax) return 'LimitExceededException';
      times.push(this.nowMs);
      stream.mode = mode;
      if (mode === 'PROVISIONED') stream.warm = undefined;
      return undefined;
    });
  }

  warm(name: string, mibps: number): Code | undefined {
    return this.on(name, (stream) => {
      if (mibps > 10_240) return 'LimitExceededException';
      if (stream.mode === 'PROVISIONED') return 'ValidationException';
      if (this.commitment === 'DISABLED') return 'InvalidArgumentException';
      stream.warm = mibps;
      stream.shards = Math.max(4, mibps);
      return undefined;
    });
  }

  encrypt(name: string, keyId: string | undefined): Code | undefined {
    return this.on(name, (stream) => {
      if (keyId === undefined && stream.keyId === undefined) return 'InvalidArgumentException';
      if (!this.#once(keyId === undefined ? stream.changes.stop : stream.changes.start, 25))
        return 'LimitExceededException';
      stream.keyId = keyId;
      return undefined;
    });
  }

  tag(name: string, tags: { readonly [key: string]: string }): Code | undefined {
    return this.on(name, (stream) => {
      const texts = Object.entries(tags).flat();
      if (texts.some((text) => /[%;]/.test(text))) return 'InvalidArgumentException';
      if (Object.keys(tags).some((key) => key.startsWith('aws:'))) return 'InvalidArgumentException';
      for (const [key, value] of Object.entries(tags)) stream.tags.set(key, value);
      return undefined;
    });
  }

  #onDemand(): number {
    return [...this.streams.values()].filter((stream) => stream.mode === 'ON_DEMAND').length;
  }

  /** Notes one more within a day; false when there were as many as there may be. */
  #once(times: number[], perDay: number): boolean {
    if (times.filter((atMs) => atMs > this.nowMs - dayMs).length >= perDay) return false;
    times.push(this.nowMs);
    return true;
  }
}
