import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { kib, mib } from '@millrace/base';
import { assertAnswers, echo, http2Request, startGateway, until } from '../testing/gateway-fixture.js';
import {
  frameType,
  http2Frame,
  http2HeaderBlock,
  http2Preface,
  http2RequestHeaders,
  RawClient,
} from '../testing/raw-client.js';
import type { Exchange } from './exchange.js';

const patience = { timeout: 30_000 };
const endStream = 1;
const endHeaders = 4;
const acknowledged = 1;

const opening = Buffer.concat([http2Preface, http2Frame(frameType.settings, 0, 0)]);
const requestBlock = http2HeaderBlock(http2RequestHeaders);

/** A client whose session is open, with everything the server sent so far passed over. */
async function openSession(port: number): Promise<RawClient> {
  const client = new RawClient(port);
  await client.write(opening);
  await until(() => client.received.length > 0);
  return client;
}

test('requests with and without a body are answered as over HTTP/1.1', patience, async () => {
  await using server = await startGateway();
  assert.deepEqual(await http2Request(server.port, {}, 'abc'), { status: 200, body: 'POST / 3' });
  assert.deepEqual(await http2Request(server.port, { ':method': 'GET', ':path': '/x?y' }, ''), {
    status: 200,
    body: 'GET /x?y 0',
  });
  assert.deepEqual(await http2Request(server.port, { ':method': 'HEAD' }, ''), { status: 200, body: '' });
});

test('a preface that comes a byte at a time is understood', patience, async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  const request = http2Frame(frameType.headers, endStream | endHeaders, 1, requestBlock);
  for (const byte of Buffer.concat([opening, request])) await client.write(Uint8Array.of(byte));
  await until(() => client.received.includes('POST / 0'));
  client.destroy();
});

test('a large body arrives whole and answers of many megabytes leave whole', patience, async () => {
  const large = Buffer.alloc(13 * mib, 'a');
  await using server = await startGateway({
    handle: (exchange) =>
      exchange.body.length > 0
        ? echo(exchange)
        : exchange.respond({ status: 200, contentType: undefined, body: large }),
  });
  const body = Buffer.alloc(15 * mib, 'b');
  assert.equal((await http2Request(server.port, {}, body)).body, `POST / ${body.length}`);
  assert.equal((await http2Request(server.port, {}, '')).body.length, large.length);
  assert.equal(server.gateway.load.bufferedBytes, 0);
});

test('a client may send frames of 64 KiB, and is told so', patience, async () => {
  await using server = await startGateway();
  const client = await openSession(server.port);
  // SETTINGS_MAX_FRAME_SIZE (5) of 65,536, RFC 9113, section 6.5.2.
  assert.ok(client.received.includes('\0\x05\0\x01\0\0'));
  const body = Buffer.alloc(64 * kib, 'a');
  await client.write(
    Buffer.concat([
      // What is told holds once it is acknowledged.
      http2Frame(frameType.settings, acknowledged, 0),
      http2Frame(frameType.headers, endHeaders, 1, requestBlock),
      http2Frame(frameType.data, 0, 1, body),
      http2Frame(frameType.data, endStream, 1, body),
    ]),
  );
  await until(() => client.received.includes(`POST / ${2 * body.length}`));
  client.destroy();
});

test('many streams of one session are worked on at once', patience, async () => {
  const held: Exchange[] = [];
  await using server = await startGateway({ handle: (exchange) => held.push(exchange) });
  const session = connect(`http://127.0.0.1:${server.port}`);
  const answers = Array.from({ length: 100 }, (_, i) => {
    const stream = session.request({ ':method': 'POST', ':path': `/${i}` });
    stream.setEncoding('utf8');
    stream.end();
    return new Promise<string>((resolve) => stream.on('data', resolve));
  });
  await until(() => held.length === 100);
  for (const exchange of held.reverse()) echo(exchange);
  assert.deepEqual(
    await Promise.all(answers),
    answers.map((_, i) => `POST /${i} 0`),
  );
  session.destroy();
});

