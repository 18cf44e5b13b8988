/**
 * What streams must look like, from what their clients were told. The checker sees each call and its answer, every
 * GetRecords, and each new view of the catalog; it knows nothing of logs.
 *
 * A record of a put has one fate, as an append has in `log-checker.ts`: pending, then known (stored, in one place for
 * good), refused (never to be seen), or open until it is seen or a recovery shows that it is not there.
 *
 * Checked of records: known ones are there, once, at their sequence numbers, until their retention or their stream
 * ends; nothing else is there; the hash lies in the shard's range; arrivals never fall in a shard; and of one partition
 * key, a record that was sent after another was answered stands behind it, in its shard or in a descendant, with a
 * higher sequence number; those of one batch stand in the batch's order.
 *
 * Checked of streams: what was answered holds for good; open shards cover the ring exactly; shards never change, but
 * that they close, once, at one end; children cover their parents exactly; a view never goes back, not over a crash
 * either.
 *
 * Longer than 400 lines: the rules of one model, which would only be harder to follow in parts.
 */
import { equalBytes, present } from '@millrace/base';
import type { Position } from '@millrace/log';
import { hashKeyMax, sequenceNumber } from '@millrace/wire';
import { check } from './violation.js';

/** Bytes of a record's data that say whose it is: number and length; the rest follows from these. */
export const dataBytesMin = 8;
/** A child's sequence numbers begin a second or more after its parents'. */
const childDelayMs = 1000;

/** A shard as the catalog shows it. */
export interface ShardSeen {
  readonly index: number;
  readonly createdMs: number;
  readonly range: { readonly start: bigint; readonly end: bigint };
  readonly parents: readonly number[];
  readonly closed: { readonly atMs: number; readonly endPosition: Position } | undefined;
}

/** A stream as the catalog shows it. */
export interface StreamSeen {
  readonly name: string;
  readonly incarnation: number;
  readonly status: string;
  readonly retentionHours: number;
  readonly shards: readonly ShardSeen[];
  readonly reshard: { readonly parents: readonly number[] } | undefined;
}

/** What became of a put, as the streams answer it. */
export interface PutAnswer {
  readonly shards: readonly { readonly index: number; readonly createdMs: number }[];
  readonly shardOf: Uint32Array;
  readonly positions: Float64Array;
  readonly arrivalsMs: Float64Array;
  readonly errors: ReadonlyMap<number, unknown> | undefined;
}

/** One record on its way or in its place. */
export interface SentRecord {
  /** In the order of sending. */
  readonly number: number;
  readonly incarnation: number;
  readonly key: string;
  readonly hash: bigint;
  readonly dataBytes: number;
  readonly issuedMs: number;
  /** How many records were known when it was sent. */
  readonly knownBefore: number;
  state: 'pending' | 'open' | 'known' | 'refused';
  shard: number;
  position: Position;
  arrivalMs: number;
  sequence: bigint;
  /** How many records were known once it was. */
  knownAt: number;
}

interface ModelShard {
  seen: ShardSeen;
  /** Expired, and no longer shown. */
  forgotten: boolean;
  /** By position. */
  readonly known: SentRecord[];
}

interface ModelStream {
  readonly name: string;
  readonly incarnation: number;
  deleted: 'no' | 'maybe' | 'yes';
  gone: boolean;
  seen: StreamSeen;
  readonly shards: Map<number, ModelShard>;
  /** Reshards asked for, by their parents, and those that were answered. */
  readonly asked: Set<string>;
  readonly answered: Set<string>;
  readonly byNumber: Map<number, SentRecord>;
  /** For each key, those of its records that had the highest sequence number when they became known. */
  readonly byKey: Map<string, SentRecord[]>;
}

/** A reader of one shard, as its client knows it. */
export interface ReaderPlace {
  readonly incarnation: number;
  readonly shard: number;
  /** Records from here on must come, if they were sent after `since` and arrived at `fromMs` or after. */
  next: Position;
  readonly since: number;
  /** None that arrived earlier may come: it began at this time. */
  readonly fromMs: number;
}

