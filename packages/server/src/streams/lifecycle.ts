/**
 * Takes streams through their lives. One worker a stream in transition, one step at a time, each step idempotent and
 * decided by what the catalog says now; so a crash between any two of them is taken up where it was when the streams
 * are opened again.
 *
 *      CREATING   make the logs ─▶ wait ─▶ `activate`
 *      UPDATING   make the children's logs ─▶ wait ─▶ seal the parents ─▶ `reshard` with their final positions,
 *                 round after round; where nothing is resharded, wait ─▶ `settle`
 *      DELETING   wait ─▶ delete the logs ─▶ `remove`
 *
 * Consumers of the stream take their own steps beside these: see `commands/consumers.ts`.
 *
 * The children's logs are there before a parent is sealed: a disk that fills up meanwhile leaves the stream taking
 * records. A step that fails is reported and tried again after `retryMs`, until it succeeds or the stream is
 * no longer in that state.
 */
import type { Clock, Timer } from '@millrace/base';
import type { LogEngine } from '@millrace/log';
import { LogError } from '@millrace/log';
import type { Catalog } from '../catalog/catalog.js';
import { CatalogError } from '../catalog/catalog-error.js';
import type { Fold } from '../catalog/fold.js';
import { consumerSteps, consumersMoving } from './commands/consumers.js';
import type { StreamsDelays } from './limits.js';
import type { Reshard, Stream } from './stream.js';
import { keyOf, logsOf, shardLog } from './stream.js';
import type { StreamsCommand } from './streams-command.js';
import type { StreamsOutcome, StreamsState } from './streams-state.js';
import { sameIncarnation } from './streams-state.js';

export interface LifecycleOptions {
  readonly engine: LogEngine;
  readonly clock: Clock;
  readonly catalog: Catalog;
  readonly fold: Fold<StreamsState, StreamsCommand, StreamsOutcome>;
  readonly delays: StreamsDelays;
  readonly retryMs: number;
  /** Calls back once whatever else is ready has run: thousands of shards are made round by round, and nobody waits for all. */
  readonly nextTurn: (run: () => void) => void;
  /** Told of every step that failed and will be tried again. */
  readonly report: (message: string) => void;
}

/** What a step came to: wait so long and look again, look again at once, or nothing more to do. */
type Next = { readonly waitMs: number } | 'again' | 'done';

interface Worker {
  readonly key: string;
  readonly incarnation: number;
  /** The step under way. */
  running: Promise<void> | undefined;
  /** Somebody changed the stream while a step was under way. */
  again: boolean;
  timer: Timer | undefined;
}