test('a body over the limit is refused, declared or not, and the session lives on', patience, async () => {
  await using server = await startGateway({ limits: { bodyBytesMax: 1000 } });
  const session = connect(`http://127.0.0.1:${server.port}`);
  for (const headers of [{ 'content-length': 200_000 }, {}]) {
    const stream = session.request({ ':method': 'POST', ':path': '/', ...headers });
    const status = new Promise((resolve) => stream.on('response', (lines) => resolve(lines[':status'])));
    let text = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
    stream.on('error', () => undefined);
    stream.end(Buffer.alloc(200_000));
    assert.equal(await status, 413);
    await new Promise((resolve) => stream.once('close', resolve));
    assert.match(text, /RequestEntityTooLargeException/);
  }
  assert.equal(session.closed, false);
  session.destroy();
  assert.equal(server.gateway.load.bufferedBytes, 0);
});

test('a slow body is refused', patience, async () => {
  await using server = await startGateway({ limits: { requestMs: 60, headerMs: 50 } });
  const client = await openSession(server.port);
  await client.write(http2Frame(frameType.headers, endHeaders, 1, requestBlock));
  await client.write(http2Frame(frameType.data, 0, 1, Buffer.from('a')));
  await until(() => client.received.includes('RequestTimeoutException'));
  client.destroy();
  await until(() => server.gateway.load.connections === 0);
  assert.equal(server.gateway.load.bufferedBytes, 0);
});

test('a session that asks for nothing is closed, whatever else it sends', patience, async () => {
  await using server = await startGateway({ limits: { idleMs: 60 } });
  const client = await openSession(server.port);
  let written = true;
  const closed = client.closed();
  while (written) {
    written = await client.write(http2Frame(frameType.ping, 0, 0, Buffer.alloc(8)));
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 5))]);
  }
  await until(() => server.gateway.load.connections === 0);
});

test(
  'a client that resets its streams again and again is ended, and what it asked for does not pile up',
  patience,
  async () => {
    const held: Exchange[] = [];
    await using server = await startGateway({
      handle: (exchange) => (exchange.body.length > 0 ? echo(exchange) : held.push(exchange)),
      limits: { resetStreamsMax: 50, requestsInFlightMax: 1000 },
    });
    const client = await openSession(server.port);
    void client.closed();
    for (let stream = 1; stream < 20_001; stream += 200) {
      const frames: Buffer[] = [];
      for (let i = 0; i < 200; i += 2) {
        frames.push(http2Frame(frameType.headers, endStream | endHeaders, stream + i, requestBlock));
        frames.push(http2Frame(frameType.reset, 0, stream + i, Buffer.from([0, 0, 0, 8])));
      }
      if (!(await client.write(Buffer.concat(frames)))) break;
    }
    await client.closed();
    assert.ok(held.length <= 1000, `${held.length} were handed on`);
    await assertAnswers(server.port);
    for (const exchange of held) echo(exchange);
    await until(() => server.gateway.load.connections === 0);
    assert.equal(server.gateway.load.inFlight, 0);
  },
);

test('giant headers reset their stream or session, and nothing else', patience, async () => {
  await using server = await startGateway({ limits: { headerLinesMax: 50, headerBytesMax: 8192 } });
  const many = http2HeaderBlock([
    ...http2RequestHeaders,
    ...Array.from({ length: 300 }, (_, i) => [`h${i}`, 'x'] as const),
  ]);
  const long = http2HeaderBlock([
    ...http2RequestHeaders,
    ...Array.from({ length: 40 }, (_, i) => [`h${i}`, 'x'.repeat(120)] as const),
    ...Array.from({ length: 80 }, (_, i) => [`g${i}`, 'x'.repeat(120)] as const),
  ]);
  for (const block of [many, long]) {
    const client = await openSession(server.port);
    await client.write(http2Frame(frameType.headers, endStream | endHeaders, 1, block));
    await until(() =>
      frames(client.received).some(({ type }) => type === frameType.reset || type === frameType.goaway),
    );
    assert.ok(!client.received.includes('POST / 0'));
    client.destroy();
  }
  await assertAnswers(server.port);
});

