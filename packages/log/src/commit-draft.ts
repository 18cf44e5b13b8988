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
  type Section,
  voidLog,
  writeFrameHead,
} from './frame.js';
import { GatheredAppends, gatheredBytesMax, isGathered } from './gathered-appends.js';
import { align8 } from './integers.js';
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
import type { Run } from './run.js';
import type { Tail } from './tail.js';

interface Joined {
  readonly request: Request;
  readonly answer: () => void;
}

/** What some of the requests come to in the journal. */
interface JoinedFrame {
  readonly frame: OutgoingFrame;
  /** The logs of the frame's sections, in their order; `undefined` for a section that went to no log. */
  readonly logs: readonly (RegisteredLog | undefined)[];
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
  readonly #touched = new Set<RegisteredLog>();
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
  encode(scratch: Buffer): { readonly parts: readonly Uint8Array[]; readonly bodyChecksum: number } {
    const parts: Uint8Array[] = [];
    const sums = Buffer.allocUnsafe(this.#frames.length * 4);
    let sum = 0;
    let start = 0;
    let at = commitHeaderBytes;
    for (const { frame } of this.#frames) {
      const headAt = at;
      at += writeFrameHead(scratch, at, frame, this.#tag);
      scratch.copy(sums, sum, headAt + 4, headAt + 8);
      sum += 4;
      const { payload } = frame;
      if (payload.length <= payloadInlineMax) {
        scratch.set(payload, at);
        at += payload.length;
      } else {
        parts.push(scratch.subarray(start, at), payload);
        start = at;
      }
      const padding = align8(payload.length) - payload.length;
      scratch.fill(0, at, at + padding);
      at += padding;
    }
    if (at > start) parts.push(scratch.subarray(start, at));
    return { parts, bodyChecksum: checksum(sums) };
  }

  /** How much `encode` needs of `scratch`. */
  get scratchBytes(): number {
    let bytes = commitHeaderBytes;
    for (const { frame } of this.#frames) {
      bytes += frameHeadBytes(frame.sections.length, frame.ends.length) + 8;
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

  /** The logs that the draft changes. */
  get touched(): Iterable<RegisteredLog> {
    return this.#touched;
  }

  rollBack(): void {
    for (const log of this.#touched) this.#registry.rollBack(log);
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
    const sections: Section[] = [];
    const grown: (RegisteredLog | undefined)[] = [];
    for (const [i, log] of logs.entries()) {
      const count = grouping.counts[i] as number;
      if (count === 0) continue;
      grown.push(log);
      if (log === undefined) sections.push({ log: voidLog, count, position: 0, arrivalMs: this.timeMs });
      else {
        sections.push(this.#section(log, count, log.joinedEnd));
        log.joinedEnd += count;
      }
    }
    if (grown.every((log) => log === undefined)) return;
    const { ends, payload } = part;
    const order = sections.length > 1 ? grouping.order : undefined;
    const frame = { kind: frameKind.append, sections, order, ends, payload, payloadChecksum };
    this.#addFrame({ frame, logs: grown });
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
    for (const log of logs) this.#touched.add(log);
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
    const sections: Section[] = [];
    const logs: RegisteredLog[] = [];
    for (const id of request.logs) {
      if (this.#registry.joined(id) !== undefined) continue;
      const log = this.#registry.make(id);
      sections.push(this.#section(log, id.length, 0));
      logs.push(log);
    }
    const ids = Buffer.from(logs.map((log) => log.id).join(''), 'latin1');
    const frame = logs.length === 0 ? undefined : controlFrame(frameKind.create, sections, ids, this.#tag);
    this.#add(request, frame, logs, () => request.answer('done'));
  }

  #joinDelete(request: LogsRequest): void {
    const sections: Section[] = [];
    const logs: RegisteredLog[] = [];
    for (const id of request.logs) {
      const log = this.#logOf(id);
      if (log === undefined) continue;
      log.joinedDeleted = true;
      sections.push(this.#section(log, 0, log.joinedEnd));
      logs.push(log);
    }
    this.#joinBare(request, frameKind.delete, sections, logs, () => request.answer('done'));
  }

  #joinSeal(request: SealRequest): void {
    const log = this.#logOf(request.log);
    if (log === undefined) {
      this.#add(request, undefined, [], () => request.answer({ kind: 'missing' }));
      return;
    }
    const endPosition = log.joinedEnd;
    const sections = log.joinedSealed ? [] : [this.#section(log, 0, endPosition)];
    log.joinedSealed = true;
    this.#joinBare(request, frameKind.seal, sections, [log], () =>
      request.answer({ kind: 'sealed', endPosition }),
    );
  }

  #joinTrim(request: TrimRequest): void {
    const log = this.#logOf(request.log);
    const first = Math.min(request.before, log?.joinedEnd ?? 0);
    const sections = log === undefined || first <= log.first ? [] : [this.#section(log, 0, first)];
    this.#joinBare(request, frameKind.trim, sections, [log], () => request.answer('done'));
  }

  #joinBare(
    request: Request,
    kind: 3 | 4 | 5,
    sections: readonly Section[],
    logs: readonly (RegisteredLog | undefined)[],
    answer: () => void,
  ): void {
    this.#add(
      request,
      sections.length === 0 ? undefined : bareFrame(kind, sections, this.#tag),
      logs,
      answer,
    );
  }

  #add(
    request: Request,
    frame: OutgoingFrame | undefined,
    logs: readonly (RegisteredLog | undefined)[],
    answer: () => void,
  ): void {
    if (frame !== undefined) {
      // Frames follow each other as the requests did.
      this.#closeGathered();
      this.#addFrame({ frame, logs });
    }
    this.#joined.push({ request, answer });
  }

  #addFrame(joined: JoinedFrame): void {
    this.#bytes += frameBytes(joined.frame);
    this.#frames.push(joined);
  }

  /** A log that can still be spoken to in this draft; touching it here is what `rollBack` undoes. */
  #logOf(id: string): RegisteredLog | undefined {
    const log = this.#registry.joined(id);
    return log === undefined || log.joinedDeleted ? undefined : log;
  }

  #section(log: RegisteredLog, count: number, position: number): Section {
    this.#touched.add(log);
    return { log: log.number, count, position, arrivalMs: this.timeMs };
  }

  #apply({ frame, logs }: JoinedFrame, file: number, offset: number, tail: Tail): void {
    if (frame.kind === frameKind.append) {
      this.#applyAppend(frame, logs, file, offset, tail);
      return;
    }
    for (const [i, log] of logs.entries()) {
      if (log === undefined) continue;
      if (frame.kind === frameKind.create) this.#registry.created(log);
      else if (frame.kind === frameKind.seal) this.#registry.sealed(log);
      else if (frame.kind === frameKind.trim) this.#registry.trimmed(log, frame.sections[i]?.position ?? 0);
      else this.#registry.deleted(log);
    }
  }

  #applyAppend(
    frame: OutgoingFrame,
    logs: readonly (RegisteredLog | undefined)[],
    file: number,
    offset: number,
    tail: Tail,
  ): void {
    const { payload, ends, order } = frame;
    const batch = { payload, ends, order, lent: false };
    const grown: RegisteredLog[] = [];
    const runs: Run[] = [];
    let orderStart = 0;
    for (let i = 0; i < frame.sections.length; i++) {
      const { count, position, arrivalMs } = frame.sections[i] as Section;
      const log = logs[i];
      if (log !== undefined && count > 0) {
        this.#registry.appended(log, position, count, arrivalMs, file, offset);
        grown.push(log);
        runs.push({ batch, firstPosition: position, count, arrivalMs, orderStart });
      }
      orderStart += count;
    }
    tail.push(grown, runs);
  }
}
