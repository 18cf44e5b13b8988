/**
 * Header lines as their bytes come: the grammar of RFC 9112, sections 2, 3 and 5, and not a byte more.
 *
 *      head      = *2CRLF request CRLF lines
 *      trailers  = lines
 *      request   = 1*8( "A"-"Z" ) SP 1*%x21-7E SP "HTTP/1." ( "0" / "1" )
 *      lines     = *( name ":" OWS value OWS CRLF ) CRLF
 *      name      = 1*tchar
 *      value     = *( HTAB / %x20-7E / %x80-FF )
 *
 *      before ──▶ method ──▶ target ──▶ version ──▶ line ──▶ name ──▶ space ──▶ value ──┐
 *                                                   ▲ └──CRLF──▶ whole                  │
 *                                                   └───────────────────────────────────┘
 *
 * A line is a place in the bytes; no string is made before all of them are there, and then one. Lines folded over
 * several, ends of line without their CR, a space before the colon, control characters: whoever takes these reads
 * another request than whoever stands before or behind it, so they are refused (RFC 9112, sections 2.2, 5.1, 5.2, 11.2).
 */
export type HeadProgress = 'more' | 'whole' | 'malformed' | 'too-large';

/** What was read, once it is whole. */
export interface HeadText {
  readonly text: string;
  /** Of the request line, in `text`; the target begins behind the method's space. */
  readonly methodEnd: number;
  readonly targetEnd: number;
  readonly minor: number;
  /** Four numbers a line: where name and value begin and end in `text`. */
  readonly lines: readonly number[];
}

const cr = 0x0d;
const lf = 0x0a;
const space = 0x20;
const tab = 0x09;
const colon = 0x3a;

const before = 0;
const method = 1;
const target = 2;
const version = 3;
const line = 4;
const name = 5;
const padding = 6;
const value = 7;

const methodCharsMax = 8;
/** RFC 9112, section 2.2, wants one to be passed over; more is somebody who has nothing to say. */
const emptyLinesMax = 2;
const versions = ['HTTP/1.0\r\n', 'HTTP/1.1\r\n'].map((text) => Buffer.from(text, 'latin1'));
const versionBytes = 10;
const keptBytesMin = 512;
const emptyBuffer = Buffer.alloc(0);

const upperBytes = bytesOf(/[A-Z]/);
/** `tchar` of RFC 9110, section 5.6.2. */
export const tokenBytes = bytesOf(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/);
const targetBytes = bytesOf(/[\x21-\x7e]/);
const valueBytes = bytesOf(/[\t\x20-\x7e\x80-\xff]/);

export class HeadReader {
  /** Why it is malformed, when it is. */
  fault = '';
  /** Where in the chunk that was read last the head has its end. */
  end = 0;
  readonly #bytesMax: number;
  readonly #linesMax: number;
  #state = before;
  #emptyLines = 0;
  /** Where the head begins in the bytes, and where reading goes on. All other places count from the beginning. */
  #base = 0;
  #at = 0;
  #mark = 0;
  #methodEnd = 0;
  #targetEnd = 0;
  #minor = 1;
  #lines: number[] = [];
  #whole: Buffer = emptyBuffer;
  /** What has come of a head in parts. */
  #kept: Buffer = emptyBuffer;
  #keptBytes = 0;

  constructor(bytesMax: number, linesMax: number) {
    this.#bytesMax = bytesMax;
    this.#linesMax = linesMax;
  }

  /** Whether a part of a head has come. Empty lines are none: some clients send one behind a body. */
  get begun(): boolean {
    return this.#keptBytes > 0;
  }

  /** Makes ready for the lines behind a body in chunks. */
  beginTrailers(): void {
    this.#reset(line);
  }

  /** Reads on in `chunk`; once it is `whole`, `end` says where in the chunk that was. */
  read(chunk: Buffer, from: number): HeadProgress {
    const keptBefore = this.#keptBytes;
    if (keptBefore === 0) {
      this.#base = from;
      this.#at = from;
      const progress = this.#scan(chunk, chunk.length);
      this.end = this.#at;
      if (progress === 'more') this.#keep(chunk, this.#base);
      return progress;
    }
    this.#keep(chunk, from);
    const progress = this.#scan(this.#kept, this.#keptBytes);
    this.end = from + this.#at - keptBefore;
    return progress;
  }

  /** What was read. The reader is ready for the next. */
  take(): HeadText {
    const head = {
      text: this.#whole.toString('latin1', this.#base, this.#at),
      methodEnd: this.#methodEnd,
      targetEnd: this.#targetEnd,
      minor: this.#minor,
      lines: this.#lines,
    };
    this.#reset(before);
    return head;
  }

