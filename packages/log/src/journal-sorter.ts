/**
 * Sorts the records of one journal file by log, in bounded memory: a counting sort into blocks.
 *
 *      pass 1      walk the frames' heads ──▶ for each log, the shapes of its blocks: where each record will be
 *      pass 2, 3 … walk again, and copy the records of as many blocks as fit into the buffer to their places
 *
 * Invariant: what is alive in the file when pass 1 begins on its log is copied, once, in order, with its arrival
 * time; each payload is checked before a record of it is copied. The buffer is at most `bytesMax`, or one block; a
 * block is at most `blockBytesMax`, or one record.
 */
import { assert } from '@millrace/base';
import { type BlockShape, blockHeaderBytes, blockLayout, sealBlock, writeRun } from './chunk-block.js';
import type { ChunkWriter, LogFence, WritableBlock } from './chunk-writer.js';
import type { FileWindow } from './file-window.js';
import { type FrameHead, frameKind, voidLog } from './frame.js';
import { FrameWalk } from './frame-walk.js';
import type { JournalLease } from './journal.js';
import type { Registry } from './registry.js';

export interface SorterOptions {
  readonly lease: JournalLease;
  readonly window: FileWindow;
  readonly registry: Registry;
  readonly tag: number;
  readonly bytesMax: number;
  readonly blockBytesMax: number;
}

interface PlannedBlock extends WritableBlock {
  runCount: number;
  recordCount: number;
  payloadBytes: number;
  end: number;
}

interface PlannedLog {
  readonly number: number;
  /** Records before this are dead; all of them when the log was deleted. */
  readonly first: number;
  end: number;
  lastArrivalMs: number;
  readonly blocks: PlannedBlock[];
}

/** A block whose records are being copied to their places. */
interface OpenBlock {
  readonly block: PlannedBlock;
  readonly at: number;
  readonly endsAt: number;
  readonly payloadAt: number;
  runs: number;
  records: number;
  bytes: number;
}

/** The blocks of one log in the buffer, and which of them is not full yet. */
interface OpenLog {
  readonly blocks: OpenBlock[];
  next: number;
}

/** One section of a frame: records of one log. */
interface Section {
  readonly position: number;
  readonly count: number;
  readonly arrivalMs: number;
  readonly orderStart: number;
  readonly ends: Uint32Array;
  readonly order: Uint32Array | undefined;
}

/** What a run and padding add to a block at most, so that asking whether a record fits takes no layout. */
const blockSlackBytes = blockHeaderBytes + 16;

export class JournalSorter {
  readonly #options: SorterOptions;
  readonly #logs = new Map<number, PlannedLog>();
  #blocks: readonly PlannedBlock[] = [];
  #buffer = Buffer.alloc(0);

  constructor(options: SorterOptions) {
    this.#options = options;
  }

  /** Pass 1. Answers whether there is anything alive to write. */
  async plan(signal: AbortSignal): Promise<boolean> {
    const walk = this.#walk();
    for (;;) {
      const head = walk.next() ?? (await walk.load());
      if (head === undefined) break;
      signal.throwIfAborted();
      forEachSection(head, (number, section) => this.#measure(this.#log(number), section));
      walk.offset += head.length;
    }
    const logs = [...this.#logs.values()].sort((a, b) => a.number - b.number);
    this.#blocks = logs.flatMap((log) => log.blocks);
    return this.#blocks.length > 0;
  }

  /** The other passes: writes all blocks. */
  async write(writer: ChunkWriter, signal: AbortSignal): Promise<void> {
    const { tag } = this.#options;
    for (let first = 0; first < this.#blocks.length; ) {
      const group = this.#group(first);
      await this.#fill(group, signal);
      await writer.write(
        this.#buffer,
        group,
        (block, at) => sealBlock(this.#buffer, at, block.log, block, tag),
        signal,
      );
      first += group.length;
    }
  }

  /** Where each log that exists stands behind this file. */
  fences(): readonly LogFence[] {
    const fences: LogFence[] = [];
    for (const log of this.#options.registry.existing()) {
      const seen = this.#logs.get(log.number);
      const end = seen?.end ?? log.settledEnd;
      const lastArrivalMs = seen?.lastArrivalMs ?? log.index.firstArrivalMs ?? log.lastArrivalMs;
      fences.push({ log: log.number, end, lastArrivalMs });
    }
    return fences.sort((a, b) => a.log - b.log);
  }

  #walk(): FrameWalk {
    const { lease, window, tag } = this.#options;
    const { name, body, end } = lease;
    return new FrameWalk(window, lease.file, tag, { name, end, offset: body, stop: end });
  }

  #log(number: number): PlannedLog {
    let planned = this.#logs.get(number);
    if (planned === undefined) {
      const log = this.#options.registry.byNumber(number);
      const first = log?.exists === true ? log.first : Number.POSITIVE_INFINITY;
      planned = { number, first, end: 0, lastArrivalMs: 0, blocks: [] };
      this.#logs.set(number, planned);
    }
    return planned;
  }

  #measure(log: PlannedLog, section: Section): void {
    const { position, count, arrivalMs } = section;
    log.end = position + count;
    log.lastArrivalMs = arrivalMs;
    let block = log.blocks.at(-1);
    let begun = false;
    for (let i = Math.max(0, log.first - position); i < count; i++) {
      const { bytes } = recordOf(section, i);
      if (block === undefined || !this.#fits(block, bytes)) {
        block = newBlock(log.number, position + i, arrivalMs);
        log.blocks.push(block);
        begun = false;
      }
      if (!begun) block.runCount++;
      begun = true;
      block.recordCount++;
      block.payloadBytes += bytes;
      block.end = position + i + 1;
    }
  }

