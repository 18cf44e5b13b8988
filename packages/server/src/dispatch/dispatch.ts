/**
 * From an exchange to the operation it names, and back.
 *
 *      POST + x-amz-target: Kinesis_20131202.PutRecords ──▶ service, operation
 *             content-type: application/x-amz-json-1.1  ──▶ protocol
 *             Authorization: … Credential=…             ──▶ account, region
 *
 * Requests that name nothing are answered as AWS's front end does; kinesalite's tests, which ran against AWS, are the
 * evidence for each of these answers and for the order of the checks. Two differences are ours: signatures are
 * neither asked for nor verified, and a browser's page from elsewhere is refused (`origin.ts`).
 *
 * A failed assertion ends the process once it is logged: what the program believes of itself is wrong, and a restart
 * from the log is sound where going on may not be. Any other unexpected error is one request's InternalFailure.
 */
import { AssertionError, type Clock, elapsedMs, sleep } from '@millrace/base';
import { AwsError, cborProtocol, jsonProtocol, type Protocol, structure, validate } from '@millrace/wire';
import type { Answer, Exchange, StreamedAnswer } from '../gateway/exchange.js';
import { errorFields, type Logger } from '../logger.js';
import { credentialScope } from './credential-scope.js';
import type { Gate, Passage, Target } from './gate.js';
import type { BoundOperation, RequestContext, Service } from './operation.js';
import { corsHeaders, isOwnOrigin, preflightAnswer } from './origin.js';

interface Named {
  readonly protocol: Protocol;
  readonly service: Service;
  readonly operation: BoundOperation;
}
type Later = NonNullable<Service['later']>;
type Routed = Answer | Named | Later;

const jsonType = 'application/json';
const xmlType = undefined;
const anyInput = structure('Any', {});

export interface DispatchOptions {
  readonly services: () => readonly Service[];
  /** The clock that operations see. */
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every answer. `outcome` is `OK`, the code of an error, or `Dropped`. */
  readonly meter?: { answered(operation: string, outcome: string, tookMs: number): void };
  /** Names that the server was given for itself, besides the loopback ones. */
  readonly ownHosts: ReadonlySet<string>;
}

export class Dispatch {
  /** What stands before operations, while anything does: all others pay one look at this. */
  gate: Gate | undefined;
  readonly #options: DispatchOptions;
  #running = 0;
  #whenIdle: (() => void)[] = [];

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  handle(exchange: Exchange): void {
    const origin = exchange.header('origin');
    if (origin !== undefined) {
      if (!isOwnOrigin(origin, this.#options.ownHosts)) {
        exchange.respond(
          rawAnswer(403, 'AccessDeniedException', `Pages of ${printable(origin)} may not use this server.`),
        );
        return;
      }
      if (exchange.method === 'OPTIONS') {
        exchange.respond(preflightAnswer(exchange));
        return;
      }
    }
    const routed = this.#routed(exchange);
    if ('status' in routed) exchange.respond(withCors(routed, origin));
    else if ('names' in routed) this.#afterReading(routed, exchange);
    else this.#run(routed, exchange, origin);
  }

  /** Only a broken installation lacks an operation that is offered: its requests fail, all others go on. */
  #afterReading(later: Later, exchange: Exchange): void {
    later.read().then(
      () => this.handle(exchange),
      (error: unknown) => {
        const { status } = this.#unexpected('none', exchange, error);
        exchange.respond(rawAnswer(status, 'InternalFailure'));
      },
    );
  }

