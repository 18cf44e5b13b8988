/**
 * Codec threads beside the main one: they decode and hash large bodies and encode large pages, while it owns sockets
 * and log.
 *
 *      main     body (shared memory), payload's memory ──job──┐               ┌──▶ append ──▶ answer
 *      thread                                                 └──▶ decode ────┘ batch, moved
 *
 *      main     read ──▶ gather into shared memory ──job──┐               ┌──▶ answer
 *      thread                                             └──▶ encode ────┘ bytes, moved
 *
 *      none ──first large one──▶ starting ──loaded──▶ ready ──error, exit──▶ none, for a pause at least
 *
 * What is small is done at once: handing it over costs as much as doing it. So is what is larger while no thread is
 * ready, or each has enough to do; and what would hold up others too long is then done in slices (`sliced.ts`).
 * Invariant: a job ends once, by its thread's answer or, when the thread ends before, by the main thread: body or page
 * is still there, so that a thread that dies costs time and nothing else.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { assert, type Clock, kib, mib } from '@millrace/base';
import { jsonProtocol, type Protocol } from '@millrace/wire';
import { errorFields, type Logger } from '../../logger.js';
import type { PutBatch } from '../put-batch.js';
import type { Codec } from './codec.js';
import type { CodecAnswer, CodecJob, CodecReady } from './codec-message.js';
import { gatherPage, recordBytesOf, SharedSlabs } from './gathered-page.js';
import { encodePage, jsonBytesOf, pageWork, type RecordsPage } from './get-records-output.js';
import { PayloadMemory } from './payload-memory.js';
import { decodePut, type PutName, payloadBytesOf } from './put-codec.js';
import { atOnceBytesMax, finished, type Sliced, SlicedWork } from './sliced.js';
import { granuleBytes, SpareMemory } from './spare-memory.js';

export interface CodecThreadsOptions {
  /** Beside the main thread; 0 has everything done on it. */
  readonly threads: number;
  /** Real time. */
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bodies and pages from this size on are handed over. */
  readonly bytesMin?: number;
  /** For what is done here in slices. */
  readonly slicedWork?: SlicedWork;
}

const bytesMinDefault = 256 * kib;
/** Jobs that one thread may have; with more, the main thread reads for itself. Their bytes the gateway bounds. */
const jobsMax = 64;
/** With so many a thread, pages are encoded here: each that waits is 10 MiB of shared memory. */
const jobsWithPagesMax = 4;
/**
 * What V8 may take for a thread's objects: what lives between two jobs is 5 MB of code, and the rest is strings that are
 * dropped at once. Its own choice is semi-spaces of 16 MB, and to collect what is old after 64 MB of it.
 */
const resourceLimits: ResourceLimits = { maxYoungGenerationSizeMb: 12, maxOldGenerationSizeMb: 48 };
/** After a thread has ended by itself, none is started in its place for so long. */
const restartPauseMs = 1_000;
/** Two answers of 10 MiB in base64. */
const answersFreeBytesMax = 32 * mib;

export class CodecThreads implements Codec {
  readonly #threads: readonly Thread[];
  readonly #bytesMin: number;
  /** The log is to read pages into these. */
  readonly slabs = new SharedSlabs();
  readonly #answers = new SpareMemory(answersFreeBytesMax);
  /** The log is to say here what it forgot. */
  readonly payloads = new PayloadMemory();
  readonly #sliced: SlicedWork;
  /** That threads have or are to have. */
  #pages = 0;

  constructor(options: CodecThreadsOptions) {
    this.#threads = Array.from({ length: options.threads }, () => new Thread(options));
    this.#bytesMin = options.bytesMin ?? bytesMinDefault;
    this.#sliced = options.slicedWork ?? new SlicedWork();
  }

  decodePut(
    name: PutName,
    protocol: Protocol,
    body: Uint8Array,
  ): PutBatch | undefined | Promise<PutBatch | undefined> {
    const here = (): ReturnType<Codec['decodePut']> =>
      this.inSlices(decodePut(name, protocol, body), body.length);
    const shared = body.buffer instanceof SharedArrayBuffer;
    const thread = shared && body.length >= this.#bytesMin ? this.#idlest(jobsMax) : undefined;
    if (thread === undefined) return here();
    return this.#decodeThere(thread, name, protocol, body, here);
  }

