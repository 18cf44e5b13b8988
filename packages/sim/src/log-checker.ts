/**
 * What a log must look like, from what its clients were told. The checker sees each call as it is made and as it is
 * answered, every read, and each restart; it knows nothing of files.
 *
 * An append is an *attempt*; for one log it has one fate, all of it or nothing:
 *
 *      pending ──appended──▶ known (its positions and its arrival never change again)
 *         │ ╲──sealed, full, poisoned, missing──▶ refused (must never be seen)
 *         │ ╲──unknown, or a crash before the answer──▶ open ──seen──▶ known
 *         │                                              ╲──not there after a recovery──▶ refused
 *         ╰──seen before its answer──▶ known: what is visible is durable
 *
 * Checked: known records are there, once, at their positions, until a trim or a delete of theirs; nothing else is
 * there; bytes are right; positions rise; arrivals never fall and lie between call and answer; a later append lies
 * behind an earlier answer; reads skip nothing; seals, trims, deletes and creates hold for good once answered.
 *
 * One file because each answer bears on all of a log's state; in parts the rules would only be harder to compare.
 */
import { equalBytes, present } from '@millrace/base';
import type {
  AppendBatch,
  AppendOutcome,
  ControlOutcome,
  LogId,
  LogState,
  Position,
  ReadRequest,
  ReadResult,
  SealResult,
} from '@millrace/log';
import {
  type Attempt,
  at,
  type Certain,
  type ModelLog,
  mayExist,
  newLog,
  type PendingAppend,
  recordBytesMin,
  writeRecord,
} from './log-model.js';
import { check } from './violation.js';

interface CheckerCounts {
  appended: number;
  refused: number;
  reads: number;
  recordsRead: number;
}

/** What a copy of a log must hold. */
export interface LogPicture {
  readonly id: LogId;
  /** Nothing before this is asked for: it is trimmed, or was about to be. */
  readonly from: Position;
  readonly records: readonly {
    readonly position: Position;
    readonly attempt: number;
    readonly index: number;
    readonly length: number;
  }[];
}

export class LogChecker {
  readonly #logs = new Map<LogId, ModelLog>();
  #attempts = 0;
  /** The newest instant that any life's clock has shown: an arrival may be as late as this when clocks fall. */
  #latestMs = 0;
  readonly counts: CheckerCounts = { appended: 0, refused: 0, reads: 0, recordsRead: 0 };