/** A reader that begins at the beginning. */
export function readerAt(incarnation: number, shard: number): ReaderPlace {
  return { incarnation, shard, next: 0, since: 0, fromMs: 0 };
}

/** One answer of GetRecords. */
export interface RecordsAnswer {
  readonly records: {
    readonly count: number;
    readonly positions: Float64Array;
    readonly arrivalsMs: Float64Array;
  };
  readonly stored: (i: number) => Uint8Array;
  readonly ended: boolean;
  readonly millisBehindLatest: number;
  readonly children: readonly { readonly index: number }[];
}

export interface StreamsCounts {
  stored: number;
  notTaken: number;
  reads: number;
  recordsRead: number;
  streamsMade: number;
  streamsDeleted: number;
  reshards: number;
}

export class StreamsChecker {
  readonly #streams = new Map<number, ModelStream>();
  readonly #creates = new Map<string, number>();
  #sent = 0;
  /** Records that have become known so far. */
  #known = 0;
  /** The newest instant that any life's clock has shown. */
  #latestMs = 0;
  /** The newest instant that a client was told of. */
  #answeredMs = 0;
  readonly counts: StreamsCounts = {
    stored: 0,
    notTaken: 0,
    reads: 0,
    recordsRead: 0,
    streamsMade: 0,
    streamsDeleted: 0,
    reshards: 0,
  };

  /** Records sent so far: what is sent later has a higher number. */
  get sent(): number {
    return this.#sent;
  }

  /** The newest instant that any life's clock has shown is `newestMs`. */
  sawTime(newestMs: number): void {
    this.#latestMs = newestMs;
  }

  /** A server has started, and its clock stands at `nowMs`: not before anything that clients were told. */
  started(nowMs: number): void {
    check(nowMs >= this.#answeredMs, () => `time went back from ${this.#answeredMs} to ${nowMs}`);
  }

  // Streams.

  creating(name: string): void {
    this.#creates.set(name, (this.#creates.get(name) ?? 0) + 1);
  }

  deleting(incarnation: number): void {
    const stream = this.#stream(incarnation);
    if (stream.deleted === 'no') stream.deleted = 'maybe';
  }

  deleted(incarnation: number): void {
    this.#stream(incarnation).deleted = 'yes';
  }

  resharding(incarnation: number, parents: readonly number[]): void {
    this.#stream(incarnation).asked.add(parentsName(parents));
  }

  resharded(incarnation: number, parents: readonly number[]): void {
    const stream = this.#stream(incarnation);
    stream.answered.add(parentsName(parents));
    this.#answeredReshards(stream);
  }

  /** Whether a stream's readers and writers may be told that it is not there. */
  mayBeGone(incarnation: number): boolean {
    return this.#stream(incarnation).deleted !== 'no';
  }

  /** Whether a shard may be out of sight because its retention has passed. */
  mayBeExpired(incarnation: number, shard: number): boolean {
    const stream = this.#stream(incarnation);
    const { closed } = this.#shard(stream, shard).seen;
    return closed !== undefined && closed.atMs <= this.#horizonMs(stream);
  }

  /** Takes in a view of the catalog: everything in it, and nothing else, is so. */
  observe(streams: Iterable<StreamSeen>): void {
    const there = new Set<number>();
    for (const seen of streams) {
      there.add(seen.incarnation);
      const known = this.#streams.get(seen.incarnation);
      if (known === undefined) this.#appeared(seen);
      else if (known.seen !== seen) this.#changed(known, seen);
    }
    for (const stream of this.#streams.values()) {
      if (stream.gone || there.has(stream.incarnation)) continue;
      check(stream.deleted !== 'no', () => `${nameOf(stream)} is gone, and nobody deleted it`);
      stream.gone = true;
      stream.deleted = 'yes';
      this.counts.streamsDeleted++;
      stream.byKey.clear();
      stream.byNumber.clear();
      stream.shards.clear();
    }
  }

  // Puts.

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
    this.#stream(incarnation).byNumber.set(record.number, record);
    return record;
  }

