/**
 * A frame is one append, or one command, in the journal.
 *
 *      frame   = head payload                        both padded with zeros to a multiple of 8
 *      head    = magic:u32 "MRFR"                    0
 *                checksum:u32                        4   of the head from byte 8 on, its padding included
 *                length:u32                          8   of the whole frame
 *                payloadLength:u32                  12   without the padding
 *                payloadChecksum:u32                16
 *                kind:u32                           20
 *                sectionCount:u32                   24
 *                recordCount:u32                    28
 *                section × sectionCount             32
 *                order:u32 × recordCount                 only with several sections: see grouping.ts
 *                end:u32 × recordCount                   where each record ends in the payload
 *      section = log:u32 count:u32 position:u64 arrivalMs:u64
 *
 * All integers are little-endian. Checksums are CRC-32 seeded with the store's tag, so that another store's frames
 * are never taken for ours. The payload has its own checksum because it is known before the head is, and because a
 * reader may then step over the payloads of logs that it does not want.
 *
 *      kind      section                                              payload
 *      append    log (0: not appended), records, first position, …    the batch's, as it came
 *      create    the new log's number, length of its id               the ids, one after another
 *      seal      log, 0, end position                                 none
 *      trim      log, 0, first position left                          none
 *      delete    log                                                  none
 *
 * Invariant: the counts of an append's sections sum to its records, and section s's records are those from
 * order[counts before s] on. A section with log 0 marks records of the batch that are not in any log (it was sealed or missing).
 */
import { assert, checksum } from '@millrace/base';
import { align8, getU64, setU64, type WordBuffer, wordBytes } from './integers.js';

export const frameKind = { append: 1, create: 2, seal: 3, trim: 4, delete: 5 } as const;
export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

/** The section of records that went to no log. */
export const voidLog = 0;

/**
 * The sections of a frame on its way out, as columns: an append may go to hundreds of logs. They are kept for as long as
 * its records are in memory.
 */
export interface Sections<Log extends NumberedLog = NumberedLog> {
  /** Of each section, its log; undefined is `voidLog`. */
  readonly logs: readonly (Log | undefined)[];
  readonly positions: Float64Array;
  /** Where each section's count ends, counted over all of them; it begins where the previous one's ends. */
  readonly stops: Uint32Array;
  /** Of all of them. */
  readonly arrivalMs: number;
}

interface NumberedLog {
  readonly number: number;
}

export interface OutgoingFrame {
  readonly kind: FrameKind;
  readonly sections: Sections;
  readonly order: Uint32Array | undefined;
  readonly ends: Uint32Array;
  readonly payload: Uint8Array;
  readonly payloadChecksum: number;
}

const frameMagic = 0x5246524d;
/** The part of a head whose length is the same in all frames. */
export const frameFixedBytes = 32;
const sectionBytes = 24;
const noNumbers = new Uint32Array(0);
const noBytes = new Uint8Array(0);

export function controlFrame(
  kind: FrameKind,
  sections: Sections,
  payload: Uint8Array,
  tag: number,
): OutgoingFrame {
  return {
    kind,
    sections,
    order: undefined,
    ends: noNumbers,
    payload,
    payloadChecksum: checksum(payload, tag),
  };
}

/** A command that carries no bytes of its own. */
export function bareFrame(kind: FrameKind, sections: Sections, tag: number): OutgoingFrame {
  return controlFrame(kind, sections, noBytes, tag);
}

export function frameHeadBytes(sectionCount: number, recordCount: number): number {
  return align8(frameFixedBytes + sectionCount * sectionBytes + recordCount * (sectionCount > 1 ? 8 : 4));
}

export function frameBytes(frame: OutgoingFrame): number {
  return frameHeadBytes(frame.sections.logs.length, frame.ends.length) + align8(frame.payload.length);
}

/** The sections that have a count: a part of a batch need not have records of each log. */
export function withoutEmpty<Log extends NumberedLog>(sections: Sections<Log>): Sections<Log> {
  const { logs, positions, stops, arrivalMs } = sections;
  const kept = logs.map((_, s) => s).filter((s) => stops[s] !== (s === 0 ? 0 : stops[s - 1]));
  return {
    logs: kept.map((s) => logs[s]),
    positions: Float64Array.from(kept, (s) => positions[s] as number),
    stops: Uint32Array.from(kept, (s) => stops[s] as number),
    arrivalMs,
  };
}

/** Writes the head of `frame` at `at`, a multiple of 8, and answers its length. */
export function writeFrameHead(target: WordBuffer, at: number, frame: OutgoingFrame, tag: number): number {
  const { sections, order, ends, payload } = frame;
  const sectionCount = sections.logs.length;
  const headBytes = frameHeadBytes(sectionCount, ends.length);
  assert(
    (sectionCount > 1 && ends.length > 0) === (order !== undefined),
    'an order goes with several sections',
  );
  const { bytes, words } = target;
  const start = at / wordBytes;
  words[start] = frameMagic;
  words[start + 2] = headBytes + align8(payload.length);
  words[start + 3] = payload.length;
  words[start + 4] = frame.payloadChecksum;
  words[start + 5] = frame.kind;
  words[start + 6] = sectionCount;
  words[start + 7] = ends.length;
  let next = writeSections(words, start + frameFixedBytes / wordBytes, sections);
  if (order !== undefined) {
    words.set(order, next);
    next += order.length;
  }
  words.set(ends, next);
  next += ends.length;
  words.fill(0, next, (at + headBytes) / wordBytes);
  words[start + 1] = checksum(bytes.subarray(at + 8, at + headBytes), tag);
  return headBytes;
}