export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #workers = new Map<number, Worker>();
  #closed = false;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  /** Takes up every stream in transition: at open, and from time to time for a command whose author gave up on it. */
  takeUpAll(): void {
    for (const stream of this.#options.fold.view.streams.values()) this.takeUp(stream);
  }

  /** Looks at a stream whose state may have changed. */
  takeUp(stream: Stream): void {
    if (this.#closed || settled(stream)) return;
    const { incarnation } = stream;
    let worker = this.#workers.get(incarnation);
    if (worker === undefined) {
      worker = { key: keyOf(stream), incarnation, running: undefined, again: false, timer: undefined };
      this.#workers.set(incarnation, worker);
    }
    this.#wake(worker);
  }

  /** Starts no further step and waits for those under way. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const worker of this.#workers.values()) worker.timer?.cancel();
    await Promise.all([...this.#workers.values()].map((worker) => worker.running));
  }

  #wake(worker: Worker): void {
    if (this.#closed) return;
    worker.timer?.cancel();
    worker.timer = undefined;
    if (worker.running !== undefined) {
      worker.again = true;
      return;
    }
    worker.again = false;
    worker.running = this.#step(worker).then((next) => {
      worker.running = undefined;
      if (this.#closed) return;
      if (next === 'again') this.#options.nextTurn(() => this.#wake(worker));
      else if (worker.again) this.#wake(worker);
      else if (next === 'done') this.#workers.delete(worker.incarnation);
      else worker.timer = this.#options.clock.schedule(next.waitMs, () => this.#wake(worker));
    });
  }

  async #step(worker: Worker): Promise<Next> {
    const stream = sameIncarnation(this.#options.fold.view, worker);
    if (stream === undefined || settled(stream)) return 'done';
    try {
      return sooner(await this.#advance(stream), await this.#advanceConsumers(stream));
    } catch (error) {
      if (!(error instanceof CatalogError || error instanceof LogError)) throw error;
      return this.#failed(stream, error.message);
    }
  }

  #failed(stream: Stream, why: string): Next {
    const { retryMs, report } = this.#options;
    report(`the stream ${stream.name} stays ${stream.status}: ${why}; trying again in ${retryMs} ms`);
    return { waitMs: retryMs };
  }

  async #advance(stream: Stream): Promise<Next> {
    switch (stream.status) {
      case 'CREATING':
        return this.#create(stream);
      case 'UPDATING':
        return stream.reshard === undefined ? this.#settle(stream) : this.#reshard(stream, stream.reshard);
      case 'DELETING':
        return this.#remove(stream);
      case 'ACTIVE':
        return 'done';
    }
  }

  async #advanceConsumers(stream: Stream): Promise<Next> {
    const { clock, delays } = this.#options;
    const { due, waitMs } = consumerSteps(stream, delays, clock.now());
    for (const step of due) await this.#submit(step, true);
    return waitMs === undefined ? 'done' : { waitMs };
  }

  async #create(stream: Stream): Promise<Next> {
    const created = await this.#options.engine.create(logsOf(stream));
    if (created !== 'done') return this.#failed(stream, `its logs could not be made (${created})`);
    const waitMs = this.#remaining(stream, this.#options.delays.createDelayMs);
    if (waitMs > 0) return { waitMs };
    await this.#submit({ type: 'activate', ...identity(stream) });
    return 'done';
  }

  async #reshard(stream: Stream, reshard: Reshard): Promise<Next> {
    const { engine, delays } = this.#options;
    const children = reshard.steps.flatMap((step) => step.children);
    const created = await engine.create(children.map((child) => shardLog(stream, child.index)));
    if (created !== 'done') return this.#failed(stream, `its new logs could not be made (${created})`);
    const waitMs = this.#remaining(stream, delays.updateDelayMs);
    if (waitMs > 0) return { waitMs };
    const parents = reshard.steps.flatMap((step) => step.parents);
    const seals = await Promise.all(parents.map((parent) => engine.seal(shardLog(stream, parent))));
    const ends: number[] = [];
    for (const sealed of seals) {
      if (sealed.kind !== 'sealed')
        return this.#failed(stream, `its shard could not be sealed (${sealed.kind})`);
      ends.push(sealed.endPosition);
    }
    const firstChild = children[0]?.index ?? 0;
    await this.#submit({ type: 'reshard', ...identity(stream), firstChild, ends });
    return 'again';
  }

  async #settle(stream: Stream): Promise<Next> {
    const waitMs = this.#remaining(stream, this.#options.delays.updateDelayMs);
    if (waitMs > 0) return { waitMs };
    await this.#submit({ type: 'settle', ...identity(stream) });
    return 'done';
  }

  async #remove(stream: Stream): Promise<Next> {
    const waitMs = this.#remaining(stream, this.#options.delays.deleteDelayMs);
    if (waitMs > 0) return { waitMs };
    const deleted = await this.#options.engine.delete(logsOf(stream));
    if (deleted !== 'done') return this.#failed(stream, `its logs could not be deleted (${deleted})`);
    await this.#submit({ type: 'remove', ...identity(stream) }, true);
    return 'done';
  }

  async #submit(command: StreamsCommand, urgent = false): Promise<void> {
    await this.#options.catalog.submit(this.#options.fold, command, urgent);
  }

  #remaining(stream: Stream, delayMs: number): number {
    return Math.max(0, stream.sinceMs + delayMs - this.#options.clock.now());
  }
}

/** Whether nothing is on its way, neither the stream nor a consumer of it. */
function settled(stream: Stream): boolean {
  return stream.status === 'ACTIVE' && !consumersMoving(stream);
}

function sooner(a: Next, b: Next): Next {
  if (a === 'again' || b === 'again') return 'again';
  if (a === 'done' || b === 'done') return a === 'done' ? b : a;
  return a.waitMs < b.waitMs ? a : b;
}

function identity(stream: Stream): { readonly key: string; readonly incarnation: number } {
  return { key: keyOf(stream), incarnation: stream.incarnation };
}
