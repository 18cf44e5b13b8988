import { AssertionError, assert, type Clock, kib } from '@millrace/base';
import { errorFields, type Logger } from '../logger.js';
import { BodyMemory } from './body.js';
import { ByteBudget } from './byte-budget.js';
import type { Answer, Exchange, ExchangeHandler, StreamedAnswer } from './exchange.js';
import type { GatewayLimits } from './limits.js';
import { Reception } from './reception.js';
import { type Refusal, refusalAnswer, refusals } from './refusal.js';
import type { RequestIds } from './request-id.js';

/** Answers up to this size always go out; only larger ones give way when the budget is spent. */
const smallAnswerBytes = 64 * kib;

/**
 * What both protocols share: the bounds that hold over all connections, and the way from a whole request to the
 * handler.
 *
 *      collecting ──whole──▶ in flight ──respond──▶ answered
 *          └──────refused──────────┴──▶ answered by the gateway itself
 *
 * Invariant: `inFlight` counts handlers that have not answered yet, whether or not their client is still there, so
 * that a client that sends and goes away again and again does not make the work pile up.
 */
export class Intake {
  readonly limits: GatewayLimits;
  readonly budget: ByteBudget;
  /** What pieces of streamed answers may take, so that slow consumers keep no producer out. */
  readonly pieceBudget: ByteBudget;
  readonly bodyMemory = new BodyMemory();
  readonly reception = new Reception();
  readonly ids: RequestIds;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #handle: ExchangeHandler;
  #inFlight = 0;
  #closing = false;
  readonly #streaming = new Set<PendingExchange>();

