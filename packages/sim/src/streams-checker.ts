/**
 * What streams must look like, from what their clients were told. The checker sees each call and its answer, every
 * GetRecords, and each new view of the catalog; it knows nothing of logs. Streams and shards are `lineage-checker.ts`'s.
 *
 * A record of a put has one fate, as an append has in `log-checker.ts`: pending, then known (stored, in one place for
 * good), refused (never to be seen), or open until it is seen or a recovery shows that it is not there.
 *
 * Checked of records: known ones are there, once, at their sequence numbers, until their retention or their stream
 * ends; nothing else is there; the hash lies in the shard's range; arrivals never fall in a shard; and of one partition
 * key, a record that was sent after another was answered stands behind it, in its shard or in a descendant, with a
 * higher sequence number; those of one batch stand in the batch's order.
 */
import { equalBytes, present } from '@millrace/base';
import type { Position } from '@millrace/log';
import { sequenceNumber } from '@millrace/wire';
import { LineageChecker } from './lineage-checker.js';
import {
  dataBytesMin,
  type ModelShard,
  type ModelStream,
  nameOf,
  type PutAnswer,
  type ReaderPlace,
  type RecordsAnswer,
  type SentRecord,
  type StreamSeen,
  storedBytes,
} from './streams-model.js';
import { check } from './violation.js';

const hourMs = 3_600_000;

export class StreamsChecker {
  readonly lineage = new LineageChecker();
  #sent = 0;
  /** Records that have become known so far. */
  #known = 0;
  /** The newest instant that a client was told of. */
  #answeredMs = 0;
  readonly counts = { stored: 0, notTaken: 0, reads: 0, recordsRead: 0 };

  /** Records sent so far: what is sent later has a higher number. */
  get sent(): number {
    return this.#sent;
  }

  /** How many records are known: what becomes known later need not be in an answer asked for now. */
  get known(): number {
    return this.#known;
  }

  /** A server has started: its clock stands at `nowMs`, not before anything that clients were told, and it shows `streams`. */
  started(nowMs: number, streams: Iterable<StreamSeen>): void {
    check(nowMs >= this.#answeredMs, () => `time went back from ${this.#answeredMs} to ${nowMs}`);
    this.lineage.observe(streams);
    this.lineage.restarted();
  }

  /** A record on its way: its bytes are `storedBytes`. */
  sending(incarnation: number, key: string, hash: bigint, dataBytes: number, nowMs: number): SentRecord {
    const record: SentRecord = {
      number: ++this.#sent,
      incarnation,
      key,
      hash,
      dataBytes,
      issuedMs: nowMs,
      knownBefore: this.#known,
      state: 'pending',
      shard: -1,
      position: -1,
      arrivalMs: -1,
      sequence: 0n,
      knownAt: 0,
    };
    this.lineage.stream(incarnation).byNumber.set(record.number, record);
    return record;
  }

  /** What became of `records`; `certain`: a record with an error is certainly not stored. */
  put(records: readonly SentRecord[], answer: PutAnswer, certain: boolean): void {
    const lastOf = new Map<string, SentRecord>();
    for (const [i, record] of records.entries()) {
      const stream = this.lineage.stream(record.incarnation);
      if (answer.errors?.has(i) === true) {
        this.#notTaken(stream, record, certain);
        continue;
      }
      this.counts.stored++;
      if (stream.gone) continue;
      const identity = present(answer.shards[answer.shardOf[i] ?? -1], 'the shard of an answer');
      const shard = this.lineage.shard(stream, identity.index);
      check(
        identity.createdMs === shard.seen.createdMs,
        () => `shard ${identity.index} was made at two times`,
      );
      const position = answer.positions[i] ?? -1;
      const arrivalMs = answer.arrivalsMs[i] ?? -1;
      this.#learn(stream, record, identity.index, position, arrivalMs, 'was stored');
      this.#answeredMs = Math.max(this.#answeredMs, arrivalMs);
      const last = lastOf.get(record.key);
      if (last !== undefined) this.#inOrder(stream, last, record, nameOf(stream));
      lastOf.set(record.key, record);
    }
  }

  /** The whole put was refused before anything was written. */
  refused(records: readonly SentRecord[], certain: boolean): void {
    for (const record of records) this.#notTaken(this.lineage.stream(record.incarnation), record, certain);
  }

  /** Checks one answer of GetRecords that was asked for at `askedMs`, and moves the reader on. */
  got(place: ReaderPlace, answer: RecordsAnswer, askedMs: number, answeredKnown: number): void {
    const stream = this.lineage.stream(place.incarnation);
    if (stream.gone) return;
    const shard = this.lineage.shard(stream, place.shard);
    const name = `${nameOf(stream)} shard ${place.shard}`;
    const { records } = answer;
    this.counts.reads++;
    this.counts.recordsRead += records.count;
    const beforeMs = askedMs - stream.seen.retentionHours * hourMs;
    const from = place.next;
    let last = -1;
    for (let i = 0; i < records.count; i++) {
      const position = records.positions[i] ?? -1;
      const arrivalMs = records.arrivalsMs[i] ?? -1;
      check(
        position > last && position >= from,
        () => `${name}: ${position} came after ${last}, from ${from}`,
      );
      check(arrivalMs >= beforeMs, () => `${name}: ${position} is past its retention`);
      check(arrivalMs >= place.fromMs, () => `${name}: ${position} arrived before ${place.fromMs}`);
      last = position;
      this.#see(stream, place.shard, position, arrivalMs, answer.stored(i));
    }
    const tip = answer.ended || (records.count === 0 && answer.millisBehindLatest === 0);
    const to = tip ? Number.POSITIVE_INFINITY : last;
    this.#complete(
      stream,
      shard,
      place,
      from,
      to,
      records,
      answer.ended ? Number.POSITIVE_INFINITY : answeredKnown,
    );
    if (last >= 0) place.next = last + 1;
    if (answer.ended) this.#ended(stream, shard, answer, name);
  }

