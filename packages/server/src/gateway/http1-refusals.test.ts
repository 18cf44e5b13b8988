/** What two readers of HTTP/1.1 could read differently is refused in words, and ends the connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAnswers, startGateway, until } from '../testing/gateway-fixture.js';
import { RawClient } from '../testing/raw-client.js';
import { HeadReader } from './head-reader.js';
import { RequestHead } from './request-head.js';

const patience = { timeout: 60_000 };
const post = 'POST / HTTP/1.1\r\nhost: a\r\n';
const chunked = `${post}transfer-encoding: chunked\r\n\r\n`;

const refused: { readonly [why: string]: readonly string[] } = {
  'more than once how long its body is': [
    `${post}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n`,
    `${post}content-length: 3\r\ncontent-length: 5\r\n\r\nabcde`,
    `${post}content-length: 3\r\nContent-Length: 3\r\n\r\nabc`,
    `${post}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  'content length is not a number': ['3, 3', '+3', '-1', '0x3', '3 3', '', '3;', '1e1', '٣'].map(
    (length) => `${post}content-length: ${Buffer.from(length).toString('latin1')}\r\n\r\nabc`,
  ),
  'transfer encoding is not chunked': [
    'gzip, chunked',
    'chunked, gzip',
    'identity',
    '',
    'chunked,',
    '\x0bchunked',
  ]
    .filter((coding) => !coding.startsWith('\x0b'))
    .map((coding) => `${post}transfer-encoding: ${coding}\r\n\r\n0\r\n\r\n`),
  'of HTTP/1.0 and comes in chunks': ['POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  'not in chunks': ['x', ' 3', '3 ', '0x3', '3;', '3;a=', '3;a="b"', '-3', '000000003', '\n3', '3\n']
    .map((size) => `${chunked}${size}\r\nabc\r\n0\r\n\r\n`)
    .concat(`${chunked}3\r\nabcd\r\n0\r\n\r\n`, `${chunked}3\r\nab\r\n0\r\n\r\n`, `${chunked}3\nabc\n0\n\n`),
  'lines behind its body': [
    `${chunked}0\r\nContent-Length: 3\r\n\r\n`,
    `${chunked}0\r\ntransfer-encoding: x\r\n\r\n`,
  ],
  'ends in LF alone': ['GET / HTTP/1.1\r\na: b\n\r\n', `${chunked}0\r\nx: y\n\r\n`],
  'CR that no LF follows': [
    'GET / HTTP/1.1\r\na: b\rc: d\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\r\n',
    '\r\rGET / HTTP/1.1\r\n\r\n',
  ],
  'space where the name of a header is to be': [
    'GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n',
    'GET / HTTP/1.1\r\n\ta: b\r\n\r\n',
    `${post}content-length : 3\r\n\r\nabc`,
    `${post}content length: 3\r\n\r\nabc`,
  ],
  'without a name': ['GET / HTTP/1.1\r\n: b\r\n\r\n'],
  'character that no header may have': ['\0', '\x01', '\x0b', '\x7f', '\x1b']
    .map((character) => `GET / HTTP/1.1\r\na: b${character}c\r\n\r\n`)
    .concat(
      'GET / HTTP/1.1\r\na\0: b\r\n\r\n',
      'GET / HTTP/1.1\r\né: b\r\n\r\n',
      'GET / HTTP/1.1\r\na\r\n\r\n'.replace('a\r', 'a\0\r'),
    ),
  'several hosts': ['GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n'],
  'no method': [
    'PRI * HTTP/1.1\r\n\r\n',
    'get / HTTP/1.1\r\n\r\n',
    'PROPFIND / HTTP/1.1\r\n\r\n',
    'LONGERTHANANY / HTTP/1.1\r\n\r\n',
    ' GET / HTTP/1.1\r\n\r\n',
  ],
  'first line': [
    'GET / HTTP/2.0\r\n\r\n',
    'GET / HTTP/1.1 \r\n\r\n',
    'GET /\r\n\r\n',
    'GET  / HTTP/1.1\r\n\r\n',
    'GET / http/1.1\r\n\r\n',
    'GET /\xe9 HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\n\n',
  ],
  'neither a path nor an address': [
    'GET a HTTP/1.1\r\n\r\n',
    'GET * HTTP/1.1\r\n\r\n',
    'GET ftp://a/ HTTP/1.1\r\n\r\n',
    'GET http://u@a/ HTTP/1.1\r\n\r\n',
  ],
  'asks for a proxy': ['CONNECT a:1 HTTP/1.1\r\n\r\n'],
  'begins with empty lines': ['\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n'],
};

for (const [why, requests] of Object.entries(refused)) {
  test(`refused: ${why}`, patience, async () => {
    const handled: string[] = [];
    await using server = await startGateway({ handle: (exchange) => handled.push(exchange.path) });
    for (const request of requests) {
      for (const pieces of [[request], request.split('')]) {
        const client = new RawClient(server.port);
        for (const piece of pieces) await client.write(piece);
        // Would be taken for a request if what is refused were taken for anything at all.
        await client.write('POST /smuggled HTTP/1.1\r\ncontent-length: 0\r\n\r\n');
        const { status, headers, body } = await client.response();
        assert.equal(status, 400, JSON.stringify(request));
        assert.ok(body.includes(why), `${JSON.stringify(request)}: ${body}`);
        assert.equal(headers.get('connection'), 'close');
        await client.closed();
        client.destroy();
      }
    }
    assert.deepEqual(handled, []);
    await until(() => server.gateway.load.connections === 0);
    assert.equal(server.gateway.load.bufferedBytes, 0);
  });
}

test('refused: an expectation that is not known, with 417', patience, async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  await client.write(`${post}expect: magic\r\ncontent-length: 3\r\n\r\nabc`);
  assert.equal((await client.response()).status, 417);
  await client.closed();
});

test(
  'HTTP/1.0 ends its connections unless it asks to keep them, and both are told so',
  patience,
  async () => {
    await using server = await startGateway();
    const client = new RawClient(server.port);
    await client.write('GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n');
    assert.equal((await client.response()).headers.get('connection'), 'keep-alive');
    await client.write('GET /b HTTP/1.0\r\n\r\nGET /c HTTP/1.0\r\n\r\n');
    const last = await client.response();
    assert.deepEqual([last.body, last.headers.get('connection')], ['GET /b 0', 'close']);
    await client.closed();
    assert.equal(client.received, '');
  },
);

test('a client that asks to end the connection is answered, and then it ends', patience, async () => {
  await using server = await startGateway();
  for (const option of ['close', 'Close', 'keep-alive, close', 'x,close', 'close, keep-alive']) {
    const client = new RawClient(server.port);
    await client.write(`${post}connection: ${option}\r\n\r\n`);
    assert.equal((await client.response()).headers.get('connection'), 'close', option);
    await client.closed();
  }
  await assertAnswers(server.port);
});

test('headers are found whatever their case, trimmed, and joined where they came several times', () => {
  const reader = new HeadReader(1000, 10);
  const text =
    'GET / HTTP/1.1\r\nX-Amz-Target:  S.Op \t\r\nA: 1\r\na:\r\nAUTHORIZATION: x\r\nauthorization: y\r\nb_c: d\r\n\r\n';
  assert.equal(reader.read(Buffer.from(text), 0), 'whole');
  const head = RequestHead.of(reader.take());
  assert.ok(head instanceof RequestHead);
  assert.deepEqual(
    ['x-amz-target', 'a', 'authorization', 'b_c', 'b-c', 'host'].map((name) => head.header(name)),
    ['S.Op', '1, ', 'x', 'd', undefined, undefined],
  );
});

test('a reader keeps no more of a head than it may have', () => {
  for (const step of [1, 7, 1000]) {
    const reader = new HeadReader(100, 10);
    const head = Buffer.from(`GET /${'x'.repeat(200)}`);
    let progress = 'more';
    let at = 0;
    for (; progress === 'more' && at < head.length; at += step)
      progress = reader.read(head.subarray(at, at + step), 0);
    assert.equal(progress, 'too-large');
    assert.ok(at <= 100 + step);
  }
});