  /** Resolves when no operation is running. Whoever asks sees to it that none begins meanwhile. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #ended(): void {
    this.#running--;
    if (this.#running > 0) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  /** A decoder that fails in a way it does not know costs its request, not the process. */
  #routed(exchange: Exchange): Routed {
    try {
      return this.#route(exchange);
    } catch (error) {
      const { status } = this.#unexpected('none', exchange, error);
      return rawAnswer(status, 'InternalFailure');
    }
  }

  #route(exchange: Exchange): Routed {
    const { body } = exchange;
    if (exchange.method !== 'POST') return unnamed;
    const contentType = mediaType(exchange.header('content-type'));
    const target = exchange.header('x-amz-target') ?? '';
    const dot = target.indexOf('.');
    const service = dot < 0 ? target : target.slice(0, dot);
    const name = dot < 0 ? '' : target.slice(dot + 1);
    const named = this.#options.services().find((each) => each.targetPrefix === service);
    const operation = named?.operations.get(name);
    if (operation === undefined && named?.later?.names.has(name)) return named.later;
    const protocol = protocols.get(contentType);
    if (body.length === 0) {
      const code = operation === undefined ? 'UnknownOperationException' : 'SerializationException';
      return errorAnswer(contentType === jsonProtocol.contentType ? jsonProtocol : cborProtocol, code);
    }
    if (protocol === undefined) {
      if (contentType === jsonType) return plainJsonAnswer(body);
      return service === '' || name === '' ? unnamed : unknownInXml;
    }
    if (named !== undefined && operation !== undefined) return { protocol, service: named, operation };
    if (!isReadable(protocol, body)) return errorAnswer(protocol, 'SerializationException');
    if (named?.notOffered?.has(name) !== true) return errorAnswer(protocol, 'UnknownOperationException');
    this.#options.logger.warn('an operation that is not offered was asked for', { operation: name });
    return errorAnswer(protocol, 'UnknownOperationException', `${name} is not offered by this server yet.`);
  }

  #run(named: Named, exchange: Exchange, origin: string | undefined): void {
    const { protocol, operation } = named;
    const context = new ExchangeContext(exchange, this.#options.clock);
    const beganMs = elapsedMs();
    this.#running++;
    const run =
      this.gate === undefined
        ? operation.run(protocol, exchange.body, context)
        : this.#runGated(this.gate, named, exchange, context);
    run.then(
      (body) => {
        this.#ended();
        this.#answered(operation, exchange, context, 200, undefined, beganMs);
        const { contentType } = protocol;
        if (body instanceof Uint8Array)
          exchange.respond(withCors({ status: 200, contentType, body }, origin));
        else if ('body' in body) exchange.respond(withCors({ status: 200, contentType, ...body }, origin));
        else exchange.respondInPieces(withCors({ status: 200, ...body }, origin));
      },
      (error: unknown) => {
        this.#ended();
        if (error instanceof Dropped) {
          this.#answered(operation, exchange, context, 0, 'Dropped', beganMs);
          exchange.drop();
          return;
        }
        const answered =
          error instanceof AwsError ? error : this.#unexpected(operation.name, exchange, error);
        this.#answered(operation, exchange, context, answered.status, answered.code, beganMs);
        const { contentType } = protocol;
        const body = protocol.encodeError(answered);
        exchange.respond(withCors({ status: answered.status, contentType, body }, origin));
      },
    );
  }

  /** The same by way of the gate. What it does not stop runs in this turn, as if it were not there. */
  #runGated(
    gate: Gate,
    { protocol, service, operation }: Named,
    exchange: Exchange,
    context: ExchangeContext,
  ): ReturnType<BoundOperation['run']> {
    const run = (): ReturnType<BoundOperation['run']> => operation.run(protocol, exchange.body, context);
    const target = targetReader(service, operation, protocol, exchange.body, context);
    const passage = gate.enter({ operation: operation.name, service, context, target });
    return passage === undefined ? run() : this.#delayed(passage, context, run);
  }

  async #delayed(
    passage: Passage,
    context: ExchangeContext,
    run: () => ReturnType<BoundOperation['run']>,
  ): ReturnType<BoundOperation['run']> {
    const { signal } = context;
    if (passage.waitMs > 0) {
      await sleep(this.#options.clock, passage.waitMs, signal).catch(() => {
        throw new Dropped('its client went away while it waited');
      });
    }
    if (passage.drop === 'request') throw new Dropped('before it was worked on');
    if (passage.refusal !== undefined) throw passage.refusal;
    const answer = await run();
    if (passage.drop === 'answer') {
      if ('pieces' in answer) await answer.pieces.return?.();
      else if ('sent' in answer) answer.sent();
      throw new Dropped('before its answer');
    }
    return answer;
  }

  #unexpected(operation: string, exchange: Exchange, error: unknown): AwsError {
    this.#options.logger.error('an operation failed unexpectedly', {
      operation,
      requestId: exchange.requestId,
      ...errorFields(error),
    });
    if (error instanceof AssertionError) {
      process.nextTick(() => {
        throw error;
      });
    }
    return new AwsError('InternalFailure', '', { status: 500 });
  }

  #answered(
    operation: BoundOperation,
    exchange: Exchange,
    context: ExchangeContext,
    status: number,
    code: string | undefined,
    beganMs: number,
  ): void {
    const { logger, meter } = this.#options;
    meter?.answered(operation.name, code ?? 'OK', elapsedMs() - beganMs);
    if (!logger.debugs) return;
    logger.debug('request', {
      operation: operation.name,
      status,
      code,
      requestId: exchange.requestId,
      account: context.account,
      region: context.region,
      bytes: exchange.body.length,
    });
  }
}

