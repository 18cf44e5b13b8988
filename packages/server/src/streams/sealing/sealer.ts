/**
 * Seals batches on their way to the log: all records of a put for one shard in groups of up to 64 KiB, each one cipher
 * operation, whose fixed cost (some ten microseconds) is so shared by as many records as fit.
 *
 *      batch │ r0:a │ r1:b │ r2:a │ r3:a │  ──▶  │ [r0 r2 r3]:a │ [r1]:b │        by log, and in order within each
 *
 * **No nonce is ever used twice with one key.** A data key is made here, from a salt of 128 random bits, and seals with
 * a counter that begins at 0 and never goes back; it is forgotten with the process. Nothing of it is read back from a
 * disk, so a crash that cuts the log's end and gives its positions again cannot bring a nonce again: the next process
 * has another key. Forgetting one early costs a derivation. What would break it: two machines that go on from
 * one image of this process's memory.
 *
 * A data key is replaced when it has sealed so much (`dataKeyBytesMax`, `dataKeyGroupsMax`) that, by the bounds on
 * AES-GCM, its ciphertext begins to be distinguishable with a chance of more than 2⁻⁶⁴; and when the stream's key changes.
 */
import { createCipheriv, type KeyObject } from 'node:crypto';
import { asBuffer, kib, type Random } from '@millrace/base';
import type { AppendBatch, LogId } from '@millrace/log';
import { type MasterKeys, saltBytes } from '../../keys/master-keys.js';
import type { Sliced } from '../codec/sliced.js';
import { masterKeyGone } from '../errors.js';
import {
  associatedData,
  groupHeadBytes,
  memberHeadBytes,
  nonceOf,
  writeGroupHead,
  writeMemberHead,
  writeTag,
} from './sealed-group.js';

/** A group is closed before it is longer, unless one record is. A reader opens whole groups, so they stay small. */
export const groupBytesMax = 64 * kib;
const groupRecordsMax = 512;
/** 2³² blocks. */
const dataKeyBytesMax = 64 * 1024 ** 3;
const dataKeyGroupsMax = 2 ** 32;
/** Streams with a data key in memory; the one that has not sealed for longest gives way. */
const dataKeysMax = 4096;
/** What is sealed before others have their turn. */
const sliceBytes = 512 * kib;

/** What the records of a stream are to be sealed with. */
export interface SealedWith {
  readonly incarnation: number;
  /** Since when: another change of the stream's encryption has another. */
  readonly fromMs: number;
  readonly fingerprint: string;
}

export interface SealerOptions {
  readonly keys: MasterKeys;
  readonly random: Random;
  /**
   * For the simulator alone, to prove that it would notice: one data key for good, and nonces by the place that a group is
   * expected to have in its log, which a crash gives again.
   */
  readonly endOf?: ((log: LogId) => number) | undefined;
}

interface DataKey {
  readonly fromMs: number;
  readonly fingerprint: string;
  readonly salt: Uint8Array;
  readonly key: KeyObject;
  groups: number;
  bytes: number;
}

interface Group {
  readonly log: number;
  /** Among the records in the order of sealing. */
  readonly first: number;
  readonly count: number;
  readonly bytes: number;
}

const scratch = Buffer.allocUnsafeSlow(groupBytesMax);

export class Sealer {
  readonly #options: SealerOptions;
  /** By stream; the one that sealed last comes last. */
  readonly #dataKeys = new Map<number, DataKey>();
  /** For `endOf` alone. */
  readonly #expected = new Map<LogId, number>();

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /** The batch as it goes to the log: per log, the same records in the same order. */
  *seal(stream: SealedWith, batch: AppendBatch): Sliced<AppendBatch> {
    const order = byLog(batch);
    const groups = groupsOf(batch, order);
    const heads = order.length * memberHeadBytes + groups.length * groupHeadBytes;
    const payload = Buffer.allocUnsafeSlow(batch.payload.length + heads);
    const logOf = new Uint32Array(order.length);
    const ends = new Uint32Array(order.length);
    let at = 0;
    let sliced = 0;
    for (const group of groups) {
      at = this.#sealGroup(stream, batch, order, group, { payload, logOf, ends }, at);
      sliced += group.bytes;
      if (sliced < sliceBytes) continue;
      yield sliced;
      sliced = 0;
    }
    return { ...batch, logOf, ends, payload };
  }