  /** What became of `records`; `certain`: a record with an error is certainly not stored. */
  put(records: readonly SentRecord[], answer: PutAnswer, certain: boolean): void {
    const lastOf = new Map<string, SentRecord>();
    for (const [i, record] of records.entries()) {
      const stream = this.#stream(record.incarnation);
      if (answer.errors?.has(i) === true) {
        this.#notTaken(stream, record, certain);
        continue;
      }
      this.counts.stored++;
      if (stream.gone) continue;
      const identity = present(answer.shards[answer.shardOf[i] ?? -1], 'the shard of an answer');
      const shard = this.#shard(stream, identity.index);
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
    for (const record of records) this.#notTaken(this.#stream(record.incarnation), record, certain);
  }

  // Reads.

  /** Checks one answer of GetRecords that was asked for at `askedMs`, and moves the reader on. */
  got(place: ReaderPlace, answer: RecordsAnswer, askedMs: number, answeredKnown: number): void {
    const stream = this.#stream(place.incarnation);
    if (stream.gone) return;
    const shard = this.#shard(stream, place.shard);
    const name = `${nameOf(stream)} shard ${place.shard}`;
    const { records } = answer;
    this.counts.reads++;
    this.counts.recordsRead += records.count;
    const beforeMs = askedMs - stream.seen.retentionHours * 3_600_000;
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
    const { known } = this.#shard(this.#stream(incarnation), shard);
    return known[Math.floor(fraction * known.length)]?.arrivalMs ?? 0;
  }

  /** How many records are known: what becomes known later need not be in an answer asked for now. */
  get known(): number {
    return this.#known;
  }

  /** All that was in flight will never be answered. */
  crashed(): void {
    for (const stream of this.#streams.values()) {
      for (const record of stream.byNumber.values()) if (record.state === 'pending') record.state = 'open';
    }
  }

  /**
   * After a recovery, the view and everything that can be read have been seen: nothing is open any more, but in streams
   * that are being deleted, which nobody has read.
   */
  recovered(): void {
    for (const name of this.#creates.keys()) this.#creates.set(name, 0);
    for (const stream of this.#streams.values()) {
      stream.asked.clear();
      if (stream.gone || stream.seen.status === 'DELETING') continue;
      if (stream.deleted === 'maybe') stream.deleted = 'no';
      for (const record of stream.byNumber.values()) if (record.state === 'open') record.state = 'refused';
    }
  }

  #stream(incarnation: number): ModelStream {
    return present(this.#streams.get(incarnation), `the model of stream ${incarnation}`);
  }

  #shard(stream: ModelStream, index: number): ModelShard {
    const shard = stream.shards.get(index);
    check(shard !== undefined, () => `${nameOf(stream)} has no shard ${index}`);
    return shard;
  }

  #horizonMs(stream: ModelStream): number {
    return this.#latestMs - stream.seen.retentionHours * 3_600_000;
  }

