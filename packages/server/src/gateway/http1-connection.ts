/**
 * HTTP/1.1 on sockets: bytes to requests, answers to bytes. One connection is worked on one request at a time, in the
 * order they came; what a client sends ahead of an answer stays unread until that answer is out. So a client that
 * pipelines its puts has them in the log in that order, and a connection holds one request, one answer, and what one
 * read of the socket brought.
 *
 *      head ──▶ body | chunks ──▶ trailers ──▶ working ──▶ answering ──▶ head
 *       │            └──────────────┴──▶ refused ─────────────▲  │
 *       └──cannot be read, slow──▶ leaving ◀──the last answer────┘
 *
 * Invariant: while a request is worked on or answered, nothing is read from `#bytes`; a socket is paused while there is
 * something in them that may not be read yet, and while it rests so that others have their turn (`reception.ts`).
 */
import type { Socket } from 'node:net';
import { asBuffer, assert, present } from '@millrace/base';
import { ChunkedBody } from './chunked-body.js';
import { HeadReader } from './head-reader.js';
import { Http1Exchange } from './http1-exchange.js';
import type { Intake } from './intake.js';
import { type Refusal, refusalBytes, refusals } from './refusal.js';
import { framesBody, RequestHead } from './request-head.js';

/** Answers up to this size leave in one piece with their header lines. */
const joinedBytesMax = 4096;

const nothing = Buffer.alloc(0);
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n';

type Phase = 'head' | 'body' | 'chunks' | 'trailers' | 'working' | 'answering' | 'leaving';

export class Http1Connection {
  readonly intake: Intake;
  readonly socket: Socket;
  /** Of the present body, where its length was declared; what is left of a refused one is passed over. */
  bodyLeft = 0;
  /** Whether the client has ended its side: it may be gone. */
  clientEnded = false;
  readonly #reader: HeadReader;
  #phase: Phase = 'head';
  /** When the phase began, as far as a limit of time goes by it. */
  #sinceMs: number;
  /** The request that is read, worked on or answered; none while what is left of a refused one is passed over. */
  #exchange: Http1Exchange | undefined;
  #chunks: ChunkedBody | undefined;
  /** What the socket brought last, and how far it has been read. */
  #bytes: Buffer = nothing;
  #at = 0;
  #advancing = false;
  #corked = false;
  /** Bytes on the budget: those that may not be read yet, and those of an answer that wait for the client. */
  #heldBytes = 0;
  #owedBytes = 0;
  /** Whether the client sends on after its last answer has begun, and how much of that was dropped. */
  #sendsOn = false;
  #droppedBytes = 0;

