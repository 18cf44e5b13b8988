/**
 * A request over HTTP/1.1 and its answer: whether its body is taken, and how the answer's end is told.
 *
 *      HTTP/1.1    content-length, or chunks for an answer that streams; the connection lives on
 *      HTTP/1.0    content-length, or the end of the connection
 */
import { present } from '@millrace/base';
import { Body, bodyRefusal } from './body.js';
import { type Answer, noBytes, type StreamedAnswer } from './exchange.js';
import type { Http1Connection } from './http1-connection.js';
import { PendingExchange } from './intake.js';
import { type Refusal, refusalAnswer, refusals } from './refusal.js';
import type { RequestHead } from './request-head.js';
import { type ResponseHead, responseHead } from './response-head.js';

export class Http1Exchange extends PendingExchange {
  readonly #connection: Http1Connection;
  readonly #head: RequestHead;
  #body: Body | undefined;
  #streams = false;

  constructor(connection: Http1Connection, head: RequestHead) {
    super(connection.intake);
    this.#connection = connection;
    this.#head = head;
  }

  get method(): string {
    return this.#head.method;
  }

  get path(): string {
    return this.#head.target;
  }

  get body(): Uint8Array {
    return this.#body?.bytes() ?? noBytes;
  }

  header(name: string): string | undefined {
    return this.#head.header(name);
  }

  /** Sees to the body: whether there is one, and whether it will be taken. */
  collect(): void {
    const { limits, budget, bodyMemory } = this.intake;
    const { contentLength, chunked, expects } = this.#head;
    if (expects === 'unknown') this.#connection.end(refusals.unknownExpectation);
    else if (contentLength !== undefined && contentLength > limits.bodyBytesMax) {
      this.#refuse(refusals.bodyTooLarge(limits.bodyBytesMax), contentLength);
    } else if (!chunked && (contentLength ?? 0) === 0) this.#connection.begin(this);
    else {
      this.#body = new Body(budget, bodyMemory, limits.bodyBytesMax, contentLength);
      this.#connection.expectBody(contentLength ?? 'chunks', expects === 'continue');
    }
  }

  /** Adds to the body; false when it is refused for that. */
  push(piece: Buffer): boolean {
    const failure = present(this.#body, 'the body that is collected').push(piece);
    if (failure === undefined) return true;
    this.#refuse(
      bodyRefusal(failure, this.intake.limits),
      this.#head.chunked ? undefined : this.#connection.bodyLeft,
    );
    return false;
  }

  /** The client is gone, or the connection is. */
  cut(): void {
    this.leave();
  }

  clientEnded(): void {
    if (this.#streams) this.windUp();
  }

  drained(): void {
    this.taken();
  }

  protected override releaseBody(): void {
    this.#body?.release();
    this.#body = undefined;
  }

  protected override send(answer: Answer): void {
    const stays = this.#connection.stays(this.#head);
    const lines = this.#lines(answer, answer.body.length, stays);
    const { body, sent } = answer;
    if (this.method !== 'HEAD' && this.#connection.socket.writable) {
      this.#connection.answer(lines, body, stays, sent);
    } else {
      sent?.();
      this.#connection.answer(lines, noBytes, stays);
    }
  }

  protected override cutOff(): void {
    this.#connection.socket.destroy();
  }

  protected override beginPieces(answer: StreamedAnswer): void {
    this.#streams = true;
    const chunked = this.#head.minor === 1;
    const stays = chunked && this.#connection.stays(this.#head);
    this.#connection.write(this.#lines(answer, chunked ? 'chunked' : 'until-closed', stays));
    if (this.#connection.clientEnded) this.windUp();
  }

  protected override sendPiece(piece: Uint8Array): boolean {
    if (piece.length === 0 || this.method === 'HEAD') return true;
    const room =
      this.#head.minor === 1
        ? this.#connection.write(`${piece.length.toString(16)}\r\n`, piece, '\r\n')
        : this.#connection.write(piece);
    if (!room) this.#connection.socket.setTimeout(this.intake.limits.stalledStreamMs);
    return room;
  }

  protected override endPieces(whole: boolean): void {
    if (!whole) this.#connection.socket.destroy();
    else if (this.#head.minor === 0) this.#connection.leave();
    else {
      if (this.method !== 'HEAD') this.#connection.write('0\r\n\r\n');
      if (this.#connection.stays(this.#head)) this.#connection.next();
      else this.#connection.leave();
    }
  }

  /**
   * Answers before the whole body is there. Where the rest is of known and bearable length it is read and dropped,
   * and the connection lives on; elsewhere the connection ends with the answer, and where nobody knows whether the
   * body will come, because the client waits to be told.
   */
  #refuse(refusal: Refusal, left: number | undefined): void {
    this.releaseBody();
    const awaited = this.#head.expects === 'continue' && left === this.#head.contentLength;
    if (left === undefined || awaited || !this.#connection.passOver(left)) this.#connection.end(refusal);
    else this.respond(refusalAnswer(refusal));
  }

  #lines(answer: Answer | StreamedAnswer, length: ResponseHead['length'], stays: boolean): string {
    const { ids, clock } = this.intake;
    // HTTP/1.0 ends its connections unless told otherwise, HTTP/1.1 keeps them.
    const kept = this.#head.minor === 0 ? 'keep-alive' : undefined;
    const head: ResponseHead = {
      status: answer.status,
      contentType: answer.contentType,
      headers: answer.headers,
      requestId: this.requestId,
      extendedId: ids.extendedId(),
      length,
      connection: stays ? kept : 'close',
    };
    return responseHead(head, clock.now());
  }
}