  #appeared(seen: StreamSeen): void {
    const left = this.#creates.get(seen.name) ?? 0;
    check(left > 0, () => `the stream ${seen.name} is there, and nobody made it`);
    for (const other of this.#streams.values()) {
      const both = !other.gone && other.name === seen.name && other.deleted === 'no';
      check(!both, () => `there are two streams ${seen.name}`);
    }
    this.#creates.set(seen.name, left - 1);
    this.counts.streamsMade++;
    const stream: ModelStream = {
      name: seen.name,
      incarnation: seen.incarnation,
      deleted: 'no',
      gone: false,
      seen,
      shards: new Map(),
      asked: new Set(),
      answered: new Set(),
      byNumber: new Map(),
      byKey: new Map(),
    };
    this.#streams.set(seen.incarnation, stream);
    this.#shards(stream, seen, true);
  }

  #changed(stream: ModelStream, seen: StreamSeen): void {
    check(!stream.gone, () => `${nameOf(stream)} is back`);
    const order = ['CREATING', 'ACTIVE', 'UPDATING', 'DELETING'];
    const [before, after] = [order.indexOf(stream.seen.status), order.indexOf(seen.status)];
    const back = before === 3 ? after !== 3 : before > 0 && after === 0;
    check(!back, () => `${nameOf(stream)} went from ${stream.seen.status} to ${seen.status}`);
    if (seen.status === 'DELETING') {
      check(stream.deleted !== 'no', () => `${nameOf(stream)} is being deleted, and nobody asked`);
    } else check(stream.deleted !== 'yes', () => `${nameOf(stream)} was deleted, and is ${seen.status}`);
    stream.seen = seen;
    this.#shards(stream, seen, false);
    this.#answeredReshards(stream);
  }

  #shards(stream: ModelStream, seen: StreamSeen, first: boolean): void {
    const there = new Set<number>();
    let newest = Math.max(-1, ...stream.shards.keys());
    const born: ShardSeen[] = [];
    for (const shard of seen.shards) {
      there.add(shard.index);
      const known = stream.shards.get(shard.index);
      if (known !== undefined) {
        this.#shardChanged(stream, known, shard);
        continue;
      }
      check(
        shard.index > newest,
        () => `${nameOf(stream)}: shard ${shard.index} is new, ${newest} was there`,
      );
      check(
        first === (shard.parents.length === 0),
        () => `${nameOf(stream)}: shard ${shard.index} has odd parents`,
      );
      newest = shard.index;
      stream.shards.set(shard.index, { seen: shard, forgotten: false, known: [] });
      if (!first) born.push(shard);
    }
    for (const [index, shard] of stream.shards) {
      if (there.has(index) || shard.forgotten) continue;
      check(this.mayBeExpired(stream.incarnation, index), () => `${nameOf(stream)}: shard ${index} is gone`);
      shard.forgotten = true;
    }
    this.#born(stream, born);
    this.#underWay(stream, seen);
    coverRing(stream, seen);
  }

  #shardChanged(stream: ModelStream, known: ModelShard, seen: ShardSeen): void {
    const before = known.seen;
    if (before === seen) return;
    const name = `${nameOf(stream)} shard ${seen.index}`;
    const same =
      before.createdMs === seen.createdMs &&
      before.range.start === seen.range.start &&
      before.range.end === seen.range.end &&
      before.parents.join() === seen.parents.join();
    check(same && !known.forgotten, () => `${name} has changed`);
    const { closed } = seen;
    if (before.closed !== undefined) {
      const still = closed?.endPosition === before.closed.endPosition && closed.atMs === before.closed.atMs;
      check(still, () => `${name}: closed at ${before.closed?.endPosition}, now ${closed?.endPosition}`);
    } else if (closed !== undefined) {
      const last = known.known.at(-1);
      check(
        (last?.position ?? -1) < closed.endPosition,
        () => `${name}: ends at ${closed.endPosition}, holds ${last?.position}`,
      );
    }
    known.seen = seen;
  }

  /** A reshard that shows is there for good, whether its author was answered or not. */
  #underWay(stream: ModelStream, seen: StreamSeen): void {
    if (seen.reshard === undefined || seen.status !== 'UPDATING') return;
    const family = parentsName(seen.reshard.parents);
    check(
      stream.asked.has(family) || stream.answered.has(family),
      () => `${nameOf(stream)}: nobody asked for the reshard of ${family}`,
    );
    stream.answered.add(family);
  }

  /** The children of one split or merge: they cover what their parents covered. */
  #born(stream: ModelStream, born: readonly ShardSeen[]): void {
    const families = new Map<string, ShardSeen[]>();
    for (const child of born) {
      const family = parentsName(child.parents);
      families.set(family, [...(families.get(family) ?? []), child]);
    }
    for (const [family, children] of families) {
      check(
        stream.asked.has(family) || stream.answered.has(family),
        () => `${nameOf(stream)}: nobody resharded ${family}`,
      );
      this.counts.reshards++;
      const parents = (children[0]?.parents ?? []).map((index) => this.#shard(stream, index).seen);
      for (const parent of parents) {
        check(
          parent.closed !== undefined,
          () => `${nameOf(stream)}: shard ${parent.index} is open, and has children`,
        );
        for (const child of children) {
          check(
            child.createdMs >= parent.createdMs + childDelayMs,
            () => `${nameOf(stream)}: ${child.index} is too early`,
          );
        }
      }
      check(
        rangesOf(children) === rangesOf(parents),
        () => `${nameOf(stream)}: children cover ${rangesOf(children)}, parents ${rangesOf(parents)}`,
      );
    }
  }

  /** A split or merge that was answered is under way, or done. */
  #answeredReshards(stream: ModelStream): void {
    if (stream.gone || stream.seen.status === 'DELETING') return;
    for (const family of stream.answered) {
      const parents = family.split('+').map(Number);
      const done = parents.every((index) => stream.shards.get(index)?.seen.closed !== undefined);
      const underWay =
        stream.seen.reshard !== undefined && parentsName(stream.seen.reshard.parents) === family;
      check(
        done || underWay,
        () => `${nameOf(stream)}: the reshard of ${family} was answered and is not there`,
      );
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
    const shard = this.#shard(stream, index);
    const { range, closed } = shard.seen;
    check(record.hash >= range.start && record.hash <= range.end, () => `${name}: not its hash`);
    check(
      closed === undefined || position < closed.endPosition,
      () => `${name}: the shard ends at ${closed?.endPosition}`,
    );
    check(arrivalMs >= record.issuedMs, () => `${name}: arrived at ${arrivalMs}, sent at ${record.issuedMs}`);
    check(arrivalMs <= this.#latestMs, () => `${name}: arrived at ${arrivalMs}, now is ${this.#latestMs}`);
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
        : this.#isAncestor(stream, first.shard, second.shard);
    check(
      ordered && first.sequence < second.sequence,
      () =>
        `${name}: of key ${first.key}, record ${first.number} (shard ${first.shard}, ${first.position}) was stored before ${second.number} (shard ${second.shard}, ${second.position}) was sent`,
    );
  }

  #isAncestor(stream: ModelStream, ancestor: number, of: number): boolean {
    const parents = stream.shards.get(of)?.seen.parents ?? [];
    return parents.some(
      (parent) => parent === ancestor || (parent > ancestor && this.#isAncestor(stream, ancestor, parent)),
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
    const horizonMs = this.#horizonMs(stream);
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
      const { parents } = this.#shard(stream, child.index).seen;
      check(parents.includes(shard.seen.index), () => `${name}: ${child.index} is no child of it`);
    }
  }
}

