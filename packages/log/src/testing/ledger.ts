/**
 * What a test has put into a log, and what it was told about it: the judge of everything that is read back.
 *
 *      appended  must be there, once, at its position, with its arrival time
 *      unknown   may be there, once
 *      refused   must not be there
 *
 * Invariant that `check` asserts besides: positions rise, arrival times do not fall, and nothing is there that was
 * never put. Every record's text is its own, so that it can be told from all others.
 */
import assert from 'node:assert/strict';
import type { AppendBatch, AppendOutcome, LogEngine, LogId, Position } from '../contract.js';

interface Entry {
  readonly outcome: AppendOutcome;
  readonly position: Position;
}

/** A record as read. */
export interface ReadRecord {
  readonly position: Position;
  readonly arrivalMs: number;
  readonly text: string;
}

/** Records for some logs, in the order given. */
export function batchOf(records: readonly (readonly [LogId, string])[], urgent = false): AppendBatch {
  const logs = [...new Set(records.map(([log]) => log))];
  const payloads = records.map(([, text]) => Buffer.from(text));
  let end = 0;
  return {
    logs,
    logOf: Uint32Array.from(records, ([log]) => logs.indexOf(log)),
    ends: Uint32Array.from(payloads, (payload) => (end += payload.length)),
    payload: Buffer.concat(payloads),
    urgent,
  };
}

/** One read, as plain records. */
export async function readPage(
  engine: LogEngine,
  log: LogId,
  from: Position,
  recordsMax = 10_000,
  bytesMax = 10 * 1024 * 1024,
): Promise<{ readonly records: ReadRecord[]; readonly nextPosition: Position }> {
  const result = await engine.read({ log, from, recordsMax, bytesMax });
  assert.equal(result.kind, 'records');
  const { records: batch, nextPosition } = result as Extract<typeof result, { kind: 'records' }>;
  const records: ReadRecord[] = [];
  for (let i = 0; i < batch.count; i++) {
    const buffer = batch.buffers[batch.bufferOf[i] as number] as Uint8Array;
    const bytes = buffer.subarray(batch.starts[i], batch.ends[i]);
    records.push({
      position: batch.positions[i] as number,
      arrivalMs: batch.arrivalsMs[i] as number,
      text: Buffer.from(bytes).toString(),
    });
  }
  assert.ok(records.length <= recordsMax, 'a read returned more records than wanted');
  assert.ok(nextPosition >= from, 'a read went backwards');
  for (const record of records) {
    assert.ok(
      record.position >= from && record.position < nextPosition,
      'a record lies outside of what was read',
    );
  }
  return { records, nextPosition };
}

/** Everything a log holds from `from` on, read in pages. */
export async function readAll(
  engine: LogEngine,
  log: LogId,
  from: Position = 0,
  recordsMax = 1000,
): Promise<ReadRecord[]> {
  const all: ReadRecord[] = [];
  let position = from;
  for (;;) {
    const { records, nextPosition } = await readPage(engine, log, position, recordsMax);
    all.push(...records);
    const end = engine.state(log)?.endPosition ?? 0;
    if (records.length === 0 && nextPosition >= end) return all;
    assert.ok(nextPosition > position, `a read at ${position} of ${end} found nothing and did not move on`);
    position = nextPosition;
  }
}

export class Ledger {
  readonly #engine: LogEngine;
  readonly #logs = new Map<LogId, Map<string, Entry>>();
  #next = 0;

  constructor(engine: LogEngine) {
    this.#engine = engine;
  }

  /** Appends one new record for each of `logs` (repeats allowed), each `padding` bytes longer than its number. */
  async put(logs: readonly LogId[], padding = 0): Promise<readonly AppendOutcome[]> {
    const records = logs.map((log) => [log, `${this.#next++}:${'x'.repeat(padding)}`] as const);
    const batch = batchOf(records);
    const outcomes = await this.#engine.append(batch);
    assert.equal(outcomes.length, batch.logs.length, 'one outcome for each log');
    const nth = new Map<LogId, number>();
    for (const [log, text] of records) {
      const outcome = outcomes[batch.logs.indexOf(log)] as AppendOutcome;
      const index = nth.get(log) ?? 0;
      nth.set(log, index + 1);
      const position = outcome.kind === 'appended' ? outcome.firstPosition + index : -1;
      this.#of(log).set(text, { outcome, position });
    }
    return outcomes;
  }

  /** Puts until one record is known to be in the log; answers where. */
  async putSurely(log: LogId, padding = 0): Promise<Extract<AppendOutcome, { kind: 'appended' }>> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const [outcome] = await this.put([log], padding);
      if (outcome?.kind === 'appended') return outcome;
      assert.equal(outcome?.kind, 'unknown');
    }
    throw new assert.AssertionError({ message: 'a hundred appends had no known outcome' });
  }

  /**
   * Reads `log` to its end, of an engine that was opened later if need be, and holds it against what was put; only
   * records from `first` on are expected.
   */
  async check(
    log: LogId,
    first: Position = 0,
    recordsMax = 1000,
    engine = this.#engine,
  ): Promise<ReadRecord[]> {
    const read = await readAll(engine, log, first, recordsMax);
    const put = this.#of(log);
    const seen = new Set<string>();
    let before: ReadRecord | undefined;
    for (const record of read) {
      assert.ok(!seen.has(record.text), `${record.text} is there twice`);
      seen.add(record.text);
      assert.ok(before === undefined || record.position > before.position, 'positions rise');
      assert.ok(before === undefined || record.arrivalMs >= before.arrivalMs, 'arrival times do not fall');
      before = record;
      const entry = put.get(record.text);
      assert.ok(entry !== undefined, `${record.text} was never put`);
      if (entry.outcome.kind === 'appended') {
        assert.equal(record.position, entry.position);
        assert.equal(record.arrivalMs, entry.outcome.arrivalMs);
      } else assert.equal(entry.outcome.kind, 'unknown', `${record.text} was refused and is there`);
    }
    for (const [text, { outcome, position }] of put) {
      if (outcome.kind === 'appended' && position >= first) assert.ok(seen.has(text), `${text} is lost`);
    }
    return read;
  }

  #of(log: LogId): Map<string, Entry> {
    const entries = this.#logs.get(log) ?? new Map<string, Entry>();
    this.#logs.set(log, entries);
    return entries;
  }
}