  /** When some known record of the shard arrived; 0 when it has none. */
  arrivalAt(incarnation: number, shard: number, fraction: number): number {
    const { known } = this.lineage.shard(this.lineage.stream(incarnation), shard);
    return known[Math.floor(fraction * known.length)]?.arrivalMs ?? 0;
  }

  /** All that was in flight will never be answered. */
  crashed(): void {
    for (const stream of this.lineage.all()) {
      for (const record of stream.byNumber.values()) if (record.state === 'pending') record.state = 'open';
    }
  }

  /** After a recovery everything that can be read was read: but in streams that are being deleted nothing is open. */
  recovered(): void {
    for (const stream of this.lineage.all()) {
      if (stream.gone || stream.seen.status === 'DELETING') continue;
      for (const record of stream.byNumber.values()) if (record.state === 'open') record.state = 'refused';
    }
  }

  #notTaken(stream: ModelStream, record: SentRecord, certain: boolean): void {
    this.counts.notTaken++;
    if (stream.gone) return;
    if (record.state === 'known') {
      check(!certain, () => `${nameOf(stream)}: record ${record.number} was seen, then refused`);
      return;
    }
    record.state = certain ? 'refused' : 'open';
  }

  #see(stream: ModelStream, shard: number, position: Position, arrivalMs: number, stored: Uint8Array): void {
    const name = `${nameOf(stream)} shard ${shard}: ${position}`;
    const view = new DataView(stored.buffer, stored.byteOffset, stored.length);
    const dataAt = stored.length < 2 ? 0 : 2 + view.getUint16(0, true);
    check(stored.length >= dataAt + dataBytesMin && dataAt > 0, () => `${name} is no record`);
    const number = view.getUint32(dataAt, true);
    const record = stream.byNumber.get(number);
    check(record !== undefined, () => `${name} holds a record that nobody sent (${number})`);
    check(record.state !== 'refused', () => `${name} holds record ${number}, which was refused`);
    check(equalBytes(stored, storedBytes(record)), () => `${name} holds other bytes than were sent`);
    this.#learn(stream, record, shard, position, arrivalMs, 'was seen');
  }

  #learn(
    stream: ModelStream,
    record: SentRecord,
    index: number,
    position: Position,
    arrivalMs: number,
    how: string,
  ): void {
    const name = `${nameOf(stream)}: record ${record.number} ${how} in shard ${index} at ${position}`;
    if (record.state === 'known') {
      const same = record.shard === index && record.position === position && record.arrivalMs === arrivalMs;
      check(same, () => `${name}, and it is in shard ${record.shard} at ${record.position}`);
      return;
    }
    const shard = this.lineage.shard(stream, index);
    const { range, closed } = shard.seen;
    check(record.hash >= range.start && record.hash <= range.end, () => `${name}: not its hash`);
    check(
      closed === undefined || position < closed.endPosition,
      () => `${name}: the shard ends at ${closed?.endPosition}`,
    );
    check(arrivalMs >= record.issuedMs, () => `${name}: arrived at ${arrivalMs}, sent at ${record.issuedMs}`);
    check(
      arrivalMs <= this.lineage.newestMs,
      () => `${name}: arrived at ${arrivalMs}, now is ${this.lineage.newestMs}`,
    );
    record.state = 'known';
    record.shard = index;
    record.position = position;
    record.arrivalMs = arrivalMs;
    record.sequence = BigInt(sequenceNumber(shard.seen, position, arrivalMs));
    record.knownAt = ++this.#known;
    insertByPosition(shard.known, record, name);
    this.#insertByKey(stream, record, name);
  }

  /** A record comes after those of its key that were known when it was sent. */
  #insertByKey(stream: ModelStream, record: SentRecord, name: string): void {
    const newest = stream.byKey.get(record.key) ?? [];
    stream.byKey.set(record.key, newest);
    let place = newest.length;
    while (place > 0 && (newest[place - 1]?.knownAt ?? 0) > record.knownBefore) place--;
    const before = newest[place - 1];
    if (before !== undefined) this.#inOrder(stream, before, record, name);
    const last = newest.at(-1);
    if (last === undefined || last.sequence < record.sequence) newest.push(record);
  }

  #inOrder(stream: ModelStream, first: SentRecord, second: SentRecord, name: string): void {
    const ordered =
      first.shard === second.shard
        ? first.position < second.position
        : this.lineage.isAncestor(stream, first.shard, second.shard);
    check(
      ordered && first.sequence < second.sequence,
      () =>
        `${name}: of key ${first.key}, record ${first.number} (shard ${first.shard}, ${first.position}) was stored before ${second.number} (shard ${second.shard}, ${second.position}) was sent`,
    );
  }

  /** Every known record in [from, to] whose time has not come must be among those returned. */
  #complete(
    stream: ModelStream,
    shard: ModelShard,
    place: ReaderPlace,
    from: Position,
    to: Position,
    records: RecordsAnswer['records'],
    knownMax: number,
  ): void {
    if (stream.deleted !== 'no') return;
    const horizonMs = this.lineage.horizonMs(stream);
    let i = 0;
    for (const known of shard.known) {
      if (known.position > to) break;
      if (
        known.position < from ||
        known.number <= place.since ||
        known.arrivalMs < Math.max(horizonMs, place.fromMs)
      )
        continue;
      while (i < records.count && (records.positions[i] ?? 0) < known.position) i++;
      const there = i < records.count && records.positions[i] === known.position;
      const tooNew =
        known.position > (records.positions[records.count - 1] ?? -1) && known.knownAt > knownMax;
      check(
        there || tooNew,
        () =>
          `${nameOf(stream)} shard ${place.shard}: a read from ${from} left out ${known.position} (record ${known.number})`,
      );
    }
  }

  #ended(stream: ModelStream, shard: ModelShard, answer: RecordsAnswer, name: string): void {
    check(shard.seen.closed !== undefined, () => `${name} is open, and has ended`);
    check(answer.children.length > 0 || stream.deleted !== 'no', () => `${name} has ended without children`);
    for (const child of answer.children) {
      const { parents } = this.lineage.shard(stream, child.index).seen;
      check(parents.includes(shard.seen.index), () => `${name}: ${child.index} is no child of it`);
    }
  }
}

function insertByPosition(known: SentRecord[], record: SentRecord, name: string): void {
  let place = known.length;
  while (place > 0 && (known[place - 1]?.position ?? 0) >= record.position) place--;
  const before = known[place - 1];
  const after = known[place];
  if (before !== undefined) {
    check(
      before.arrivalMs <= record.arrivalMs,
      () => `${name}: arrival fell from ${before.arrivalMs} to ${record.arrivalMs}`,
    );
    check(before.sequence < record.sequence, () => `${name}: the sequence number fell`);
  }
  if (after !== undefined) {
    check(after.position > record.position, () => `${name}: record ${after.number} is there`);
    check(
      after.arrivalMs >= record.arrivalMs,
      () => `${name}: arrival falls from ${record.arrivalMs} to ${after.arrivalMs}`,
    );
    check(after.sequence > record.sequence, () => `${name}: the sequence number falls`);
  }
  known.splice(place, 0, record);
}