/** The bytes of a record as the log keeps them: length of the key (u16), key, data. */
export function storedBytes(record: SentRecord): Uint8Array {
  const keyBytes = Buffer.byteLength(record.key);
  const stored = Buffer.alloc(2 + keyBytes + record.dataBytes);
  stored.writeUInt16LE(keyBytes, 0);
  stored.write(record.key, 2);
  const dataAt = 2 + keyBytes;
  stored.writeUInt32LE(record.number, dataAt);
  stored.writeUInt32LE(record.dataBytes, dataAt + 4);
  let byte = record.number * 31;
  for (let i = dataAt + dataBytesMin; i < stored.length; i++) stored[i] = byte += 13;
  return stored;
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

function coverRing(stream: ModelStream, seen: StreamSeen): void {
  const open = seen.shards.filter((shard) => shard.closed === undefined);
  const covered = rangesOf(open);
  check(covered === `0-${hashKeyMax}`, () => `${nameOf(stream)}: the open shards cover ${covered}`);
}

/** The union of ranges, in words: `0-340282366920938463463374607431768211455` is the whole ring. */
function rangesOf(shards: readonly ShardSeen[]): string {
  const ranges = shards.map((shard) => shard.range).sort((a, b) => (a.start < b.start ? -1 : 1));
  const parts: { start: bigint; end: bigint }[] = [];
  for (const { start, end } of ranges) {
    const last = parts.at(-1);
    if (last !== undefined && last.end + 1n === start) last.end = end;
    else parts.push({ start, end });
  }
  return parts.map(({ start, end }) => `${start}-${end}`).join(' ');
}

function parentsName(parents: readonly number[]): string {
  return [...parents].sort((a, b) => a - b).join('+');
}

function nameOf(stream: ModelStream): string {
  return `${stream.name}#${stream.incarnation}`;
}
