/**
 * Opens what `sealer.ts` has sealed: a page of records as the log has them becomes a page of stored records.
 *
 *      page        │ 2 c2 │ 0 head c3 │ 1 c4 │ plain │ 0 head c5 │            0 head c0, 1 c1 are read before it,
 *      opened      │  r2  │     r3    │  r4  │ plain │     r5    │            1 c6 behind it
 *
 * A group opens whole or not at all, so what a page has only a part of is completed by reads of its own; they ask for
 * less than a group each. Records that were never sealed are passed on.
 *
 * Invariant: nothing is passed on that the tag does not vouch for. What does not open is damage, told with its log and
 * position.
 */
import { createDecipheriv, type KeyObject } from 'node:crypto';
import { asBuffer } from '@millrace/base';
import { type LogEngine, LogError, type LogId, type Position, type RecordBatch } from '@millrace/log';
import type { MasterKeys } from '../../keys/master-keys.js';
import type { Codec } from '../codec/codec.js';
import type { Sliced } from '../codec/sliced.js';
import { sliceBytes } from '../codec/sliced.js';
import { masterKeyGone } from '../errors.js';
import {
  associatedData,
  groupHeadBytes,
  groupIndexOf,
  isSealed,
  memberHeadBytes,
  nonceOf,
  type ReadHead,
  readGroupHead,
} from './sealed-group.js';
import { groupBytesMax } from './sealer.js';

/** Data keys kept of those that something was opened with last; deriving one takes some ten microseconds. */
const dataKeysMax = 1024;

export interface OpenedRecords {
  readonly records: RecordBatch;
  /** For each record, whether it was sealed; undefined when none was. */
  readonly sealed: Uint8Array | undefined;
}

/** The records of a group, as far as they were read: `positions` follow each other from the group's first on. */
interface Members {
  readonly pieces: Piece[];
}

interface Piece {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A group that a page has a part of, with the rest of it. */
interface Found {
  /** In the page. */
  readonly from: number;
  readonly to: number;
  /** The index in the group of the page's first. */
  readonly index: number;
  readonly position: Position;
  readonly members: Members;
}

export class Opener {
  readonly #keys: MasterKeys;
  readonly #engine: LogEngine;
  readonly #codec: Codec;
  readonly #dataKeys = new Map<string, KeyObject>();

  constructor(keys: MasterKeys, engine: LogEngine, codec: Codec) {
    this.#keys = keys;
    this.#engine = engine;
    this.#codec = codec;
  }

  /**
   * Undefined when a group's beginning was trimmed meanwhile, or its log deleted: then all of it was, and the page is read anew. Rejects with
   * `LogError` code `damaged`, and with an `AwsError` when the master key is gone.
   */
  async open(log: LogId, page: RecordBatch): Promise<OpenedRecords | undefined> {
    const found: Found[] = [];
    let bytes = 0;
    for (let i = nextSealed(page, 0); i < page.count; ) {
      const group = await this.#group(log, page, i);
      if (group === undefined) return undefined;
      for (const { start, end } of group.members.pieces) bytes += end - start;
      found.push(group);
      i = nextSealed(page, group.to);
    }
    if (found.length === 0) return { records: page, sealed: undefined };
    const work = this.#openAll(log, page, found);
    return this.#codec.inSlices(work, bytes);
  }

  /** The group that record `from` of the page is of, all of it. */
  async #group(log: LogId, page: RecordBatch, from: number): Promise<Found | undefined> {
    const position = page.positions[from] as Position;
    const index = indexOf(log, page, from);
    if (index > position) throw broken(log, position, 'it is of a group that began before the log');
    const members: Members = { pieces: [] };
    if (index > 0 && !(await this.#fetch(log, position - index, 0, index, members))) return undefined;
    let to = from;
    while (to < page.count && page.positions[to] === position + to - from) {
      const { buffer, start, end } = pieceAt(page, to);
      if (!isSealed(buffer, start) || groupIndexOf(buffer, start, end) !== index + to - from) break;
      members.pieces.push({ buffer, start, end });
      to++;
    }
    const { records } = headOf(log, position - index, members.pieces);
    const have = members.pieces.length;
    if (have > records) throw broken(log, position, 'more records than its head says');
    if (have < records && !(await this.#fetch(log, position - index + have, have, records - have, members))) {
      return undefined;
    }
    return { from, to, index, position: position - index, members };
  }

  /** Reads `count` records of a group from `position` on, which have to be there; false: they were trimmed, or deleted. */
  async #fetch(
    log: LogId,
    position: Position,
    index: number,
    count: number,
    members: Members,
  ): Promise<boolean> {
    for (let done = 0; done < count; ) {
      const from = position + done;
      const read = await this.#engine.read({
        log,
        from,
        recordsMax: count - done,
        bytesMax: 2 * groupBytesMax,
      });
      if (read.kind === 'missing' || read.state.firstPosition > from) return false;
      const { records } = read;
      // A log that is deleted while it is read has nothing, and only says so afterwards.
      if (records.count === 0 && this.#engine.state(log) === undefined) return false;
      if (records.count === 0) throw broken(log, from, 'a part of its group is gone');
      for (let i = 0; i < records.count; i++, done++) {
        const inPlace = records.positions[i] === position + done && indexOf(log, records, i) === index + done;
        if (!inPlace) throw broken(log, position + done, 'a part of its group is gone');
        members.pieces.push(pieceAt(records, i));
      }
    }
    return true;
  }