  /** Every log that may exist. */
  logs(): LogId[] {
    return [...this.#logs.values()].filter((log) => mayExist(log)).map((log) => log.id);
  }

  /** A position that the log has, or had, or ends at. */
  positionAt(id: LogId, fraction: number): Position {
    const { known, trimmed, answeredEnd } = this.#log(id);
    if (fraction >= 1 || known.length === 0) return Math.max(trimmed, answeredEnd);
    return known[Math.floor(fraction * known.length)]?.position ?? 0;
  }

  /** An arrival that the log has, or 0. */
  arrivalAt(id: LogId, fraction: number): number {
    const { known } = this.#log(id);
    return known[Math.floor(fraction * known.length)]?.attempt.arrivalMs ?? 0;
  }

  // Calls, in the order in which the workload makes them.

  creating(ids: readonly LogId[]): void {
    for (const id of ids) {
      const log = this.#logs.get(id);
      if (log === undefined) this.#logs.set(id, newLog(id));
      else if (log.created === 'no') log.created = 'maybe';
    }
  }

  created(ids: readonly LogId[], outcome: ControlOutcome): void {
    for (const id of ids) {
      const log = this.#log(id);
      if (outcome === 'done') log.created = 'yes';
      else if (outcome === 'unknown') log.unsure = true;
      else if (log.created === 'maybe' && !log.unsure) log.created = 'no';
    }
  }

  /** Makes a batch of `lengths[i]` bytes for `logs[logOf[i]]`, and remembers it as asked for at `nowMs`. */
  appending(
    logs: readonly LogId[],
    logOf: Uint32Array,
    lengths: readonly number[],
    nowMs: number,
  ): { batch: AppendBatch; pending: PendingAppend } {
    const lengthsOf = logs.map((): number[] => []);
    for (let i = 0; i < lengths.length; i++) lengthsOf[at(logOf, i)]?.push(lengths[i] ?? 0);
    const attempts = logs.map((id, k) => this.#attempt(this.#log(id), lengthsOf[k] ?? [], nowMs));
    const ends = new Uint32Array(lengths.length);
    const payload = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    const indices = logs.map(() => 0);
    let end = 0;
    for (let i = 0; i < lengths.length; i++) {
      const k = at(logOf, i);
      const index = indices[k] ?? 0;
      indices[k] = index + 1;
      const start = end;
      end += lengths[i] ?? 0;
      ends[i] = end;
      writeRecord(payload.subarray(start, end), present(attempts[k], 'attempt').id, index);
    }
    const pending = { attempts: attempts.map((attempt, k) => ({ log: logs[k] ?? '', attempt: attempt.id })) };
    return { batch: { logs, logOf, ends, payload }, pending };
  }

  /** `newestMs` is the newest instant that any life's clock has shown. */
  appended(pending: PendingAppend, outcomes: readonly AppendOutcome[], newestMs: number): void {
    this.#latestMs = newestMs;
    check(outcomes.length === pending.attempts.length, () => `${outcomes.length} outcomes for a batch`);
    pending.attempts.forEach(({ log: id, attempt: attemptId }, k) => {
      const log = this.#log(id);
      const attempt = present(log.attempts.get(attemptId), 'attempt');
      this.#outcome(log, attempt, present(outcomes[k], 'outcome'));
    });
  }

  /** The whole append was turned away. */
  turnedAway(pending: PendingAppend): void {
    for (const { log, attempt } of pending.attempts) {
      const { state } = present(this.#log(log).attempts.get(attempt), 'attempt');
      check(state === 'pending', () => `${log}: attempt ${attempt} was seen, then turned away`);
      present(this.#log(log).attempts.get(attempt), 'attempt').state = 'refused';
    }
  }

  sealing(id: LogId): void {
    const log = this.#log(id);
    if (log.sealed === 'no') log.sealed = 'maybe';
  }

  sealed(id: LogId, result: SealResult, certain: Certain): void {
    const log = this.#log(id);
    if (result.kind === 'missing') {
      this.#mayBeMissing(log, certain.created, `${id}: seal says missing`);
    }
    if (result.kind !== 'sealed') return;
    check(!certain.deleted, () => `${id}: sealed after it was deleted`);
    this.#sealedAt(log, result.endPosition);
  }

  trimming(id: LogId, before: Position): void {
    const log = this.#log(id);
    log.trimAsked = Math.max(log.trimAsked, before);
  }

  trimmed(id: LogId, before: Position, outcome: ControlOutcome): void {
    const log = this.#log(id);
    if (outcome === 'done') this.#trimTo(log, before);
  }

  deleting(id: LogId): void {
    const log = this.#log(id);
    if (log.deleted === 'no') log.deleted = 'maybe';
  }

  deleted(id: LogId, outcome: ControlOutcome): void {
    const log = this.#log(id);
    if (outcome === 'done') {
      log.deleted = 'yes';
      log.known = [];
    } else if (outcome === 'unknown') log.unsure = true;
    else if (log.deleted === 'maybe' && !log.unsure) log.deleted = 'no';
  }

  /** What is certain of a log now. */
  certain(id: LogId): Certain {
    const log = this.#log(id);
    const last = log.known.at(-1);
    return {
      created: log.created === 'yes',
      deleted: log.deleted === 'yes',
      sealed: log.sealed === 'yes',
      trimmed: log.trimmed,
      knownEnd: last === undefined ? 0 : last.position + 1,
      lastArrivalMs: last === undefined ? 0 : last.attempt.arrivalMs,
    };
  }

  /** Of each log that is there for certain, and will be, the records that must be in whatever is copied of it now. */
  pictures(): LogPicture[] {
    return [...this.#logs.values()]
      .filter((log) => log.created === 'yes' && log.deleted === 'no')
      .map(({ id, trimmed, trimAsked, known }) => {
        const from = Math.max(trimmed, trimAsked);
        const records = known
          .filter(({ position }) => position >= from)
          .map(({ position, attempt, index }) => {
            return { position, attempt: attempt.id, index, length: attempt.lengths[index] ?? 0 };
          });
        return { id, from, records };
      });
  }

  /** Checks one read; `certain` is what was certain when it was asked for. */
  read(request: ReadRequest, result: ReadResult, certain: Certain): void {
    const log = this.#log(request.log);
    this.counts.reads++;
    if (result.kind === 'missing') {
      this.#mayBeMissing(log, certain.created, `${log.id}: a read says missing`);
      return;
    }
    const { records, nextPosition, state } = result;
    const { from } = request;
    this.state(log.id, state, certain);
    check(
      records.count <= request.recordsMax,
      () => `${log.id}: ${records.count} > ${request.recordsMax} records`,
    );
    check(nextPosition >= from, () => `${log.id}: a read from ${from} goes on at ${nextPosition}`);
    // A read that a trim or a delete overtakes may have to be asked again.
    const overtaken = log.trimAsked > from || log.deleted !== 'no';
    check(
      nextPosition > from || from >= state.endPosition || overtaken,
      () => `${log.id}: no way on from ${from}`,
    );
    check(nextPosition <= Math.max(from, state.endPosition), () => `${log.id}: a read went past the end`);
    let bytes = 0;
    let last = -1;
    for (let i = 0; i < records.count; i++) {
      const position = at(records.positions, i);
      check(
        position >= Math.max(from, certain.trimmed) && position < nextPosition && position > last,
        () => `${log.id}: ${position} is out of order`,
      );
      last = position;
      const buffer = present(records.buffers[at(records.bufferOf, i)], 'buffer');
      const record = buffer.subarray(at(records.starts, i), at(records.ends, i));
      bytes += record.length;
      this.#see(log, position, at(records.arrivalsMs, i), record);
    }
    check(
      records.count <= 1 || bytes <= request.bytesMax,
      () => `${log.id}: ${bytes} > ${request.bytesMax} bytes`,
    );
    this.counts.recordsRead += records.count;
    this.#complete(log, Math.max(from, state.firstPosition), nextPosition, records.positions, records.count);
    if (from <= Math.max(log.readTo, certain.trimmed)) log.readTo = Math.max(log.readTo, nextPosition);
  }

  /** Checks a log's state, whoever answered it. */
  state(id: LogId, state: LogState | undefined, certain: Certain = this.certain(id)): void {
    const log = this.#log(id);
    if (state === undefined) {
      this.#mayBeMissing(log, certain.created, `${id}: is gone`);
      return;
    }
    check(!certain.deleted, () => `${id}: is there after its delete`);
    if (log.created === 'maybe') log.created = 'yes';
    check(log.created === 'yes', () => `${id}: is there, and nobody made it`);
    const { knownEnd, lastArrivalMs } = certain;
    check(state.endPosition >= knownEnd, () => `${id}: ends at ${state.endPosition}, not at ${knownEnd}`);
    check(
      state.lastArrivalMs >= lastArrivalMs,
      () => `${id}: last arrival ${state.lastArrivalMs}, known is ${lastArrivalMs}`,
    );
    check(state.endPosition >= state.firstPosition, () => `${id}: begins behind its end`);
    check(
      state.firstPosition >= certain.trimmed,
      () => `${id}: trimmed to ${certain.trimmed}, begins at ${state.firstPosition}`,
    );
    const lost = log.known.find(
      (known) => known.position >= log.trimAsked && known.position < state.firstPosition,
    );
    check(
      lost === undefined,
      () => `${id}: begins at ${state.firstPosition}, but ${lost?.position} was not trimmed`,
    );
    if (state.sealed) {
      check(log.sealed !== 'no', () => `${id}: is sealed, and nobody asked`);
      if (log.sealed === 'yes') {
        check(
          state.endPosition === log.sealedEnd,
          () => `${id}: sealed at ${log.sealedEnd}, ends at ${state.endPosition}`,
        );
      }
    } else check(!certain.sealed, () => `${id}: its seal is gone`);
  }

  /** Checks what `findByArrival` answered; `certain` is of when it was asked. */
  found(id: LogId, arrivalMs: number, position: Position | undefined, certain: Certain): void {
    const log = this.#log(id);
    if (position === undefined) {
      this.#mayBeMissing(log, certain.created, `${id}: find says missing`);
      return;
    }
    for (const known of log.known) {
      const early = known.attempt.arrivalMs < arrivalMs;
      if (known.position >= position) {
        check(!early, () => `${id}: ${known.position} arrived before ${arrivalMs}, found ${position}`);
      } else if (known.position < certain.knownEnd && known.position >= log.trimAsked) {
        check(early, () => `${id}: ${known.position} arrived at ${arrivalMs} or later, found ${position}`);
      }
    }
  }

  /** Checks that a wait for `position` was over when it said so. */
  waited(id: LogId, position: Position, state: LogState | undefined, certain: Certain): void {
    const log = this.#log(id);
    if (state === undefined) {
      this.#mayBeMissing(log, certain.created, `${id}: gone after a wait`);
      return;
    }
    if (!certain.created) return;
    check(
      state.sealed || state.endPosition > position,
      () => `${id}: waited for ${position}, ends at ${state.endPosition}`,
    );
  }

  /** All that was in flight will never be answered. */
  crashed(): void {
    for (const log of this.#logs.values()) {
      for (const attempt of log.attempts.values()) if (attempt.state === 'pending') attempt.state = 'open';
    }
  }

  /**
   * After a recovery and a read of everything: what was open is decided now. `listed` is what `list` says.
   */
  recovered(listed: readonly LogId[], stateOf: (id: LogId) => LogState | undefined): void {
    const there = new Set(listed);
    for (const id of there) check(this.#logs.has(id), () => `${id}: is listed, and nobody made it`);
    for (const log of this.#logs.values()) {
      const state = stateOf(log.id);
      check((state !== undefined) === there.has(log.id), () => `${log.id}: list and state disagree`);
      this.state(log.id, state);
      if (state === undefined) {
        if (log.created === 'yes' || log.deleted !== 'no') log.deleted = 'yes';
        else log.created = 'no';
        log.known = [];
        log.attempts.clear();
        continue;
      }
      log.created = 'yes';
      log.deleted = 'no';
      log.unsure = false;
      if (state.sealed) this.#sealedAt(log, state.endPosition);
      else log.sealed = 'no';
      this.#trimTo(log, state.firstPosition);
      log.trimAsked = log.trimmed;
      for (const attempt of log.attempts.values()) {
        if (attempt.state === 'open') attempt.state = 'refused';
        const end = attempt.firstPosition + attempt.lengths.length;
        if (attempt.state === 'known' && end <= log.trimmed) log.attempts.delete(attempt.id);
      }
    }
  }

  /** Only a log that was being made when it was asked about, or that someone deletes, may be missing. */
  #mayBeMissing(log: ModelLog, created: boolean, what: string): void {
    check(!created || log.deleted !== 'no', () => what);
  }

  #log(id: LogId): ModelLog {
    return present(this.#logs.get(id), `the model of ${id}`);
  }

  #attempt(log: ModelLog, lengths: readonly number[], nowMs: number): Attempt {
    const attempt: Attempt = {
      id: ++this.#attempts,
      lengths,
      issuedMs: nowMs,
      after: log.answeredEnd,
      afterCreate: log.created === 'yes',
      afterSeal: log.sealed === 'yes',
      afterDelete: log.deleted === 'yes',
      state: 'pending',
      firstPosition: -1,
      arrivalMs: -1,
    };
    log.attempts.set(attempt.id, attempt);
    return attempt;
  }

  #outcome(log: ModelLog, attempt: Attempt, outcome: AppendOutcome): void {
    if (outcome.kind === 'appended') {
      this.counts.appended++;
      check(!attempt.afterDelete, () => `${log.id}: appended after its delete`);
      const { firstPosition, arrivalMs } = outcome;
      check(
        arrivalMs <= this.#latestMs,
        () => `${log.id}: arrived at ${arrivalMs}, now is ${this.#latestMs}`,
      );
      this.#learn(log, attempt, firstPosition, arrivalMs, 'was appended');
      log.answeredEnd = Math.max(log.answeredEnd, firstPosition + attempt.lengths.length);
      return;
    }
    if (outcome.kind === 'unknown') {
      if (attempt.state === 'pending') attempt.state = 'open';
      return;
    }
    this.counts.refused++;
    check(
      attempt.state !== 'known',
      () => `${log.id}: attempt ${attempt.id} was seen, then answered ${outcome.kind}`,
    );
    if (outcome.kind === 'sealed') check(log.sealed !== 'no', () => `${log.id}: sealed, and nobody asked`);
    if (outcome.kind === 'missing') {
      this.#mayBeMissing(log, attempt.afterCreate, `${log.id}: an append says missing`);
    }
    attempt.state = 'refused';
  }

  /** Takes a record that a read returned. */
  #see(log: ModelLog, position: Position, arrivalMs: number, record: Uint8Array): void {
    check(record.length >= recordBytesMin, () => `${log.id}: ${position} has ${record.length} bytes`);
    const view = new DataView(record.buffer, record.byteOffset, record.length);
    const id = view.getUint32(0, true);
    const index = view.getUint32(4, true);
    const attempt = log.attempts.get(id);
    check(
      attempt !== undefined,
      () => `${log.id}: ${position} holds a record that nobody appended to it (${id})`,
    );
    check(attempt.state !== 'refused', () => `${log.id}: ${position} holds attempt ${id}, which was refused`);
    check(record.length === attempt.lengths[index], () => `${log.id}: ${position} has a wrong length`);
    const expected = new Uint8Array(record.length);
    writeRecord(expected, id, index);
    check(equalBytes(record, expected), () => `${log.id}: ${position} has wrong bytes`);
    this.#learn(log, attempt, position - index, arrivalMs, 'was seen');
  }

  /** The records of `attempt` are in the log, from `firstPosition` on. */
  #learn(log: ModelLog, attempt: Attempt, firstPosition: Position, arrivalMs: number, how: string): void {
    const name = `${log.id}: attempt ${attempt.id} ${how} at ${firstPosition}`;
    if (attempt.state === 'known') {
      check(attempt.firstPosition === firstPosition, () => `${name}, but it is at ${attempt.firstPosition}`);
      check(
        attempt.arrivalMs === arrivalMs,
        () => `${name}, ${arrivalMs}; it arrived at ${attempt.arrivalMs}`,
      );
      return;
    }
    check(Number.isSafeInteger(firstPosition) && firstPosition >= 0, () => `${name}: no position`);
    check(!attempt.afterSeal, () => `${name}, after the seal was answered`);
    check(
      firstPosition >= attempt.after,
      () => `${name}, before what was answered earlier (${attempt.after})`,
    );
    check(
      arrivalMs >= attempt.issuedMs,
      () => `${name}: arrived at ${arrivalMs}, was sent at ${attempt.issuedMs}`,
    );
    check(
      firstPosition >= log.readTo || firstPosition < log.trimAsked,
      () => `${name}, but a read had passed it on its way to ${log.readTo}`,
    );
    attempt.state = 'known';
    attempt.firstPosition = firstPosition;
    attempt.arrivalMs = arrivalMs;
    const end = firstPosition + attempt.lengths.length;
    if (log.sealed === 'yes') check(end <= log.sealedEnd, () => `${name}, behind the end ${log.sealedEnd}`);
    this.#insert(log, attempt, name);
  }

  #insert(log: ModelLog, attempt: Attempt, name: string): void {
    const { known } = log;
    let place = known.length;
    while (place > 0 && at(known, place - 1).position >= attempt.firstPosition) place--;
    const before = known[place - 1];
    const after = known[place];
    const { arrivalMs, firstPosition } = attempt;
    if (before !== undefined) {
      check(
        before.attempt.arrivalMs <= arrivalMs,
        () => `${name}: arrival fell from ${before.attempt.arrivalMs} to ${arrivalMs}`,
      );
    }
    if (after !== undefined) {
      check(
        after.position >= firstPosition + attempt.lengths.length,
        () => `${name}: ${after.position} is taken`,
      );
      check(
        after.attempt.arrivalMs >= arrivalMs,
        () => `${name}: arrival falls to ${after.attempt.arrivalMs} after ${arrivalMs}`,
      );
    }
    const added = attempt.lengths.map((_, index) => ({ position: firstPosition + index, attempt, index }));
    const first = added.findIndex((record) => record.position >= log.trimmed);
    if (first >= 0) known.splice(place, 0, ...added.slice(first));
  }

