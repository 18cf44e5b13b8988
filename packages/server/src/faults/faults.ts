/**
 * The faults that are set, and which request each of them strikes.
 *
 *      add ──▶ set ──a request that it is for──▶ drawn ──▶ struck, until `count` ──▶ spent
 *               └──remove, reset, the end of the process──▶ gone
 *
 * A rule draws once for every request (or record) that it is for, from randomness of its own: the same requests in
 * the same order are struck again under the same seed, whatever other rules there are. While no rule is set nobody
 * asks here: `changed` tells the composition root when to put the gate up and when to take it down.
 */
import { chance, type Random, seededRandom } from '@millrace/base';
import type { Gate, GateEntry, Passage } from '../dispatch/gate.js';
import type { LogFields } from '../logger.js';
import {
  FaultError,
  type FaultKind,
  type FaultRule,
  onlyOperation,
  parseFaultRule,
  type RecordFailureCode,
} from './fault-rule.js';

/** A rule that is set, and what it has done. */
export interface SetFault extends FaultRule {
  readonly id: string;
  readonly seed: number;
  /** Requests, or records, that it was for so far, and those of them that it struck. */
  readonly met: number;
  readonly struck: number;
  /** Whether it strikes no more: it has struck `count` times. */
  readonly spent: boolean;
}

export interface FaultsOptions {
  readonly random: Random;
  /** The operations that there are. */
  readonly operations: () => ReadonlySet<string>;
  /** Called after rules came or went. */
  readonly changed: () => void;
  readonly report: (message: string, fields: LogFields) => void;
}

/** Rules at once; each costs every request that it may be for. */
const rulesMax = 100;

interface Entry {
  readonly id: string;
  readonly rule: FaultRule;
  readonly seed: number;
  readonly random: Random;
  met: number;
  struck: number;
}

export class Faults implements Gate {
  readonly #options: FaultsOptions;
  readonly #entries = new Map<string, Entry>();
  #added = 0;
  readonly #struckBefore = new Map<FaultKind, number>();

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** Sets a fault; answers it with its id. Throws `FaultError` for a rule that makes no sense. */
  add(rule: FaultRule): SetFault {
    return this.addParsed(rule);
  }

