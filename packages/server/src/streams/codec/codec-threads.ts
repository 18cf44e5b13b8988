/**
 * Codec threads beside the main one: they read large bodies, decode and hash, while it owns sockets and log.
 *
 *      main     body (shared memory) ──job──┐               ┌──▶ append ──▶ answer
 *      thread                               └──▶ decode ────┘ batch, moved
 *
 *      none ──first large body──▶ starting ──loaded──▶ ready ──error, exit──▶ none, for a pause at least
 *
 * Small bodies are read where they are: handing one over costs as much as reading it. So is everything while no thread
 * is ready, or each has enough to do. Invariant: a job ends once, by its thread's answer or, when the thread ends
 * before, by the main thread: its body is still there, so that a thread that dies costs time and nothing else.
 */
import { Worker } from 'node:worker_threads';
import { type Clock, kib } from '@millrace/base';
import type { Protocol } from '@millrace/wire';
import { errorFields, type Logger } from '../../logger.js';
import type { PutBatch } from '../put-batch.js';
import { type Codec, inlineCodec, type PutName } from './codec.js';
import type { CodecAnswer, CodecJob, CodecReady } from './codec-message.js';

export interface CodecThreadsOptions {
  /** Beside the main thread; 0 has everything done on it. */
  readonly threads: number;
  /** Real time. */
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bodies from this size on are handed over. */
  readonly bodyBytesMin?: number;
}

const bodyBytesMinDefault = 256 * kib;
/** Jobs that one thread may have; with more, the main thread reads for itself. Their bytes the gateway bounds. */
const jobsMax = 64;
/** After a thread has ended by itself, none is started in its place for so long. */
const restartPauseMs = 1_000;

export class CodecThreads implements Codec {
  readonly #threads: readonly Thread[];
  readonly #bodyBytesMin: number;

  constructor(options: CodecThreadsOptions) {
    this.#threads = Array.from({ length: options.threads }, () => new Thread(options));
    this.#bodyBytesMin = options.bodyBytesMin ?? bodyBytesMinDefault;
  }

  decodePut(
    name: PutName,
    protocol: Protocol,
    body: Uint8Array,
  ): PutBatch | undefined | Promise<PutBatch | undefined> {
    const thread = this.#threadFor(body);
    return thread === undefined
      ? inlineCodec.decodePut(name, protocol, body)
      : thread.decodePut(name, protocol, body);
  }

  /** Jobs that threads have now, for tests. */
  get jobs(): number {
    return this.#threads.reduce((jobs, thread) => jobs + thread.jobs, 0);
  }

  /** Threads that are ready, for tests. */
  get ready(): number {
    return this.#threads.filter((thread) => thread.isReady()).length;
  }

  /** Ends the threads; what they have not done yet is done here. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #threadFor(body: Uint8Array): Thread | undefined {
    if (body.length < this.#bodyBytesMin || !(body.buffer instanceof SharedArrayBuffer)) return undefined;
    let idlest: Thread | undefined;
    for (const thread of this.#threads) {
      if (thread.isReady() && thread.jobs < (idlest?.jobs ?? jobsMax)) idlest = thread;
      else if (!thread.isReady()) thread.start();
    }
    return idlest;
  }
}

/** A job under way: what to do with the batch, and how to do without the thread. */
interface Pending {
  readonly answered: (batch: PutBatch | undefined) => void;
  readonly doHere: () => void;
}

class Thread {
  readonly #options: CodecThreadsOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #ready = false;
  #closing = false;
  #startAtMs = Number.NEGATIVE_INFINITY;
  #lastId = 0;

  constructor(options: CodecThreadsOptions) {
    this.#options = options;
  }

  get jobs(): number {
    return this.#pending.size;
  }

  isReady(): boolean {
    return this.#ready;
  }

  /** Begins to start, unless it did or may not. */
  start(): void {
    if (this.#worker !== undefined || this.#closing || this.#options.clock.now() < this.#startAtMs) return;
    const worker = new Worker(new URL('./codec-thread.js', import.meta.url));
    this.#worker = worker;
    worker.on('message', (said: CodecReady | CodecAnswer) => {
      if ('ready' in said) this.#ready = true;
      else this.#answered(said);
    });
    worker.on('messageerror', (error) => this.#failed(error));
    worker.on('error', (error) => this.#failed(error));
    worker.on('exit', () => this.#ended());
    // A thread keeps the process only while it has something to do.
    worker.unref();
  }

  decodePut(name: PutName, protocol: Protocol, body: Uint8Array): Promise<PutBatch | undefined> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const doHere = (): void => {
        try {
          resolve(inlineCodec.decodePut(name, protocol, body));
        } catch (error) {
          reject(error);
        }
      };
      this.#pending.set(id, { answered: resolve, doHere });
      if (this.#pending.size === 1) this.#worker?.ref();
      const job: CodecJob = { id, name, contentType: protocol.contentType, body };
      this.#worker?.postMessage(job);
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#worker?.terminate();
  }

  #answered({ id, batch }: CodecAnswer): void {
    this.#pending.get(id)?.answered(batch);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker?.unref();
  }

  #failed(error: Error): void {
    this.#options.logger.error('a codec thread failed; its work goes on elsewhere', errorFields(error));
    this.#ready = false;
    void this.#worker?.terminate();
  }

  #ended(): void {
    this.#worker = undefined;
    this.#ready = false;
    this.#startAtMs = this.#options.clock.now() + restartPauseMs;
    const left = [...this.#pending.values()];
    this.#pending.clear();
    for (const { doHere } of left) doHere();
  }
}
