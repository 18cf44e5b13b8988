import type { AwsError } from './aws-error.js';
import type { StructureShape, ValueOf } from './shape.js';

/**
 * A protocol turns bytes into values of a shape and back. JSON 1.1 and CBOR are two implementations of it; the
 * content type of a request picks one, and its answer goes out the same way.
 */
export interface Protocol {
  /** `application/x-amz-json-1.1`, `application/x-amz-cbor-1.1`. */
  readonly contentType: string;
  /**
   * Decodes a request body. Types are coerced or refused as AWS does (`SerializationException`, thrown as an
   * `AwsError`); constraints are not looked at: that is `validate`. Unknown members are passed over.
   */
  decode<S extends StructureShape>(shape: S, body: Uint8Array): ValueOf<S>;
  /** Encodes an output; `undefined` members are left out. */
  encode<S extends StructureShape>(shape: S, value: ValueOf<S>): Uint8Array;
  encodeError(error: AwsError): Uint8Array;
}