  #reset(state: number): void {
    this.#state = state;
    this.#emptyLines = 0;
    this.#lines = [];
    this.#whole = emptyBuffer;
    this.#kept = emptyBuffer;
    this.#keptBytes = 0;
  }

  /** Copies what has come: the chunk is its giver's. No more than can be looked at. */
  #keep(chunk: Buffer, from: number): void {
    const bytes = Math.min(chunk.length - from, this.#bytesMax + versionBytes - this.#keptBytes);
    const needed = this.#keptBytes + bytes;
    if (needed > this.#kept.length) {
      const larger = Buffer.allocUnsafe(Math.max(keptBytesMin, 2 * needed));
      this.#kept.copy(larger, 0, 0, this.#keptBytes);
      this.#kept = larger;
    }
    chunk.copy(this.#kept, this.#keptBytes, from, from + bytes);
    this.#keptBytes = needed;
    this.#at -= this.#base;
    this.#base = 0;
  }

  #scan(bytes: Buffer, there: number): HeadProgress {
    if (this.#state === before && !this.#passEmptyLines(bytes, there)) return this.#ended(there);
    const base = this.#base;
    const end = Math.min(there, base + this.#bytesMax);
    let at = this.#at;
    let state = this.#state;
    // Leaves when the bytes are used up, and by `return` at the end of the head and at a fault.
    scanning: while (at < end) {
      switch (state) {
        case method:
          while (at < end && upperBytes[bytes[at] ?? 0] === 1) at++;
          if (at - base > methodCharsMax) return this.#refuse('it has no method that HTTP knows');
          if (at === end) break scanning;
          if (bytes[at] !== space || at === base) return this.#refuse('it has no method that HTTP knows');
          this.#methodEnd = at++ - base;
          state = target;
          break;
        case target:
          while (at < end && targetBytes[bytes[at] ?? 0] === 1) at++;
          if (at === end) break scanning;
          if (bytes[at] !== space) return this.#refuse('its first line is not one of HTTP/1.1');
          this.#targetEnd = at++ - base;
          state = version;
          break;
        case version: {
          if (end - at < versionBytes) break scanning;
          const minor = versions.findIndex((each) => each.compare(bytes, at, at + versionBytes) === 0);
          if (minor < 0) return this.#refuse('its first line does not end as one of HTTP/1.1 does');
          this.#minor = minor;
          at += versionBytes;
          state = line;
          break;
        }
        case line:
          if (bytes[at] === cr) {
            if (at + 1 === end) break scanning;
            if (bytes[at + 1] !== lf) return this.#refuse(faultOf(cr));
            this.#at = at + 2;
            this.#whole = bytes;
            return 'whole';
          }
          if (this.#lines.length >= 4 * this.#linesMax) return 'too-large';
          this.#mark = at - base;
          state = name;
          break;
        case name:
          while (at < end && tokenBytes[bytes[at] ?? 0] === 1) at++;
          if (at === end) break scanning;
          if (bytes[at] !== colon || at - base === this.#mark) return this.#refuse(nameFault(bytes[at] ?? 0));
          this.#lines.push(this.#mark, at++ - base);
          state = padding;
          break;
        case padding:
          while (at < end && isPadding(bytes[at])) at++;
          if (at === end) break scanning;
          this.#mark = at - base;
          state = value;
          break;
        default: {
          while (at < end && valueBytes[bytes[at] ?? 0] === 1) at++;
          if (at === end) break scanning;
          if (bytes[at] === cr && at + 1 === end) break scanning;
          if (bytes[at] !== cr || bytes[at + 1] !== lf) return this.#refuse(faultOf(bytes[at] ?? 0));
          let valueEnd = at;
          while (valueEnd - base > this.#mark && isPadding(bytes[valueEnd - 1])) valueEnd--;
          this.#lines.push(this.#mark, valueEnd - base);
          at += 2;
          state = line;
        }
      }
    }
    this.#state = state;
    this.#at = at;
    return this.#ended(there);
  }

  /** False when there is nothing behind them yet, or they are refused. */
  #passEmptyLines(bytes: Buffer, there: number): boolean {
    let at = this.#at;
    while (at < there && bytes[at] === cr && this.fault === '') {
      if (at + 1 === there) break;
      if (bytes[at + 1] !== lf) this.fault = faultOf(cr);
      else if (++this.#emptyLines > emptyLinesMax) this.fault = 'it begins with empty lines';
      at += 2;
    }
    this.#at = at;
    this.#base = at;
    if (this.fault !== '' || at >= there || bytes[at] === cr) return false;
    this.#state = method;
    return true;
  }

  /** All that is there has been looked at. */
  #ended(there: number): HeadProgress {
    if (this.fault !== '') return 'malformed';
    return there - this.#base >= this.#bytesMax ? 'too-large' : 'more';
  }

  #refuse(fault: string): HeadProgress {
    this.fault = fault;
    return 'malformed';
  }
}

function isPadding(byte: number | undefined): boolean {
  return byte === space || byte === tab;
}

function nameFault(byte: number): string {
  if (isPadding(byte)) return 'it has a space where the name of a header is to be';
  if (byte === colon) return 'it has a header without a name';
  return faultOf(byte);
}

function faultOf(byte: number): string {
  if (byte === lf) return 'it has a line that ends in LF alone';
  if (byte === cr) return 'it has a CR that no LF follows';
  return 'it has a character that no header may have';
}

function bytesOf(characters: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (characters.test(String.fromCharCode(byte)) ? 1 : 0));
}
