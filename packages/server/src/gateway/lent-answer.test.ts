/** Answers whose memory is wanted back: it is another's as soon as `sent` is called, and here it is spoilt at once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { test } from 'node:test';
import { mib } from '@millrace/base';
import { type GatewayFixture, startGateway, until } from '../testing/gateway-fixture.js';
import {
  frameType,
  http2Frame,
  http2HeaderBlock,
  http2Preface,
  http2RequestHeaders,
  RawClient,
  requestText,
} from '../testing/raw-client.js';
import type { Answer, Exchange } from './exchange.js';

const patience = { timeout: 60_000 };
/** More than the kernel takes of an answer that nobody reads. */
const largeBytes = 32 * mib;
/** More than a client lets come of one that it does not read. */
const mediumBytes = 4 * mib;
const bytesOf: { readonly [path: string]: number } = { '/small': 100, '/medium': mediumBytes };
const good = 0x67;
const spoilt = 0;

class Lender {
  answered = 0;
  sent = 0;

  readonly handle = (exchange: Exchange): void => {
    this.answered++;
    exchange.respond(this.#answer(bytesOf[exchange.path] ?? largeBytes));
  };

  #answer(bytes: number): Answer {
    const body = Buffer.alloc(bytes, good);
    let given = false;
    const sent = (): void => {
      assert.ok(!given, 'an answer is given back once');
      given = true;
      body.fill(spoilt);
      this.sent++;
    };
    return { status: 200, contentType: 'text/plain', body, sent };
  }
}

function isGood(body: string): boolean {
  return body === Buffer.alloc(body.length, good).toString('latin1');
}

interface Lending extends AsyncDisposable {
  readonly lender: Lender;
  readonly server: GatewayFixture;
}

async function lending(limits = {}): Promise<Lending> {
  const lender = new Lender();
  const server = await startGateway({ handle: lender.handle, limits });
  return { lender, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Several turns of the event loop, in which whatever is called too early would be. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

test(
  'over HTTP/1.1 an answer is as it was until a slow client has it, and is then given back once',
  patience,
  async () => {
    await using lent = await lending();
    const { lender, server } = lent;
    const client = new RawClient(server.port);
    await client.connected();
    client.socket.pause();
    await client.write(requestText({ body: 'x' }));
    await until(() => lender.answered === 1);
    await turns();
    assert.equal(lender.sent, 0);
    let length = 0;
    let whole = true;
    client.socket.on('data', (chunk: Buffer) => {
      length += chunk.length;
      whole &&= !chunk.includes(spoilt);
    });
    client.socket.resume();
    await until(() => length > largeBytes);
    assert.ok(whole);
    await until(() => lender.sent === 1);
    await client.write(requestText({ path: '/small', body: 'x' }));
    await until(() => lender.sent === 2);
    assert.ok(whole);
    client.destroy();
  },
);

test('over HTTP/2 it is the same, beside another stream', patience, async () => {
  await using lent = await lending();
  const { lender, server } = lent;
  const session = await sessionOf(server);
  const slow = session.request({ ':method': 'POST', ':path': '/medium' });
  slow.end('x');
  slow.pause();
  await until(() => lender.answered === 1);
  assert.ok(isGood(await received(session, '/small')));
  await until(() => lender.sent === 1);
  await turns();
  assert.equal(lender.sent, 1, 'what nobody has read is not given back');
  let length = 0;
  let whole = true;
  slow.on('data', (chunk: Buffer) => {
    length += chunk.length;
    whole &&= !chunk.includes(spoilt);
  });
  slow.resume();
  await until(() => length === mediumBytes);
  assert.ok(whole);
  await until(() => lender.sent === 2);
  session.destroy();
});

test(
  'over HTTP/2 what a client resets is not given back while it may still be on its way',
  patience,
  async () => {
    await using lent = await lending();
    const { lender, server } = lent;
    const client = new RawClient(server.port);
    await client.write(
      Buffer.concat([
        http2Preface,
        http2Frame(frameType.settings, 0, 0, initialWindow(largeBytes / 2)),
        http2Frame(frameType.windowUpdate, 0, 0, word(largeBytes / 2)),
      ]),
    );
    client.socket.pause();
    await client.write(http2Frame(frameType.headers, endStream | endHeaders, 1, requestBlock));
    await until(() => lender.answered === 1);
    await turns();
    await client.write(http2Frame(frameType.reset, 0, 1, word(cancel)));
    await client.write(http2Frame(frameType.ping, 0, 0, Buffer.alloc(8)));
    await turns();
    client.socket.resume();
    const pings = (): number =>
      framesOf(client.received).filter(({ type }) => type === frameType.ping).length;
    await until(() => pings() === 1);
    const parts = framesOf(client.received).filter(({ type }) => type === frameType.data);
    assert.ok(parts.length > 0);
    for (const { payload } of parts) assert.ok(!payload.includes(spoilt), 'a part was on its way');
    assert.equal(lender.sent, 0);
    client.destroy();
  },
);

const endStream = 1;
const endHeaders = 4;
const cancel = 8;
const requestBlock = http2HeaderBlock(http2RequestHeaders);

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function initialWindow(bytes: number): Buffer {
  return Buffer.concat([Buffer.from([0, 4]), word(bytes)]);
}

function framesOf(received: string): readonly { readonly type: number; readonly payload: Buffer }[] {
  const bytes = Buffer.from(received, 'latin1');
  const found: { type: number; payload: Buffer }[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    found.push({ type: bytes[at + 3] ?? 0, payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return found;
}

/** A session in which a stream that is not read leaves room for others. */
async function sessionOf({ port }: GatewayFixture): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`);
  await once(session, 'connect');
  session.setLocalWindowSize(mib);
  return session;
}

function received(session: ClientHttp2Session, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path });
    let text = '';
    stream.setEncoding('latin1');
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
    stream.on('error', reject);
    stream.on('end', () => resolve(text));
    stream.end('x');
  });
}

test(
  'what a client left in the middle of is given back once, or left to the collector',
  patience,
  async () => {
    await using lent = await lending();
    const { lender, server } = lent;
    const client = new RawClient(server.port);
    await client.connected();
    client.socket.pause();
    await client.write(requestText({ body: 'x' }));
    await until(() => lender.answered === 1);
    client.destroy();
    const other = new RawClient(server.port);
    await other.write(requestText({ path: '/small', body: 'x' }));
    assert.ok(isGood((await other.response()).body));
    // Which of the two, goes by whether Node notices the end before or after it has given up writing.
    await until(() => server.gateway.load.connections === 1);
    await turns();
    assert.ok(lender.sent === 1 || lender.sent === 2, `${lender.sent}`);
    await server.gateway.close();
    other.destroy();
  },
);

test('an answer of which nothing is sent is given back at once', patience, async () => {
  await using lent = await lending({ bufferedBytesMax: largeBytes - 1 });
  const { lender, server } = lent;
  const client = new RawClient(server.port);
  await client.write(requestText({ body: 'x' }));
  assert.equal((await client.response()).status, 503);
  assert.equal(lender.sent, 1);
  client.destroy();
});