  *#openAll(log: LogId, page: RecordBatch, found: readonly Found[]): Sliced<OpenedRecords> {
    const opened = found.reduce((sum, { from, to }) => sum + to - from, 0);
    // A page is kept for as long as its events are: not with the ciphertext, if that can be.
    const buffers = opened === page.count ? [] : [...page.buffers];
    const bufferOf = page.bufferOf.slice(0, page.count);
    const starts = page.starts.slice(0, page.count);
    const ends = page.ends.slice(0, page.count);
    const sealed = new Uint8Array(page.count);
    let sliced = 0;
    for (const group of found) {
      const { plain, lengths } = this.#openGroup(log, group);
      const buffer = buffers.push(plain) - 1;
      let start = 0;
      for (let i = 0; i < lengths.length; i++) {
        const end = start + (lengths[i] as number);
        const at = group.from + i - group.index;
        if (at >= group.from && at < group.to) {
          bufferOf[at] = buffer;
          starts[at] = start;
          ends[at] = end;
          sealed[at] = 1;
        }
        start = end;
      }
      sliced += plain.length;
      if (sliced < sliceBytes) continue;
      yield sliced;
      sliced = 0;
    }
    return { records: { ...page, buffers, bufferOf, starts, ends }, sealed };
  }

  #openGroup(
    log: LogId,
    { position, members: { pieces } }: Found,
  ): { readonly plain: Uint8Array; readonly lengths: Uint32Array } {
    const head = headOf(log, position, pieces);
    const lengths = new Uint32Array(pieces.length);
    const parts: Uint8Array[] = [];
    for (const [i, { buffer, start, end }] of pieces.entries()) {
      const from = start + memberHeadBytes + (i === 0 ? groupHeadBytes : 0);
      lengths[i] = end - from;
      parts.push(buffer.subarray(from, end));
    }
    const key = this.#dataKey(head);
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(head.counter));
    decipher.setAAD(associatedData(log, head.authenticated, lengths));
    decipher.setAuthTag(head.tag);
    const [only] = parts;
    const plain = decipher.update(parts.length === 1 && only !== undefined ? only : Buffer.concat(parts));
    try {
      decipher.final();
    } catch (error) {
      throw broken(log, position, 'it was changed, or belongs elsewhere', error);
    }
    return { plain, lengths };
  }

  #dataKey({ fingerprint, salt }: ReadHead): KeyObject {
    const name = `${fingerprint}${asBuffer(salt).toString('hex')}`;
    const key = this.#dataKeys.get(name) ?? this.#keys.dataKey(fingerprint, salt);
    if (key === undefined) throw masterKeyGone(fingerprint, this.#keys.place);
    this.#dataKeys.delete(name);
    this.#dataKeys.set(name, key);
    if (this.#dataKeys.size > dataKeysMax) {
      for (const oldest of this.#dataKeys.keys()) {
        this.#dataKeys.delete(oldest);
        break;
      }
    }
    return key;
  }
}

/** The first record from `from` on that is sealed; the page's count when none is. */
function nextSealed({ count, buffers, bufferOf, starts }: RecordBatch, from: number): number {
  let i = from;
  while (i < count && !isSealed(buffers[bufferOf[i] as number] as Uint8Array, starts[i] as number)) i++;
  return i;
}

function pieceAt(page: RecordBatch, i: number): Piece {
  const buffer = page.buffers[page.bufferOf[i] as number] as Uint8Array;
  return { buffer, start: page.starts[i] as number, end: page.ends[i] as number };
}

function indexOf(log: LogId, page: RecordBatch, i: number): number {
  const { buffer, start, end } = pieceAt(page, i);
  const index = groupIndexOf(buffer, start, end);
  if (index === undefined)
    throw broken(log, page.positions[i] as Position, 'it is sealed in no way known here');
  return index;
}

function headOf(log: LogId, position: Position, pieces: readonly Piece[]): ReadHead {
  const [first] = pieces;
  const head =
    first === undefined
      ? undefined
      : readGroupHead(asBuffer(first.buffer), first.start + memberHeadBytes, first.end);
  if (head === undefined) throw broken(log, position, 'its head is none');
  return head;
}

function broken(log: LogId, position: Position, why: string, cause?: unknown): LogError {
  return new LogError(
    'damaged',
    `the sealed record of ${log} at position ${position} does not open: ${why}`,
    {
      cause,
    },
  );
}
