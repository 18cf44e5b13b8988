/**
 * Small appends of one commit, gathered into one frame: one head, one checksum, one piece of memory and one run a log,
 * however many asked. A commit of 64 single records is then not much more work than one of a batch of 64.
 *
 *      appends   │ a: log 3 │ b: log 7 │ c: log 3 │
 *      frame     log 3: a c │ log 7: b                payload │ a │ b │ c │
 *
 * Invariant: the records of one log follow each other in the order of their appends, from the position that the log
 * stood at when the first of them came. All logs are there and open; what meets another has a frame of its own.
 */
import { assert, checksum, mib } from '@millrace/base';
import type { AppendBatch, AppendOutcome } from './contract.js';
import { frameKind, type OutgoingFrame, type Sections } from './frame.js';
import { groupByLog } from './grouping.js';
import type { NativeLimits } from './limits.js';
import type { RegisteredLog } from './registry.js';

/** With so much gathered, another frame is begun: copying it holds up everybody else. */
export const gatheredBytesMax = mib;

/** Whether `batch` is gathered with others: it is not worth memory, a frame and a part of the write of its own. */
export function isGathered(batch: AppendBatch, limits: NativeLimits): boolean {
  return batch.payload.length <= limits.gatheredPayloadBytesMax && batch.ends.length > 0;
}

export interface GatheredFrame {
  readonly frame: OutgoingFrame;
  /** Those of the frame. */
  readonly sections: Sections<RegisteredLog>;
}

export class GatheredAppends {
  readonly #arrivalMs: number;
  readonly #slots = new Map<RegisteredLog, number>();
  /** Where each log stood when its first records came. */
  readonly #firstPositions: number[] = [];
  readonly #payloads: Uint8Array[] = [];
  /** For each record of all batches, the slot of its log, and where it ends. */
  readonly #slotOf: number[] = [];
  readonly #ends: number[] = [];
  #payloadBytes = 0;

  constructor(arrivalMs: number) {
    this.#arrivalMs = arrivalMs;
  }

  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  /** Adds `batch`, whose logs are `logs`; answers what becomes of it once the frame is synced. */
  add(batch: AppendBatch, logs: readonly RegisteredLog[]): AppendOutcome[] {
    const outcomes = logs.map((log): AppendOutcome => {
      return { kind: 'appended', firstPosition: log.joinedEnd, arrivalMs: this.#arrivalMs };
    });
    let start = 0;
    for (let i = 0; i < batch.ends.length; i++) {
      const end = batch.ends[i] as number;
      const log = logs[batch.logOf[i] as number];
      assert(log !== undefined && end >= start, 'a record ends before it starts, or has no log');
      this.#slotOf.push(this.#slot(log));
      this.#ends.push(this.#payloadBytes + end);
      log.joinedEnd++;
      start = end;
    }
    assert(start <= batch.payload.length, 'a record ends past the payload');
    const { payload } = batch;
    this.#payloads.push(start === payload.length ? payload : payload.subarray(0, start));
    this.#payloadBytes += start;
    return outcomes;
  }

  /** The frame of all that was added; the payload is copied into memory of its own. */
  finish(tag: number): GatheredFrame {
    const payload = Buffer.allocUnsafeSlow(this.#payloadBytes);
    let at = 0;
    for (const each of this.#payloads) {
      payload.set(each, at);
      at += each.length;
    }
    const logs = [...this.#slots.keys()];
    const ends = new Uint32Array(this.#ends);
    const logOf = new Uint32Array(this.#slotOf);
    const { stops, order } = groupByLog({ logs: logs.map((log) => log.id), logOf, ends, payload });
    const positions = new Float64Array(this.#firstPositions);
    const sections = { logs, positions, stops, arrivalMs: this.#arrivalMs };
    const payloadChecksum = checksum(payload, tag);
    return { frame: { kind: frameKind.append, sections, order, ends, payload, payloadChecksum }, sections };
  }

  /** That of a log which is about to grow. */
  #slot(log: RegisteredLog): number {
    const known = this.#slots.get(log);
    if (known !== undefined) return known;
    const slot = this.#firstPositions.push(log.joinedEnd) - 1;
    this.#slots.set(log, slot);
    return slot;
  }
}
