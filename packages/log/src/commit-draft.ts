/**
 * A commit being made: requests join it in order, then it is encoded, written, and either published or taken back.
 *
 *      join*  ──▶  close  ──▶  encode  ──▶  (written, synced)  ──▶  publish  ──▶  answer
 *                                                 └─ no room  ──▶  rollBack ──▶  answer `full`, or join a later one
 *
 * Invariant: joining decides everything (positions, arrival times, who meets a seal) and shows nothing; publishing
 * shows it all at once. An answer that rests on something in the same draft, such as `sealed`, is given only with it.
 */
import { checksum } from '@millrace/base';
import type { Canaries } from './canaries.js';
import { commitHeaderBytes } from './commit.js';
import type { AppendOutcome, LogId } from './contract.js';
import {
  bareFrame,
  controlFrame,
  frameBytes,
  frameHeadBytes,
  frameKind,
  type OutgoingFrame,
  type Sections,
  withoutEmpty,
  writeFrameHead,
} from './frame.js';
import { GatheredAppends, gatheredBytesMax, isGathered } from './gathered-appends.js';
import { align8, type WordBuffer } from './integers.js';
import type { NativeLimits } from './limits.js';
import type { RegisteredLog, Registry } from './registry.js';
import {
  type AppendRequest,
  isPrivileged,
  type LogsRequest,
  type PreparedPart,
  prepare,
  type Request,
  type SealRequest,
  type TrimRequest,
} from './request.js';
import type { Tail } from './tail.js';

interface Joined {
  readonly request: Request;
  readonly answer: () => void;
}

/** What some of the requests come to in the journal. */
interface JoinedFrame {
  readonly frame: OutgoingFrame;
  /** Those of the frame. */
  readonly sections: Sections<RegisteredLog>;
}

/** A payload up to this is copied behind its head: one larger write is cheaper than many parts. */
const payloadInlineMax = 4096;

export class CommitDraft {
  readonly #registry: Registry;
  readonly #limits: NativeLimits;
  readonly #canaries: Canaries;
  readonly #tag: number;
  readonly timeMs: number;
  readonly #joined: Joined[] = [];
  readonly #frames: JoinedFrame[] = [];
  /** Small appends whose frame is still open, and what they take at most. */
  #gathered: GatheredAppends | undefined;
  #gatheredBytesMax = 0;
  #bytes = 0;

  constructor(registry: Registry, limits: NativeLimits, canaries: Canaries, tag: number, timeMs: number) {
    this.#registry = registry;
    this.#limits = limits;
    this.#canaries = canaries;
    this.#tag = tag;
    this.timeMs = timeMs;
  }

  /** Bytes of all frames; until the draft is closed, that many at most. */
  get bytes(): number {
    return this.#bytes + this.#gatheredBytesMax;
  }

  /** Of a closed draft. */
  get frames(): number {
    return this.#frames.length;
  }

  get requests(): readonly Request[] {
    return this.#joined.map((joined) => joined.request);
  }

  get hasUnprivileged(): boolean {
    return this.#joined.some((joined) => !isPrivileged(joined.request));
  }

