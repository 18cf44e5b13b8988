/**
 * HTTP/1.1 over node:http. One connection is worked on one request at a time, in the order they came, so that a
 * client which pipelines its puts has them in the log in that order, and so that no connection holds more than one
 * answer.
 *
 *      request ──▶ collecting ──▶ waiting ──▶ working ──▶ answered ──▶ (next waiting)
 *                       └─────────────┴───── refused ────────▲
 *
 * Invariant: an exchange is in its connection's `held` from its header lines to the end of its response or of the
 * connection, whichever comes first.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { asBuffer, present } from '@millrace/base';
import { Body, bodyRefusal, declaredLength } from './body.js';
import { type Answer, headerOf, noBytes, type StreamedAnswer } from './exchange.js';
import { type Intake, PendingExchange } from './intake.js';
import { type HeaderLines, QuickResponse } from './quick-response.js';
import { type Refusal, refusalAnswer, refusalBytes, refusals } from './refusal.js';

/** Requests that wait on one connection before it is no longer read; a soft bound beneath `pipelinedRequestsMax`. */
const readAheadRequests = 16;
/** Answers up to this size leave in one write with their header lines. */
const joinedBytesMax = 4096;
/** node:http looks for slow requests this often at the least, and a quarter of the shortest limit at the most. */
const slowCheckMsMin = 25;
const slowCheckMsMax = 2_000;

export type Http1Server = Server<typeof IncomingMessage, typeof QuickResponse>;

/** The server that node:http offers, with its limits set. It listens; the gateway decides who gets its sockets. */
export function createHttp1Server(intake: Intake): Http1Server {
  const { limits } = intake;
  const server = createServer({
    ServerResponse: QuickResponse,
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: Math.min(limits.headerMs, limits.requestMs),
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.max(
      slowCheckMsMin,
      Math.min(slowCheckMsMax, Math.ceil(limits.headerMs / 4), Math.ceil(limits.requestMs / 4)),
    ),
    requireHostHeader: false,
    noDelay: true,
  });
  // node:http drops lines beyond its limit without a word; one more than ours lets us see that there were too many.
  server.maxHeadersCount = limits.headerLinesMax + 1;
  // A client that ends its side after the request still gets its answer. Not in Node's types, and in Node since 0.x.
  Object.assign(server, { httpAllowHalfOpen: true });
  return server;
}

/** Works on the requests of all connections that are given to `server`. */
export class Http1 {
  readonly #intake: Intake;
  readonly #connections = new Map<Duplex, Http1Connection>();

  constructor(intake: Intake, server: Http1Server) {
    this.#intake = intake;
    server.on('request', (request, response) =>
      this.#connection(request.socket).take(request, response, false),
    );
    server.on('checkContinue', (request, response) =>
      this.#connection(request.socket).take(request, response, true),
    );
    server.on('clientError', (error, socket) => this.#connection(socket).fail(error));
    server.on('connect', (request, socket) => {
      socket.end(refusalBytes(refusals.malformed(`CONNECT ${request.url ?? ''} asks for a proxy`)));
    });
  }

  /** Takes a socket in before node:http sees it. */
  add(socket: Socket): void {
    const connection = new Http1Connection(this.#intake, socket);
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      this.#connections.delete(socket);
      connection.closed();
    });
  }

  /** From here on each connection ends with the answer to what it has in flight. node:http closes the idle ones. */
  beginClosing(): void {
    for (const connection of this.#connections.values()) connection.endIfIdle();
  }

  #connection(socket: Duplex): Http1Connection {
    return present(this.#connections.get(socket), 'the connection of an HTTP/1.1 request');
  }
}

class Http1Connection {
  readonly intake: Intake;
  readonly socket: Socket;
  /** In the order they came, which is the order of their answers: the first is worked on when it is whole. */
  readonly #held = new Set<Http1Exchange>();
  #working: Http1Exchange | undefined;
  /** Set when nothing more is taken from this connection; said once what is held has been answered. */
  #last: Refusal | undefined;
  #lastSaid = false;

  constructor(intake: Intake, socket: Socket) {
    this.intake = intake;
    this.socket = socket;
  }

