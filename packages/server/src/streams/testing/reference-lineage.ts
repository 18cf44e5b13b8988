/**
 * When each shard of a stream was opened and closed, as far as somebody who looks before and after each change can know:
 * between two instants. What a filter lists follows from that: yes, no, or nobody can say.
 */
import { hashKeyMax } from '@millrace/wire';

/** Some instant of these, both included. */
interface Between {
  readonly fromMs: number;
  readonly toMs: number;
}

interface ReferenceShard {
  readonly opened: Between;
  readonly range: { readonly start: bigint; readonly end: bigint };
  closed: Between | undefined;
}

export type FilterType =
  | 'AFTER_SHARD_ID'
  | 'AT_TRIM_HORIZON'
  | 'FROM_TRIM_HORIZON'
  | 'AT_LATEST'
  | 'AT_TIMESTAMP'
  | 'FROM_TIMESTAMP';

export interface ReferenceFilter {
  readonly Type: FilterType;
  readonly ShardId?: string;
  readonly timestampMs?: number;
}

export class ReferenceLineage {
  readonly #shards = new Map<string, ReferenceShard>();
  #created: Between | undefined;

  get ids(): readonly string[] {
    return [...this.#shards.keys()].sort();
  }

  /** When something was opened or closed, as far as that is known. */
  get instants(): readonly number[] {
    return [...this.#shards.values()].flatMap(({ opened, closed }) => [
      opened.toMs,
      closed?.toMs ?? opened.fromMs,
    ]);
  }

  /** What there is after a change that was made in between; `open` is some of `all`. */
  observe(
    all: readonly { readonly id: string; readonly range: ReferenceShard['range'] }[],
    open: ReadonlySet<string>,
    changed: Between,
  ): void {
    this.#created ??= changed;
    for (const { id, range } of all) {
      let shard = this.#shards.get(id);
      if (shard === undefined) {
        shard = { opened: changed, range, closed: undefined };
        this.#shards.set(id, shard);
      }
      if (!open.has(id)) shard.closed ??= changed;
    }
  }

  holds(id: string, hash: bigint): boolean {
    const { start, end } = this.#shards.get(id)?.range ?? { start: 0n, end: hashKeyMax };
    return start <= hash && hash <= end;
  }

  /** Whether the filter lists the shard at an instant at which `horizonMs` is the oldest; undefined: nobody can say. */
  lists(filter: ReferenceFilter | undefined, id: string, horizonMs: number): boolean | undefined {
    const shard = this.#shards.get(id);
    if (shard === undefined) return false;
    const horizon = at(horizonMs);
    return both(closedFrom(shard, horizon), filter === undefined || this.#listed(filter, id, shard, horizon));
  }

  #listed(filter: ReferenceFilter, id: string, shard: ReferenceShard, horizon: Between): boolean | undefined {
    const created = this.#created ?? horizon;
    const oldest = latest(created, horizon);
    const instant = at(filter.timestampMs ?? 0);
    switch (filter.Type) {
      case 'AFTER_SHARD_ID':
        return id > (filter.ShardId ?? '');
      case 'AT_LATEST':
        return shard.closed === undefined;
      case 'AT_TRIM_HORIZON':
        return openAt(shard, oldest);
      case 'FROM_TRIM_HORIZON':
        return closedFrom(shard, oldest);
      case 'AT_TIMESTAMP':
        return openAt(shard, latest(instant, oldest));
      case 'FROM_TIMESTAMP':
        return closedFrom(shard, instant);
    }
  }
}

const at = (ms: number): Between => ({ fromMs: ms, toMs: ms });

const latest = (a: Between, b: Between): Between => ({
  fromMs: Math.max(a.fromMs, b.fromMs),
  toMs: Math.max(a.toMs, b.toMs),
});

function openAt(shard: ReferenceShard, instant: Between): boolean | undefined {
  return both(notAfter(shard.opened, instant), closedFrom(shard, instant));
}

/** Whether it was open at the instant or later. */
function closedFrom(shard: ReferenceShard, instant: Between): boolean | undefined {
  return shard.closed === undefined || notAfter(instant, shard.closed);
}

function notAfter(a: Between, b: Between): boolean | undefined {
  if (a.toMs <= b.fromMs) return true;
  return a.fromMs > b.toMs ? false : undefined;
}

function both(a: boolean | undefined, b: boolean | undefined): boolean | undefined {
  if (a === false || b === false) return false;
  return a === undefined || b === undefined ? undefined : true;
}