  constructor(limits: GatewayLimits, ids: RequestIds, clock: Clock, logger: Logger, handle: ExchangeHandler) {
    this.limits = limits;
    this.budget = new ByteBudget(limits.bufferedBytesMax);
    this.pieceBudget = new ByteBudget(limits.streamedBytesMax);
    this.ids = ids;
    this.clock = clock;
    this.logger = logger;
    this.#handle = handle;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Set once, when the gateway closes: what comes in from then on is refused. */
  get closing(): boolean {
    return this.#closing;
  }

  beginClosing(): void {
    this.#closing = true;
    for (const exchange of this.#streaming) exchange.windUp();
  }

  /** How many answers stream now. */
  get streaming(): number {
    return this.#streaming.size;
  }

  /** Counts an answer that begins to stream, until `streamEnded`. */
  streamBegan(exchange: PendingExchange): void {
    this.#streaming.add(exchange);
    if (this.#closing) exchange.windUp();
  }

  streamEnded(exchange: PendingExchange): void {
    this.#streaming.delete(exchange);
  }

  /** Cuts off the streamed answer whose client has taken nothing for the longest time: there is no room for all. */
  cutSlowest(): void {
    let slowest: PendingExchange | undefined;
    for (const exchange of this.#streaming) {
      const { stalledSinceMs } = exchange;
      if (
        stalledSinceMs !== undefined &&
        stalledSinceMs < (slowest?.stalledSinceMs ?? Number.POSITIVE_INFINITY)
      ) {
        slowest = exchange;
      }
    }
    if (slowest === undefined) return;
    this.logger.warn('a streamed answer was cut off: slow clients take all the memory that they may', {
      requestId: slowest.requestId,
    });
    slowest.cutStream();
  }

  /** Hands a whole request on, or has it refused. */
  begin(exchange: PendingExchange): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      exchange.respond(refusalAnswer(refusal));
      return;
    }
    this.#inFlight++;
    exchange.counted = true;
    this.#handle(exchange);
  }

  /** Called once for each exchange that `begin` handed on. */
  ended(): void {
    this.#inFlight--;
    assert(this.#inFlight >= 0, 'more exchanges ended than began');
  }

  /** The answer itself, or a refusal where it is large and too much waits for its clients already. */
  affordable(answer: Answer): Answer {
    const { length } = answer.body;
    if (length <= smallAnswerBytes || this.budget.taken + length <= this.budget.limit) return answer;
    return refusalAnswer(refusals.noMemory(this.budget.limit));
  }

  #refusal(): Refusal | undefined {
    if (this.#closing) return refusals.closing;
    if (this.#inFlight >= this.limits.requestsInFlightMax) {
      return refusals.tooManyRequests(this.limits.requestsInFlightMax);
    }
    if (this.budget.taken > this.budget.limit) return refusals.noMemory(this.budget.limit);
    return undefined;
  }
}

/** What the two kinds of exchange have in common. */
export abstract class PendingExchange implements Exchange {
  abstract readonly method: string;
  abstract readonly path: string;
  abstract readonly body: Uint8Array;
  /** Whether `Intake.begin` counted it. */
  counted = false;
  protected readonly intake: Intake;
  #requestId: string | undefined;
  #controller: AbortController | undefined;
  #answered = false;
  #streaming = false;
  #gone = false;
  #whenTaken: (() => void) | undefined;
  /** Set while the client has not taken the last piece of an answer that streams. */
  stalledSinceMs: number | undefined;

  constructor(intake: Intake) {
    this.intake = intake;
  }

  abstract header(name: string): string | undefined;

  get requestId(): string {
    this.#requestId ??= this.intake.ids.requestId();
    return this.#requestId;
  }

  // Made only when asked for: most operations never look at it, and an AbortController costs as much as the rest.
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#gone || (this.#streaming && this.intake.closing)) this.#controller.abort();
    return this.#controller.signal;
  }

  respond(answer: Answer): void {
    assert(!this.#answered, 'an exchange is answered once');
    this.#answered = true;
    if (this.counted) this.intake.ended();
    this.releaseBody();
    const affordable = this.#gone ? undefined : this.intake.affordable(answer);
    if (affordable !== answer) answer.sent?.();
    if (affordable !== undefined) this.send(affordable);
  }

  drop(): void {
    assert(!this.#answered, 'an exchange is answered once');
    this.#answered = true;
    if (this.counted) this.intake.ended();
    this.releaseBody();
    if (!this.#gone) this.cutOff();
  }

  respondInPieces(answer: StreamedAnswer): void {
    assert(!this.#answered, 'an exchange is answered once');
    const { limits } = this.intake;
    if (this.intake.streaming >= limits.streamedAnswersMax) {
      this.#letGo(answer);
      this.respond(refusalAnswer(refusals.tooManyStreams(limits.streamedAnswersMax)));
      return;
    }
    this.#answered = true;
    this.#streaming = true;
    if (this.counted) this.intake.ended();
    this.releaseBody();
    this.intake.streamBegan(this);
    void this.#stream(answer);
  }

  /** Ends an answer that streams here and now. */
  cutStream(): void {
    if (this.#gone) return;
    this.endPieces(false);
    this.leave();
  }

  /** Whoever makes the pieces is told to come to an end. */
  windUp(): void {
    this.#controller?.abort();
  }

  /** What was written has been taken by the client, as far as this side can tell. */
  protected taken(): void {
    this.stalledSinceMs = undefined;
    const resolve = this.#whenTaken;
    this.#whenTaken = undefined;
    resolve?.();
  }

  /** Sends piece after piece, each when the one before was taken, and ends the answer. */
  async #stream(answer: StreamedAnswer): Promise<void> {
    const { pieceBudget, logger } = this.intake;
    let whole = false;
    try {
      if (!this.#gone) this.beginPieces(answer);
      for (let next = await answer.pieces.next(); !this.#gone; next = await answer.pieces.next()) {
        whole = next.done === true;
        if (next.done) break;
        const { length } = next.value;
        if (!pieceBudget.take(length)) {
          this.intake.cutSlowest();
          pieceBudget.force(length);
        }
        await this.#send(next.value);
        pieceBudget.give(length);
      }
    } catch (error) {
      logger.error('a streamed answer failed unexpectedly', errorFields(error));
      if (error instanceof AssertionError) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
    this.#streaming = false;
    this.intake.streamEnded(this);
    this.#letGo(answer);
    if (!this.#gone) this.endPieces(whole);
  }

  /** Resolves when the client has taken the piece, or is gone. */
  #send(piece: Uint8Array): Promise<void> | undefined {
    if (this.sendPiece(piece) || this.#gone) return undefined;
    this.stalledSinceMs = this.intake.clock.now();
    return new Promise((resolve) => {
      this.#whenTaken = resolve;
    });
  }

  #letGo(answer: StreamedAnswer): void {
    answer.pieces.return?.().catch((error: unknown) => {
      this.intake.logger.error('the source of a streamed answer failed to end', errorFields(error));
    });
  }

  /**
   * The client went away, or the answer is out: nothing is sent from here on. A body that a handler is working on
   * stays until it answers: its memory will be another's.
   */
  protected leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (!this.counted || this.#answered) this.releaseBody();
    if (!this.#answered || this.#streaming) this.#controller?.abort();
    this.taken();
  }

  protected abstract releaseBody(): void;
  protected abstract send(answer: Answer): void;
  /** Ends the connection here and now. */
  protected abstract cutOff(): void;
  /** Sends the head of an answer that streams. */
  protected abstract beginPieces(answer: StreamedAnswer): void;
  /** Sends a piece; answers whether there is room for the next, else `taken` is called when there is. */
  protected abstract sendPiece(piece: Uint8Array): boolean;
  /** Ends an answer that streams; one that is not whole is cut off so that the client can tell. */
  protected abstract endPieces(whole: boolean): void;
}
