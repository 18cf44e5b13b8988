/**
 * The hot way into a put, whatever protocol it comes in: picks the decoder by content type.
 */
import { cborProtocol, jsonProtocol, type Protocol } from '@millrace/wire';
import type { PutBatch } from '../put-batch.js';
import { decodePutRecordCbor, decodePutRecordsCbor } from './put-cbor.js';
import { decodePutRecordJson, decodePutRecordsJson } from './put-json.js';

/** The batch of a PutRecords body, or undefined when it needs the general way. */
export function decodePutRecords(protocol: Protocol, body: Uint8Array): PutBatch | undefined {
  if (protocol.contentType === jsonProtocol.contentType) return decodePutRecordsJson(body);
  return protocol.contentType === cborProtocol.contentType ? decodePutRecordsCbor(body) : undefined;
}

/** The batch of a PutRecord body: one record. Undefined when it needs the general way. */
export function decodePutRecord(protocol: Protocol, body: Uint8Array): PutBatch | undefined {
  if (protocol.contentType === jsonProtocol.contentType) return decodePutRecordJson(body);
  return protocol.contentType === cborProtocol.contentType ? decodePutRecordCbor(body) : undefined;
}