  /** The same for what came from outside, of whatever form. */
  addParsed(given: unknown): SetFault {
    const rule = parseFaultRule(given, this.#options.operations());
    if (this.#entries.size >= rulesMax) {
      throw new FaultError(`There are ${rulesMax} faults already: remove one first.`);
    }
    const seed = rule.seed ?? this.#options.random.integer(2 ** 32);
    const id = `fault-${++this.#added}`;
    const entry: Entry = { id, rule, seed, random: seededRandom(seed), met: 0, struck: 0 };
    this.#entries.set(id, entry);
    this.#options.report('a fault is set: answers are not what they would be', { id, ...rule, seed });
    this.#options.changed();
    return shownFault(entry);
  }

  /** Every fault that is set, in the order of setting. */
  list(): readonly SetFault[] {
    return [...this.#entries.values()].map(shownFault);
  }

  /** Takes one away; false when there is none of that id. */
  remove(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#forget(entry);
    this.#options.report('a fault was removed', { id });
    this.#options.changed();
    return true;
  }

  /** Takes all away. */
  clear(): void {
    if (this.#entries.size === 0) return;
    for (const entry of [...this.#entries.values()]) this.#forget(entry);
    this.#options.report('all faults were removed', {});
    this.#options.changed();
  }

  /** How often each kind has struck since the start, for metrics. */
  struck(): ReadonlyMap<FaultKind, number> {
    const counts = new Map(this.#struckBefore);
    for (const { rule, struck } of this.#entries.values()) {
      counts.set(rule.fault, (counts.get(rule.fault) ?? 0) + struck);
    }
    return counts;
  }

  /** Whether a rule is about whole requests: then the gate has to stand. */
  get ofRequests(): boolean {
    return [...this.#entries.values()].some(({ rule }) => !strikesOnlyRecords(rule));
  }

  /** Whether a rule is about single records of PutRecords. */
  get ofRecords(): boolean {
    return [...this.#entries.values()].some(({ rule }) => strikesRecords(rule));
  }

  enter(entry: GateEntry): Passage | undefined {
    let waitMs = 0;
    let drop: Passage['drop'];
    let refusal: Passage['refusal'];
    for (const each of this.#entries.values()) {
      if (!isFor(each.rule, entry) || !draw(each)) continue;
      const { fault, latencyMs = 0 } = each.rule;
      if (fault === 'latency') waitMs += latencyMs;
      else if (fault === 'drop-request' || fault === 'drop-answer') {
        drop ??= fault === 'drop-request' ? 'request' : 'answer';
      } else refusal ??= refusalOf(fault, entry);
    }
    return waitMs === 0 && drop === undefined && refusal === undefined
      ? undefined
      : { waitMs, drop, refusal };
  }

  /**
   * Which of `count` records of a PutRecords into `stream` fail, and with what; undefined when none does. `shardOf`
   * says a record's shard.
   */
  failRecords(
    stream: string,
    count: number,
    shardOf: (record: number) => string,
  ): ReadonlyMap<number, RecordFailureCode> | undefined {
    let failed: Map<number, RecordFailureCode> | undefined;
    for (const each of this.#entries.values()) {
      const { rule } = each;
      if (!strikesRecords(rule) || (rule.stream !== undefined && rule.stream !== stream)) continue;
      for (let record = 0; record < count; record++) {
        if (rule.shard !== undefined && rule.shard !== shardOf(record)) continue;
        if (failed?.has(record) || !draw(each)) continue;
        failed ??= new Map();
        failed.set(record, codeOf(rule));
      }
    }
    return failed;
  }

  #forget({ id, rule, struck }: Entry): void {
    this.#entries.delete(id);
    this.#struckBefore.set(rule.fault, (this.#struckBefore.get(rule.fault) ?? 0) + struck);
  }
}

function shownFault({ id, rule, seed, met, struck }: Entry): SetFault {
  return { id, ...rule, seed, met, struck, spent: rule.count !== undefined && struck >= rule.count };
}

/** Whether the rule strikes now, one that it is for. */
function draw(entry: Entry): boolean {
  const { count = Number.POSITIVE_INFINITY, probability = 1 } = entry.rule;
  if (entry.struck >= count) return false;
  entry.met++;
  if (!chance(entry.random, probability)) return false;
  entry.struck++;
  return true;
}

function isFor(rule: FaultRule, entry: GateEntry): boolean {
  const wanted = rule.operation ?? onlyOperation(rule.fault);
  if (wanted !== undefined && wanted !== entry.operation) return false;
  if (rule.fault === 'fail-records') return false;
  if (entry.operation === 'PutRecords' && becomesRecords(rule)) return false;
  if (rule.stream === undefined && rule.shard === undefined) return true;
  const target = entry.target();
  return (
    target !== undefined &&
    (rule.stream === undefined || rule.stream === target.stream) &&
    (rule.shard === undefined || (target.shards?.includes(rule.shard) ?? false))
  );
}

/** A shard that refuses is, for PutRecords, a matter of the records that go there. */
function becomesRecords({ fault, shard }: FaultRule): boolean {
  return shard !== undefined && (fault === 'throttle' || fault === 'internal-error');
}

function strikesRecords(rule: FaultRule): boolean {
  const { fault, operation = 'PutRecords' } = rule;
  return fault === 'fail-records' || (operation === 'PutRecords' && becomesRecords(rule));
}

function strikesOnlyRecords(rule: FaultRule): boolean {
  return rule.fault === 'fail-records' || (rule.operation === 'PutRecords' && becomesRecords(rule));
}

function codeOf({ fault, code }: FaultRule): RecordFailureCode {
  if (fault === 'internal-error') return 'InternalFailure';
  return code ?? 'ProvisionedThroughputExceededException';
}

function refusalOf(
  fault: 'throttle' | 'internal-error' | 'expire-iterator' | 'fail-records',
  { service, operation, context, target }: GateEntry,
): Passage['refusal'] {
  const words = service.faults;
  if (fault === 'throttle') return words?.throttled(operation, target(), context);
  return fault === 'expire-iterator' ? words?.iteratorExpired(context) : words?.failed();
}
