/**
 * Looks at the load of on-demand streams from time to time and asks for the shards that it needs: `load.ts` measures,
 * `scale-plan.ts` decides, the fold and the lifecycle do it as they do every reshard. A stream that is not ACTIVE is left
 * for the next look.
 */
import type { Clock, Timer } from '@millrace/base';
import type { Catalog } from '../catalog/catalog.js';
import { CatalogError } from '../catalog/catalog-error.js';
import type { Fold } from '../catalog/fold.js';
import { openOf } from './commands/update.js';
import { highest, LoadMeter, type Peaks, withPeak } from './load.js';
import { readyShards, type ShardsHad, withShards } from './readiness.js';
import { scalePlan } from './scale-plan.js';
import type { Stream } from './stream.js';
import { keyOf } from './stream.js';
import type { StreamsCommand } from './streams-command.js';
import type { StreamsOutcome, StreamsState } from './streams-state.js';
import { sameIncarnation } from './streams-state.js';

export interface ScalerOptions {
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly fold: Fold<StreamsState, StreamsCommand, StreamsOutcome>;
  readonly everyMs: number;
  readonly shardsMax: number;
  readonly report: (message: string) => void;
  /** Called for a stream that was told to scale. */
  readonly changed: (stream: Stream) => void;
}

/** What a stream has taken, in units, and what it has had, in shards. */
interface History {
  readonly load: Peaks;
  readonly shards: Peaks;
  readonly had: ShardsHad;
}

export class Scaler {
  readonly meter = new LoadMeter();
  readonly #options: ScalerOptions;
  readonly #histories = new Map<number, History>();
  #lastUnits: ReadonlyMap<number, ReadonlyMap<number, number>> = new Map();
  #lookedMs: number;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(options: ScalerOptions) {
    this.#options = options;
    this.#lookedMs = options.clock.now();
    this.#arm();
  }

  /** Shards that the load of the last look needs. */
  shardsNeeded(stream: Stream): number {
    return Math.ceil(2 * total(this.#lastUnits.get(stream.incarnation)));
  }

  /** What an on-demand stream may take while AWS's rates are kept, in units: see `readiness.ts`. */
  readyUnits({ incarnation, openShards }: Stream): number {
    const had = this.#histories.get(incarnation)?.had;
    return had === undefined ? openShards : Math.min(openShards, readyShards(had, this.#options.clock.now()));
  }

  /** Forgets what the stream has needed: its owner has said what it is to be ready for. */
  forget(stream: Stream): void {
    this.#histories.delete(stream.incarnation);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #arm(): void {
    this.#timer = this.#options.clock.schedule(this.#options.everyMs, () => {
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined;
        if (!this.#closed) this.#arm();
      });
    });
  }

  async #look(): Promise<void> {
    const { clock, fold, report } = this.#options;
    const nowMs = clock.now();
    const units = this.meter.read(nowMs - this.#lookedMs);
    this.#lookedMs = nowMs;
    this.#lastUnits = units;
    const onDemand = [...fold.view.streams.values()].filter((stream) => stream.mode === 'ON_DEMAND');
    const met = new Set(onDemand.map((stream) => stream.incarnation));
    for (const incarnation of this.#histories.keys()) {
      if (!met.has(incarnation)) this.#histories.delete(incarnation);
    }
    for (const stream of onDemand) {
      if (this.#closed) return;
      try {
        await this.#scale(stream, units.get(stream.incarnation) ?? new Map(), nowMs);
      } catch (error) {
        if (!(error instanceof CatalogError)) throw error;
        report(
          `the stream ${stream.name} could not be scaled: ${error.message}; it is looked at again later`,
        );
      }
    }
  }

  async #scale(stream: Stream, units: ReadonlyMap<number, number>, nowMs: number): Promise<void> {
    const { incarnation, warmMibps = 0, openShards } = stream;
    const before = this.#histories.get(incarnation);
    if (stream.status !== 'ACTIVE' && before === undefined) return;
    const load = withPeak(before?.load ?? [], nowMs, total(units));
    const shards = before?.shards ?? withPeak([], nowMs, openShards);
    const had = stream.status === 'ACTIVE' ? withShards(before?.had, nowMs, openShards) : before?.had;
    if (had !== undefined) this.#histories.set(incarnation, { load, shards, had });
    if (stream.status !== 'ACTIVE') return;
    const open = openOf(stream);
    const keptShards = highest(withPeak(shards, nowMs, 0));
    const plan = scalePlan({ open, units, peakUnits: highest(load), warmMibps, keptShards });
    if (plan.halve.length === 0 && plan.merge.length === 0) return;
    if (plan.halve.length > 0) {
      const most = open.length + plan.halve.length;
      this.#histories.set(incarnation, {
        load,
        shards: withPeak(shards, nowMs, most),
        had: withShards(had, nowMs, most),
      });
    }
    const { catalog, fold, shardsMax, changed } = this.#options;
    const of = { key: keyOf(stream), incarnation };
    await catalog.submit(fold, { type: 'scale', ...of, ...plan, shardsMax });
    const now = sameIncarnation(fold.view, of);
    if (now !== undefined) changed(now);
  }
}

function total(units: ReadonlyMap<number, number> = new Map()): number {
  return [...units.values()].reduce((sum, each) => sum + each, 0);
}
