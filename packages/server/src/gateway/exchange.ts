/**
 * One request and its answer, the same over HTTP/1.1 and HTTP/2. The gateway hands it over when the whole body is
 * there; whoever takes it answers exactly once.
 */
export interface Exchange {
  readonly method: string;
  /** As sent, with its query. */
  readonly path: string;
  readonly headers: RequestHeaders;
  /** Lent until the exchange is answered: the same memory then holds another's. Who keeps any of it copies it. */
  readonly body: Uint8Array;
  /** A UUID; it goes out as `x-amzn-requestid`. */
  readonly requestId: string;
  /** Aborts when the client goes away before its answer, or the gateway is closed for good. */
  readonly signal: AbortSignal;
  respond(answer: Answer): void;
  /** Ends the connection in the place of an answer, as a network does. */
  drop(): void;
}

/** By lower-case name. A line that came twice is joined with commas, as HTTP has it. */
export interface RequestHeaders {
  readonly [name: string]: string | readonly string[] | undefined;
}

export interface Answer {
  readonly status: number;
  /** Undefined where there is no body. */
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
  /** Further header lines, lower-case names. */
  readonly headers?: { readonly [name: string]: string };
}

export type ExchangeHandler = (exchange: Exchange) => void;

/** The header's value; the first where there are several. */
export function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value[0] : value;
}

export const noBytes = new Uint8Array(0);