  /** Whether `request` would re-create a log that this very draft deletes: that has to wait for the next. */
  conflicts(request: Request): boolean {
    return (
      request.kind === 'create' &&
      request.logs.some((id) => this.#registry.joined(id)?.joinedDeleted === true)
    );
  }

  join(request: Request): void {
    switch (request.kind) {
      case 'append':
        this.#joinAppend(request);
        break;
      case 'create':
        this.#joinCreate(request);
        break;
      case 'delete':
        this.#joinDelete(request);
        break;
      case 'seal':
        this.#joinSeal(request);
        break;
      case 'trim':
        this.#joinTrim(request);
        break;
    }
  }

  /** Nothing joins any more. */
  close(): void {
    this.#closeGathered();
  }

  /**
   * The commit's bytes: the header's place, heads and small payloads in `scratch`, large payloads as they came. The
   * header is for `stamp` to fill in, at the start of the first part.
   */
  encode(scratch: WordBuffer): { readonly parts: readonly Uint8Array[]; readonly bodyChecksum: number } {
    const { bytes } = scratch;
    const parts: Uint8Array[] = [];
    const sums = Buffer.allocUnsafe(this.#frames.length * 4);
    let sum = 0;
    let start = 0;
    let at = commitHeaderBytes;
    for (const { frame } of this.#frames) {
      const headAt = at;
      at += writeFrameHead(scratch, at, frame, this.#tag);
      bytes.copy(sums, sum, headAt + 4, headAt + 8);
      sum += 4;
      const { payload } = frame;
      const paddedBytes = align8(payload.length);
      const padding = paddedBytes - payload.length;
      if (payload.length <= payloadInlineMax) {
        bytes.set(payload, at);
        at += paddedBytes;
      } else {
        parts.push(bytes.subarray(start, at), payload);
        // What is left of eight bytes, so that the next head begins at a multiple of eight here as well as in the file.
        at += align8(padding);
        start = at - padding;
      }
      bytes.fill(0, at - padding, at);
    }
    if (at > start) parts.push(bytes.subarray(start, at));
    return { parts, bodyChecksum: checksum(sums) };
  }

  /** How much `encode` needs of `scratch`. */
  get scratchBytes(): number {
    let bytes = commitHeaderBytes;
    for (const { frame } of this.#frames) {
      bytes += frameHeadBytes(frame.sections.logs.length, frame.ends.length) + 8;
      if (frame.payload.length <= payloadInlineMax) bytes += frame.payload.length;
    }
    return bytes;
  }

  /** Shows what is now synced, the first frame at `offset` of `file`. */
  publish(file: number, offset: number, tail: Tail): void {
    let at = offset;
    for (const joined of this.#frames) {
      this.#apply(joined, file, at, tail);
      at += frameBytes(joined.frame);
    }
  }

  /** Calls `visit` for each log that the closed draft changes; more than once for one that several frames change. */
  forEachTouched(visit: (log: RegisteredLog) => void): void {
    for (const { sections } of this.#frames) {
      for (const log of sections.logs) if (log !== undefined) visit(log);
    }
  }

  /** Of a closed draft. */
  rollBack(): void {
    this.forEachTouched((log) => this.#registry.rollBack(log));
  }

  answer(): void {
    for (const joined of this.#joined) joined.answer();
  }

  #joinAppend(request: AppendRequest): void {
    const { batch } = request;
    const open = isGathered(batch, this.#limits) ? this.#allOpen(batch.logs) : undefined;
    if (open !== undefined) {
      this.#gather(request, open);
      return;
    }
    const parts = prepare(request, this.#tag, this.#limits);
    const outcomes: AppendOutcome[] = [];
    const logs: (RegisteredLog | undefined)[] = [];
    for (const id of batch.logs) {
      const log = this.#logOf(id);
      const sealed = log?.joinedSealed === true && !this.#canaries.sealRace;
      logs.push(sealed ? undefined : log);
      if (log === undefined) outcomes.push({ kind: 'missing' });
      else if (sealed) outcomes.push({ kind: 'sealed' });
      else outcomes.push({ kind: 'appended', firstPosition: log.joinedEnd, arrivalMs: this.timeMs });
    }
    this.#closeGathered();
    for (const part of parts) this.#joinPart(part, logs);
    this.#joined.push({ request, answer: () => request.answer(outcomes) });
  }

  /** A frame for the records of `part` that go to any of `logs`; records of a log that takes none go along, to no log. */
  #joinPart(
    { part, grouping, payloadChecksum }: PreparedPart,
    logs: readonly (RegisteredLog | undefined)[],
  ): void {
    const { stops } = grouping;
    const positions = new Float64Array(logs.length);
    let begin = 0;
    let sectionCount = 0;
    let grows = false;
    for (let i = 0; i < logs.length; i++) {
      const stop = stops[i] as number;
      const count = stop - begin;
      begin = stop;
      if (count === 0) continue;
      sectionCount++;
      const log = logs[i];
      if (log === undefined) continue;
      grows = true;
      positions[i] = log.joinedEnd;
      log.joinedEnd += count;
    }
    if (!grows) return;
    const all = { logs, positions, stops, arrivalMs: this.timeMs };
    const sections = sectionCount === logs.length ? all : withoutEmpty(all);
    const { ends, payload } = part;
    const order = sectionCount > 1 ? grouping.order : undefined;
    const frame = { kind: frameKind.append, sections, order, ends, payload, payloadChecksum };
    this.#addFrame({ frame, sections });
  }

  /** The logs of these ids, if every one of them takes records. */
  #allOpen(ids: readonly LogId[]): readonly RegisteredLog[] | undefined {
    const logs: RegisteredLog[] = [];
    for (const id of ids) {
      const log = this.#logOf(id);
      if (log === undefined || (log.joinedSealed && !this.#canaries.sealRace)) return undefined;
      logs.push(log);
    }
    return logs;
  }

  #gather(request: AppendRequest, logs: readonly RegisteredLog[]): void {
    this.#gathered ??= new GatheredAppends(this.timeMs);
    this.#gatheredBytesMax += request.bytes;
    const outcomes = this.#gathered.add(request.batch, logs);
    this.#joined.push({ request, answer: () => request.answer(outcomes) });
    if (this.#gathered.payloadBytes >= gatheredBytesMax) this.#closeGathered();
  }

  #closeGathered(): void {
    if (this.#gathered === undefined) return;
    const gathered = this.#gathered.finish(this.#tag);
    this.#gathered = undefined;
    this.#gatheredBytesMax = 0;
    this.#addFrame(gathered);
  }

  #joinCreate(request: LogsRequest): void {
    const logs: RegisteredLog[] = [];
    for (const id of request.logs) {
      if (this.#registry.joined(id) === undefined) logs.push(this.#registry.make(id));
    }
    const ids = Buffer.from(logs.map((log) => log.id).join(''), 'latin1');
    const stops = new Uint32Array(logs.length);
    let stop = 0;
    for (const [i, log] of logs.entries()) {
      stop += log.id.length;
      stops[i] = stop;
    }
    const sections = { logs, positions: new Float64Array(logs.length), stops, arrivalMs: this.timeMs };
    const frame = controlFrame(frameKind.create, sections, ids, this.#tag);
    this.#add(request, { frame, sections }, () => request.answer('done'));
  }

  #joinDelete(request: LogsRequest): void {
    const logs: RegisteredLog[] = [];
    for (const id of request.logs) {
      const log = this.#logOf(id);
      if (log === undefined) continue;
      log.joinedDeleted = true;
      logs.push(log);
    }
    const positions = Float64Array.from(logs, (log) => log.joinedEnd);
    this.#joinBare(request, frameKind.delete, logs, positions, () => request.answer('done'));
  }

  #joinSeal(request: SealRequest): void {
    const log = this.#logOf(request.log);
    if (log === undefined) {
      this.#joinBare(request, frameKind.seal, [], noPositions, () => request.answer({ kind: 'missing' }));
      return;
    }
    const endPosition = log.joinedEnd;
    const logs = log.joinedSealed ? [] : [log];
    log.joinedSealed = true;
    this.#joinBare(request, frameKind.seal, logs, Float64Array.of(endPosition), () =>
      request.answer({ kind: 'sealed', endPosition }),
    );
  }

  #joinTrim(request: TrimRequest): void {
    const log = this.#logOf(request.log);
    const first = Math.min(request.before, log?.joinedEnd ?? 0);
    const logs = log === undefined || first <= log.first ? [] : [log];
    this.#joinBare(request, frameKind.trim, logs, Float64Array.of(first), () => request.answer('done'));
  }

  /** A command for `logs`, each with a position; without any of them there is nothing to write. */
  #joinBare(
    request: Request,
    kind: 3 | 4 | 5,
    logs: readonly RegisteredLog[],
    positions: Float64Array,
    answer: () => void,
  ): void {
    const sections = { logs, positions, stops: new Uint32Array(logs.length), arrivalMs: this.timeMs };
    this.#add(request, { frame: bareFrame(kind, sections, this.#tag), sections }, answer);
  }

  #add(request: Request, joined: JoinedFrame, answer: () => void): void {
    if (joined.sections.logs.length > 0) {
      // Frames follow each other as the requests did.
      this.#closeGathered();
      this.#addFrame(joined);
    }
    this.#joined.push({ request, answer });
  }

  #addFrame(joined: JoinedFrame): void {
    this.#bytes += frameBytes(joined.frame);
    this.#frames.push(joined);
  }

