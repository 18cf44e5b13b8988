/**
 * Random and mutated bytes, cut anywhere, for us and for node:http's server. Whoever stands before us may read HTTP
 * as node:http does: what it refuses we never take, and what it takes we take as it does, or refuse by a rule that is
 * listed here.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { startGateway } from '../testing/gateway-fixture.js';
import { RawClient } from '../testing/raw-client.js';

const { SEED, RUNS } = process.env;
const seed = Number(SEED ?? Date.now() % 2 ** 31);
const runs = Number(RUNS ?? 300);

/** What we refuse although node:http, in one version or another, takes it. */
const stricterRules = [
  'it begins with empty lines',
  'it has no method that HTTP knows',
  'its first line is not one of HTTP/1.1',
  'its first line does not end as one of HTTP/1.1 does',
  'it asks for what is neither a path nor an address',
  'it has a space where the name of a header is to be',
  'it has a line that ends in LF alone',
  'it has a CR that no LF follows',
  'it names several hosts',
  'it says more than once how long its body is',
  'its transfer encoding is not chunked',
  'it is of HTTP/1.0 and comes in chunks',
  'its body is not in chunks as HTTP has them',
  'the lines behind its body say how long it is',
  'it ended before it began',
  'asks for a proxy',
  'The request expects what is not 100-continue',
];

const compared = ['a', 'host', 'content-type', 'authorization', 'x-amz-target', 'connection', 'expect'];

interface Taken {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (string | undefined)[];
  readonly body: string;
}

const mostly = (usual: string, ...others: string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
const lineEnd = mostly('\r\n', '\n', '\r', '\r\r\n', '\n\r\n');
const requestLine = fc
  .tuple(
    fc.constantFrom(
      'POST',
      'POST',
      'GET',
      'HEAD',
      'PUT',
      'OPTIONS',
      'PATCH',
      'PROPFIND',
      'post',
      'PRI',
      'CONNECT',
      '',
    ),
    mostly(' ', '  ', '\t', ''),
    fc.constantFrom(
      '/',
      '/a?b=c',
      '*',
      'http://a/b',
      'https://a',
      'http://u@a/',
      '/\x7f',
      '/\xe9',
      'a:1',
      '/a#b',
      '',
    ),
    mostly(' ', '  ', ''),
    mostly(
      'HTTP/1.1',
      'HTTP/1.0',
      'HTTP/2.0',
      'HTTP/1.2',
      'http/1.1',
      'HTTP/1.1 ',
      'HTTP/0.9',
      'HTP/1.1',
      '',
    ),
  )
  .map((parts) => parts.join(''));
const usualLine = fc.constantFrom('POST / HTTP/1.1', 'POST /a HTTP/1.1', 'GET / HTTP/1.1', 'POST / HTTP/1.0');
const headerLine = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        'a',
        'A',
        'host',
        'content-type',
        'authorization',
        'x-amz-target',
        'b c',
        '',
        'é',
        'a"',
      ),
      mostly(':', ' :', ': ', ':\t ', ''),
      fc.constantFrom('', '1', 'x y', ' x ', '\xff', 'a\0b', '\x7f', 'a\tb', 'a,b', '\x01'),
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(
    ...[
      'connection: close',
      'connection: keep-alive',
      'Connection: a, Close',
      'connection: upgrade',
      'upgrade: h2c',
    ],
    ...['expect: 100-continue', 'expect: magic', ' folded', '\tfolded', ':'],
  ),
  fc.constantFrom(
    ...[
      'content-length: 3',
      'Content-Length:3',
      'content-length: 0',
      'content-length: 03',
      'content-length: +3',
    ],
    ...[
      'content-length: 3, 3',
      'content-length: -1',
      'content-length: 0x3',
      'content-length: 3 ',
      'content-length: ',
    ],
    ...[
      'content-length: 99999999999999999999',
      'content-length : 3',
      'content_length: 3',
      'content-length: 3 3',
    ],
    ...['transfer-encoding: chunked', 'Transfer-Encoding: Chunked', 'transfer-encoding: gzip, chunked'],
    ...[
      'transfer-encoding: chunked, gzip',
      'transfer-encoding: identity',
      'transfer-encoding:',
      'transfer-encoding: xchunked',
    ],
    ...[
      'transfer-encoding: "chunked"',
      'transfer-encoding: chunked;q=1',
      'transfer-encoding: chunked,',
      'te: chunked',
    ],
  ),
);
const body = fc.constantFrom(
  ...[
    'abc',
    'abc',
    '',
    '3\r\nabc\r\n0\r\n\r\n',
    '3\r\nabc\r\n0\r\n\r\n',
    '1;a=b\r\nx\r\n0\r\n\r\n',
    '3\nabc\n0\n\n',
  ],
  ...[
    '3 \r\nabc\r\n0\r\n\r\n',
    '3;\r\nabc\r\n0\r\n\r\n',
    '3;a="b"\r\nabc\r\n0\r\n\r\n',
    '3;a=\r\nabc\r\n0\r\n\r\n',
    '0x3\r\nabc\r\n0\r\n\r\n',
  ],
  ...[
    '00000000000000003\r\nabc\r\n0\r\n\r\n',
    '-3\r\nabc\r\n0\r\n\r\n',
    '3\r\nabcd\r\n0\r\n\r\n',
    '3\r\nab\r\n0\r\n\r\n',
    '0\r\nx: y\r\n\r\n',
  ],
  ...[
    '0\r\ncontent-length: 3\r\n\r\n',
    '0\r\n x\r\n\r\n',
    'fffffffffffffffff\r\n',
    '3\r\nabc0\r\n\r\n',
    '0\r\n\n',
    '\r\n0\r\n\r\n',
    '3;a;b=c\r\nabc\r\n000\r\n\r\n',
  ],
);
const request = fc
  .tuple(
    fc.oneof({ weight: 3, arbitrary: usualLine }, { weight: 1, arbitrary: requestLine }),
    fc.array(fc.tuple(lineEnd, headerLine), { maxLength: 5 }),
    mostly('\r\n\r\n', '\n\n', '\r\n\n', '\n\r\n', '\r\r'),
    body,
  )
  .map(([line, lines, end, text]) => `${line}${lines.map((each) => each.join('')).join('')}${end}${text}`);
