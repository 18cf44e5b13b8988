import type { AwsError } from '@millrace/wire';
import type { RequestContext, Service } from './operation.js';

/** What a request is about, as far as it says. */
export interface Target {
  /** The stream's name. */
  readonly stream?: string;
  /** The ids of the shards it touches. */
  readonly shards?: readonly string[];
}

/** A request on its way to its operation. */
export interface GateEntry {
  readonly operation: string;
  readonly service: Service;
  readonly context: RequestContext;
  /** Worked out when first asked for, which costs a second decoding; undefined for one that cannot be read. */
  target(): Target | undefined;
}

/** What becomes of a request at the gate, in this order. */
export interface Passage {
  /** On the server's clock. */
  readonly waitMs: number;
  /** The connection ends before the operation runs, or after it. */
  readonly drop: 'request' | 'answer' | undefined;
  /** Answered in the place of the operation's answer, which does not run. */
  readonly refusal: AwsError | undefined;
}

/** What stands between dispatch and operations, while anything does. */
export interface Gate {
  /** Undefined: the operation runs, in the turn in which it was asked for. */
  enter(entry: GateEntry): Passage | undefined;
}

/** What a service says about its requests, for faults to be told apart by, and the words it has for them. */
export interface FaultSurface {
  targetOf(operation: string, input: { readonly [name: string]: unknown }, context: RequestContext): Target;
  throttled(operation: string, target: Target | undefined, context: RequestContext): AwsError;
  failed(): AwsError;
  iteratorExpired(context: RequestContext): AwsError;
}