  #sealGroup(
    stream: SealedWith,
    batch: AppendBatch,
    order: Uint32Array,
    group: Group,
    sealed: { readonly payload: Buffer; readonly logOf: Uint32Array; readonly ends: Uint32Array },
    from: number,
  ): number {
    const { payload, logOf, ends } = sealed;
    const log = batch.logs[group.log] as LogId;
    const plain = gather(batch, order, group);
    const lengths = new Uint32Array(group.count);
    for (let i = 0; i < group.count; i++) lengths[i] = lengthOf(batch, order[group.first + i] as number);
    const { key, salt, fingerprint, counter } = this.#next(stream, log, group);
    const headAt = from + memberHeadBytes;
    const head = writeGroupHead(payload, headAt, { records: group.count, fingerprint, salt, counter });
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(counter));
    cipher.setAAD(associatedData(log, head, lengths));
    const ciphertext = cipher.update(plain);
    cipher.final();
    writeTag(payload, headAt, cipher.getAuthTag());
    let at = from;
    for (let i = 0, start = 0; i < group.count; i++) {
      writeMemberHead(payload, at, i);
      at += memberHeadBytes + (i === 0 ? groupHeadBytes : 0);
      const end = start + (lengths[i] as number);
      ciphertext.copy(payload, at, start, end);
      at += end - start;
      start = end;
      logOf[group.first + i] = group.log;
      ends[group.first + i] = at;
    }
    return at;
  }

  /** The key of the next group, and its counter, which nobody is given again. */
  #next(stream: SealedWith, log: LogId, group: Group): DataKey & { readonly counter: number } {
    const { endOf } = this.#options;
    if (endOf !== undefined) return this.#byPosition(stream, log, group, endOf);
    let dataKey = this.#dataKeys.get(stream.incarnation);
    if (dataKey === undefined || !isGood(dataKey, stream)) {
      dataKey = this.#make(stream, this.#options.random.bytes(saltBytes));
    }
    this.#dataKeys.delete(stream.incarnation);
    this.#dataKeys.set(stream.incarnation, dataKey);
    if (this.#dataKeys.size > dataKeysMax) {
      for (const oldest of this.#dataKeys.keys()) {
        this.#dataKeys.delete(oldest);
        break;
      }
    }
    dataKey.bytes += group.bytes;
    return { ...dataKey, counter: dataKey.groups++ };
  }

  #make({ fromMs, fingerprint }: SealedWith, salt: Uint8Array): DataKey {
    const { keys } = this.#options;
    const key = keys.dataKey(fingerprint, salt);
    if (key === undefined) throw masterKeyGone(fingerprint, keys.place);
    return { fromMs, fingerprint, salt, key, groups: 0, bytes: 0 };
  }

  #byPosition(
    stream: SealedWith,
    log: LogId,
    group: Group,
    endOf: (log: LogId) => number,
  ): DataKey & { readonly counter: number } {
    const counter = Math.max(endOf(log), this.#expected.get(log) ?? 0);
    this.#expected.set(log, counter + group.count);
    const salt = Buffer.alloc(saltBytes);
    salt.write(log.slice(-saltBytes), 'latin1');
    return { ...this.#make(stream, salt), counter };
  }
}

function isGood(dataKey: DataKey, { fromMs, fingerprint }: SealedWith): boolean {
  const same = dataKey.fromMs === fromMs && dataKey.fingerprint === fingerprint;
  return same && dataKey.groups < dataKeyGroupsMax && dataKey.bytes < dataKeyBytesMax;
}

/** The batch's records log after log, each log's in their order. */
function byLog({ logs, logOf }: AppendBatch): Uint32Array {
  const order = new Uint32Array(logOf.length);
  const next = new Uint32Array(logs.length + 1);
  for (const log of logOf) next[log + 1] = (next[log + 1] as number) + 1;
  for (let log = 0; log < logs.length; log++)
    next[log + 1] = (next[log + 1] as number) + (next[log] as number);
  for (let record = 0; record < logOf.length; record++) {
    const log = logOf[record] as number;
    const at = next[log] as number;
    order[at] = record;
    next[log] = at + 1;
  }
  return order;
}

function groupsOf(batch: AppendBatch, order: Uint32Array): readonly Group[] {
  const groups: Group[] = [];
  let first = 0;
  let bytes = 0;
  for (let i = 0; i < order.length; i++) {
    const record = order[i] as number;
    const log = batch.logOf[record] as number;
    bytes += lengthOf(batch, record);
    const next = order[i + 1];
    const count = i + 1 - first;
    const goesOn =
      next !== undefined &&
      batch.logOf[next] === log &&
      count < groupRecordsMax &&
      bytes + lengthOf(batch, next) <= groupBytesMax;
    if (goesOn) continue;
    groups.push({ log, first, count, bytes });
    first = i + 1;
    bytes = 0;
  }
  return groups;
}

/** A group's records one after another: where they lie, if they do so there, or copied. Good until the next call. */
function gather(
  { payload, ends }: AppendBatch,
  order: Uint32Array,
  { first, count, bytes }: Group,
): Uint8Array {
  const start = startOf(ends, order[first] as number);
  const last = order[first + count - 1] as number;
  if ((ends[last] as number) - start === bytes) return payload.subarray(start, ends[last]);
  const source = asBuffer(payload);
  let at = 0;
  for (let i = first; i < first + count; i++) {
    const record = order[i] as number;
    at += source.copy(scratch, at, startOf(ends, record), ends[record]);
  }
  return scratch.subarray(0, bytes);
}

function lengthOf({ ends }: AppendBatch, record: number): number {
  return (ends[record] as number) - startOf(ends, record);
}

function startOf(ends: Uint32Array, record: number): number {
  return record === 0 ? 0 : (ends[record - 1] as number);
}
