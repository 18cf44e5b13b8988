/** Messages against known bytes. That the AWS SDKs read them is for the server's tests to show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwsError } from './aws-error.js';
import { cborProtocol } from './cbor-protocol.js';
import {
  encodeMessage,
  eventHeaders,
  exceptionMessage,
  headersOfEvent,
  initialResponse,
} from './event-stream.js';
import { EventStreamDecoder, EventStreamError } from './event-stream-decoder.js';
import { jsonProtocol } from './json-protocol.js';

function read(message: Uint8Array): { headers: object; payload: string } {
  const [found, ...more] = new EventStreamDecoder().push(message);
  assert.ok(found !== undefined && more.length === 0);
  return { headers: found.headers, payload: Buffer.from(found.payload).toString('latin1') };
}

test("the empty message of the AWS SDKs' test vectors, and a header byte by byte", () => {
  const empty = encodeMessage(new Uint8Array(0), new Uint8Array(0));
  assert.equal(Buffer.from(empty).toString('hex'), '000000100000000005c248eb7d98c8ff');
  const message = encodeMessage(eventHeaders([['a', 'b']]), Buffer.from('{}'));
  assert.equal(Buffer.from(message).subarray(12, 18).toString('hex'), '016107000162');
  assert.equal(Buffer.from(message).readUInt32BE(0), message.length);
});

test('the opening, an event and an exception say what they are', () => {
  assert.deepEqual(read(initialResponse(jsonProtocol)), {
    headers: {
      ':event-type': 'initial-response',
      ':content-type': 'application/x-amz-json-1.1',
      ':message-type': 'event',
    },
    payload: '{}',
  });
  assert.equal(read(initialResponse(cborProtocol)).payload, '\xa0');
  assert.deepEqual(read(encodeMessage(headersOfEvent(cborProtocol, 'Thing'), Buffer.from('x'))), {
    headers: { ':event-type': 'Thing', ':content-type': 'application/cbor', ':message-type': 'event' },
    payload: 'x',
  });
  const failure = exceptionMessage(jsonProtocol, new AwsError('ResourceInUseException', 'Taken.'));
  assert.deepEqual(read(failure), {
    headers: {
      ':exception-type': 'ResourceInUseException',
      ':content-type': 'application/x-amz-json-1.1',
      ':message-type': 'exception',
    },
    payload: '{"__type":"ResourceInUseException","message":"Taken."}',
  });
});

test('what is no message is refused before anything is gathered for it', () => {
  const good = Buffer.from(encodeMessage(headersOfEvent(jsonProtocol, 'Thing'), Buffer.from('{}')));
  const bent = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good);
    change(bytes);
    return bytes;
  };
  for (const bytes of [
    bent((each) => each.writeUInt32BE(each.length + 1, 0)),
    bent((each) => each.writeUInt8((each[20] ?? 0) ^ 1, 20)),
    bent((each) => each.writeUInt8((each.at(-1) ?? 0) ^ 1, each.length - 1)),
    Buffer.from('ffffffff00000000', 'hex').subarray(0, 8),
    Buffer.from('HTTP/1.1 200 OK\r\n'),
  ]) {
    const decoder = new EventStreamDecoder();
    if (bytes.length < 12) assert.deepEqual(decoder.push(bytes), []);
    else assert.throws(() => decoder.push(bytes), EventStreamError);
  }
});
