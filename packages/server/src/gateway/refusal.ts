import type { Answer } from './exchange.js';
import { statusLine } from './response-head.js';

/**
 * What the gateway itself answers, before any service has seen the request. The bodies have the form of AWS's JSON
 * errors, so that an SDK prints the sentence; the codes and sentences are ours, because AWS's front end answers most
 * of these with an empty body (kinesalite's tests against AWS saw that for 413).
 */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export const refusals = {
  malformed: (reason: string): Refusal => ({
    status: 400,
    code: 'BadRequestException',
    message: `This is not an HTTP request: ${reason}.`,
  }),
  cleartext: {
    status: 400,
    code: 'BadRequestException',
    message: 'This port speaks cleartext HTTP: use http:// instead of https:// in the endpoint.',
  },
  tlsOnly: {
    status: 400,
    code: 'BadRequestException',
    message: 'This port speaks TLS only: use https:// instead of http:// in the endpoint.',
  },
  slow: (limitMs: number): Refusal => ({
    status: 408,
    code: 'RequestTimeoutException',
    message: `The request was not there within ${limitMs} ms.`,
  }),
  bodyTooLarge: (limit: number): Refusal => ({
    status: 413,
    code: 'RequestEntityTooLargeException',
    message: `The request's body is larger than ${limit} bytes.`,
  }),
  unknownExpectation: {
    status: 417,
    code: 'ExpectationFailedException',
    message: 'The request expects what is not 100-continue.',
  },
  headersTooLarge: (bytes: number, lines: number): Refusal => ({
    status: 431,
    code: 'RequestHeaderFieldsTooLargeException',
    message: `The request's headers take more than ${bytes} bytes or ${lines} lines.`,
  }),
  tooManyConnections: (limit: number): Refusal => ({
    status: 503,
    code: 'ServiceUnavailableException',
    message: `There are ${limit} connections already, and no more are taken.`,
  }),
  tooManyRequests: (limit: number): Refusal => ({
    status: 503,
    code: 'ServiceUnavailableException',
    message: `There are ${limit} requests in flight already. Try again.`,
  }),
  tooManyStreams: (limit: number): Refusal => ({
    status: 503,
    code: 'ServiceUnavailableException',
    message: `There are ${limit} answers that stream already. Try again.`,
  }),
  noMemory: (limit: number): Refusal => ({
    status: 503,
    code: 'ServiceUnavailableException',
    message: `Requests and unread answers take ${limit} bytes already. Try again.`,
  }),
  starting: {
    status: 503,
    code: 'ServiceUnavailableException',
    message: 'The server is starting. Try again.',
  },
  closing: {
    status: 503,
    code: 'ServiceUnavailableException',
    message: 'The server is stopping.',
  },
} as const;

export function refusalAnswer(refusal: Refusal): Answer {
  return {
    status: refusal.status,
    contentType: 'application/x-amz-json-1.1',
    body: Buffer.from(JSON.stringify({ __type: refusal.code, message: refusal.message })),
  };
}

/** The refusal as the bytes of an HTTP/1.1 response, for a connection on which no request was made out. */
export function refusalBytes(refusal: Refusal): Uint8Array {
  const { status, contentType, body } = refusalAnswer(refusal);
  const head =
    `${statusLine(status)}content-type: ${contentType}\r\n` +
    `content-length: ${body.length}\r\nconnection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}