  async #decodeThere(
    thread: Thread,
    name: PutName,
    protocol: Protocol,
    body: Uint8Array,
    here: () => ReturnType<Codec['decodePut']>,
  ): Promise<PutBatch | undefined> {
    const { contentType } = protocol;
    const memory = this.payloads.take(payloadBytesOf(protocol, body));
    const jobOf = (id: number): CodecJob => ({ id, name, contentType, body, memory });
    const batch = await thread.run(jobOf, isBatch, here, [memory]);
    if (batch !== undefined) this.payloads.lend(batch.payload);
    return batch;
  }

  done(batch: PutBatch): void {
    this.payloads.done(batch.payload.buffer);
  }

  encodePage(protocol: Protocol, page: RecordsPage): Uint8Array | Promise<Uint8Array> {
    const bytes = recordBytesOf(page);
    // In CBOR a page is little more than a copy of its records, as gathering them is.
    const json = protocol.contentType === jsonProtocol.contentType;
    const room = this.#pages < jobsWithPagesMax * this.#threads.length;
    const thread = json && room && bytes >= this.#bytesMin ? this.#idlest(jobsWithPagesMax) : undefined;
    if (thread === undefined) return this.#encodeHere(protocol, page);
    return this.#encodeThere(thread, protocol, page, bytes);
  }

  sent({ buffer, byteOffset }: Uint8Array): void {
    // What is shorter may lie in Node's pool, with others.
    if (byteOffset === 0 && buffer.byteLength >= granuleBytes && buffer.byteLength > Buffer.poolSize)
      this.#answers.give(buffer);
  }

  #encodeHere(protocol: Protocol, page: RecordsPage): Uint8Array | Promise<Uint8Array> {
    const allocate = (bytes: number): Buffer =>
      bytes < granuleBytes ? Buffer.allocUnsafe(bytes) : Buffer.from(this.#answers.take(bytes));
    return this.inSlices(encodePage(protocol, page, allocate), pageWork(page));
  }

  async #encodeThere(
    thread: Thread,
    protocol: Protocol,
    page: RecordsPage,
    bytes: number,
  ): Promise<Uint8Array> {
    const { contentType } = protocol;
    const lent: Buffer[] = [];
    const take = (wanted: number): Buffer => {
      const slab = this.slabs.take(Math.max(wanted, this.slabs.slabBytes));
      lent.push(slab);
      return slab;
    };
    this.#pages++;
    try {
      const gathered = await this.inSlices(gatherPage(page, take), bytes);
      const here = (): Uint8Array | Promise<Uint8Array> => this.#encodeHere(protocol, gathered);
      // It may have ended meanwhile.
      if (!thread.isReady()) return await here();
      const memory = this.#answers.take(jsonBytesOf(gathered));
      return await thread.run((id) => ({ id, contentType, page: gathered, memory }), isBytes, here, [memory]);
    } finally {
      this.#pages--;
      for (const slab of lent) this.slabs.give(slab);
    }
  }

  /** Does `work` at once, or in slices when there is too much of it. */
  inSlices<T>(work: Sliced<T>, bytes: number): T | Promise<T> {
    return bytes <= atOnceBytesMax ? finished(work) : this.#sliced.run(work);
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

  /** The thread that has least to do, of those that have less than `jobs`; those that are not there yet are started. */
  #idlest(jobs: number): Thread | undefined {
    let idlest: Thread | undefined;
    for (const thread of this.#threads) {
      if (!thread.isReady()) thread.start();
      else if (thread.jobs < (idlest?.jobs ?? jobs)) idlest = thread;
    }
    return idlest;
  }
}

type Result = CodecAnswer['result'];

const isBatch = (result: Result): result is PutBatch | undefined => !(result instanceof Uint8Array);
const isBytes = (result: Result): result is Uint8Array => result instanceof Uint8Array;

/** A job under way: what to do with its result, and how to do without the thread. */
interface Pending {
  readonly answered: (result: Result) => void;
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
    try {
      this.#worker = this.#begun();
    } catch (error) {
      // The machine has no thread to give: the main one goes on alone.
      this.#failed(error);
      this.#ended();
    }
  }

  #begun(): Worker {
    const worker = new Worker(new URL('./codec-thread.js', import.meta.url), { resourceLimits });
    worker.on('message', (said: CodecReady | CodecAnswer) => {
      if ('ready' in said) this.#ready = true;
      else this.#answered(said);
    });
    worker.on('messageerror', (error) => this.#failed(error));
    worker.on('error', (error) => this.#failed(error));
    worker.on('exit', () => this.#ended());
    // A thread keeps the process only while it has something to do.
    worker.unref();
    return worker;
  }

  /** Has the job done: there, or by `here` when the thread ends before. */
  run<R extends Result>(
    jobOf: (id: number) => CodecJob,
    isMeant: (result: Result) => result is R,
    here: () => R | Promise<R>,
    moved: readonly ArrayBuffer[] = [],
  ): Promise<R> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const answered = (result: Result): void => {
        assert(isMeant(result), 'a job ends in what it was for');
        resolve(result);
      };
      const doHere = (): void => {
        try {
          resolve(here());
        } catch (error) {
          reject(error);
        }
      };
      this.#pending.set(id, { answered, doHere });
      if (this.#pending.size === 1) this.#worker?.ref();
      this.#worker?.postMessage(jobOf(id), moved);
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#worker?.terminate();
  }

  #answered({ id, result }: CodecAnswer): void {
    this.#pending.get(id)?.answered(result);
    this.#pending.delete(id);
    if (this.#pending.size === 0 && !this.#closing) this.#worker?.unref();
  }

  #failed(error: unknown): void {
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
