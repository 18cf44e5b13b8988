/**
 * What a request's header lines say of its connection and its body (RFC 9112, sections 3, 6 and 9).
 *
 *      no length, not chunked     no body
 *      content-length: 1*DIGIT    as many bytes
 *      transfer-encoding: chunked chunks; on HTTP/1.1 only
 *      anything else              refused: both, one of them twice, other codings, a list of lengths
 *
 * Whoever stands before us may have gone by the other of two lengths, and would take the rest for the next request; RFC
 * 9112 lets a server repair some of these, and we repair none (sections 6.1, 6.3, 11.2).
 */
import type { HeadText } from './head-reader.js';

/** RFC 9110, section 9, and RFC 5789: no API here has others. CONNECT is told from them to be refused by name. */
const methods = new Set(['POST', 'GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT']);
/** RFC 9112, section 3.2.2; without user information, which is there to deceive (RFC 9110, section 4.2.4). */
const absoluteForm = /^https?:\/\/[A-Za-z0-9.\-_[\]:]+([/?#]|$)/i;
/** Longer lengths are those of nothing that can be sent. */
const lengthDigits = /^\d{1,15}$/;
/** Lines of which the first counts when there are several, as node:http has it. Others are joined with commas. */
const singular = new Set(['authorization', 'content-type']);

export type Expectation = 'nothing' | 'continue' | 'unknown';

/** Why a request is refused whose lines are well formed. */
export interface HeadFault {
  readonly fault: string;
}

export class RequestHead {
  readonly method: string;
  readonly target: string;
  /** Of HTTP/1.0 or HTTP/1.1. */
  readonly minor: number;
  /** Of the body; undefined without one and in chunks, infinite when it has more digits than a length can have. */
  contentLength: number | undefined;
  chunked = false;
  /** Whether the client lets the connection stand after the answer. */
  keepAlive: boolean;
  expects: Expectation = 'nothing';
  #closes = false;
  readonly #text: string;
  readonly #lines: readonly number[];

  /** What the lines say, or why they are refused. */
  static of(read: HeadText): RequestHead | HeadFault {
    const head = new RequestHead(read);
    const fault = head.#requestLineFault() ?? head.#linesFault();
    return fault === undefined ? head : { fault };
  }

  private constructor({ text, methodEnd, targetEnd, minor, lines }: HeadText) {
    this.method = text.slice(0, methodEnd);
    this.target = text.slice(methodEnd + 1, targetEnd);
    this.minor = minor;
    this.keepAlive = minor === 1;
    this.#text = text;
    this.#lines = lines;
  }

  /** By lower-case name; lines that came several times are joined with commas, those of `singular` are the first. */
  header(name: string): string | undefined {
    const lines = this.#lines;
    let found: string | undefined;
    for (let i = 0; i < lines.length; i += 4) {
      if (!this.#isNamed(i, name)) continue;
      const value = this.#text.slice(lines[i + 2], lines[i + 3]);
      if (found !== undefined) found = `${found}, ${value}`;
      else if (singular.has(name)) return value;
      else found = value;
    }
    return found;
  }

  #requestLineFault(): string | undefined {
    const { method, target } = this;
    if (!methods.has(method)) return 'it has no method that HTTP knows';
    if (method === 'CONNECT') return `CONNECT ${target} asks for a proxy`;
    if (target.startsWith('/') || absoluteForm.test(target) || (target === '*' && method === 'OPTIONS'))
      return undefined;
    return 'it asks for what is neither a path nor an address';
  }

  /** One look at every line, for those that matter here. */
  #linesFault(): string | undefined {
    const lines = this.#lines;
    let hosts = 0;
    let lengths = 0;
    let codings = 0;
    for (let i = 0; i < lines.length; i += 4) {
      switch ((lines[i + 1] ?? 0) - (lines[i] ?? 0)) {
        case 4:
          if (this.#isNamed(i, 'host')) hosts++;
          break;
        case 6:
          if (this.#isNamed(i, 'expect')) this.#expect();
          break;
        case 10:
          if (this.#isNamed(i, 'connection')) this.#connect(this.#text.slice(lines[i + 2], lines[i + 3]));
          break;
        case 14:
          if (this.#isNamed(i, 'content-length')) lengths++;
          break;
        case 17:
          if (this.#isNamed(i, 'transfer-encoding')) codings++;
          break;
      }
    }
    if (hosts > 1) return 'it names several hosts';
    if (lengths === 0 && codings === 0) return undefined;
    if (lengths + codings > 1) return 'it says more than once how long its body is';
    return codings === 1 ? this.#codingFault() : this.#lengthFault();
  }

  #lengthFault(): string | undefined {
    const length = this.header('content-length') ?? '';
    if (!/^\d+$/.test(length)) return 'its content length is not a number';
    this.contentLength = lengthDigits.test(length) ? Number(length) : Number.POSITIVE_INFINITY;
    return undefined;
  }

  #codingFault(): string | undefined {
    if (this.minor === 0) return 'it is of HTTP/1.0 and comes in chunks';
    if (this.header('transfer-encoding')?.toLowerCase() !== 'chunked')
      return 'its transfer encoding is not chunked';
    this.chunked = true;
    return undefined;
  }

  #connect(value: string): void {
    if (value === 'keep-alive' && this.minor === 1) return;
    for (const option of value.toLowerCase().split(',')) {
      if (option.trim() === 'close') this.#closes = true;
      else if (option.trim() === 'keep-alive') this.keepAlive = true;
    }
    if (this.#closes) this.keepAlive = false;
  }

  /** RFC 9110, section 10.1.1: one that comes with HTTP/1.0 is passed over. */
  #expect(): void {
    if (this.minor === 0) return;
    this.expects = this.header('expect')?.toLowerCase() === '100-continue' ? 'continue' : 'unknown';
  }

  #isNamed(lineAt: number, name: string): boolean {
    const from = this.#lines[lineAt] ?? 0;
    if ((this.#lines[lineAt + 1] ?? 0) - from !== name.length) return false;
    const text = this.#text;
    for (let i = 0; i < name.length; i++) {
      const character = text.charCodeAt(from + i);
      const wanted = name.charCodeAt(i);
      // Names are tokens: by this bit, of their characters only capitals become letters, digits or hyphens.
      if (character !== wanted && (character | 0x20) !== wanted) return false;
    }
    return true;
  }
}

/** Whether the lines behind a body try to say how long it was. */
export function framesBody({ text, lines }: HeadText): boolean {
  for (let i = 0; i < lines.length; i += 4) {
    const name = text.slice(lines[i], lines[i + 1]).toLowerCase();
    if (name === 'content-length' || name === 'transfer-encoding') return true;
  }
  return false;
}