  /** A read of [from, to) must have returned every known record there. */
  #complete(log: ModelLog, from: Position, to: Position, positions: Float64Array, count: number): void {
    let i = 0;
    for (const known of log.known) {
      if (known.position >= to) break;
      if (known.position < from || known.position < log.trimAsked) continue;
      while (i < count && at(positions, i) < known.position) i++;
      check(
        i < count && positions[i] === known.position,
        () =>
          `${log.id}: a read of [${from}, ${to}) left out ${known.position} (attempt ${known.attempt.id})`,
      );
    }
  }

  #sealedAt(log: ModelLog, endPosition: Position): void {
    if (log.sealed === 'yes') {
      check(
        endPosition === log.sealedEnd,
        () => `${log.id}: sealed at ${log.sealedEnd}, now at ${endPosition}`,
      );
      return;
    }
    check(log.sealed === 'maybe', () => `${log.id}: is sealed, and nobody asked`);
    const last = log.known.at(-1);
    check(
      last === undefined || last.position < endPosition,
      () => `${log.id}: sealed at ${endPosition}, holds ${last?.position}`,
    );
    check(
      endPosition >= log.answeredEnd,
      () => `${log.id}: sealed at ${endPosition}, before what was answered`,
    );
    log.sealed = 'yes';
    log.sealedEnd = endPosition;
  }

  #trimTo(log: ModelLog, before: Position): void {
    if (before <= log.trimmed) return;
    log.trimmed = before;
    log.known = log.known.filter((known) => known.position >= before);
  }
}
