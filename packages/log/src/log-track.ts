/**
 * What a walk over a store that may be damaged knows of each log: where it begins and ends, and which of its records it
 * has come across.
 *
 *      positions   first ····· chunks ····· settledEnd ····· journal ····· end
 *                       │ seen │ gap │ seen │            │ seen │ gap │ seen │
 *
 * Invariant: the native engine leaves no gaps between the positions of a log, so what is missing between two records
 * that were seen is exactly what is gone. Behind the last record that was seen only a bound is known of what damaged bytes
 * held: the end is raised by it, so that it is never below a position that was given. The journal is walked first, from the checkpoint of its oldest file on, because
 * it says where each log begins; then the chunks, oldest first.
 */
import type { LogId, Position } from './contract.js';
import { type FrameHead, frameKind, voidLog } from './frame.js';
import type { CheckpointLog } from './journal-header.js';

/** Records that are gone: positions `from` up to `to`. */
export interface LostRange {
  readonly from: Position;
  readonly to: Position;
  /** Arrival of the record before, and of the one after; `undefined` where there is none. */
  readonly afterMs: number | undefined;
  readonly beforeMs: number | undefined;
  /** Whether nobody knows how many of them there were: none, or some, or all. */
  readonly atMost: boolean;
}

export class LogTrack {
  readonly number: number;
  /** `undefined`: the place that named the log is damaged. */
  id: LogId | undefined;
  exists = true;
  sealed = false;
  /** `undefined`: damaged, and the first record that is found is taken for it. */
  first: Position | undefined;
  end: Position;
  lastArrivalMs = 0;
  /** Where the journal takes over. */
  settledEnd: Position;
  /** Up to here the chunks were seen. */
  covered: Position = 0;
  coveredMs: number | undefined;
  /** Arrival of the first record that the journal has. */
  journalMs: number | undefined;
  /** What `LogTracks` doubted when it last learned for certain where the log ends. */
  certainAt = 0;
  gaps: LostRange[] = [];
  /** Gaps that were known before, and how many records they took. */
  #knownRecords = 0;

  constructor(number: number, id: LogId | undefined, first: Position | undefined, end: Position) {
    this.number = number;
    this.id = id;
    this.first = first;
    this.end = end;
    this.settledEnd = end;
  }

  /** What is gone of what should be there, in order. */
  lost(): LostRange[] {
    const { first = 0, end } = this;
    return this.gaps
      .map((gap) => ({ ...gap, from: Math.max(gap.from, first), to: Math.min(gap.to, end) }))
      .filter(({ from, to }) => from < to)
      .sort((a, b) => a.from - b.from);
  }

  /** Takes gaps that are known off the list of what is gone. */
  forget(isKnown: (range: LostRange) => boolean): void {
    const lost = this.lost();
    this.gaps = lost.filter((range) => !isKnown(range));
    this.#knownRecords += recordsIn(lost) - recordsIn(this.gaps);
  }

  /** The records that are there. */
  get records(): number {
    return this.end - (this.first ?? this.end) - recordsIn(this.lost()) - this.#knownRecords;
  }
}

export class LogTracks {
  readonly #byNumber = new Map<number, LogTrack>();
  readonly #deleted = new Set<number>();
  /** Whether any header was whole: without one nobody knows which logs there are. */
  known = false;
  nextLog = 1;
  /** Records that all that cannot be read any more of the journal, up to here, can have held. */
  #doubted = 0;

