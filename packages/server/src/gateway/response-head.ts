/**
 * What stands above the body of an HTTP/1.1 answer.
 *
 *      HTTP/1.1 200 OK ⏎ date ⏎ x-amzn-requestid ⏎ x-amz-id-2 ⏎ length or coding ⏎ content-type ⏎ others ⏎ connection ⏎ ⏎
 *
 * The body's end is told in one of three ways: its length, chunks, or the end of the connection.
 */
import { assert } from '@millrace/base';

export interface ResponseHead {
  readonly status: number;
  readonly contentType: string | undefined;
  /** Further lines, lower-case names. */
  readonly headers: { readonly [name: string]: string } | undefined;
  readonly requestId: string;
  readonly extendedId: string;
  /** Of the body, in bytes; or how else its end is told. */
  readonly length: number | 'chunked' | 'until-closed';
  /** What is said of the connection; undefined where that goes without saying. */
  readonly connection: 'close' | 'keep-alive' | undefined;
}

export function responseHead(head: ResponseHead, nowMs: number): string {
  let text =
    `${statusLine(head.status)}date: ${httpDate(nowMs)}\r\n` +
    `x-amzn-requestid: ${head.requestId}\r\nx-amz-id-2: ${head.extendedId}\r\n`;
  if (head.length === 'chunked') text += 'transfer-encoding: chunked\r\n';
  else if (head.length !== 'until-closed') text += `content-length: ${head.length}\r\n`;
  if (head.contentType !== undefined) text += `content-type: ${head.contentType}\r\n`;
  if (head.headers !== undefined) text += lines(head.headers);
  if (head.connection !== undefined) text += `connection: ${head.connection}\r\n`;
  return `${text}\r\n`;
}

/** RFC 9112, section 4: the phrase may be empty, its space may not. */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${reasonPhrases[status] ?? ''}\r\n`;
}

const reasonPhrases: { readonly [status: number]: string } = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Payload Too Large',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** None of them may end its line early and begin another. */
function lines(headers: { readonly [name: string]: string }): string {
  let text = '';
  for (const name in headers) {
    const value = headers[name] ?? '';
    assert(/^[\t\x20-\x7e\x80-\xff]*$/.test(value), 'the value of a header is one line');
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

let dateSecond = Number.NaN;
let dateText = '';

/** The time as HTTP spells it, spelled once a second. */
function httpDate(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
