export { AwsError } from './aws-error.js';
export { endsClean as endsBase64Clean } from './base64.js';
export { cborProtocol } from './cbor-protocol.js';
export { cborHeadBytesMax, writeCborHead } from './cbor-writer.js';
export type { EventHeaders } from './event-stream.js';
export {
  checksumBytes as eventChecksumBytes,
  eventStreamType,
  exceptionMessage,
  headersOfEvent,
  initialResponse,
  payloadStart,
  sealMessage,
} from './event-stream.js';
export { EventStreamDecoder } from './event-stream-decoder.js';
export type { HashKeyRange } from './hash-key.js';
export {
  compareHashKeys,
  findHashKeyRange,
  hashKeyFromWords,
  hashKeyMax,
  hashKeyToWords,
  hashKeyWords,
  hashPartitionKey,
  parseHashKey,
  parseHashKeyBytes,
  partitionKeyHash,
  uniformHashKeyRanges,
} from './hash-key.js';
export { jsonProtocol } from './json-protocol.js';
export type { UserRecord } from './kpl-aggregate.js';
export { aggregate, userRecords } from './kpl-aggregate.js';
export { md5 } from './md5.js';
export type { Protocol } from './protocol.js';
export type { ParsedSequenceNumber, SequenceNumberShard } from './sequence-number.js';
export {
  endingSequenceNumber,
  parseSequenceNumber,
  sequenceNumber,
  sequenceNumberDigits,
  shardIdOf,
  startingSequenceNumber,
} from './sequence-number.js';
export { SequenceNumberWriter } from './sequence-number-writer.js';
export type {
  BlobShape,
  BooleanShape,
  ListShape,
  MapShape,
  Members,
  NumberShape,
  RequiredMember,
  Shape,
  StringShape,
  StructureShape,
  TimestampShape,
  ValueOf,
} from './shape.js';
export {
  blob,
  boolean,
  double,
  enumeration,
  integer,
  list,
  long,
  map,
  memberShape,
  required,
  string,
  structure,
  timestamp,
} from './shape.js';
export { validate } from './validation.js';
