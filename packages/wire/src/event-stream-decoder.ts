/**
 * Reads what `event-stream.ts` writes, from bytes that come in any pieces. Bounded: a length that no message may have
 * is refused before anything is gathered for it.
 */
import { asBuffer, checksum } from '@millrace/base';
import {
  checksumBytes,
  headersBytesMax,
  payloadBytesMax,
  preludeBytes,
  stringHeader,
} from './event-stream.js';

export interface EventMessage {
  /** Headers whose value is a string, which are all that Kinesis sends. */
  readonly headers: { readonly [name: string]: string };
  readonly payload: Uint8Array;
}

/** The bytes are no event stream. */
export class EventStreamError extends Error {
  override readonly name = 'EventStreamError';
}

export class EventStreamDecoder {
  #pending: Buffer = Buffer.alloc(0);

  /** Bytes of a message that is not whole yet. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** Takes more bytes; answers the messages that they complete. Throws `EventStreamError`. */
  push(chunk: Uint8Array): readonly EventMessage[] {
    this.#pending = this.#pending.length === 0 ? asBuffer(chunk) : Buffer.concat([this.#pending, chunk]);
    const messages: EventMessage[] = [];
    for (let length = this.#nextLength(); length !== undefined; length = this.#nextLength()) {
      if (this.#pending.length < length) break;
      messages.push(decodeMessage(this.#pending.subarray(0, length)));
      this.#pending = this.#pending.subarray(length);
    }
    return messages;
  }

  #nextLength(): number | undefined {
    if (this.#pending.length < preludeBytes) return undefined;
    const length = this.#pending.readUInt32BE(0);
    const headers = this.#pending.readUInt32BE(4);
    if (this.#pending.readUInt32BE(8) !== checksum(this.#pending.subarray(0, 8))) {
      throw new EventStreamError('the checksum of a prelude does not hold');
    }
    const payload = length - headers - preludeBytes - checksumBytes;
    if (headers > headersBytesMax || payload < 0 || payload > payloadBytesMax) {
      throw new EventStreamError(`a message of ${length} bytes with headers of ${headers}`);
    }
    return length;
  }
}

function decodeMessage(message: Buffer): EventMessage {
  const end = message.length - checksumBytes;
  if (message.readUInt32BE(end) !== checksum(message.subarray(0, end))) {
    throw new EventStreamError('the checksum of a message does not hold');
  }
  const headersEnd = preludeBytes + message.readUInt32BE(4);
  return {
    headers: decodeHeaders(message.subarray(preludeBytes, headersEnd)),
    payload: message.subarray(headersEnd, end),
  };
}

function decodeHeaders(block: Buffer): { readonly [name: string]: string } {
  const headers: [string, string][] = [];
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > block.length) throw new EventStreamError('a header reaches beyond its block');
    at += length;
    return block.subarray(at - length, at);
  };
  while (at < block.length) {
    const name = take(take(1).readUInt8()).toString('utf8');
    const type = take(1).readUInt8();
    if (type !== stringHeader)
      throw new EventStreamError(`the header ${name} is of type ${type}, which is no string`);
    headers.push([name, take(take(2).readUInt16BE()).toString('utf8')]);
  }
  return Object.fromEntries(headers);
}
