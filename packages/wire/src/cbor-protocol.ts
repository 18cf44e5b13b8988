/**
 * AWS's CBOR (`application/x-amz-cbor-1.1`), which the Java SDKs speak to Kinesis unless told otherwise: the same
 * values as JSON 1.1, with blobs as byte strings and times as tag 1 over whole milliseconds. A blob may also come as
 * base64 text, as Jackson reads it.
 */
import { unreachable } from '@millrace/base';
import type { AwsError } from './aws-error.js';
import { decodeCbor } from './cbor-decoder.js';
import { CborWriter } from './cbor-writer.js';
import { coerce } from './coercion.js';
import { errorBody } from './error-body.js';
import type { Protocol } from './protocol.js';
import type { Shape, StructureShape } from './shape.js';

export const cborProtocol: Protocol = {
  contentType: 'application/x-amz-cbor-1.1',
  // A number without a tag where a time belongs is taken for the same milliseconds (undocumented; we chose).
  decode: (shape, body) => coerce(shape, decodeCbor(body), (ms) => ms),
  encode: (shape, value) => {
    const writer = new CborWriter();
    writeStructure(writer, shape, value);
    return writer.finish();
  },
  encodeError: (error: AwsError) => {
    const writer = new CborWriter();
    writePlain(writer, errorBody(error));
    return writer.finish();
  },
};

function writeStructure(writer: CborWriter, shape: StructureShape, value: unknown): void {
  const source = value as { readonly [name: string]: unknown };
  const present = Object.entries(shape.members).filter(([name]) => (source[name] ?? undefined) !== undefined);
  writer.map(present.length);
  for (const [name, member] of present) {
    writer.text(name);
    write(writer, 'required' in member ? member.shape : member, source[name]);
  }
}

function write(writer: CborWriter, shape: Shape, value: unknown): void {
  switch (shape.kind) {
    case 'string':
      writer.text(value as string);
      break;
    case 'boolean':
      writer.boolean(value as boolean);
      break;
    case 'integer':
    case 'long':
      writer.integer(value as number);
      break;
    case 'double':
      writer.double(value as number);
      break;
    case 'timestamp':
      writer.time(value as number);
      break;
    case 'blob':
      writer.bytes(value as Uint8Array);
      break;
    case 'list': {
      const elements = value as readonly unknown[];
      writer.array(elements.length);
      for (const element of elements) write(writer, shape.member, element);
      break;
    }
    case 'map': {
      const entries = Object.entries(value as object);
      writer.map(entries.length);
      for (const [key, element] of entries) {
        writer.text(key);
        write(writer, shape.value, element);
      }
      break;
    }
    case 'structure':
      writeStructure(writer, shape, value);
      break;
    default:
      unreachable(shape);
  }
}

/** Writes what an error's body may hold: a value without a shape. */
function writePlain(writer: CborWriter, value: unknown): void {
  if (typeof value === 'string') writer.text(value);
  else if (typeof value === 'boolean') writer.boolean(value);
  else if (typeof value === 'number')
    Number.isSafeInteger(value) ? writer.integer(value) : writer.double(value);
  else if (Array.isArray(value)) {
    writer.array(value.length);
    for (const element of value) writePlain(writer, element);
  } else {
    const entries = Object.entries(value as object).filter(
      ([, element]) => (element ?? undefined) !== undefined,
    );
    writer.map(entries.length);
    for (const [key, element] of entries) {
      writer.text(key);
      writePlain(writer, element);
    }
  }
}
