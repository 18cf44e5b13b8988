/**
 * Sorts the records of one journal file by log, stretch by stretch: each stretch of frames is a counting sort into
 * blocks.
 *
 *      journal   │ frames of about `bytesMax` │ as many again │ …
 *      stretch   walk the heads ──▶ for each log, the shapes of its blocks: where each record will be
 *                walk again     ──▶ check each payload, copy its records to their places
 *      buffer    │ log 3: block block │ log 7: block │ …      then the same for the next stretch
 *
 * Invariant: what was alive in the file when the job was made is copied, once, in order, with its arrival time; each
 * payload is read and checked once, before a record of it is copied. The buffer is about `bytesMax`, or one frame; a
 * block is at most `blockBytesMax`, or one record.
 */
import { assert } from '@millrace/base';
import { type BlockShape, blockHeaderBytes, blockLayout, sealBlock, writeRun } from './chunk-block.js';
import type { BlocksToWrite, LogFence, WritableBlock } from './chunk-writer.js';
import type { DiskFile } from './disk.js';
import type { FileWindow } from './file-window.js';
import { type FrameHead, frameKind, voidLog } from './frame.js';
import { FrameWalk } from './frame-walk.js';
import { align8, type WordBuffer, wordBuffer, wordBytes } from './integers.js';
import type { SortJob, StopSign } from './sort-job.js';

interface PlannedBlock extends WritableBlock {
  runCount: number;
  recordCount: number;
  payloadBytes: number;
  /** Its place in the buffer, and of its parts; then how much of each is there. */
  at: number;
  endsAt: number;
  payloadAt: number;
  runs: number;
  records: number;
  bytes: number;
}

interface PlannedLog {
  readonly number: number;
  /** Records before this are dead; all of them when the log was deleted. */
  readonly first: number;
  end: number;
  lastArrivalMs: number;
  /** Its blocks of the stretch, and the first of them that is not full. */
  blocks: PlannedBlock[];
  next: number;
}

/** What a run and padding add to a block at most, so that asking whether a record fits takes no layout. */
const blockSlackBytes = blockHeaderBytes + 16;

/** What stretches are sorted in. Whoever has one job after another keeps it: new memory costs a fault for each page. */
export class SortBuffer {
  #memory = wordBuffer(0);

  get memory(): WordBuffer {
    return this.#memory;
  }

  /** Makes it `length` long at least, and `usual` if it has to be made: both multiples of 8. What was in it is gone. */
  makeRoom(length: number, usual: number): void {
    if (this.#memory.bytes.length >= length) return;
    // The old one may go before the new one comes.
    this.#memory = wordBuffer(0);
    this.#memory = wordBuffer(Math.max(length, usual));
  }
}

export class JournalSorter {
  readonly #job: SortJob;
  readonly #file: DiskFile;
  readonly #window: FileWindow;
  readonly #logs = new Map<number, PlannedLog>();
  /** Those that have records in the stretch. */
  #touched: PlannedLog[] = [];
  readonly #buffer: SortBuffer;
  #offset: number;

  constructor(job: SortJob, file: DiskFile, window: FileWindow, buffer: SortBuffer) {
    this.#job = job;
    this.#file = file;
    this.#window = window;
    this.#buffer = buffer;
    this.#offset = job.source.body;
  }

  /** The blocks of the next stretch that has any, good until the next call; `undefined` at the end of the file. */
  async next(stop: StopSign): Promise<BlocksToWrite | undefined> {
    while (this.#offset < this.#job.source.end) {
      const from = this.#offset;
      this.#offset = await this.#plan(from, stop);
      const blocks = this.#layOut();
      if (blocks.length === 0) continue;
      await this.#fill(from, this.#offset, stop);
      const { tag } = this.#job;
      const { bytes } = this.#buffer.memory;
      return { bytes, blocks, seal: (block, at) => sealBlock(bytes, at, block.log, block, tag) };
    }
    return undefined;
  }

