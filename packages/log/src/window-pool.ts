/**
 * The windows that reads from files go through: as many as may read at the same time.
 *
 * Invariant: at most `readsMax` windows exist, so that reading takes bounded memory and leaves threads for writing; at
 * most `readsWaitingMax` callers wait for one, in order.
 */
import { BoundedQueue } from '@millrace/base';
import { FileWindow } from './file-window.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import type { MemoryBudget, MemoryShare } from './memory-budget.js';

export class WindowPool {
  readonly #limits: NativeLimits;
  readonly #memory: MemoryShare;
  readonly #idle: FileWindow[] = [];
  readonly #waiting: BoundedQueue<(window: FileWindow) => void>;
  #made = 0;
  readonly #onIdle: (() => void)[] = [];

  constructor(limits: NativeLimits, budget: MemoryBudget) {
    this.#limits = limits;
    this.#memory = budget.share();
    this.#waiting = new BoundedQueue(limits.readsWaitingMax);
  }

  async take(): Promise<FileWindow> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#made < this.#limits.readsMax) {
      this.#made++;
      return new FileWindow(this.#limits.readBytesMax, this.#memory);
    }
    return new Promise((resolve, reject) => {
      if (this.#waiting.push(resolve)) return;
      reject(new LogError('busy', `${this.#limits.readsWaitingMax} reads already wait`));
    });
  }

  giveBack(window: FileWindow): void {
    window.shrink();
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(window);
      return;
    }
    this.#idle.push(window);
    if (this.#idle.length === this.#made) for (const wake of this.#onIdle.splice(0)) wake();
  }

  /** Resolves when nobody reads or waits to. */
  async idle(): Promise<void> {
    while (this.#idle.length < this.#made) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }
}
