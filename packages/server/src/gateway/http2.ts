/**
 * HTTP/2 with prior knowledge over node:http2. Loaded when the first client speaks it.
 *
 *      session ──▶ stream: headers ──▶ collecting ──▶ in flight ──▶ answered, whole or in pieces
 *                                          └── refused / reset by the client ──▶ closed
 *
 * Bounds of a session: streams at once, bytes that Node holds for it, streams reset in excess of those answered,
 * idle time. Flow control never waits for us: a body is read as it comes, and what all bodies together may take is
 * the byte budget's to say.
 */
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { kib, mib, type Timer } from '@millrace/base';
import { Body, bodyRefusal, declaredLength } from './body.js';
import { type Answer, noBytes, type StreamedAnswer } from './exchange.js';
import { type Intake, PendingExchange } from './intake.js';
import { type Refusal, refusalAnswer, refusals } from './refusal.js';

/**
 * The windows that a client may fill before we have said that we read on. The protocol's own, 64 KiB, would make a
 * client wait for us ten times in one PutRecords of 680 KB.
 */
const streamWindowBytes = 4 * mib;
const connectionWindowBytes = 16 * mib;
/**
 * The largest frame that a client may send. Each frame of a body is a call and a buffer: of 64 KiB, which is what Node reads
 * at once, a body has a quarter of those of the protocol's own 16. Node's client sends those all the same.
 */
const frameBytesMax = 64 * kib;
/** Idle sessions and slow streams are looked for this often at the least, and a quarter of their limit at the most. */
const sweepMsMin = 25;
const sweepMsMax = 5_000;

export class Http2 {
  readonly #intake: Intake;
  readonly #server: Http2Server;
  readonly #sessions = new Set<Http2Session>();
  readonly #sweepMs: number;
  #sweeper: Timer | undefined;