  /** Where each log that exists stands behind this file. */
  fences(): readonly LogFence[] {
    const { numbers, ends, lastArrivalsMs } = this.#job.logs;
    return Array.from(numbers, (log, i) => {
      const seen = this.#logs.get(log);
      const end = seen?.end ?? (ends[i] as number);
      return { log, end, lastArrivalMs: seen?.lastArrivalMs ?? (lastArrivalsMs[i] as number) };
    });
  }

  #walk(offset: number, stop: number): FrameWalk {
    const { source, tag } = this.#job;
    const { name, end } = source;
    return new FrameWalk(this.#window, this.#file, tag, { name, end, offset, stop });
  }

  /** Measures the frames from `from` on, as many as the buffer is for; answers where they end. */
  async #plan(from: number, stop: StopSign): Promise<number> {
    for (const log of this.#touched) {
      log.blocks = [];
      log.next = 0;
    }
    this.#touched = [];
    const walk = this.#walk(from, this.#job.source.end);
    for (;;) {
      const head = walk.next() ?? (await walk.load());
      if (head === undefined) return this.#job.source.end;
      if (walk.offset > from && walk.offset + head.length - from > this.#job.bytesMax) return walk.offset;
      stop.throwIfAborted();
      if (head.kind === frameKind.append) this.#measure(head);
      walk.offset += head.length;
    }
  }

  #measure(head: FrameHead): void {
    const { ends, order } = head;
    let orderStart = 0;
    for (let s = 0; s < head.sectionCount; s++) {
      const count = head.countOf(s);
      const number = head.logOf(s);
      if (number !== voidLog && count > 0) {
        const log = this.#log(number);
        const position = head.positionOf(s);
        const arrivalMs = head.arrivalOf(s);
        log.end = position + count;
        log.lastArrivalMs = arrivalMs;
        const dead = Math.max(0, log.first - position);
        if (dead < count) {
          const from = orderStart + dead;
          this.#measureRun(log, position + dead, arrivalMs, ends, order, from, orderStart + count);
        }
      }
      orderStart += count;
    }
  }

