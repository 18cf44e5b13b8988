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
import { AssertionError, type Clock } from '@millrace/base';
import { AwsError, cborProtocol, jsonProtocol, type Protocol, structure } from '@millrace/wire';
import { type Answer, type Exchange, headerOf } from '../gateway/exchange.js';
import { errorFields, type Logger } from '../logger.js';
import { credentialScope } from './credential-scope.js';
import type { BoundOperation, RequestContext, Service } from './operation.js';
import { corsHeaders, isOwnOrigin, preflightAnswer } from './origin.js';

type Routed = Answer | { readonly protocol: Protocol; readonly operation: BoundOperation };

const jsonType = 'application/json';
const xmlType = undefined;
const anyInput = structure('Any', {});

export interface DispatchOptions {
  readonly services: () => readonly Service[];
  /** The clock that operations see. */
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names that the server was given for itself, besides the loopback ones. */
  readonly ownHosts: ReadonlySet<string>;
}

export class Dispatch {
  readonly #options: DispatchOptions;
  #running = 0;
  #whenIdle: (() => void)[] = [];

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  handle(exchange: Exchange): void {
    const origin = headerOf(exchange.headers, 'origin');
    if (origin !== undefined) {
      if (!isOwnOrigin(origin, this.#options.ownHosts)) {
        exchange.respond(
          rawAnswer(403, 'AccessDeniedException', `Pages of ${printable(origin)} may not use this server.`),
        );
        return;
      }
      if (exchange.method === 'OPTIONS') {
        exchange.respond(preflightAnswer(exchange.headers));
        return;
      }
    }
    const routed = this.#routed(exchange);
    if ('status' in routed) exchange.respond(withCors(routed, origin));
    else this.#run(routed.protocol, routed.operation, exchange, origin);
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
    const { headers, body } = exchange;
    if (exchange.method !== 'POST') return unnamed;
    const contentType = mediaType(headerOf(headers, 'content-type'));
    const target = headerOf(headers, 'x-amz-target') ?? '';
    const dot = target.indexOf('.');
    const service = dot < 0 ? target : target.slice(0, dot);
    const name = dot < 0 ? '' : target.slice(dot + 1);
    const named = this.#options.services().find((each) => each.targetPrefix === service);
    const operation = named?.operations.get(name);
    const protocol = protocols.get(contentType);
    if (body.length === 0) {
      const code = operation === undefined ? 'UnknownOperationException' : 'SerializationException';
      return errorAnswer(contentType === jsonProtocol.contentType ? jsonProtocol : cborProtocol, code);
    }
    if (protocol === undefined) {
      if (contentType === jsonType) return plainJsonAnswer(body);
      return service === '' || name === '' ? unnamed : unknownInXml;
    }
    if (operation !== undefined) return { protocol, operation };
    if (!isReadable(protocol, body)) return errorAnswer(protocol, 'SerializationException');
    if (named?.notOffered?.has(name) !== true) return errorAnswer(protocol, 'UnknownOperationException');
    this.#options.logger.warn('an operation that is not offered was asked for', { operation: name });
    return errorAnswer(protocol, 'UnknownOperationException', `${name} is not offered by this server yet.`);
  }

  #run(protocol: Protocol, operation: BoundOperation, exchange: Exchange, origin: string | undefined): void {
    const context = new ExchangeContext(exchange, this.#options.clock);
    this.#running++;
    operation.run(protocol, exchange.body, context).then(
      (body) => {
        this.#ended();
        this.#log(operation, exchange, context, 200, undefined);
        exchange.respond(withCors({ status: 200, contentType: protocol.contentType, body }, origin));
      },
      (error: unknown) => {
        this.#ended();
        const answered =
          error instanceof AwsError ? error : this.#unexpected(operation.name, exchange, error);
        this.#log(operation, exchange, context, answered.status, answered.code);
        const { contentType } = protocol;
        const body = protocol.encodeError(answered);
        exchange.respond(withCors({ status: answered.status, contentType, body }, origin));
      },
    );
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

  #log(
    operation: BoundOperation,
    exchange: Exchange,
    context: ExchangeContext,
    status: number,
    code: string | undefined,
  ): void {
    const { logger } = this.#options;
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

/** What an operation is told, worked out only as far as it looks. */
class ExchangeContext implements RequestContext {
  readonly account: string;
  readonly region: string;
  readonly clock: Clock;
  readonly #exchange: Exchange;

  constructor(exchange: Exchange, clock: Clock) {
    const scope = credentialScope(exchange.headers, exchange.path);
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

function withCors(answer: Answer, origin: string | undefined): Answer {
  return origin === undefined ? answer : { ...answer, headers: { ...answer.headers, ...corsHeaders } };
}

function printable(text: string): string {
  return text.replace(/[^\w.:/[\]-]/g, '?').slice(0, 100);
}