test('a flood of CONTINUATION frames ends the session', patience, async () => {
  await using server = await startGateway();
  const client = await openSession(server.port);
  await client.write(http2Frame(frameType.headers, endStream, 1, requestBlock));
  const piece = http2HeaderBlock(Array.from({ length: 100 }, (_, i) => [`h${i}`, 'x'.repeat(100)] as const));
  let written = true;
  for (let i = 0; i < 10_000 && written; i++) {
    written = await client.write(http2Frame(frameType.continuation, 0, 1, piece));
  }
  await client.closed();
  assert.equal(written, false);
  await assertAnswers(server.port);
});

test(
  'floods of PING, SETTINGS and empty DATA leave the server answering within its memory',
  patience,
  async () => {
    await using server = await startGateway();
    const floods = [
      http2Frame(frameType.ping, 0, 0, Buffer.alloc(8)),
      http2Frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0])),
      http2Frame(frameType.data, 0, 1),
    ];
    for (const frame of floods) {
      const client = await openSession(server.port);
      await client.write(http2Frame(frameType.headers, endHeaders, 1, requestBlock));
      client.socket.pause();
      const burst = Buffer.concat(Array.from({ length: 1000 }, () => frame));
      let written = true;
      for (let i = 0; i < 200 && written; i++) {
        written = await Promise.race([
          client.write(burst),
          new Promise<false>((stop) => setTimeout(stop, 200, false)),
        ]);
      }
      await assertAnswers(server.port);
      client.destroy();
    }
    await until(() => server.gateway.load.connections === 0);
  },
);

test('answers that nobody reads are bounded and given up', patience, async () => {
  const large = Buffer.alloc(4 * mib, 'a');
  await using server = await startGateway({
    handle: (exchange) =>
      exchange.body.length > 0
        ? echo(exchange)
        : exchange.respond({ status: 200, contentType: undefined, body: large }),
    limits: { bufferedBytesMax: 10 * mib, stalledAnswerMs: 100, idleMs: 400 },
  });
  const client = await openSession(server.port);
  for (let i = 0; i < 20; i++) {
    await client.write(http2Frame(frameType.headers, endStream | endHeaders, 2 * i + 1, requestBlock));
  }
  await until(() => server.gateway.load.bufferedBytes > 0);
  assert.ok(server.gateway.load.bufferedBytes <= 10 * mib, `${server.gateway.load.bufferedBytes}`);
  await assertAnswers(server.port);
  await until(() => server.gateway.load.bufferedBytes === 0);
  client.destroy();
});

test('close says GOAWAY, lets streams finish, and ends idle sessions', patience, async () => {
  const held: Exchange[] = [];
  const server = await startGateway({
    handle: (exchange) => held.push(exchange),
    limits: { closeMs: 20_000 },
  });
  const idle = await openSession(server.port);
  const session = connect(`http://127.0.0.1:${server.port}`);
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.setEncoding('utf8');
  const answer = new Promise((resolve) => stream.on('data', resolve));
  stream.end('abc');
  await until(() => held.length === 1);
  const goaway = new Promise((resolve) => session.once('goaway', resolve));
  const closed = server.gateway.close();
  await idle.closed();
  await goaway;
  echo(held[0] as Exchange);
  assert.equal(await answer, 'POST / 3');
  await closed;
  await until(() => server.gateway.load.connections === 0);
});

test('a session that is opened and left, half or whole, is gone with its client', patience, async () => {
  await using server = await startGateway();
  for (const part of [http2Preface, opening, Buffer.concat([opening, Buffer.from([0, 0])])]) {
    const client = new RawClient(server.port);
    await client.write(part);
    await until(() => server.gateway.load.connections === 1);
    client.socket.end();
    await until(() => server.gateway.load.connections === 0);
    client.destroy();
  }
});

function frames(received: string): { readonly type: number }[] {
  const bytes = Buffer.from(received, 'latin1');
  const found: { type: number }[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    found.push({ type: bytes[at + 3] ?? 0 });
  return found;
}