const sound = fc
  .tuple(
    usualLine,
    fc.array(
      fc.constantFrom('a: x', 'A:y z ', 'content-type:\tb', 'authorization: c', 'connection: keep-alive'),
      {
        maxLength: 3,
      },
    ),
    fc.constantFrom(
      'content-length: 3\r\n\r\nabc',
      'content-length: 0\r\n\r\n',
      'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n',
      'transfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n',
      'x-amz-target: a.b\r\n\r\n',
    ),
  )
  .map(([line, lines, rest]) => `${[line, ...lines].join('\r\n')}\r\n${rest}`);
const whole = 'POST /next HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok';
const stream = fc
  .tuple(
    mostly('', '\r\n', '\n', '\r\n\r\n\r\n'),
    fc.array(fc.oneof(request, sound), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', whole),
  )
  .map(([empty, requests, last]) => Buffer.from(empty + requests.join('') + last, 'latin1'));
/** Bytes put in, taken out and changed. */
const mutation = fc.record({
  at: fc.nat(),
  remove: fc.nat({ max: 3 }),
  insert: fc.oneof(
    fc.constantFrom('', '\r', '\n', '\r\n', ' ', '\t', '\0', ':', ',', ';', '\x0b', '\x85'),
    fc.string({ maxLength: 2 }),
  ),
});
const mutated = fc
  .tuple(
    stream,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(mutation, { maxLength: 3 }) },
    ),
  )
  .map(([bytes, mutations]) =>
    mutations.reduce((now: Buffer, { at, remove, insert }) => {
      const place = at % (now.length + 1);
      return Buffer.concat([
        now.subarray(0, place),
        Buffer.from(insert, 'latin1'),
        now.subarray(place + remove),
      ]);
    }, bytes),
  );

test(`we read HTTP/1.1 as node:http does, or refuse it (seed ${seed})`, { timeout: 300_000 }, async () => {
  console.log(`seed ${seed}`);
  let ours: Taken[] = [];
  await using server = await startGateway({
    handle: (exchange) => {
      const { method, path: url } = exchange;
      const headers = compared.map((name) => exchange.header(name));
      ours.push({ method, url, headers, body: Buffer.from(exchange.body).toString('latin1') });
      exchange.respond({ status: 200, contentType: undefined, body: new Uint8Array(0) });
    },
    limits: { discardMs: 20 },
  });
  let theirs: Taken[] = [];
  const node = await nodeServer((taken) => theirs.push(taken));
  let takenByBoth = 0;
  try {
    await fc.assert(
      fc.asyncProperty(mutated, fc.array(fc.nat(), { maxLength: 4 }), async (bytes, places) => {
        ours = [];
        theirs = [];
        const pieces = cut(bytes, places);
        const answers = await send(server.port, pieces);
        await send((node.address() as AddressInfo).port, pieces);
        assert.deepEqual(ours, theirs.slice(0, ours.length), 'what we take, node:http takes');
        takenByBoth += ours.length;
        if (ours.length === theirs.length) return;
        const { message } = JSON.parse(answers.slice(answers.lastIndexOf('{'))) as { message: string };
        assert.ok(
          stricterRules.some((rule) => message.includes(rule)),
          `no listed rule: ${message}`,
        );
      }),
      { seed, numRuns: runs },
    );
  } finally {
    node.closeAllConnections();
    node.close();
  }
  assert.ok(takenByBoth > runs / 4, `${takenByBoth} requests were taken by both`);
});

async function nodeServer(take: (taken: Taken) => void): Promise<Server> {
  const server = createServer({ requireHostHeader: false, noDelay: true }, (incoming, response) => {
    let text = '';
    incoming.setEncoding('latin1');
    incoming.on('data', (chunk: string) => {
      text += chunk;
    });
    incoming.on('end', () => {
      const headers = compared.map((name) => incoming.headers[name]?.toString());
      take({ method: incoming.method ?? '', url: incoming.url ?? '', headers, body: text });
      // Without a length of its own node:http closes a connection of HTTP/1.0.
      response.setHeader('content-length', 0).end();
    });
  });
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('clientError', (_, socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Sends the pieces, each by itself, and answers all that came back until the end. */
async function send(port: number, pieces: readonly Buffer[]): Promise<string> {
  const client = new RawClient(port);
  await client.connected();
  for (const piece of pieces) {
    if (!(await client.write(piece))) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.end();
  await client.closed();
  client.destroy();
  return client.received;
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at]
    .map((from, i) => bytes.subarray(from, at[i] ?? bytes.length))
    .filter((piece) => piece.length > 0);
}
