import type { Clock } from '@millrace/base';
import type { Protocol, StructureShape, ValueOf } from '@millrace/wire';
import type { FaultSurface } from './gate.js';

/** What every operation is told about its request. */
export interface RequestContext {
  /** The 12-digit account: the access key id when it is one, else 123456789012. */
  readonly account: string;
  /** From the credential scope; `us-east-1` without one. */
  readonly region: string;
  readonly requestId: string;
  readonly clock: Clock;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

/** An error that an operation may answer, as the model declares it. */
export interface DeclaredError {
  readonly code: string;
  readonly status: number;
  /** Members beside the message. */
  readonly members?: StructureShape;
}

/**
 * One operation of one service: its name, its shapes and its handler. `S` is the service it works on.
 *
 * The general way: dispatch decodes the body by `input`, validates it, calls `handle` and encodes by `output`.
 * A hot operation may bring `hot`: its own way from bytes to bytes, held equal to the general one by a property test.
 */
export interface Operation<
  S,
  I extends StructureShape = StructureShape,
  O extends StructureShape | undefined = StructureShape | undefined,
> {
  readonly name: string;
  readonly input: I;
  /** Undefined: the answer has an empty body, as CreateStream's. */
  readonly output: O;
  readonly errors: readonly DeclaredError[];
  handle(service: S, input: ValueOf<I>, context: RequestContext): Promise<OutputOf<O>>;
  /**
   * Answers the encoded output, or `undefined`, at once or in the end, to let the general way have the request. Throws
   * `AwsError`.
   */
  readonly hot?: (
    service: S,
    protocol: Protocol,
    body: Uint8Array,
    context: RequestContext,
  ) => Promise<Uint8Array | LentBody | undefined> | undefined;
}

/** The encoded output, and who wants to be told that all of it went out (see `Answer` of the gateway). */
export interface LentBody {
  readonly body: Uint8Array;
  readonly sent: () => void;
}

/** An answer that goes on: its type, and its body piece by piece (see `StreamedAnswer` of the gateway). */
interface StreamedBody {
  readonly contentType: string;
  readonly pieces: AsyncIterator<Uint8Array, void>;
}

/**
 * An operation whose answer is a stream of events. What `open` throws before there is one is answered like any other
 * error; what happens later is for the stream to tell. The context's signal aborts when the stream is to end.
 */
export interface StreamingOperation<
  S,
  I extends StructureShape = StructureShape,
  O extends StructureShape = StructureShape,
> {
  readonly name: string;
  readonly input: I;
  /** As the model has it; the events themselves are encoded by whoever makes them. */
  readonly output: O;
  readonly errors: readonly DeclaredError[];
  open(service: S, input: ValueOf<I>, context: RequestContext, protocol: Protocol): Promise<StreamedBody>;
}

export type OutputOf<O> = O extends StructureShape ? ValueOf<O> : undefined;

/** Declares an operation with all its types inferred from its shapes. */
export function operation<S, I extends StructureShape, O extends StructureShape | undefined>(
  declared: Operation<S, I, O>,
): Operation<S, I, O> {
  return declared;
}

/** Declares a streaming operation with all its types inferred from its shapes. */
export function streamingOperation<S, I extends StructureShape, O extends StructureShape>(
  declared: StreamingOperation<S, I, O>,
): StreamingOperation<S, I, O> {
  return declared;
}

/** A service as dispatch sees it. */
export interface Service {
  /** The part of `x-amz-target` before the dot, e.g. `Kinesis_20131202`. */
  readonly targetPrefix: string;
  readonly operations: ReadonlyMap<string, BoundOperation>;
  /** Operations that are read when one of them is first asked for: they are in `operations` from then on. */
  readonly later?: { readonly names: ReadonlySet<string>; read(): Promise<void> };
  /** Operations that AWS has and this server has not: refused like unknown ones, but in words. */
  readonly notOffered?: ReadonlySet<string>;
  /** What faults need to know; without it they strike whole operations only. */
  readonly faults?: FaultSurface;
}

/** An operation bound to its service, with its types folded away. */
export interface BoundOperation {
  readonly name: string;
  readonly input: StructureShape;
  readonly output: StructureShape | undefined;
  /** Decodes, validates, runs and encodes; rejects with an `AwsError` for whatever AWS would refuse. */
  run(
    protocol: Protocol,
    body: Uint8Array,
    context: RequestContext,
  ): Promise<Uint8Array | LentBody | StreamedBody>;
}