  constructor(intake: Intake) {
    const { limits } = intake;
    this.#intake = intake;
    this.#server = createServer({
      // In Node's unit, megabytes of a million bytes.
      maxSessionMemory: Math.ceil(limits.sessionBytesMax / 1_000_000),
      maxHeaderListPairs: limits.headerLinesMax,
      // A session that opened streams which were refused this often is not asked again.
      maxSessionRejectedStreams: 100,
      maxSessionInvalidFrames: 100,
      unknownProtocolTimeout: limits.headerMs,
      settings: {
        initialWindowSize: streamWindowBytes,
        maxFrameSize: frameBytesMax,
        maxConcurrentStreams: limits.streamsPerSessionMax,
        maxHeaderListSize: limits.headerBytesMax,
        enablePush: false,
      },
    });
    this.#server.on('session', (session) => this.#open(session));
    this.#server.on('sessionError', (error) => {
      intake.logger.debug('an HTTP/2 session failed', { error: error.message });
    });
    this.#sweepMs = Math.max(sweepMsMin, Math.min(sweepMsMax, limits.idleMs / 4, limits.requestMs / 4));
  }

  /** Gives a socket, whose first bytes have been put back, to a new session. */
  add(socket: Socket): void {
    // Node's HTTP/2 ends its side when the client has ended its own.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  /** Says GOAWAY on every session; each ends when its streams have. */
  beginClosing(): void {
    for (const session of this.#sessions) session.close();
  }

  close(): void {
    this.#sweeper?.cancel();
    this.#sweeper = undefined;
  }

  #open(raw: ServerHttp2Session): void {
    const session = new Http2Session(this.#intake, raw);
    this.#sessions.add(session);
    raw.once('close', () => {
      this.#sessions.delete(session);
      session.closed();
      if (this.#sessions.size === 0) this.close();
    });
    this.#sweeper ??= this.#scheduleSweep();
    if (this.#intake.closing) session.close();
  }

  #scheduleSweep(): Timer {
    return this.#intake.clock.schedule(this.#sweepMs, () => {
      const nowMs = this.#intake.clock.now();
      for (const session of this.#sessions) session.sweep(nowMs);
      this.#sweeper = this.#sessions.size === 0 ? undefined : this.#scheduleSweep();
    });
  }
}

class Http2Session {
  readonly intake: Intake;
  readonly #raw: ServerHttp2Session;
  readonly #exchanges = new Set<Http2Exchange>();
  #quietSinceMs: number;
  #resets = 0;

  constructor(intake: Intake, raw: ServerHttp2Session) {
    this.intake = intake;
    this.#raw = raw;
    this.#quietSinceMs = intake.clock.now();
    raw.setLocalWindowSize(connectionWindowBytes);
    raw.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      this.#take(stream, headers),
    );
    // Told to the server's `sessionError` as well, which logs it; without a listener it would end the process.
    raw.on('error', () => undefined);
  }

  close(): void {
    this.#raw.close();
  }

  /** Ends the connection with all its streams, as a network does. */
  cutOff(): void {
    this.#raw.destroy();
  }

  closed(): void {
    for (const exchange of this.#exchanges) exchange.cut();
    this.#exchanges.clear();
  }

  sweep(nowMs: number): void {
    const { limits } = this.intake;
    for (const exchange of this.#exchanges) exchange.sweep(nowMs);
    if (this.#exchanges.size === 0 && nowMs - this.#quietSinceMs > limits.idleMs) {
      // PING and half a header block do not count as being busy: a session that asks for nothing makes room.
      if (this.#raw.closed) this.#raw.destroy();
      else this.#raw.close();
    }
  }

  /** The stream is closed. `wasReset`: by the client, before its answer. */
  done(exchange: Http2Exchange, wasReset: boolean): void {
    if (!this.#exchanges.delete(exchange)) return;
    this.#quietSinceMs = this.intake.clock.now();
    this.#resets = wasReset ? this.#resets + 1 : Math.max(0, this.#resets - 1);
    if (this.#resets > this.intake.limits.resetStreamsMax && !this.#raw.destroyed) {
      this.intake.logger.warn('an HTTP/2 session was ended for resetting its streams', {
        resets: this.#resets,
      });
      this.#raw.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      this.#raw.destroy();
    }
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const exchange = new Http2Exchange(this, stream, headers);
    this.#exchanges.add(exchange);
    exchange.collect();
  }
}

class Http2Exchange extends PendingExchange {
  readonly method: string;
  readonly path: string;
  readonly #headers: IncomingHttpHeaders;
  readonly #session: Http2Session;
  readonly #stream: ServerHttp2Stream;
  readonly #sinceMs: number;
  #phase: 'collecting' | 'working' | 'answering' | 'streaming' = 'collecting';
  #answeredMs = 0;
  #unread = 0;
  #progress = 0;
  #body: Body | undefined;

  constructor(session: Http2Session, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    super(session.intake);
    this.#session = session;
    this.#stream = stream;
    this.#sinceMs = session.intake.clock.now();
    this.method = headers[':method'] ?? '';
    this.path = headers[':path'] ?? '/';
    this.#headers = headers;
  }

  get body(): Uint8Array {
    return this.#body?.bytes() ?? noBytes;
  }

  header(name: string): string | undefined {
    const value = this.#headers[name];
    return typeof value === 'object' ? value[0] : value;
  }

  collect(): void {
    const stream = this.#stream;
    const { limits, budget, bodyMemory, logger } = this.intake;
    stream.on('error', (error) => logger.debug('an HTTP/2 stream failed', { error: error.message }));
    stream.once('close', () => {
      // Resetting a stream is how a client ends an answer that has no end of its own.
      const answered = this.#phase === 'answering' || this.#phase === 'streaming';
      const wasReset = !answered && stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      this.cut();
      this.#session.done(this, wasReset);
    });
    const declared = declaredLength(this.header('content-length'));
    if (declared !== undefined && !(declared <= limits.bodyBytesMax)) {
      this.#refuse(refusals.bodyTooLarge(limits.bodyBytesMax));
    } else if (stream.endAfterHeaders) {
      this.#complete();
    } else {
      if (this.header('expect') === '100-continue') stream.additionalHeaders({ ':status': 100 });
      this.#body = new Body(budget, bodyMemory, limits.bodyBytesMax, declared);
      stream.on('data', (chunk: Buffer) => this.#push(chunk));
      stream.once('end', () => this.#complete());
    }
  }

  cut(): void {
    this.leave();
    this.intake.budget.give(this.#unread);
    this.#unread = 0;
  }

  sweep(nowMs: number): void {
    const { limits } = this.intake;
    if (this.#phase === 'collecting' && nowMs - this.#sinceMs > limits.requestMs) {
      this.#refuse(refusals.slow(limits.requestMs));
    } else if (this.#phase === 'answering') {
      const progress = this.#stream.writableLength;
      if (progress !== this.#progress) {
        this.#progress = progress;
        this.#answeredMs = nowMs;
      } else if (nowMs - this.#answeredMs > limits.stalledAnswerMs) {
        this.#stream.close(constants.NGHTTP2_CANCEL);
      }
    } else if (nowMs - (this.stalledSinceMs ?? nowMs) > limits.stalledStreamMs) {
      this.#stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  protected override releaseBody(): void {
    this.#body?.release();
    this.#body = undefined;
  }

  protected override send(answer: Answer): void {
    const stream = this.#stream;
    this.#phase = 'answering';
    this.#answeredMs = this.intake.clock.now();
    const closed = stream.destroyed || stream.closed;
    const { body, sent } = answer;
    const empty = body.length === 0 || this.method === 'HEAD';
    if (!closed) stream.respond(this.#headerLines(answer), { endStream: empty });
    if (closed || empty) {
      sent?.();
      return;
    }
    this.#unread = body.length;
    this.intake.budget.force(this.#unread);
    // Of a stream that was reset, parts may still wait to be written to the socket, and Node tells of no error then.
    stream.write(body, (error) => error || stream.rstCode || sent?.());
    stream.end();
  }

  protected override cutOff(): void {
    this.#session.cutOff();
  }

  protected override beginPieces(answer: StreamedAnswer): void {
    const stream = this.#stream;
    this.#phase = 'streaming';
    if (stream.destroyed || stream.closed) return;
    stream.respond(this.#headerLines(answer));
    stream.on('drain', () => this.taken());
  }

  protected override sendPiece(piece: Uint8Array): boolean {
    return this.#stream.write(piece);
  }

  protected override endPieces(whole: boolean): void {
    if (whole) this.#stream.end();
    else this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  #push(chunk: Buffer): void {
    if (this.#phase !== 'collecting' || this.#body === undefined) return;
    const failure = this.#body.push(chunk);
    if (failure !== undefined) this.#refuse(bodyRefusal(failure, this.intake.limits));
  }

  #complete(): void {
    if (this.#phase !== 'collecting') return;
    this.#phase = 'working';
    this.intake.begin(this);
  }

  /** Answers before the whole body is there, and tells the client to keep the rest (RFC 9113, section 8.1). */
  #refuse(refusal: Refusal): void {
    const stream = this.#stream;
    stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
    stream.resume();
    this.respond(refusalAnswer(refusal));
  }

  #headerLines(answer: Answer | StreamedAnswer): Record<string, string | number> {
    const lines: Record<string, string | number> = {
      ':status': answer.status,
      'x-amzn-requestid': this.requestId,
      'x-amz-id-2': this.intake.ids.extendedId(),
    };
    if ('body' in answer) lines['content-length'] = answer.body.length;
    if (answer.contentType !== undefined) lines['content-type'] = answer.contentType;
    return answer.headers === undefined ? lines : { ...lines, ...answer.headers };
  }
}