  /** All that exist, by number. */
  *existing(): Iterable<LogTrack> {
    for (const track of [...this.#byNumber.values()].sort((a, b) => a.number - b.number)) {
      if (track.exists) yield track;
    }
  }

  get(number: number): LogTrack | undefined {
    return this.#byNumber.get(number);
  }

  /**
   * Takes in a checkpoint, which is the truth at its place: what the walk has not seen before it is gone. It gives back
   * what a damaged part before it said of names, seals, trims and deletions.
   */
  checkpoint(logs: readonly CheckpointLog[], nextLog: number): void {
    const isFirst = !this.known;
    this.known = true;
    this.nextLog = Math.max(this.nextLog, nextLog);
    const there = new Set(logs.map(({ number }) => number));
    for (const track of this.#byNumber.values()) if (!there.has(track.number)) this.#delete(track);
    for (const { number, id, sealed, first, end, lastArrivalMs } of logs) {
      let track = this.#byNumber.get(number);
      if (track === undefined) {
        track = new LogTrack(number, id, first, end);
        this.#byNumber.set(number, track);
        // A log that was made in a damaged part is only known from here on: what it had got there is gone.
        if (!isFirst) track.settledEnd = 0;
        if (!isFirst && first < end) this.#gap(track, first, end, undefined);
      } else if (track.end < end) {
        this.#gap(track, track.end, end, undefined);
        track.end = end;
      }
      track.certainAt = this.#doubted;
      track.id = id;
      track.sealed ||= sealed;
      track.first = Math.max(track.first ?? 0, first);
      track.lastArrivalMs = Math.max(track.lastArrivalMs, lastArrivalMs);
    }
  }

  /** Takes in a frame of the journal; answers why it does not follow from what came before. */
  frame(head: FrameHead, payload: Buffer): string | undefined {
    switch (head.kind) {
      case frameKind.append:
        return this.#appended(head, false);
      case frameKind.create:
        return this.#created(head, payload);
      default:
        for (let s = 0; s < head.sectionCount; s++) this.#commanded(head, s);
        return undefined;
    }
  }

  /**
   * Takes in the head of a frame whose payload is damaged: its records are gone, and where the logs stood behind them is
   * known. Answers why it does not follow from what came before.
   */
  frameLost(head: FrameHead): string | undefined {
    if (head.kind === frameKind.append) return this.#appended(head, true);
    for (let s = 0; s < head.sectionCount; s++) this.nextLog = Math.max(this.nextLog, head.logOf(s) + 1);
    return undefined;
  }

  /** Takes in that bytes of the journal are gone that held so many records at most, of any logs. */
  doubt(recordsMax: number): void {
    this.#doubted += recordsMax;
  }

  /**
   * Takes in consecutive records of a chunk; answers whether they are of use: there already, or of no log that exists,
   * they are not. `twice`: some of them, and not all, are there already.
   */
  settled(number: number, position: Position, count: number, arrivalMs: number): 'new' | 'dead' | 'twice' {
    const track = this.#settledTrack(number, position);
    if (track === undefined || position + count <= (track.first ?? 0)) return 'dead';
    if (position < track.covered) return position + count <= track.covered ? 'dead' : 'twice';
    const expected = Math.max(track.covered, track.first ?? 0);
    if (position > expected) this.#gapBetween(track, expected, position, track.coveredMs, arrivalMs);
    track.covered = position + count;
    track.coveredMs = arrivalMs;
    track.end = Math.max(track.end, track.covered);
    track.lastArrivalMs = Math.max(track.lastArrivalMs, arrivalMs);
    return 'new';
  }

  /** All chunks were walked: what should have been in them and was not is gone. */
  chunksEnd(): void {
    for (const track of this.existing()) {
      const from = Math.max(track.covered, track.first ?? track.covered);
      if (from < track.settledEnd)
        this.#gapBetween(track, from, track.settledEnd, track.coveredMs, track.journalMs);
      track.first ??= 0;
      this.#raise(track);
    }
  }

  /** What was doubted since the log's end was last certain may have been its records: those positions stay theirs. */
  #raise(track: LogTrack): void {
    const doubted = this.#doubted - track.certainAt;
    if (doubted === 0 || track.sealed) return;
    const { end, lastArrivalMs } = track;
    const afterMs = lastArrivalMs > 0 ? lastArrivalMs : undefined;
    track.end += doubted;
    this.#addGap(track, { from: end, to: track.end, afterMs, beforeMs: undefined, atMost: true });
  }

  #settledTrack(number: number, position: Position): LogTrack | undefined {
    const track = this.#byNumber.get(number);
    if (track !== undefined) {
      // Its beginning is not known: it is where the first records are found.
      if (track.first === undefined) track.first = position;
      return track.exists ? track : undefined;
    }
    if (this.known || this.#deleted.has(number)) return undefined;
    const made = new LogTrack(number, undefined, position, position);
    this.#byNumber.set(number, made);
    this.nextLog = Math.max(this.nextLog, number + 1);
    return made;
  }

  #appended(head: FrameHead, isLost: boolean): string | undefined {
    for (let s = 0; s < head.sectionCount; s++) {
      const track = this.#byNumber.get(head.logOf(s));
      if (head.countOf(s) > 0 && track !== undefined && head.positionOf(s) < track.end) {
        return `it holds records of ${nameOf(track)} from ${head.positionOf(s)} on, which stands at ${track.end} already`;
      }
    }
    for (let s = 0; s < head.sectionCount; s++) {
      const number = head.logOf(s);
      const count = head.countOf(s);
      if (number === voidLog || count === 0 || this.#deleted.has(number)) continue;
      const position = head.positionOf(s);
      const track = this.#byNumber.get(number) ?? this.#unnamed(number, position);
      if (position > track.end) this.#gap(track, track.end, position, head.arrivalOf(s));
      if (isLost) this.#gap(track, position, position + count, undefined);
      else this.#closeGap(track, position, head.arrivalOf(s));
      track.end = position + count;
      track.certainAt = this.#doubted;
      track.lastArrivalMs = head.arrivalOf(s);
      track.journalMs ??= head.arrivalOf(s);
    }
    return undefined;
  }

  /** A gap that ended with a frame whose payload is damaged learns when the record after it arrived. */
  #closeGap(track: LogTrack, position: Position, arrivalMs: number): void {
    const last = track.gaps.at(-1);
    if (last === undefined || last.to !== position || last.beforeMs !== undefined) return;
    track.gaps[track.gaps.length - 1] = { ...last, beforeMs: arrivalMs };
  }

