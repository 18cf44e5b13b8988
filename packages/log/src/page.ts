/**
 * The page that a read fills: records gathered until the wanted number or the wanted bytes are there.
 *
 * Invariant: it holds at most `recordsMax` records and at most `bytesMax` bytes of them, but always takes the first
 * record it is offered. What is taken from memory is shared; what is taken from a window onto a file is copied,
 * because the window moves on.
 */
import { assert } from '@millrace/base';
import type { Position, RecordBatch } from './contract.js';
import type { Run } from './run.js';

const capacityFirst = 64;
/** Copies are gathered in buffers of about this size. */
const copyBufferBytes = 256 * 1024;

export class Page {
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  #bytes = 0;
  #full = false;
  #count = 0;
  #positions = new Float64Array(capacityFirst);
  #arrivalsMs = new Float64Array(capacityFirst);
  #bufferOf = new Uint32Array(capacityFirst);
  #starts = new Uint32Array(capacityFirst);
  #ends = new Uint32Array(capacityFirst);
  readonly #buffers: Uint8Array[] = [];
  #copy = Buffer.alloc(0);
  #copied = 0;

  constructor(recordsMax: number, bytesMax: number) {
    assert(recordsMax >= 1 && bytesMax >= 0, 'a read asks for at least one record');
    this.#recordsMax = recordsMax;
    this.#bytesMax = bytesMax;
  }

  get full(): boolean {
    return this.#full;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes records of `run` from `from` on by reference; answers the position to read on at. */
  share(run: Run, from: Position): Position {
    return this.#take(run, from, false);
  }

  /** As `share`, but keeps no reference to the run's payload. */
  copy(run: Run, from: Position): Position {
    return this.#take(run, from, true);
  }

  finish(): RecordBatch {
    const count = this.#count;
    return {
      count,
      positions: this.#positions.subarray(0, count),
      arrivalsMs: this.#arrivalsMs.subarray(0, count),
      buffers: this.#buffers,
      bufferOf: this.#bufferOf.subarray(0, count),
      starts: this.#starts.subarray(0, count),
      ends: this.#ends.subarray(0, count),
    };
  }

  #take(run: Run, from: Position, copying: boolean): Position {
    const { batch, orderStart, firstPosition, arrivalMs } = run;
    const { payload, ends, order } = batch;
    let shared = -1;
    for (let i = Math.max(0, from - firstPosition); i < run.count; i++) {
      const record = order === undefined ? orderStart + i : (order[orderStart + i] as number);
      const start = record === 0 ? 0 : (ends[record - 1] as number);
      const end = ends[record] as number;
      const length = end - start;
      if (this.#count > 0 && this.#bytes + length > this.#bytesMax) this.#full = true;
      if (this.#full) return firstPosition + i;
      if (this.#count === this.#positions.length) this.#grow();
      const at = this.#count++;
      this.#positions[at] = firstPosition + i;
      this.#arrivalsMs[at] = arrivalMs;
      if (copying) {
        this.#copyIn(at, payload, start, end);
      } else {
        if (shared < 0) shared = this.#buffers.push(payload) - 1;
        this.#bufferOf[at] = shared;
        this.#starts[at] = start;
        this.#ends[at] = end;
      }
      this.#bytes += length;
      if (this.#count === this.#recordsMax) this.#full = true;
    }
    return firstPosition + run.count;
  }

  #copyIn(at: number, payload: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#buffers.length === 0 || this.#copied + length > this.#copy.length) {
      const wanted = Math.min(this.#bytesMax - this.#bytes, copyBufferBytes);
      this.#copy = Buffer.allocUnsafeSlow(Math.max(wanted, length));
      this.#copied = 0;
      this.#buffers.push(this.#copy);
    }
    this.#copy.set(payload.subarray(start, end), this.#copied);
    this.#bufferOf[at] = this.#buffers.length - 1;
    this.#starts[at] = this.#copied;
    this.#copied += length;
    this.#ends[at] = this.#copied;
  }

  #grow(): void {
    const capacity = Math.min(this.#positions.length * 4, Math.max(this.#recordsMax, capacityFirst));
    this.#positions = enlarged(this.#positions, new Float64Array(capacity));
    this.#arrivalsMs = enlarged(this.#arrivalsMs, new Float64Array(capacity));
    this.#bufferOf = enlarged(this.#bufferOf, new Uint32Array(capacity));
    this.#starts = enlarged(this.#starts, new Uint32Array(capacity));
    this.#ends = enlarged(this.#ends, new Uint32Array(capacity));
  }
}

function enlarged<T extends Float64Array | Uint32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
