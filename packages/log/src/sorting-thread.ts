/**
 * Sorts journal files on a thread of its own, so that settling takes no time from whoever puts and reads.
 *
 *      none ──first job──▶ running ──error, exit──▶ none: the job is done here, and the next one tries again
 *
 * Invariant: a job ends once, by the thread's answer or, when the thread ends before, on the main thread: nothing but
 * the journal file went into it, and that is still there. The settler has one job at a time.
 */
import { resolve } from 'node:path';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { assert } from '@millrace/base';
import { chunkName } from './chunk.js';
import type { Disk } from './disk.js';
import { type MadeChunk, type Sorter, type SortJob, sortJournal } from './sort-job.js';
import { resultOf, type SortAnswer, type SortingWorkerData } from './sorting-message.js';

/** Small objects that are dropped at once; what lives longer grows with the logs, and is not bounded here. */
const resourceLimits: ResourceLimits = { maxYoungGenerationSizeMb: 6 };

export interface SortingThreadOptions {
  /** The log's directory, and the same as a disk. */
  readonly directory: string;
  readonly disk: Disk;
  /** Told why a thread ended by itself. */
  readonly failed: (error: unknown) => void;
}

export class SortingThread implements Sorter {
  readonly #options: SortingThreadOptions;
  /** Absolute: what the process takes for its directory may change. */
  readonly #directory: string;
  #worker: Worker | undefined;
  #answered: ((answer: SortAnswer | undefined) => void) | undefined;

  constructor(options: SortingThreadOptions) {
    this.#options = options;
    this.#directory = resolve(options.directory);
  }

  async sort(job: SortJob): Promise<MadeChunk | undefined> {
    const answer = await this.#ask(job);
    if (answer !== undefined) return resultOf(answer);
    const { disk } = this.#options;
    const name = chunkName(job.chunk);
    if ((await disk.list()).includes(name)) await disk.remove(name);
    return sortJournal(disk, job);
  }

  /** Ends the thread, which has nothing to do any more. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  /** The thread's answer; `undefined` when it ended before. */
  #ask(job: SortJob): Promise<SortAnswer | undefined> {
    assert(this.#answered === undefined, 'one journal file is sorted at a time');
    return new Promise((answered) => {
      this.#answered = (answer) => {
        this.#answered = undefined;
        // A thread keeps the process only while it has something to do.
        this.#worker?.unref();
        answered(answer);
      };
      try {
        this.#worker ??= this.#begun();
        this.#worker.ref();
        this.#worker.postMessage(job);
      } catch (error) {
        // The machine has no thread to give: the main one goes on alone.
        this.#options.failed(error);
        this.#answered(undefined);
      }
    });
  }

  #begun(): Worker {
    const workerData: SortingWorkerData = { directory: this.#directory };
    const worker = new Worker(new URL('./sorting-worker.js', import.meta.url), {
      workerData,
      resourceLimits,
    });
    worker.on('message', (answer: SortAnswer) => this.#answered?.(answer));
    worker.on('messageerror', (error) => this.#ended(worker, error));
    worker.on('error', (error) => this.#ended(worker, error));
    worker.on('exit', (code) => this.#ended(worker, new Error(`it ended with code ${code}`)));
    return worker;
  }

  #ended(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    if (this.#answered === undefined) return;
    this.#options.failed(error);
    this.#answered(undefined);
  }
}
