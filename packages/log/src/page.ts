/**
 * The page that a read fills: records gathered until the wanted number or the wanted bytes are there.
 *
 * Invariant: it holds at most `recordsMax` records and at most `bytesMax` bytes of them, but always takes the first
 * record it is offered. What is taken from memory that stays, the tail's or a block's own, is shared; what is taken from
 * a window onto a file is copied, because the window moves on. What a page has of files lies where its memory says
 * (`page-memory.ts`).
 */
import { asBuffer, assert, copyBytes } from '@millrace/base';
import type { Position, RecordBatch } from './contract.js';
import { ownMemory } from './page-memory.js';
import type { Run } from './run.js';

const capacityFirst = 64;
/** Copies are gathered in buffers of about this size. */
const copyBufferBytes = 256 * 1024;

/** What a page says of each record, in one piece of memory: a collector's pause grows with their number. */
interface Columns {
  readonly positions: Float64Array;
  readonly arrivalsMs: Float64Array;
  readonly bufferOf: Uint32Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

const doubleBytes = 8;
const wordBytes = 4;

function columns(capacity: number): Columns {
  const doubles = capacity * doubleBytes;
  const words = capacity * wordBytes;
  const memory = new ArrayBuffer(2 * doubles + 3 * words);
  return {
    positions: new Float64Array(memory, 0, capacity),
    arrivalsMs: new Float64Array(memory, doubles, capacity),
    bufferOf: new Uint32Array(memory, 2 * doubles, capacity),
    starts: new Uint32Array(memory, 2 * doubles + words, capacity),
    ends: new Uint32Array(memory, 2 * doubles + 2 * words, capacity),
  };
}

/** A reader who polls finds nothing most of the time, and such a page takes nothing. */
const noColumns = columns(0);
const noBytes = Buffer.alloc(0);

export class Page {
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  /** Memory for what is read for it. */
  readonly take: (bytes: number) => Buffer;
  #bytes = 0;
  #full = false;
  #count = 0;
  #columns = noColumns;
  readonly #buffers: Uint8Array[] = [];
  #copy: Buffer = noBytes;
  #copied = 0;
  /** Where it is among the buffers; −1 while there is none. */
  #copyBuffer = -1;

  constructor(recordsMax: number, bytesMax: number, take = ownMemory) {
    assert(recordsMax >= 1 && bytesMax >= 0, 'a read asks for at least one record');
    this.take = take;
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
    return this.#takeIn(run, from, false);
  }

  /** Records that still fit, as far as is known before they are seen; at least one while the page is not full. */
  get room(): { readonly records: number; readonly bytes: number } {
    return { records: this.#recordsMax - this.#count, bytes: Math.max(1, this.#bytesMax - this.#bytes) };
  }

  /** As `share`, but keeps no reference to the run's payload. */
  copy(run: Run, from: Position): Position {
    return this.#takeIn(run, from, true);
  }

  finish(): RecordBatch {
    const count = this.#count;
    const { positions, arrivalsMs, bufferOf, starts, ends } = this.#columns;
    return {
      count,
      positions: positions.subarray(0, count),
      arrivalsMs: arrivalsMs.subarray(0, count),
      buffers: this.#buffers,
      bufferOf: bufferOf.subarray(0, count),
      starts: starts.subarray(0, count),
      ends: ends.subarray(0, count),
    };
  }

  #takeIn(run: Run, from: Position, copying: boolean): Position {
    const { batch, orderStart, firstPosition, arrivalMs } = run;
    const { payload, ends, order } = batch;
    const firstAt = this.#count;
    let i = Math.max(0, from - firstPosition);
    for (; i < run.count; i++) {
      const record = order === undefined ? orderStart + i : (order[orderStart + i] as number);
      const start = record === 0 ? 0 : (ends[record - 1] as number);
      const end = ends[record] as number;
      const length = end - start;
      if (this.#count > 0 && this.#bytes + length > this.#bytesMax) this.#full = true;
      if (this.#full) break;
      if (this.#count === this.#columns.positions.length) this.#grow();
      const at = this.#count++;
      const columns = this.#columns;
      columns.positions[at] = firstPosition + i;
      columns.arrivalsMs[at] = arrivalMs;
      columns.starts[at] = start;
      columns.ends[at] = end;
      if (copying && order !== undefined) this.#copyIn(at, at + 1, payload);
      this.#bytes += length;
      if (this.#count === this.#recordsMax) this.#full = true;
    }
    if (!copying) this.#refer(firstAt, payload);
    else if (order === undefined) this.#copyIn(firstAt, this.#count, payload);
    return firstPosition + i;
  }

  /** Lets the records from `from` on be where they are, in `payload`. */
  #refer(from: number, payload: Uint8Array): void {
    if (from === this.#count) return;
    // The runs of a block follow one another in one payload.
    const last = this.#buffers.length - 1;
    const buffer = this.#buffers[last] === payload ? last : this.#buffers.push(payload) - 1;
    this.#columns.bufferOf.fill(buffer, from, this.#count);
  }

  /** Copies the records `from` to `to`, which lie together in `payload`, and lets them be where the copy is. */
  #copyIn(from: number, to: number, payload: Uint8Array): void {
    if (from === to) return;
    const { bufferOf, starts, ends } = this.#columns;
    const start = starts[from] as number;
    const end = ends[to - 1] as number;
    const length = end - start;
    if (this.#copyBuffer < 0 || this.#copied + length > this.#copy.length) {
      const wanted = Math.min(this.#bytesMax - this.#bytes, copyBufferBytes);
      this.#copy = this.take(Math.max(wanted, length));
      this.#copied = 0;
      this.#copyBuffer = this.#buffers.push(this.#copy) - 1;
    }
    copyBytes(asBuffer(payload), start, end, this.#copy, this.#copied);
    const moved = this.#copied - start;
    for (let at = from; at < to; at++) {
      bufferOf[at] = this.#copyBuffer;
      starts[at] = (starts[at] as number) + moved;
      ends[at] = (ends[at] as number) + moved;
    }
    this.#copied += length;
  }

  #grow(): void {
    const capacity = Math.max(capacityFirst, Math.min(this.#columns.positions.length * 4, this.#recordsMax));
    const larger = columns(capacity);
    larger.positions.set(this.#columns.positions);
    larger.arrivalsMs.set(this.#columns.arrivalsMs);
    larger.bufferOf.set(this.#columns.bufferOf);
    larger.starts.set(this.#columns.starts);
    larger.ends.set(this.#columns.ends);
    this.#columns = larger;
  }
}
