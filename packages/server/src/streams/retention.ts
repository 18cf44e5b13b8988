/**
 * Gives space back: on the clock, every shard's log is trimmed up to its stream's retention, and a closed shard whose
 * retention has passed leaves the stream with its log. Reads do not wait for this: they leave out what is too old by
 * themselves.
 *
 * A log goes first and the shard after it: a crash between the two leaves a shard without a log, which reads as an
 * empty, ended one, and the next sweep goes on.
 */
import type { Clock, Timer } from '@millrace/base';
import { sleep } from '@millrace/base';
import type { LogEngine } from '@millrace/log';
import { LogError } from '@millrace/log';
import type { Catalog } from '../catalog/catalog.js';
import { CatalogError } from '../catalog/catalog-error.js';
import type { Fold } from '../catalog/fold.js';
import type { Shard, Stream } from './stream.js';
import { expired, horizonMs, keyOf, shardLog } from './stream.js';
import type { StreamsCommand } from './streams-command.js';
import type { StreamsOutcome, StreamsState } from './streams-state.js';

export interface RetentionOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly fold: Fold<StreamsState, StreamsCommand, StreamsOutcome>;
  readonly everyMs: number;
  readonly shardsAtOnce: number;
  readonly report: (message: string) => void;
  /** Called at the end of every sweep. */
  readonly after: () => void;
}

export class Retention {
  readonly #options: RetentionOptions;
  #timer: Timer | undefined;
  #sweeping: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Looks at every shard once, as of now: a sweep that is under way may have begun long ago, so it is waited for. */
  async sweep(): Promise<void> {
    await this.#sweeping;
    this.#sweeping ??= this.#sweepAll().finally(() => {
      this.#sweeping = undefined;
    });
    await this.#sweeping;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#timer?.cancel();
    await this.#sweeping;
  }

  #arm(): void {
    this.#timer = this.#options.clock.schedule(this.#options.everyMs, () => {
      void this.sweep().then(() => {
        if (!this.#closing.signal.aborted) this.#arm();
      });
    });
  }

  async #sweepAll(): Promise<void> {
    const { fold, report, after } = this.#options;
    try {
      let looked = 0;
      for (const stream of fold.view.streams.values()) {
        if (this.#closing.signal.aborted) return;
        if (stream.status !== 'CREATING' && stream.status !== 'DELETING')
          looked = await this.#sweepStream(stream, looked);
      }
      after();
    } catch (error) {
      if (!(error instanceof CatalogError || error instanceof LogError)) throw error;
      report(`the retention sweep stopped: ${error.message}; it begins anew later`);
    }
  }

  async #sweepStream(stream: Stream, lookedBefore: number): Promise<number> {
    const { engine, clock, shardsAtOnce, catalog, fold } = this.#options;
    const beforeMs = horizonMs(stream, clock.now());
    let looked = lookedBefore;
    // Nothing is older than its stream: most of ten thousand are passed over here.
    if (stream.createdMs >= beforeMs) {
      if (++looked % shardsAtOnce === 0) await this.#letOthersRun();
      return looked;
    }
    const gone: Shard[] = [];
    for (const shard of stream.shards) {
      if (this.#closing.signal.aborted) return looked;
      if (++looked % shardsAtOnce === 0) await this.#letOthersRun();
      if (expired(shard, beforeMs)) gone.push(shard);
      else await this.#trim(shardLog(stream, shard.index), beforeMs);
    }
    if (gone.length === 0) return looked;
    const deleted = await engine.delete(gone.map((shard) => shardLog(stream, shard.index)));
    if (deleted === 'done') {
      const shards = gone.map((shard) => shard.index);
      await catalog.submit(
        fold,
        { type: 'forget', key: keyOf(stream), incarnation: stream.incarnation, shards },
        true,
      );
    } else {
      this.#options.report(`expired shards of the stream ${stream.name} could not be deleted (${deleted})`);
    }
    return looked;
  }

  /** Ends at once when the retention is closed: a clock that is held would never come back. */
  async #letOthersRun(): Promise<void> {
    const { signal } = this.#closing;
    await sleep(this.#options.clock, 0, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  async #trim(log: string, beforeMs: number): Promise<void> {
    const { engine, report } = this.#options;
    const state = engine.state(log);
    if (state === undefined || state.firstPosition >= state.endPosition) return;
    const position = await engine.findByArrival(log, beforeMs);
    if (position === undefined || position <= state.firstPosition) return;
    const trimmed = await engine.trim(log, position);
    if (trimmed !== 'done') report(`the log ${log} could not be trimmed (${trimmed})`);
  }
}
