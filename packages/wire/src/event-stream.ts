/**
 * Messages of `application/vnd.amazon.eventstream`: how an AWS service answers with events. Integers are big-endian.
 *
 *      message  = total length u32 · headers length u32 · CRC-32 of these eight bytes u32
 *                 · headers · payload · CRC-32 of everything before it u32
 *      header   = name length u8 · name · 7 · value length u16 · value          (7: the value is a string)
 *
 *      initial  = :event-type initial-response   :content-type application/x-amz-json-1.1   :message-type event
 *      event    = :event-type SubscribeToShardEvent   :content-type application/json   :message-type event
 *      failure  = :exception-type ResourceNotFoundException   :content-type …   :message-type exception
 *
 * The framing is that of Smithy's document on event streams. The first message of a service that speaks JSON is an
 * `initial-response` under the protocol's own content type, and events are plain `application/json`: recorded answers
 * of another AWS JSON service in public tests. `application/cbor` for CBOR is the same rule; no record was found.
 */
import { asBuffer, assert, checksum } from '@millrace/base';
import type { AwsError } from './aws-error.js';
import { cborProtocol } from './cbor-protocol.js';
import type { Protocol } from './protocol.js';
import { structure } from './shape.js';

export const eventStreamType = 'application/vnd.amazon.eventstream';

export const preludeBytes = 12;
export const checksumBytes = 4;
export const stringHeader = 7;
/** Smithy: header blocks of 128 KiB and payloads of 16 MiB at the most. botocore's decoder takes 24 MiB. */
export const headersBytesMax = 128 * 1024;
export const payloadBytesMax = 16 * 1024 * 1024;

/** Headers as they go over the wire. */
export type EventHeaders = Uint8Array;

export function eventHeaders(headers: readonly (readonly [string, string])[]): EventHeaders {
  const parts = headers.flatMap(([name, value]) => {
    const key = Buffer.from(name, 'utf8');
    const text = Buffer.from(value, 'utf8');
    assert(
      key.length > 0 && key.length <= 0xff && text.length <= 0x7fff,
      `the header ${name} has a length that fits`,
    );
    const head = Buffer.from([stringHeader, text.length >>> 8, text.length & 0xff]);
    return [Uint8Array.of(key.length), key, head, text];
  });
  return Buffer.concat(parts);
}

/** The headers of an event of this type. */
export function headersOfEvent(protocol: Protocol, eventType: string): EventHeaders {
  return eventHeaders([
    [':event-type', eventType],
    [
      ':content-type',
      protocol.contentType === cborProtocol.contentType ? 'application/cbor' : 'application/json',
    ],
    [':message-type', 'event'],
  ]);
}

/** Where the payload begins in a message with these headers. */
export function payloadStart(headers: EventHeaders): number {
  return preludeBytes + headers.length;
}

/**
 * Makes `message` a message, in place: its payload is there already, from `payloadStart` on, and the four bytes after
 * it are free.
 */
export function sealMessage(message: Uint8Array, headers: EventHeaders): void {
  const bytes = asBuffer(message);
  assert(bytes.length >= payloadStart(headers) + checksumBytes, 'a message has room for what frames it');
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(headers.length, 4);
  bytes.writeUInt32BE(checksum(bytes.subarray(0, 8)), 8);
  bytes.set(headers, preludeBytes);
  const end = bytes.length - checksumBytes;
  bytes.writeUInt32BE(checksum(bytes.subarray(0, end)), end);
}

export function encodeMessage(headers: EventHeaders, payload: Uint8Array): Uint8Array {
  const start = payloadStart(headers);
  const message = Buffer.allocUnsafe(start + payload.length + checksumBytes);
  message.set(payload, start);
  sealMessage(message, headers);
  return message;
}

const nothing = structure('InitialResponse', {});

/** The message that opens a stream: the members of the answer that are not the stream, of which Kinesis has none. */
export function initialResponse(protocol: Protocol): Uint8Array {
  const headers = eventHeaders([
    [':event-type', 'initial-response'],
    [':content-type', protocol.contentType],
    [':message-type', 'event'],
  ]);
  return encodeMessage(headers, protocol.encode(nothing, {}));
}

/** An error that ends a stream. */
export function exceptionMessage(protocol: Protocol, error: AwsError): Uint8Array {
  const headers = eventHeaders([
    [':exception-type', error.code],
    [':content-type', protocol.contentType],
    [':message-type', 'exception'],
  ]);
  return encodeMessage(headers, protocol.encodeError(error));
}