  #created(head: FrameHead, ids: Buffer): string | undefined {
    let at = 0;
    for (let s = 0; s < head.sectionCount; s++) {
      const number = head.logOf(s);
      const id = ids.toString('latin1', at, at + head.countOf(s));
      at += head.countOf(s);
      if (this.#byNumber.has(number)) return `it makes log ${number} a second time`;
      const track = new LogTrack(number, id, 0, 0);
      track.certainAt = this.#doubted;
      this.#byNumber.set(number, track);
      this.nextLog = Math.max(this.nextLog, number + 1);
    }
    return undefined;
  }

  #commanded(head: FrameHead, s: number): void {
    const track = this.#byNumber.get(head.logOf(s));
    if (track === undefined) {
      if (head.kind === frameKind.delete) this.#deleted.add(head.logOf(s));
      return;
    }
    if (head.kind === frameKind.delete) this.#delete(track);
    else if (head.kind === frameKind.seal) {
      if (head.positionOf(s) > track.end) {
        this.#gap(track, track.end, head.positionOf(s), undefined);
        track.end = head.positionOf(s);
      }
      track.certainAt = this.#doubted;
      track.sealed = true;
    } else track.first = Math.max(track.first ?? 0, Math.min(head.positionOf(s), track.end));
  }

  /** A log whose creation is damaged: it begins where it is first seen, or in the chunks. */
  #unnamed(number: number, position: Position): LogTrack {
    const track = new LogTrack(number, undefined, this.known ? 0 : undefined, position);
    if (this.known) {
      // Made after the checkpoint, so that nothing of it is in a chunk.
      track.settledEnd = 0;
      if (position > 0) this.#gapBetween(track, 0, position, undefined, undefined);
    }
    this.#byNumber.set(number, track);
    this.nextLog = Math.max(this.nextLog, number + 1);
    return track;
  }

  #delete(track: LogTrack): void {
    track.exists = false;
    this.#byNumber.delete(track.number);
    this.#deleted.add(track.number);
  }

  #gap(track: LogTrack, from: Position, to: Position, beforeMs: number | undefined): void {
    const afterMs = track.lastArrivalMs > 0 ? track.lastArrivalMs : undefined;
    this.#gapBetween(track, from, to, afterMs, beforeMs);
  }

  #gapBetween(
    track: LogTrack,
    from: Position,
    to: Position,
    afterMs: number | undefined,
    beforeMs: number | undefined,
  ): void {
    this.#addGap(track, { from, to, afterMs, beforeMs, atMost: false });
  }

  #addGap(track: LogTrack, gap: LostRange): void {
    const last = track.gaps.at(-1);
    const { to, beforeMs } = gap;
    const goesOn = last?.to === gap.from && last.atMost === gap.atMost;
    if (last !== undefined && (goesOn || track.gaps.length >= gapsMax))
      track.gaps[track.gaps.length - 1] = { ...last, to, beforeMs, atMost: last.atMost || gap.atMost };
    else track.gaps.push(gap);
  }
}

/** Gaps of one log that are told apart; those past them are told as one, with what is between. */
const gapsMax = 10_000;

function recordsIn(ranges: readonly LostRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}

function nameOf(track: LogTrack): string {
  return track.id ?? `log ${track.number}`;
}
