/** Whatever bytes a socket brings, in whatever pieces, the gateway answers its next client and keeps nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertAnswers, startGateway, until } from '../testing/gateway-fixture.js';
import { frameType, http2Frame, http2Preface, RawClient, requestText } from '../testing/raw-client.js';

const { SEED } = process.env;
const seed = Number(SEED ?? Date.now() % 2 ** 31);

/** Bytes that get somewhere: pieces of both protocols between bytes of chance. */
const pieces = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.constantFrom(
    http2Preface,
    http2Preface.subarray(0, 7),
    Buffer.from(requestText({ body: 'abc' })),
    Buffer.from('POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n'),
    Buffer.from('POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n'),
    Buffer.from(
      'GET http://[::1/ HTTP/1.1\r\nexpect: 100-continue\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n',
    ),
    Buffer.from('CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n'),
    Buffer.from('3\r\nabc\r\n0\r\n\r\n'),
    Buffer.from('\r\n'),
    Buffer.from([0x16, 0x03]),
  ),
  fc
    .record({
      type: fc.constantFrom(...Object.values(frameType), 5, 77),
      flags: fc.integer({ min: 0, max: 255 }),
      stream: fc.integer({ min: 0, max: 9 }),
      payload: fc.uint8Array({ maxLength: 64 }),
    })
    .map(({ type, flags, stream, payload }) => http2Frame(type, flags, stream, payload)),
);

test(`random bytes never end the server (seed ${seed})`, { timeout: 120_000 }, async () => {
  console.log(`seed ${seed}`);
  await using server = await startGateway({
    limits: { bodyBytesMax: 10_000, headerMs: 300, requestMs: 300, idleMs: 300, discardMs: 50 },
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(pieces, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.constantFrom('end', 'reset', 'leave'),
      async (parts, inPieces, ending) => {
        const client = new RawClient(server.port);
        await client.connected();
        for (const part of inPieces ? parts : [Buffer.concat(parts)]) await client.write(part);
        if (ending === 'end') client.socket.end();
        else if (ending === 'reset') client.socket.resetAndDestroy();
        else client.destroy();
        await assertAnswers(server.port);
        client.destroy();
      },
    ),
    { seed, numRuns: 150 },
  );
  await until(() => server.gateway.load.connections === 0);
  assert.deepEqual(server.gateway.load, { connections: 0, inFlight: 0, streaming: 0, bufferedBytes: 0 });
});