  constructor(intake: Intake, socket: Socket) {
    this.intake = intake;
    this.socket = socket;
    this.#reader = new HeadReader(intake.limits.headerBytesMax, intake.limits.headerLinesMax);
    this.#sinceMs = intake.clock.now();
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('end', () => this.#clientEnded());
    socket.on('drain', () => this.#drained());
    socket.on('timeout', () => socket.destroy());
  }

  receive(chunk: Buffer): void {
    if (this.#phase === 'leaving') {
      this.#sendsOn = true;
      this.#drop(chunk.length);
      return;
    }
    assert(this.#at === this.#bytes.length, 'a socket is paused while something is unread');
    this.#bytes = chunk;
    this.#at = 0;
    this.#advance();
    this.intake.reception.took(chunk.length, this.socket, () => this.#hold());
  }

  /** The request is whole: it is its turn. */
  begin(exchange: Http1Exchange): void {
    this.#phase = 'working';
    this.intake.begin(exchange);
  }

  /** Whether the connection outlives the present answer. */
  stays(head: RequestHead): boolean {
    const last = this.clientEnded && this.#at === this.#bytes.length;
    return head.keepAlive && !this.intake.closing && !last;
  }

  /** Sends a whole answer, and goes on with the next request once the client takes it. `sent`: see `Answer`. */
  answer(head: string, body: Uint8Array, stays: boolean, sent = (): void => {}): void {
    const { socket } = this;
    if (!socket.writable) return;
    // More has been read already: what is answered before that is used up leaves together.
    if (this.#advancing && !this.#corked && this.#at < this.#bytes.length) {
      this.#corked = true;
      socket.cork();
    }
    let room: boolean;
    if (body.length <= joinedBytesMax) {
      room = socket.write(body.length === 0 ? head : head + asBuffer(body).toString('latin1'), 'latin1');
      sent();
    } else {
      socket.cork();
      socket.write(head, 'latin1');
      room = socket.write(body, (error) => error || sent());
      socket.uncork();
    }
    this.#phase = 'answering';
    if (!stays) this.leave();
    if (!room) this.#owe();
    else if (stays) this.next();
  }

  /** The answer is out, as far as this side can tell. */
  next(): void {
    this.#exchange = undefined;
    this.#sinceMs = this.intake.clock.now();
    this.#phase = this.bodyLeft > 0 ? 'body' : 'head';
    this.#advance();
    if (this.#phase !== 'head' || this.#reader.begun) return;
    if (this.intake.closing) this.endIfIdle();
    else if (this.clientEnded && this.#at === this.#bytes.length) this.leave();
  }

  /** Nothing is asked of the server here, or nothing that could still be answered. */
  endIfIdle(): void {
    const passesOver = this.#phase === 'body' && this.#exchange === undefined;
    if (this.#phase === 'head' && this.socket.writableLength === 0) this.socket.destroy();
    else if (this.#phase === 'head' || passesOver) this.leave();
  }

  /** A piece of an answer that streams, in as many parts as its framing needs. */
  write(...parts: (string | Uint8Array)[]): boolean {
    const { socket } = this;
    // Not the time to ask for more: the connection's end is on its way.
    if (!socket.writable) return false;
    let room = true;
    socket.cork();
    for (const part of parts) room = socket.write(part, 'latin1');
    socket.uncork();
    return room;
  }

  /** Takes nothing more from this connection: it ends with the refusal. */
  end(refusal: Refusal): void {
    this.#exchange?.cut();
    this.#exchange = undefined;
    if (this.socket.writable) this.socket.write(refusalBytes(refusal));
    this.leave();
  }

  /** The last word has been said. What the client still sends is dropped; the gateway sees to the end. */
  leave(): void {
    this.#phase = 'leaving';
    this.#exchange = undefined;
    if (this.socket.writable) this.socket.end();
    if (this.socket.writableLength > 0) {
      this.#sinceMs = this.intake.clock.now();
      this.socket.setTimeout(this.intake.limits.stalledAnswerMs);
    }
    this.#drop(this.#bytes.length - this.#at);
    if (!this.#advancing) this.#hold();
  }

  /** What is left of the body, where it is worth reading in order to go on behind it. */
  passOver(bytes: number): boolean {
    if (bytes > this.intake.limits.discardBytesMax) return false;
    this.bodyLeft = bytes;
    return true;
  }

  closed(): void {
    this.#exchange?.cut();
    this.#exchange = undefined;
    this.#phase = 'leaving';
    this.#settleBudget();
  }

  sweep(nowMs: number): void {
    const { limits } = this.intake;
    const tookMs = nowMs - this.#sinceMs;
    switch (this.#phase) {
      case 'head': {
        const headerMs = Math.min(limits.headerMs, limits.requestMs);
        if (!this.#reader.begun && tookMs > limits.idleMs) this.socket.destroy();
        else if (this.#reader.begun && tookMs > headerMs) this.end(refusals.slow(headerMs));
        break;
      }
      case 'body':
      case 'chunks':
      case 'trailers':
        if (tookMs <= limits.requestMs) break;
        if (this.#exchange === undefined) this.socket.destroy();
        else this.end(refusals.slow(limits.requestMs));
        break;
      case 'leaving':
        // Each byte that comes puts the socket's own limit off.
        if (this.#sendsOn && this.socket.writableLength > 0 && tookMs > limits.stalledAnswerMs)
          this.socket.destroy();
        break;
    }
  }

  /** Reads what is there, as far as it may be read now. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    while (this.#at < this.#bytes.length && this.#read()) {
      // Each turn reads a part of a request.
    }
    this.#advancing = false;
    if (this.#corked) {
      this.#corked = false;
      this.socket.uncork();
    }
    this.#hold();
  }

  /** Lets go of what has been read; keeps the client from sending more while there is something that has not. */
  #hold(): void {
    const left = this.#bytes.length - this.#at;
    this.intake.budget.give(this.#heldBytes);
    this.#heldBytes = this.#phase === 'leaving' ? 0 : left;
    if (left === 0 || this.#phase === 'leaving') {
      this.#bytes = nothing;
      this.#at = 0;
      if (this.socket.isPaused() && !this.intake.reception.rests(this.socket)) this.socket.resume();
    } else {
      this.intake.budget.force(this.#heldBytes);
      this.socket.pause();
    }
  }

  /** Reads one part of a request; false when the rest is not to be read now. */
  #read(): boolean {
    switch (this.#phase) {
      case 'head':
        this.#readHead();
        return true;
      case 'body':
        this.#readBody();
        return true;
      case 'chunks':
        this.#readChunk(present(this.#chunks, 'a body that comes in chunks'));
        return true;
      case 'trailers':
        this.#readTrailers();
        return true;
      default:
        return false;
    }
  }

  #readHead(): void {
    // A head that comes in one piece has taken no time.
    if (!this.#reader.begun) this.#sinceMs = this.intake.clock.now();
    if (!this.#readLines()) return;
    const head = RequestHead.of(this.#reader.take());
    if ('fault' in head) {
      this.end(refusals.malformed(head.fault));
      return;
    }
    this.#exchange = new Http1Exchange(this, head);
    this.#exchange.collect();
  }

  /** Whether the lines are whole now. */
  #readLines(): boolean {
    const reader = this.#reader;
    const { limits } = this.intake;
    const progress = reader.read(this.#bytes, this.#at);
    switch (progress) {
      case 'whole':
        this.#at = reader.end;
        return true;
      case 'more':
        this.#at = this.#bytes.length;
        return false;
      case 'too-large':
        this.end(refusals.headersTooLarge(limits.headerBytesMax, limits.headerLinesMax));
        return false;
      case 'malformed':
        this.end(refusals.malformed(reader.fault));
        return false;
    }
  }

  /** Begins to read a body: of so many bytes, or in chunks. */
  expectBody(bytes: number | 'chunks', expected: boolean): void {
    if (expected) this.socket.write(goOn, 'latin1');
    if (bytes === 'chunks') {
      this.#chunks = new ChunkedBody();
      this.#phase = 'chunks';
    } else {
      this.bodyLeft = bytes;
      this.#phase = 'body';
    }
  }

  #readBody(): void {
    const bytes = this.#bytes;
    const from = this.#at;
    const end = Math.min(bytes.length, from + this.bodyLeft);
    this.#at = end;
    this.bodyLeft -= end - from;
    const exchange = this.#exchange;
    if (exchange === undefined) {
      if (this.bodyLeft === 0) this.next();
      return;
    }
    const whole = from === 0 && end === bytes.length;
    if (!exchange.push(whole ? bytes : bytes.subarray(from, end))) return;
    if (this.bodyLeft === 0) this.begin(exchange);
  }

  #readChunk(chunks: ChunkedBody): void {
    const progress = chunks.read(this.#bytes, this.#at);
    this.#at = chunks.end;
    if (progress === 'data') this.#exchange?.push(this.#bytes.subarray(chunks.from, chunks.end));
    else if (progress === 'malformed')
      this.end(refusals.malformed('its body is not in chunks as HTTP has them'));
    else if (progress === 'trailers') {
      this.#chunks = undefined;
      this.#reader.beginTrailers();
      this.#phase = 'trailers';
    }
  }

  #readTrailers(): void {
    if (!this.#readLines()) return;
    if (framesBody(this.#reader.take())) {
      this.end(refusals.malformed('the lines behind its body say how long it is'));
      return;
    }
    this.begin(present(this.#exchange, 'the request that the trailers belong to'));
  }

  #clientEnded(): void {
    this.clientEnded = true;
    switch (this.#phase) {
      case 'head':
        if (this.#reader.begun) this.end(refusals.malformed('it ended before it was whole'));
        else this.leave();
        break;
      case 'body':
      case 'chunks':
      case 'trailers':
        if (this.#exchange === undefined) this.leave();
        else this.end(refusals.malformed('it ended before it was whole'));
        break;
      case 'working':
        // A client that goes away looks like one that has only said its last, until something is written to it. Whoever
        // takes a stream and ends its side is not worth telling apart.
        this.#exchange?.clientEnded();
        break;
    }
  }

  /** An answer, or a part of one, waits for its client. */
  #owe(): void {
    const { budget, limits } = this.intake;
    this.#owedBytes = this.socket.writableLength;
    budget.force(this.#owedBytes);
    if (this.#owedBytes > 0) this.socket.setTimeout(limits.stalledAnswerMs);
    if (this.#phase === 'leaving') this.socket.once('finish', () => this.#settleOwed());
  }

  #drained(): void {
    this.#settleOwed();
    this.socket.setTimeout(0);
    if (this.#phase === 'answering') this.next();
    else this.#exchange?.drained();
  }

  #settleOwed(): void {
    this.intake.budget.give(this.#owedBytes);
    this.#owedBytes = 0;
  }

  #settleBudget(): void {
    this.#settleOwed();
    this.intake.budget.give(this.#heldBytes);
    this.#heldBytes = 0;
    this.#bytes = nothing;
    this.#at = 0;
  }

  /** Dropped up to a bound, so that the client comes to read what it is told. */
  #drop(bytes: number): void {
    this.#droppedBytes += bytes;
    if (this.#droppedBytes > this.intake.limits.discardBytesMax) this.socket.destroy();
  }
}