  /** A log that can still be spoken to in this draft. What is done to it is undone by `rollBack`, by its section in a frame. */
  #logOf(id: string): RegisteredLog | undefined {
    const log = this.#registry.joined(id);
    return log === undefined || log.joinedDeleted ? undefined : log;
  }

  #apply({ frame, sections }: JoinedFrame, file: number, offset: number, tail: Tail): void {
    if (frame.kind === frameKind.append) {
      this.#applyAppend(frame, sections, file, offset, tail);
      return;
    }
    for (const [i, log] of sections.logs.entries()) {
      if (log === undefined) continue;
      if (frame.kind === frameKind.create) this.#registry.created(log);
      else if (frame.kind === frameKind.seal) this.#registry.sealed(log);
      else if (frame.kind === frameKind.trim) this.#registry.trimmed(log, sections.positions[i] as number);
      else this.#registry.deleted(log);
    }
  }

  #applyAppend(
    { payload, ends, order }: OutgoingFrame,
    sections: Sections<RegisteredLog>,
    file: number,
    offset: number,
    tail: Tail,
  ): void {
    const { logs, positions, stops, arrivalMs } = sections;
    let begin = 0;
    for (let i = 0; i < logs.length; i++) {
      const stop = stops[i] as number;
      const log = logs[i];
      if (log !== undefined)
        this.#registry.appended(log, positions[i] as number, stop - begin, arrivalMs, file, offset);
      begin = stop;
    }
    tail.push({ payload, ends, order, lent: false }, sections);
  }
}

const noPositions = new Float64Array(0);
