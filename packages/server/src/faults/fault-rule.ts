/**
 * One fault to be injected, as data: what goes wrong, for which requests, how often.
 *
 *      { "fault": "throttle", "operation": "PutRecords", "stream": "orders", "probability": 0.1, "seed": 7 }
 *
 *      fault             what the client sees                                      operations
 *      throttle          the operation's own error for too much                    all
 *      internal-error    InternalFailureException, 500                             all
 *      latency           the answer comes `latencyMs` later, on the server's clock all
 *      drop-request      the connection ends before anything was done              all
 *      drop-answer       it is done, and the connection ends before the answer     all
 *      fail-records      records fail one by one, with `code`, and the rest goes   PutRecords
 *      expire-iterator   ExpiredIteratorException                                  GetRecords
 *
 * A throttle or an internal error of one shard, asked of PutRecords, is the failure of the records that go there: that
 * is how AWS answers it.
 */

const faultKinds = [
  'throttle',
  'internal-error',
  'latency',
  'drop-request',
  'drop-answer',
  'fail-records',
  'expire-iterator',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What AWS says of a record in PutRecords that was not taken (its document of PutRecords). */
const recordFailureCodes = ['ProvisionedThroughputExceededException', 'InternalFailure'] as const;
export type RecordFailureCode = (typeof recordFailureCodes)[number];

export interface FaultRule {
  readonly fault: FaultKind;
  /** Only this operation; without it all that the fault is for. */
  readonly operation?: string;
  /** Only this stream, by name, in whatever account and region. */
  readonly stream?: string;
  /** Only this shard, as `shardId-000000000000`. */
  readonly shard?: string;
  /** How likely it strikes a request, or a record, that it is for: from 0 to 1. Default 1. */
  readonly probability?: number;
  /** How often it strikes before it is spent. Default: for ever. */
  readonly count?: number;
  /** What the strikes are drawn from: the same requests in the same order are struck again. Default: one that is shown. */
  readonly seed?: number;
  /** For `latency`. */
  readonly latencyMs?: number;
  /** For `fail-records`. Default: ProvisionedThroughputExceededException. */
  readonly code?: RecordFailureCode;
}

/** A rule that makes no sense, in a sentence that says what does. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
}

const members = new Set([
  'fault',
  'operation',
  'stream',
  'shard',
  'probability',
  'count',
  'seed',
  'latencyMs',
  'code',
]);
const latencyMsMax = 3_600_000;
const seedMax = 2 ** 32 - 1;
const countMax = 1_000_000_000;

/** Reads a rule from whatever somebody wrote. `operations` are those there are. Throws `FaultError`. */
export function parseFaultRule(given: unknown, operations: ReadonlySet<string>): FaultRule {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new FaultError('A fault is an object, as {"fault":"throttle","operation":"PutRecords"}.');
  }
  const rule: { readonly [M in keyof FaultRule]?: unknown } = given;
  for (const name of Object.keys(rule)) {
    if (!members.has(name))
      throw new FaultError(`${shown(name)} is not known: give ${listed([...members])}.`);
  }
  const fault = oneOf('fault', rule.fault, faultKinds);
  if (fault === undefined)
    throw new FaultError(`Say what goes wrong: "fault" is ${alternatives(faultKinds)}.`);
  const operation = text('operation', rule.operation, /^[A-Za-z]{1,64}$/, 'as "PutRecords"');
  const stream = text('stream', rule.stream, /^[a-zA-Z0-9_.-]{1,128}$/, 'the name of a stream');
  const shard = text('shard', rule.shard, /^shardId-\d{12}$/, 'as "shardId-000000000000"');
  const probability = number('probability', rule.probability, 0, 1, false);
  const count = number('count', rule.count, 1, countMax, true);
  const seed = number('seed', rule.seed, 0, seedMax, true);
  const latencyMs = number('latencyMs', rule.latencyMs, 0, latencyMsMax, true);
  const code = oneOf('code', rule.code, recordFailureCodes);
  checkOperation(fault, operation, operations);
  if (fault === 'latency' && latencyMs === undefined) throw new FaultError('A latency needs "latencyMs".');
  if (fault !== 'latency' && latencyMs !== undefined) throw new FaultError('"latencyMs" is for a latency.');
  if (fault !== 'fail-records' && code !== undefined) throw new FaultError('"code" is for fail-records.');
  return {
    fault,
    ...(operation === undefined ? {} : { operation }),
    ...(stream === undefined ? {} : { stream }),
    ...(shard === undefined ? {} : { shard }),
    ...(probability === undefined ? {} : { probability }),
    ...(count === undefined ? {} : { count }),
    ...(seed === undefined ? {} : { seed }),
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(code === undefined ? {} : { code }),
  };
}

/** The one operation that some faults are for. */
export function onlyOperation(fault: FaultKind): string | undefined {
  if (fault === 'fail-records') return 'PutRecords';
  return fault === 'expire-iterator' ? 'GetRecords' : undefined;
}

function checkOperation(
  fault: FaultKind,
  operation: string | undefined,
  operations: ReadonlySet<string>,
): void {
  if (operation === undefined) return;
  const only = onlyOperation(fault);
  if (only !== undefined && operation !== only) throw new FaultError(`${fault} is for ${only} alone.`);
  if (operations.has(operation)) return;
  const near = [...operations].find((each) => each.toLowerCase() === operation.toLowerCase());
  const hint = near === undefined ? `there are ${listed([...operations].sort())}` : `it is called ${near}`;
  throw new FaultError(`There is no operation ${operation}: ${hint}.`);
}

function text(name: string, value: unknown, pattern: RegExp, what: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new FaultError(`"${name}" is ${shown(value)}: give ${what}.`);
}

function number(name: string, value: unknown, min: number, max: number, whole: boolean): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value))) {
    return value;
  }
  throw new FaultError(
    `"${name}" is ${shown(value)}: give a ${whole ? 'whole ' : ''}number from ${min} to ${max}.`,
  );
}

function oneOf<const C extends string>(name: string, value: unknown, choices: readonly C[]): C | undefined {
  if (value === undefined) return undefined;
  const chosen = choices.find((choice) => choice === value);
  if (chosen === undefined)
    throw new FaultError(`"${name}" is ${shown(value)}: give ${alternatives(choices)}.`);
  return chosen;
}

const listed = (names: readonly string[]): string => names.join(', ');
const alternatives = (names: readonly string[]): string => names.map((each) => `"${each}"`).join(' or ');

function shown(value: unknown): string {
  const printed = typeof value === 'string' ? `"${value}"` : String(JSON.stringify(value));
  return printed.length > 60 ? `${printed.slice(0, 60)}…` : printed;
}
