/**
 * Engines that break their contract on purpose, for the tests of the checkers: each wraps a sound one and commits one
 * crime, seldom.
 */
import { chance, type Random } from '@millrace/base';
import { type LogEngine, openMemoryEngine, type ReadResult } from '@millrace/log';
import type { EngineUnderTest } from './open-log.js';

export const crimes = [
  /** Acknowledges records that it does not keep. */
  'forget',
  /** Keeps records twice. */
  'double',
  /** Keeps records that it has refused. */
  'lie',
  /** Leaves the last record out of a read that goes on behind it. */
  'skip',
  /** Changes a byte. */
  'flip',
  /** Takes records into a sealed log. */
  'unseal',
  /** Shows records again that were trimmed. */
  'untrim',
] as const;
export type Crime = (typeof crimes)[number];

const chanceOfCrime = 0.02;
const catalogLog = 'catalog';

/** A memory engine that commits `crime`. */
export function saboteur(crime: Crime): EngineUnderTest {
  return {
    forgetful: true,
    open: async ({ clock, random }) => sabotaged(openMemoryEngine({ clock }), crime, random),
  };
}

function sabotaged(engine: LogEngine, crime: Crime, random: Random): LogEngine {
  const strikes = (wanted: Crime): boolean => crime === wanted && chance(random, chanceOfCrime);
  const append: LogEngine['append'] = async (batch) => {
    // In the catalog's log the server notices by itself, in the background too, and ends with a failed assertion.
    if (!batch.logs.includes(catalogLog) && strikes('forget')) {
      const end = (log: string): number => engine.state(log)?.endPosition ?? 0;
      return batch.logs.map((log) => ({
        kind: 'appended',
        firstPosition: end(log),
        arrivalMs: engine.state(log)?.lastArrivalMs ?? 0,
      }));
    }
    const copy = { ...batch, payload: batch.payload.slice(), ends: batch.ends.slice() };
    const outcomes = await engine.append(batch);
    if (strikes('double')) await engine.append(copy);
    if (strikes('lie')) return outcomes.map(() => ({ kind: 'full' }));
    return outcomes;
  };
  const read: LogEngine['read'] = async (request) => {
    const from = strikes('untrim') ? 0 : request.from;
    const result = await engine.read({ ...request, from });
    if (result.kind === 'missing') return result;
    if (strikes('skip')) return without(result);
    if (strikes('flip')) return flipped(result);
    return result;
  };
  const seal: LogEngine['seal'] = async (log) => {
    const result = await engine.seal(log);
    if (strikes('unseal') && result.kind === 'sealed')
      return { ...result, endPosition: result.endPosition - 1 };
    return result;
  };
  return {
    append,
    read,
    seal,
    create: (logs) => engine.create(logs),
    state: (log) => engine.state(log),
    findByArrival: (log, arrivalMs) => engine.findByArrival(log, arrivalMs),
    waitFor: (log, position, signal) => engine.waitFor(log, position, signal),
    trim: async (log, before) => (crime === 'untrim' ? 'done' : engine.trim(log, before)),
    delete: (logs) => engine.delete(logs),
    list: () => engine.list(),
    health: () => engine.health(),
    counters: () => engine.counters(),
    close: () => engine.close(),
  };
}

type Records = Extract<ReadResult, { kind: 'records' }>;

function without(result: Records): Records {
  const count = Math.max(0, result.records.count - 1);
  return { ...result, records: { ...result.records, count } };
}

function flipped(result: Records): Records {
  const buffers = result.records.buffers.map((buffer) => buffer.slice());
  const bytes = buffers[result.records.bufferOf[0] ?? -1];
  const last = (result.records.ends[0] ?? 0) - 1;
  if (bytes !== undefined) bytes[last] = (bytes[last] ?? 0) ^ 1;
  return { ...result, records: { ...result.records, buffers } };
}