  #measureRun(
    log: PlannedLog,
    position: number,
    arrivalMs: number,
    ends: Uint32Array,
    order: Uint32Array | undefined,
    from: number,
    to: number,
  ): void {
    if (log.blocks.length === 0) this.#touched.push(log);
    let block = log.blocks.at(-1);
    let begun = false;
    for (let i = from; i < to; i++) {
      const record = order === undefined ? i : (order[i] as number);
      const bytes = (ends[record] as number) - (record === 0 ? 0 : (ends[record - 1] as number));
      if (block === undefined || !this.#fits(block, bytes)) {
        block = newBlock(log.number, position + i - from, arrivalMs);
        log.blocks.push(block);
        begun = false;
      }
      if (!begun) block.runCount++;
      begun = true;
      block.recordCount++;
      block.payloadBytes += bytes;
    }
  }

  #fits(block: BlockShape, bytes: number): boolean {
    const { runCount, recordCount, payloadBytes } = block;
    const tables = (runCount + 1) * 24 + (recordCount + 1) * 4;
    return tables + payloadBytes + bytes + blockSlackBytes <= this.#job.blockBytesMax;
  }

  #log(number: number): PlannedLog {
    let planned = this.#logs.get(number);
    if (planned === undefined) {
      const { numbers, firsts } = this.#job.logs;
      const first = firsts[indexOf(numbers, number)] ?? Number.POSITIVE_INFINITY;
      planned = { number, first, end: 0, lastArrivalMs: 0, blocks: [], next: 0 };
      this.#logs.set(number, planned);
    }
    return planned;
  }

  /** Gives the stretch's blocks their places in the buffer, log after log, and zeroes their padding. */
  #layOut(): readonly WritableBlock[] {
    this.#touched.sort((a, b) => a.number - b.number);
    const blocks = this.#touched.flatMap((log) => log.blocks);
    let length = 0;
    for (const block of blocks) {
      const layout = blockLayout(block);
      block.at = length;
      block.endsAt = length + layout.endsAt;
      block.payloadAt = length + layout.payloadAt;
      length += layout.length;
    }
    const { bytesMax, source } = this.#job;
    this.#buffer.makeRoom(length, align8(Math.min(bytesMax, source.end)));
    const { bytes } = this.#buffer.memory;
    for (const [i, block] of blocks.entries()) {
      const { endsAt, recordCount, payloadAt, payloadBytes } = block;
      bytes.fill(0, endsAt + recordCount * 4, payloadAt);
      bytes.fill(0, payloadAt + payloadBytes, blocks[i + 1]?.at ?? length);
    }
    return blocks;
  }

  async #fill(from: number, to: number, stop: StopSign): Promise<void> {
    const walk = this.#walk(from, to);
    for (;;) {
      const head = walk.next() ?? (await walk.load());
      if (head === undefined) break;
      stop.throwIfAborted();
      if (this.#wants(head)) {
        const payload = walk.payload(head);
        if (payload === undefined) {
          await walk.loadFrame(head);
          continue;
        }
        this.#copy(head, payload);
      }
      walk.offset += head.length;
    }
    const isFull = (log: PlannedLog): boolean => log.next === log.blocks.length;
    assert(this.#touched.every(isFull), 'every record that was planned for is there');
  }

  /** Whether the frame has records that are alive. */
  #wants(head: FrameHead): boolean {
    if (head.kind !== frameKind.append) return false;
    for (let s = 0; s < head.sectionCount; s++) {
      const log = this.#logs.get(head.logOf(s));
      if (log !== undefined && head.positionOf(s) + head.countOf(s) > log.first) return true;
    }
    return false;
  }

  #copy(head: FrameHead, payload: Buffer): void {
    const { ends, order } = head;
    const { words } = this.#buffer.memory;
    let orderStart = 0;
    for (let s = 0; s < head.sectionCount; s++) {
      const count = head.countOf(s);
      const log = this.#logs.get(head.logOf(s));
      const position = head.positionOf(s);
      if (log !== undefined && position + count > log.first) {
        let done = Math.max(0, log.first - position);
        while (done < count) {
          const block = log.blocks[log.next] as PlannedBlock;
          const taken = Math.min(count - done, block.recordCount - block.records);
          const isThere = block.records > 0 || block.firstPosition === position + done;
          assert(isThere, 'a block begins where it was planned');
          writeRun(words, block.at, block.runs++, position + done, head.arrivalOf(s), taken);
          const start = orderStart + done;
          this.#copyRun(block, payload, ends, order, start, start + taken);
          if (block.records === block.recordCount) {
            assert(block.bytes === block.payloadBytes, 'a block is not what was planned');
            log.next++;
          }
          done += taken;
        }
      }
      orderStart += count;
    }
  }

  /** Copies records to the end of a block; those that lie together in the payload go together. */
  #copyRun(
    block: PlannedBlock,
    payload: Buffer,
    ends: Uint32Array,
    order: Uint32Array | undefined,
    from: number,
    to: number,
  ): void {
    const { bytes, words } = this.#buffer.memory;
    let word = block.endsAt / wordBytes + block.records;
    let target = block.payloadAt + block.bytes;
    let start = 0;
    let end = 0;
    for (let i = from; i < to; i++) {
      const record = order === undefined ? i : (order[i] as number);
      const recordStart = record === 0 ? 0 : (ends[record - 1] as number);
      const recordEnd = ends[record] as number;
      if (recordStart !== end) {
        if (end > start) target += payload.copy(bytes, target, start, end);
        start = recordStart;
      }
      end = recordEnd;
      words[word++] = target + end - start - block.payloadAt;
    }
    if (end > start) target += payload.copy(bytes, target, start, end);
    block.records += to - from;
    block.bytes = target - block.payloadAt;
  }
}

function newBlock(log: number, firstPosition: number, firstArrivalMs: number): PlannedBlock {
  return {
    log,
    firstPosition,
    firstArrivalMs,
    runCount: 0,
    recordCount: 0,
    payloadBytes: 0,
    at: 0,
    endsAt: 0,
    payloadAt: 0,
    runs: 0,
    records: 0,
    bytes: 0,
  };
}

/** Where `number` is in `numbers`, which rise; −1 when it is not there. */
function indexOf(numbers: Uint32Array, number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < number) low = middle + 1;
    else high = middle;
  }
  return numbers[low] === number ? low : -1;
}
