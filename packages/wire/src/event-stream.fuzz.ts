import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeMessage, eventHeaders } from './event-stream.js';
import { EventStreamDecoder, EventStreamError } from './event-stream-decoder.js';

const seed = Date.now();

const header = fc.tuple(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const message = fc.record({
  headers: fc.uniqueArray(header, { maxLength: 4, selector: ([name]) => name }),
  payload: fc.uint8Array({ maxLength: 300 }),
});

test(`messages come out as they went in, whatever pieces they come in (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat({ max: 90 })), (messages, cuts) => {
      const bytes = Buffer.concat(
        messages.map(({ headers, payload }) => encodeMessage(eventHeaders(headers), payload)),
      );
      const decoder = new EventStreamDecoder();
      const found = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        found.push(...decoder.push(bytes.subarray(at, at + cut)));
        at = Math.min(at + cut, bytes.length);
      }
      assert.equal(decoder.pendingBytes, 0);
      assert.deepEqual(
        found.map(({ headers, payload }) => [Object.entries(headers), [...payload]]),
        messages.map(({ headers, payload }) => [Object.entries(Object.fromEntries(headers)), [...payload]]),
      );
    }),
    { seed, numRuns: 300 },
  );
});

test(`a message with any bit changed is refused, or not whole yet (seed ${seed})`, () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.nat({ max: 7 }), ({ headers, payload }, where, bit) => {
      const bytes = Buffer.from(encodeMessage(eventHeaders(headers), payload));
      const at = where % bytes.length;
      bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << bit), at);
      assert.throws(() => new EventStreamDecoder().push(bytes), EventStreamError);
    }),
    { seed, numRuns: 300 },
  );
});