  take(request: IncomingMessage, response: QuickResponse, expectsContinue: boolean): void {
    if (this.#last !== undefined) return;
    const { limits } = this.intake;
    if (this.#held.size >= limits.pipelinedRequestsMax || !this.intake.holdPipelined(this.#held.size)) {
      this.#overrun(refusals.tooManyPipelined(limits.pipelinedRequestsMax));
      return;
    }
    const exchange = new Http1Exchange(this, request, response);
    this.#held.add(exchange);
    if (this.#held.size > readAheadRequests) this.socket.pause();
    exchange.collect(expectsContinue);
  }

  /** Begins the first of those held, if it is whole and not begun. */
  next(): void {
    const [exchange] = this.#held;
    if (exchange === undefined || exchange === this.#working || !exchange.ready) return;
    this.#working = exchange;
    this.socket.setTimeout(0);
    this.intake.begin(exchange);
  }

  /** The exchange's response is out, or will never be. */
  done(exchange: Http1Exchange): void {
    if (!this.#held.delete(exchange)) return;
    this.intake.releasePipelined(this.#held.size);
    if (this.#held.size === readAheadRequests) this.socket.resume();
    if (this.#working === exchange) this.#working = undefined;
    this.next();
    this.#sayLast();
    if (this.intake.closing) this.endIfIdle();
  }

  endIfIdle(): void {
    if (this.#held.size === 0 && this.socket.writableLength === 0) this.socket.destroy();
  }

  /** node:http could make no request of the bytes, or the client was too slow. */
  fail(error: NodeJS.ErrnoException): void {
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !this.socket.writable) {
      this.socket.destroy();
      return;
    }
    const { limits } = this.intake;
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      // node:http has one code for both: where header lines have come, it is the body that was slow.
      const awaitsBody = [...this.#held].some((exchange) => !exchange.whole);
      this.end(refusals.slow(awaitsBody ? limits.requestMs : Math.min(limits.requestMs, limits.headerMs)));
    } else if (error.code === 'HPE_HEADER_OVERFLOW') {
      this.end(refusals.headersTooLarge(limits.headerBytesMax, limits.headerLinesMax));
    } else {
      this.end(refusals.malformed(error.code?.startsWith('HPE_') ? error.code : 'it cannot be parsed'));
    }
  }

  closed(): void {
    this.#cutAll();
  }

  /**
   * Takes nothing more: a request of which only a part came will never be whole. What is held is answered first.
   */
  end(refusal: Refusal): void {
    if (this.#last !== undefined) return;
    this.#last = refusal;
    this.#dropRest();
    for (const exchange of [...this.#held]) {
      if (exchange.whole) continue;
      exchange.cut();
      this.done(exchange);
    }
    this.#sayLast();
  }

  /** Far more requests came than are held: the refusal takes the place of all their answers. */
  #overrun(refusal: Refusal): void {
    this.#last = refusal;
    this.#dropRest();
    this.#cutAll();
    // In the middle of an answer nothing else can be said.
    if (this.socket.writableLength > 0) this.socket.destroy();
    else this.#sayLast();
  }

  #cutAll(): void {
    for (const exchange of this.#held) exchange.cut();
    for (let held = this.#held.size - 1; held >= 0; held--) this.intake.releasePipelined(held);
    this.#held.clear();
  }

  /**
   * Takes the socket from node:http's parser, which would go on making requests of what comes: a listener of ours for
   * its bytes, in place of the parser's, does that. They are dropped, up to a bound, so that the client comes to read
   * what it is told: closing on unread bytes makes the kernel reset the connection.
   */
  #dropRest(): void {
    const { socket } = this;
    let dropped = 0;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      dropped += chunk.length;
      if (dropped > this.intake.limits.discardBytesMax) socket.destroy();
    });
    socket.resume();
  }

  #sayLast(): void {
    if (this.#last === undefined || this.#lastSaid || this.#held.size > 0) return;
    this.#lastSaid = true;
    if (this.socket.writable) this.socket.end(refusalBytes(this.#last));
    else this.socket.destroy();
  }
}

class Http1Exchange extends PendingExchange {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Whether all of the request is here, told and read: it may be worked on. */
  ready = false;
  readonly #connection: Http1Connection;
  readonly #request: IncomingMessage;
  readonly #response: QuickResponse;
  #body: Body | undefined;
  #refused = false;

  constructor(connection: Http1Connection, request: IncomingMessage, response: QuickResponse) {
    super(connection.intake);
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? '';
    this.path = request.url ?? '/';
    this.headers = request.headers;
  }

  /**
   * Whether all of the request was received. Its last events may still be on their way: the parser goes through what
   * the socket brought in one go, and node:http tells of it later.
   */
  get whole(): boolean {
    return this.#request.complete && !this.#refused;
  }

  get body(): Uint8Array {
    return this.#body?.bytes() ?? noBytes;
  }

  collect(expectsContinue: boolean): void {
    const { limits, budget, bodyMemory } = this.intake;
    this.#response.once('close', () => {
      this.cut();
      this.#connection.done(this);
    });
    if (this.#request.rawHeaders.length > 2 * limits.headerLinesMax) {
      this.#refuse(refusals.headersTooLarge(limits.headerBytesMax, limits.headerLinesMax), expectsContinue);
      return;
    }
    const declared = declaredLength(headerOf(this.headers, 'content-length'));
    if (declared !== undefined && !(declared <= limits.bodyBytesMax)) {
      this.#refuse(refusals.bodyTooLarge(limits.bodyBytesMax), expectsContinue);
      return;
    }
    if (declared === 0 || (declared === undefined && this.headers['transfer-encoding'] === undefined)) {
      this.#complete();
      return;
    }
    if (expectsContinue) this.#response.writeContinue();
    this.#body = new Body(budget, bodyMemory, limits.bodyBytesMax, declared);
    this.#request.on('data', (chunk: Buffer) => this.#push(chunk));
    this.#request.once('end', () => this.#complete());
  }

  /** The client is gone, or the connection is. */
  cut(): void {
    this.leave();
  }

  protected override releaseBody(): void {
    this.#body?.release();
    this.#body = undefined;
  }

  protected override send(answer: Answer): void {
    const { socket } = this.#connection;
    if (this.intake.closing) this.#response.shouldKeepAlive = false;
    const lines = this.#headerLines(answer);
    if (!this.#sendAtOnce(answer, lines)) {
      this.#response.writeHead(answer.status, lines);
      this.#response.end(answer.body);
    }
    const waiting = socket.writableLength;
    if (waiting === 0) return;
    const { budget, limits } = this.intake;
    budget.force(waiting);
    this.#response.once('close', () => budget.give(waiting));
    socket.setTimeout(limits.stalledAnswerMs);
  }

  /** Small and ordinary answers leave in one write with their header lines. */
  #sendAtOnce(answer: Answer, lines: HeaderLines): boolean {
    if (answer.body.length > joinedBytesMax || answer.headers !== undefined) return false;
    const body = asBuffer(answer.body).toString('latin1');
    return this.#response.answer(answer.status, lines, body, this.intake.clock.now());
  }

  protected override cutOff(): void {
    this.#connection.socket.destroy();
  }

  protected override beginPieces(answer: StreamedAnswer): void {
    const { socket } = this.#connection;
    if (this.intake.closing) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(answer.status, this.#headerLines(answer));
    this.#response.on('drain', () => {
      socket.setTimeout(0);
      this.taken();
    });
    // A client that goes away looks like one that has only said its last, until something is written to it. Whoever
    // takes a stream and ends its side is not worth telling apart.
    const windUp = (): void => this.windUp();
    socket.once('end', windUp);
    this.#response.once('close', () => socket.removeListener('end', windUp));
    if (socket.readableEnded) windUp();
  }

  protected override sendPiece(piece: Uint8Array): boolean {
    const room = this.#response.write(piece);
    if (!room) this.#connection.socket.setTimeout(this.intake.limits.stalledStreamMs);
    return room;
  }

  protected override endPieces(whole: boolean): void {
    if (whole) this.#response.end();
    else this.#connection.socket.destroy();
  }

  #push(chunk: Buffer): void {
    if (this.#refused || this.#body === undefined) return;
    const failure = this.#body.push(chunk);
    if (failure !== undefined) this.#refuse(bodyRefusal(failure, this.intake.limits), false);
  }

  #complete(): void {
    if (this.#refused) return;
    this.ready = true;
    this.#connection.next();
  }

  /**
   * Answers before the whole body is there. Where the rest is of known and bearable length it is read and dropped,
   * and the connection lives on; elsewhere the connection ends with the answer. `unsolicited`: nobody knows whether
   * the body will come, because the client waits to be told.
   */
  #refuse(refusal: Refusal, unsolicited: boolean): void {
    this.#refused = true;
    this.releaseBody();
    const declared = declaredLength(headerOf(this.headers, 'content-length'));
    const bearable =
      declared === undefined
        ? this.headers['transfer-encoding'] === undefined
        : declared <= this.intake.limits.discardBytesMax;
    if (bearable && !unsolicited) {
      this.#request.resume();
      this.respond(refusalAnswer(refusal));
    } else {
      this.#connection.end(refusal);
    }
  }

  #headerLines(answer: Answer | StreamedAnswer): Record<string, string | number> {
    const lines: Record<string, string | number> = {
      'x-amzn-requestid': this.requestId,
      'x-amz-id-2': this.intake.ids.extendedId(),
    };
    if ('body' in answer) lines['content-length'] = answer.body.length;
    if (answer.contentType !== undefined) lines['content-type'] = answer.contentType;
    return answer.headers === undefined ? lines : { ...lines, ...answer.headers };
  }
}
