/**
 * One request and its answer, the same over HTTP/1.1 and HTTP/2. The gateway hands it over when the whole body is
 * there; whoever takes it answers exactly once.
 */
export interface Exchange {
  readonly method: string;
  /** As sent, with its query. */
  readonly path: string;
  /** Lent until the exchange is answered: the same memory then holds another's. Who keeps any of it copies it. */
  readonly body: Uint8Array;
  /** The value of a header, by its lower-case name. Lines that came several times are joined with commas. */
  header(name: string): string | undefined;
  /** A UUID; it goes out as `x-amzn-requestid`. */
  readonly requestId: string;
  /**
   * Aborts when the client goes away before all of its answer is out, or the gateway is closed for good; while an
   * answer streams, as soon as the gateway begins to close, so that the answer can come to its own end.
   */
  readonly signal: AbortSignal;
  respond(answer: Answer): void;
  /** Ends the connection in the place of an answer, as a network does. */
  drop(): void;
  /** Answers, in the place of `respond`, with a body that comes piece by piece. */
  respondInPieces(answer: StreamedAnswer): void;
}

export interface Answer {
  readonly status: number;
  /** Undefined where there is no body. */
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
  /**
   * Called, at most once, when nothing looks at `body` any more: all of it went out, or nothing will. Without it, as where
   * the connection ends in between, its memory may be left to the collector.
   */
  readonly sent?: () => void;
  /** Further header lines, lower-case names. */
  readonly headers?: { readonly [name: string]: string };
}

export interface StreamedAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: { readonly [name: string]: string };
  /**
   * The body. The next piece is asked for once the client has taken the one before, so that a slow client holds one
   * piece and no more; whoever makes them ends when the exchange's signal aborts. Pieces are lent until the next is
   * asked for, and never written to.
   */
  readonly pieces: AsyncIterator<Uint8Array, void>;
}

export type ExchangeHandler = (exchange: Exchange) => void;

export const noBytes = new Uint8Array(0);
