/**
 * What callers ask of the writer, in the order in which they asked: the queue between them and the commits.
 *
 *      calls ──▶ waiting (unprepared) ──▶ queue (prepared, bounded) ──▶ commit under way
 *
 * Invariant: requests leave in the order in which they came. The queue holds at most `queueBytesMax` bytes and
 * `queueRequestsMax` requests; past that, requests wait outside, at most `waitingRequestsMax`, and one more is refused.
 */
import { BoundedQueue, checksum } from '@millrace/base';
import { batchParts, batchPartsMax } from './batch-parts.js';
import type { AppendBatch, AppendOutcome, ControlOutcome, LogId, Position, SealResult } from './contract.js';
import { frameHeadBytes } from './frame.js';
import { isGathered } from './gathered-appends.js';
import { type Grouping, groupByLog } from './grouping.js';
import { align8 } from './integers.js';
import type { NativeLimits } from './limits.js';
import { LogError } from './log-error.js';
import { hasSlack } from './tail.js';

/** How a commit that did not come to be answers its requests. */
export type Failure = 'full' | 'poisoned' | 'unknown';

interface RequestOf<Kind extends string, Answer> {
  readonly kind: Kind;
  /** What it will take in the journal, at most. */
  readonly bytes: number;
  readonly answer: (answer: Answer) => void;
}

export interface AppendRequest extends RequestOf<'append', readonly AppendOutcome[]> {
  readonly batch: AppendBatch;
  /** Of one that is not gathered with others: worked out while an earlier commit is being synced, when the processor is idle. */
  prepared: PreparedBatch | undefined;
}

/** A part of the batch for each of its frames. */
export type PreparedBatch = readonly PreparedPart[];

export interface PreparedPart {
  readonly part: AppendBatch;
  readonly grouping: Grouping;
  readonly payloadChecksum: number;
}

export interface LogsRequest extends RequestOf<'create' | 'delete', ControlOutcome> {
  readonly logs: readonly LogId[];
}

export interface SealRequest extends RequestOf<'seal', SealResult> {
  readonly log: LogId;
}

export interface TrimRequest extends RequestOf<'trim', ControlOutcome> {
  readonly log: LogId;
  readonly before: Position;
}

export type Request = AppendRequest | LogsRequest | SealRequest | TrimRequest;

/** What a batch takes in the journal, at most. */
export function appendBytes(batch: AppendBatch, limits: NativeLimits): number {
  const parts = batchPartsMax(batch, limits.framePayloadBytesMax);
  const heads = frameHeadBytes(batch.logs.length, batch.ends.length);
  return (
    heads +
    (parts - 1) * frameHeadBytes(batch.logs.length, 2) +
    align8(batch.payload.length) +
    (parts - 1) * 8
  );
}

/** Whether the request may use the space that is kept back for a full disk. */
export function isPrivileged(request: Request): boolean {
  return request.kind !== 'append' || request.batch.urgent === true;
}

export function fail(request: Request, failure: Failure): void {
  if (request.kind === 'append') request.answer(request.batch.logs.map(() => ({ kind: failure })));
  else if (request.kind === 'seal') request.answer({ kind: failure });
  else request.answer(failure);
}

/** Does for a request what does not depend on the commit that it will join, unless that is done. */
export function prepare(request: AppendRequest, tag: number, limits: NativeLimits): PreparedBatch {
  if (request.prepared !== undefined) return request.prepared;
  const work = prepareInSlices(request.batch, tag, limits);
  let step = work.next();
  while (step.done !== true) step = work.next();
  request.prepared = step.value;
  return step.value;
}

/** The same, pausing after each `appendSliceBytes` that it has gone through; yields how many bytes they were. */
export function* prepareInSlices(
  batch: AppendBatch,
  tag: number,
  limits: NativeLimits,
): Generator<number, PreparedBatch, void> {
  const { appendSliceBytes, framePayloadBytesMax } = limits;
  const payload = hasSlack(batch.payload)
    ? yield* copyInSlices(batch.payload, appendSliceBytes)
    : batch.payload;
  const prepared: PreparedPart[] = [];
  let left = appendSliceBytes;
  for (const part of batchParts({ ...batch, payload }, framePayloadBytesMax)) {
    const grouping = groupByLog(part);
    let payloadChecksum = tag;
    for (let at = 0; at < part.payload.length; ) {
      const bytes = part.payload.subarray(at, at + left);
      payloadChecksum = checksum(bytes, payloadChecksum);
      at += bytes.length;
      left -= bytes.length;
      if (left > 0) continue;
      yield appendSliceBytes;
      left = appendSliceBytes;
    }
    prepared.push({ part, grouping, payloadChecksum });
  }
  return prepared;
}

function* copyInSlices(bytes: Uint8Array, sliceBytes: number): Generator<number, Uint8Array, void> {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  for (let at = 0; at < bytes.length; at += sliceBytes) {
    copy.set(bytes.subarray(at, at + sliceBytes), at);
    yield sliceBytes;
  }
  return copy;
}

export class RequestQueue {
  readonly #limits: NativeLimits;
  readonly #tag: number;
  readonly #queue: BoundedQueue<Request>;
  readonly #waiting: BoundedQueue<Request>;
  #bytes = 0;

  constructor(limits: NativeLimits, tag: number) {
    this.#limits = limits;
    this.#tag = tag;
    this.#queue = new BoundedQueue(limits.queueRequestsMax);
    this.#waiting = new BoundedQueue(limits.waitingRequestsMax);
  }

  /** Prepared requests and their bytes. */
  get queued(): { readonly requests: number; readonly bytes: number } {
    return { requests: this.#queue.length, bytes: this.#bytes };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  /** Adds a request at the end; throws `LogError` code `busy` when too many wait already. */
  push(request: Request): void {
    if (this.#waiting.length === 0 && this.#admit(request)) return;
    if (!this.#waiting.push(request)) {
      throw new LogError('busy', `${this.#limits.waitingRequestsMax} calls already wait to be written`);
    }
  }

  peek(): Request | undefined {
    return this.#queue.peek();
  }

  /** Takes the first request, and lets in those that its place makes room for. */
  shift(): Request | undefined {
    const request = this.#queue.shift();
    if (request === undefined) return undefined;
    this.#bytes -= request.bytes;
    for (
      let next = this.#waiting.peek();
      next !== undefined && this.#admit(next);
      next = this.#waiting.peek()
    ) {
      this.#waiting.shift();
    }
    return request;
  }

  #admit(request: Request): boolean {
    const fits = this.#bytes + request.bytes <= this.#limits.queueBytesMax || this.#queue.length === 0;
    if (!fits || !this.#queue.push(request)) return false;
    this.#bytes += request.bytes;
    if (request.kind === 'append' && !isGathered(request.batch, this.#limits))
      prepare(request, this.#tag, this.#limits);
    return true;
  }
}
