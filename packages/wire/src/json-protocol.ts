/**
 * AWS JSON 1.1 (`application/x-amz-json-1.1`): one JSON object each way. Blobs are base64, times are seconds since
 * the epoch with a fraction of milliseconds.
 *
 * A body is read in three steps: bytes → text (strict UTF-8), text → tree (`JSON.parse`, after `json-bounds.ts` has
 * seen that the tree will be neither deep nor wide), tree → value (`coercion.ts`).
 */
import { isUtf8 } from 'node:buffer';
import { asBuffer, unreachable } from '@millrace/base';
import type { AwsError } from './aws-error.js';
import { encodeBase64 } from './base64.js';
import { coerce, unreadableBody } from './coercion.js';
import { errorBody } from './error-body.js';
import { withinJsonBounds } from './json-bounds.js';
import type { Protocol } from './protocol.js';
import type { Shape, StructureShape } from './shape.js';

export const jsonProtocol: Protocol = {
  contentType: 'application/x-amz-json-1.1',
  decode: (shape, body) => coerce(shape, parse(body), secondsToMs),
  encode: (shape, value) => Buffer.from(renderStructure(shape, value), 'utf8'),
  encodeError: (error: AwsError) => Buffer.from(JSON.stringify(errorBody(error)), 'utf8'),
};

const secondsToMs = (seconds: number): number => seconds * 1000;

function parse(body: Uint8Array): unknown {
  if (!isUtf8(body) || !withinJsonBounds(body)) throw unreadableBody();
  const text = asBuffer(body).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    // The one thing that JSON.parse throws is a SyntaxError, and AWS does not say what was wrong either.
    throw unreadableBody();
  }
}

function renderStructure(shape: StructureShape, value: unknown): string {
  let text = '';
  for (const [name, member] of Object.entries(shape.members)) {
    const memberValue = (value as { readonly [name: string]: unknown })[name];
    if (memberValue === undefined || memberValue === null) continue;
    const rendered = render('required' in member ? member.shape : member, memberValue);
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${rendered}`;
  }
  return `{${text}}`;
}

function render(shape: Shape, value: unknown): string {
  switch (shape.kind) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'integer':
    case 'long':
    case 'double':
      return JSON.stringify(value);
    case 'timestamp':
      return JSON.stringify((value as number) / 1000);
    case 'blob':
      return `"${encodeBase64(value as Uint8Array)}"`;
    case 'list':
      return `[${(value as readonly unknown[]).map((element) => render(shape.member, element)).join(',')}]`;
    case 'map': {
      const entries = Object.entries(value as object);
      return `{${entries.map(([key, element]) => `${JSON.stringify(key)}:${render(shape.value, element)}`).join(',')}}`;
    }
    case 'structure':
      return renderStructure(shape, value);
    default:
      return unreachable(shape);
  }
}