/** A connection that a fault ends in the place of an answer. */
class Dropped extends Error {
  override readonly name = 'Dropped';
}

/** Reads what a request is about, once, when it is asked for. */
function targetReader(
  service: Service,
  operation: BoundOperation,
  protocol: Protocol,
  body: Uint8Array,
  context: RequestContext,
): () => Target | undefined {
  let read: { readonly target: Target | undefined } | undefined;
  return () => {
    read ??= { target: targetOf(service, operation, protocol, body, context) };
    return read.target;
  };
}

function targetOf(
  service: Service,
  operation: BoundOperation,
  protocol: Protocol,
  body: Uint8Array,
  context: RequestContext,
): Target | undefined {
  try {
    const input = protocol.decode(operation.input, body);
    validate(operation.input, input);
    return service.faults?.targetOf(operation.name, input, context);
  } catch (error) {
    // The operation itself will say what is wrong with it.
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}

/** What an operation is told, worked out only as far as it looks. */
class ExchangeContext implements RequestContext {
  readonly account: string;
  readonly region: string;
  readonly clock: Clock;
  readonly #exchange: Exchange;

  constructor(exchange: Exchange, clock: Clock) {
    const scope = credentialScope(exchange.header('authorization'), exchange.path);
    this.account = scope.account;
    this.region = scope.region;
    this.clock = clock;
    this.#exchange = exchange;
  }

  get requestId(): string {
    return this.#exchange.requestId;
  }

  get signal(): AbortSignal {
    return this.#exchange.signal;
  }
}

const protocols: ReadonlyMap<string, Protocol> = new Map(
  [jsonProtocol, cborProtocol].map((protocol) => [protocol.contentType, protocol]),
);

/** AWS's front end answers in XML without a content type where it could not make out a protocol. */
function rawAnswer(status: number, code: string, message?: string): Answer {
  const body =
    message === undefined ? `<${code}/>\n` : `<${code}>\n  <Message>${message}</Message>\n</${code}>\n`;
  return { status, contentType: xmlType, body: Buffer.from(body) };
}

const unnamed = rawAnswer(
  403,
  'AccessDeniedException',
  'Unable to determine service/operation name to be authorized',
);
const unknownInXml = rawAnswer(404, 'UnknownOperationException');

function errorAnswer(protocol: Protocol, code: string, message = ''): Answer {
  return {
    status: 400,
    contentType: protocol.contentType,
    body: protocol.encodeError(new AwsError(code, message)),
  };
}

/** `application/json` is a protocol that Kinesis does not have an operation in. */
function plainJsonAnswer(body: Uint8Array): Answer {
  const readable = isReadable(jsonProtocol, body);
  const type = readable ? 'UnknownOperationException' : 'SerializationException';
  return {
    status: readable ? 404 : 400,
    contentType: jsonType,
    body: Buffer.from(
      JSON.stringify({ Output: { __type: `com.amazon.coral.service#${type}` }, Version: '1.0' }),
    ),
  };
}

function isReadable(protocol: Protocol, body: Uint8Array): boolean {
  try {
    protocol.decode(anyInput, body);
    return true;
  } catch (error) {
    if (error instanceof AwsError) return false;
    throw error;
  }
}

function mediaType(header: string | undefined): string {
  if (header === undefined) return '';
  const end = header.indexOf(';');
  return end < 0 ? header : header.slice(0, end).trim();
}

function withCors<A extends Answer | StreamedAnswer>(answer: A, origin: string | undefined): A {
  return origin === undefined ? answer : { ...answer, headers: { ...answer.headers, ...corsHeaders } };
}

function printable(text: string): string {
  return text.replace(/[^\w.:/[\]-]/g, '?').slice(0, 100);
}