/** Writes sections from word `at` on; answers where they end. */
function writeSections(words: Uint32Array, at: number, sections: Sections): number {
  const { logs, positions, stops, arrivalMs } = sections;
  let next = at;
  let begin = 0;
  for (let s = 0; s < logs.length; s++) {
    const stop = stops[s] as number;
    words[next] = logs[s]?.number ?? voidLog;
    words[next + 1] = stop - begin;
    setU64(words, positions[s] as number, next + 2);
    setU64(words, arrivalMs, next + 4);
    next += sectionBytes / wordBytes;
    begin = stop;
  }
  return next;
}

/**
 * The length of the head at `at`, of which the fixed part must be there; `undefined` when no frame starts there. It
 * is not believed yet: the caller bounds it by what the file and a commit can hold, reads it, and asks `frameHeadAt`.
 */
export function frameHeadBytesAt(bytes: Buffer, at: number): number | undefined {
  if (bytes.readUInt32LE(at) !== frameMagic) return undefined;
  const headBytes = frameHeadBytes(bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 28));
  const length = headBytes + align8(bytes.readUInt32LE(at + 12));
  return length === bytes.readUInt32LE(at + 8) ? headBytes : undefined;
}

/** The checked head of the frame at `at`, all of which (`frameHeadBytesAt`) must be there; `undefined` when it is damaged. */
export function frameHeadAt(bytes: Buffer, at: number, tag: number): FrameHead | undefined {
  const headBytes = frameHeadBytesAt(bytes, at);
  if (headBytes === undefined || at + headBytes > bytes.length) return undefined;
  if (checksum(bytes.subarray(at + 8, at + headBytes), tag) !== bytes.readUInt32LE(at + 4)) return undefined;
  const head = new FrameHead(bytes, at, headBytes);
  return head.isSound() ? head : undefined;
}

/** A view of a checked head inside a buffer; good for as long as the buffer's bytes stay where they are. */
export class FrameHead {
  readonly #bytes: Buffer;
  readonly #at: number;
  /** The head as words: hundreds of sections are read from it. */
  readonly #words: Uint32Array;
  readonly headBytes: number;
  readonly sectionCount: number;
  readonly recordCount: number;

  constructor(bytes: Buffer, at: number, headBytes: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.headBytes = headBytes;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, headBytes / wordBytes);
    this.sectionCount = bytes.readUInt32LE(at + 24);
    this.recordCount = bytes.readUInt32LE(at + 28);
  }

  get length(): number {
    return this.#bytes.readUInt32LE(this.#at + 8);
  }

  get kind(): number {
    return this.#bytes.readUInt32LE(this.#at + 20);
  }

  get checksum(): number {
    return this.#bytes.readUInt32LE(this.#at + 4);
  }

  logOf(index: number): number {
    return this.#words[sectionAt(index)] as number;
  }

  countOf(index: number): number {
    return this.#words[sectionAt(index) + 1] as number;
  }

  positionOf(index: number): number {
    return getU64(this.#words, sectionAt(index) + 2);
  }

  arrivalOf(index: number): number {
    return getU64(this.#words, sectionAt(index) + 4);
  }

  get order(): Uint32Array | undefined {
    return this.sectionCount > 1 ? this.#numbers(0) : undefined;
  }

  get ends(): Uint32Array {
    return this.#numbers(this.sectionCount > 1 ? this.recordCount : 0);
  }

  /** The payload, whose bytes must be in the buffer; `undefined` when they are damaged. */
  payload(tag: number): Buffer | undefined {
    const start = this.#at + this.headBytes;
    const payload = this.#bytes.subarray(start, start + this.#bytes.readUInt32LE(this.#at + 12));
    return checksum(payload, tag) === this.#bytes.readUInt32LE(this.#at + 16) ? payload : undefined;
  }

  /** Whether the bytes that fill the payload up to a multiple of 8 are zeros: no checksum covers them. */
  isPaddedWithZeros(): boolean {
    const start = this.#at + this.headBytes + this.#bytes.readUInt32LE(this.#at + 12);
    for (let at = start; at < this.#at + this.length; at++) if (this.#bytes[at] !== 0) return false;
    return true;
  }

  /** What a checksum cannot say: that the writer was right. Kept cheap; a frame that passes is safe to walk. */
  isSound(): boolean {
    const { kind } = this;
    if (kind < frameKind.append || kind > frameKind.delete) return false;
    if (kind !== frameKind.append) return this.recordCount === 0;
    let records = 0;
    for (let i = 0; i < this.sectionCount; i++) records += this.countOf(i);
    return records === this.recordCount && this.sectionCount > 0;
  }

  /** As many numbers as records, from the number `skipped` behind the sections on. */
  #numbers(skipped: number): Uint32Array {
    const at = sectionAt(this.sectionCount) + skipped;
    return this.#words.subarray(at, at + this.recordCount);
  }
}

/** Where a section is in a head, in words. */
function sectionAt(index: number): number {
  return (frameFixedBytes + index * sectionBytes) / wordBytes;
}