  #fits(block: BlockShape, bytes: number): boolean {
    const { runCount, recordCount, payloadBytes } = block;
    const tables = (runCount + 1) * 24 + (recordCount + 1) * 4;
    return tables + payloadBytes + bytes + blockSlackBytes <= this.#options.blockBytesMax;
  }

  /** The blocks from `first` on that are sorted in one pass. */
  #group(first: number): readonly PlannedBlock[] {
    let bytes = 0;
    let last = first;
    for (; last < this.#blocks.length; last++) {
      const { length } = blockLayout(this.#blocks[last] as PlannedBlock);
      if (last > first && bytes + length > this.#options.bytesMax) break;
      bytes += length;
    }
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafeSlow(bytes);
    return this.#blocks.slice(first, last);
  }

  async #fill(group: readonly PlannedBlock[], signal: AbortSignal): Promise<void> {
    const open = this.#open(group);
    const walk = this.#walk();
    for (;;) {
      const head = walk.next() ?? (await walk.load());
      if (head === undefined) break;
      signal.throwIfAborted();
      if (hasAny(head, open)) {
        const payload = walk.payload(head);
        if (payload === undefined) {
          await walk.loadFrame(head);
          continue;
        }
        forEachSection(head, (number, section) => this.#copy(open.get(number), section, payload));
      }
      walk.offset += head.length;
    }
    for (const { blocks } of open.values()) {
      for (const { block, records, bytes } of blocks) {
        assert(
          records === block.recordCount && bytes === block.payloadBytes,
          'a block is not what was planned',
        );
      }
    }
  }

  /** The places of `group` in the buffer, by log, padding zeroed. */
  #open(group: readonly PlannedBlock[]): Map<number, OpenLog> {
    const open = new Map<number, OpenLog>();
    let at = 0;
    for (const block of group) {
      const { endsAt, payloadAt, length } = blockLayout(block);
      this.#buffer.fill(0, at + endsAt + block.recordCount * 4, at + payloadAt);
      this.#buffer.fill(0, at + payloadAt + block.payloadBytes, at + length);
      const opened = {
        block,
        at,
        endsAt: at + endsAt,
        payloadAt: at + payloadAt,
        runs: 0,
        records: 0,
        bytes: 0,
      };
      const ofLog = open.get(block.log);
      if (ofLog === undefined) open.set(block.log, { blocks: [opened], next: 0 });
      else ofLog.blocks.push(opened);
      at += length;
    }
    return open;
  }

  #copy(log: OpenLog | undefined, section: Section, payload: Buffer): void {
    if (log === undefined) return;
    const { position, count } = section;
    for (let b = log.next; b < log.blocks.length; b++) {
      const open = log.blocks[b] as OpenBlock;
      const { block } = open;
      if (block.firstPosition >= position + count) break;
      const from = Math.max(position, block.firstPosition);
      const to = Math.min(position + count, block.end);
      if (from >= to) continue;
      writeRun(this.#buffer, open.at, open.runs++, from, section.arrivalMs, to - from);
      for (let i = from - position; i < to - position; i++) {
        const { start, bytes } = recordOf(section, i);
        payload.copy(this.#buffer, open.payloadAt + open.bytes, start, start + bytes);
        open.bytes += bytes;
        this.#buffer.writeUInt32LE(open.bytes, open.endsAt + open.records * 4);
        open.records++;
      }
      if (open.records === block.recordCount) log.next = b + 1;
    }
  }
}

function newBlock(log: number, firstPosition: number, firstArrivalMs: number): PlannedBlock {
  return {
    log,
    firstPosition,
    firstArrivalMs,
    end: firstPosition,
    runCount: 0,
    recordCount: 0,
    payloadBytes: 0,
  };
}

function recordOf(section: Section, index: number): { readonly start: number; readonly bytes: number } {
  const { order, orderStart, ends } = section;
  const record = order === undefined ? orderStart + index : (order[orderStart + index] as number);
  const start = record === 0 ? 0 : (ends[record - 1] as number);
  return { start, bytes: (ends[record] as number) - start };
}

function forEachSection(head: FrameHead, visit: (number: number, section: Section) => void): void {
  if (head.kind !== frameKind.append) return;
  const { ends, order } = head;
  let orderStart = 0;
  for (let s = 0; s < head.sectionCount; s++) {
    const number = head.logOf(s);
    const count = head.countOf(s);
    const section = {
      position: head.positionOf(s),
      count,
      arrivalMs: head.arrivalOf(s),
      orderStart,
      ends,
      order,
    };
    if (number !== voidLog && count > 0) visit(number, section);
    orderStart += count;
  }
}

function hasAny(head: FrameHead, logs: ReadonlyMap<number, unknown>): boolean {
  if (head.kind !== frameKind.append) return false;
  for (let s = 0; s < head.sectionCount; s++) if (logs.has(head.logOf(s))) return true;
  return false;
}
