/**
 * The hot way into a put, whatever protocol it comes in: picks the decoder by content type.
 */
import { cborProtocol, jsonProtocol, type Protocol } from '@millrace/wire';
import type { PutBatch } from '../put-batch.js';
import { decodePutCbor } from './put-cbor.js';
import { decodePutJson } from './put-json.js';
import { finished, type Sliced } from './sliced.js';

export type PutName = 'PutRecord' | 'PutRecords';

/**
 * The batch of a put's body, or undefined when it needs the general way. The body stays as it is until then. The payload is
 * in `memory` if it fits.
 */
export function decodePut(
  name: PutName,
  protocol: Protocol,
  body: Uint8Array,
  memory?: ArrayBuffer,
): Sliced<PutBatch | undefined> {
  if (protocol.contentType === jsonProtocol.contentType) return decodePutJson(name, body, memory);
  return protocol.contentType === cborProtocol.contentType ? decodePutCbor(name, body, memory) : leaveIt();
}

/** How much memory the payload of a large body takes, nearly always at most: keys that are longer than data may take more. */
export function payloadBytesOf(protocol: Protocol, body: Uint8Array): number {
  return protocol.contentType === jsonProtocol.contentType ? Math.ceil((body.length / 4) * 3) : body.length;
}

function* leaveIt(): Sliced<undefined> {}

/** The batch of a PutRecords body, or undefined when it needs the general way. */
export function decodePutRecords(protocol: Protocol, body: Uint8Array): PutBatch | undefined {
  return finished(decodePut('PutRecords', protocol, body));
}

/** The batch of a PutRecord body: one record. Undefined when it needs the general way. */
export function decodePutRecord(protocol: Protocol, body: Uint8Array): PutBatch | undefined {
  return finished(decodePut('PutRecord', protocol, body));
}
