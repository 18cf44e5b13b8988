import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mib } from '@millrace/base';
import { assertAnswers, echo, startGateway, until } from '../testing/gateway-fixture.js';
import { RawClient, requestText } from '../testing/raw-client.js';
import type { Exchange } from './exchange.js';

const patience = { timeout: 30_000 };

test('answers carry the ids, the type and the length that AWS sends, and leave the connection open', async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  await client.write(requestText({ body: 'abc' }));
  const { status, headers, body } = await client.response();
  assert.equal(status, 200);
  assert.equal(body, 'POST / 3');
  assert.match(
    headers.get('x-amzn-requestid') ?? '',
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.equal(Buffer.from(headers.get('x-amz-id-2') ?? '', 'base64').length, 72);
  assert.match(headers.get('date') ?? '', /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  assert.equal(headers.get('content-length'), '8');
  assert.equal(headers.get('content-type'), 'text/plain');
  assert.notEqual(headers.get('connection'), 'close');
  assert.equal(headers.get('x-powered-by'), undefined);
  await client.write(requestText({ body: 'again' }));
  assert.equal((await client.response()).body, 'POST / 5');
  client.destroy();
});

test('a request that comes a byte at a time is answered', patience, async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  for (const byte of requestText({ body: 'slowly' })) await client.write(byte);
  assert.equal((await client.response()).body, 'POST / 6');
  client.destroy();
});

test('pipelined requests are worked on one at a time and answered in order', patience, async () => {
  let working = 0;
  let most = 0;
  const handle = (exchange: Exchange): void => {
    working++;
    most = Math.max(most, working);
    setImmediate(() => {
      working--;
      echo(exchange);
    });
  };
  await using server = await startGateway({ handle });
  const client = new RawClient(server.port);
  const count = 200;
  const requests = Array.from({ length: count }, (_, i) =>
    requestText({ path: `/${i}`, body: 'x'.repeat(i) }),
  );
  await client.write(requests.join(''));
  for (let i = 0; i < count; i++) assert.equal((await client.response()).body, `POST /${i} ${i}`);
  assert.equal(most, 1);
  client.destroy();
});

test('a request without a body waits for the one with a body that came before it', patience, async () => {
  const begun: string[] = [];
  await using server = await startGateway({
    handle: (exchange) => {
      begun.push(exchange.path);
      echo(exchange);
    },
  });
  const client = new RawClient(server.port);
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\n\r\n`;
  await client.write(
    requestText({ path: '/1', body: 'abc' }) +
      get('/2') +
      requestText({ path: '/3', body: 'de' }) +
      get('/4'),
  );
  for (const body of ['POST /1 3', 'GET /2 0', 'POST /3 2', 'GET /4 0']) {
    assert.equal((await client.response()).body, body);
  }
  assert.deepEqual(begun, ['/1', '/2', '/3', '/4']);
  client.destroy();
});

test(
  'requests pipelined without end wait where they are, and are answered in the end',
  patience,
  async () => {
    const held: Exchange[] = [];
    await using server = await startGateway({
      handle: (exchange) => (exchange.path === '/held' ? held.push(exchange) : echo(exchange)),
    });
    for (const burst of [requestText({ path: '/held' }), 'GET /held HTTP/1.1\r\n\r\n']) {
      const client = new RawClient(server.port);
      await client.write(burst + requestText().repeat(1_000));
      await until(() => held.length === 1);
      let taken = 0;
      const more = requestText().repeat(2_000);
      const pouring = (async () => {
        for (; taken < 100 * mib; taken += more.length) if (!(await client.write(more))) return;
      })();
      let before = -1;
      let turns = 0;
      await until(() => {
        turns = taken === before ? turns + 1 : 0;
        before = taken;
        return turns > 50;
      });
      assert.ok(taken < 20 * mib, `${taken} bytes were taken while nothing was answered`);
      assert.ok(server.gateway.load.bufferedBytes <= 64 * 1024, 'what is unread is counted, and little');
      echo(held.shift() as Exchange);
      assert.match((await client.response()).body, /\/held 0$/);
      for (let i = 0; i < 1_000; i++) assert.equal((await client.response()).body, 'POST / 0');
      assert.equal(held.length, 0, 'none was begun before its turn');
      client.destroy();
      await pouring;
    }
    await until(() => server.gateway.load.connections === 0);
    assert.deepEqual(server.gateway.load, { connections: 0, inFlight: 0, streaming: 0, bufferedBytes: 0 });
    await assertAnswers(server.port);
  },
);

test('a body in pieces of a few bytes is refused', patience, async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  await client.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
  await client.write('1\r\nx\r\n'.repeat(5_000));
  const { status, body } = await client.response();
  assert.equal(status, 400);
  assert.match(body, /pieces of a few bytes/);
  await client.closed();
});

test('a client that ends its side after its request still gets the answer', patience, async () => {
  await using server = await startGateway({ handle: (exchange) => setImmediate(echo, exchange) });
  const client = new RawClient(server.port);
  await client.write(requestText({ body: 'bye' }));
  client.socket.end();
  assert.equal((await client.response()).body, 'POST / 3');
  await client.closed();
  await until(() => server.gateway.load.connections === 0);
});

test('a client that ends its side in the middle of a request is refused and gone', patience, async () => {
  await using server = await startGateway();
  for (const part of ['P', 'POST / HT', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc']) {
    const client = new RawClient(server.port);
    await client.write(part);
    client.socket.end();
    assert.equal((await client.response()).status, 400, part);
    await client.closed();
  }
  await until(() => server.gateway.load.connections === 0);
  assert.equal(server.gateway.load.bufferedBytes, 0);
});

test('an abort in the middle of a body gives everything back', patience, async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  await client.write(requestText({ headers: { 'content-length': '1000000' }, body: 'x'.repeat(500_000) }));
  await until(() => server.gateway.load.bufferedBytes === 500_000);
  client.socket.resetAndDestroy();
  await until(() => server.gateway.load.connections === 0);
  assert.equal(server.gateway.load.bufferedBytes, 0);
});

test(
  'an abort while a request is worked on tells whoever listens, and counts until it is answered',
  patience,
  async () => {
    const held: Exchange[] = [];
    await using server = await startGateway({ handle: (exchange) => held.push(exchange) });
    const client = new RawClient(server.port);
    await client.write(requestText({ body: 'x' }));
    await until(() => held.length === 1);
    const exchange = held[0] as Exchange;
    const { signal } = exchange;
    assert.equal(signal.aborted, false);
    client.socket.resetAndDestroy();
    await until(() => signal.aborted);
    assert.equal(server.gateway.load.inFlight, 1);
    echo(exchange);
    assert.equal(server.gateway.load.inFlight, 0);
  },
);

test('a declared body over the limit is refused at once, and the connection lives on', patience, async () => {
  await using server = await startGateway({ limits: { bodyBytesMax: 1000 } });
  const client = new RawClient(server.port);
  await client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n');
  const { status, headers, body } = await client.response();
  assert.equal(status, 413);
  assert.notEqual(headers.get('connection'), 'close');
  assert.deepEqual(JSON.parse(body), {
    __type: 'RequestEntityTooLargeException',
    message: "The request's body is larger than 1000 bytes.",
  });
  await client.write('x'.repeat(1001) + requestText({ body: 'next' }));
  assert.equal((await client.response()).body, 'POST / 4');
  client.destroy();
});

test(
  'a declared body that is not worth reading ends the connection after its refusal is read',
  patience,
  async () => {
    await using server = await startGateway({ limits: { bodyBytesMax: 1000, discardBytesMax: 100_000 } });
    const client = new RawClient(server.port);
    await client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n');
    const { status, headers } = await client.response();
    assert.equal(status, 413);
    assert.equal(headers.get('connection'), 'close');
    await pour(client, 100 * mib);
    await client.closed();
    await assertAnswers(server.port);
  },
);

test(
  'a chunked body over the limit is refused while it streams, and takes no more than the limit',
  patience,
  async () => {
    await using server = await startGateway({ limits: { bodyBytesMax: 1000, discardBytesMax: 100_000 } });
    const client = new RawClient(server.port);
    await client.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
    await client.write(chunk);
    const { status, headers } = await client.response();
    assert.equal(status, 413);
    assert.equal(headers.get('connection'), 'close');
    assert.equal(server.gateway.load.bufferedBytes, 0);
    await pour(client, 100 * mib, chunk);
    await client.closed();
    await assertAnswers(server.port);
  },
);

async function pour(client: RawClient, bytes: number, piece = 'x'.repeat(65_536)): Promise<void> {
  void client.closed();
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (!(await Promise.race([client.write(piece), client.closed().then(() => false)]))) return;
  }
}

test('a chunked body is collected whole', patience, async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  await client.write(
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n',
  );
  assert.equal((await client.response()).body, 'POST / 7');
  client.destroy();
});

test('bodies of all connections together are bounded, and the budget frees itself', patience, async () => {
  await using server = await startGateway({ limits: { bodyBytesMax: 1000, bufferedBytesMax: 1500 } });
  const first = new RawClient(server.port);
  await first.write(requestText({ headers: { 'content-length': '1000' }, body: 'x'.repeat(999) }));
  await until(() => server.gateway.load.bufferedBytes === 999);
  const second = new RawClient(server.port);
  await second.write(requestText({ body: 'x'.repeat(999) }));
  const refused = await second.response();
  assert.equal(refused.status, 503);
  assert.match(refused.body, /Requests and unread answers take 1500 bytes/);
  await first.write('x');
  assert.equal((await first.response()).status, 200);
  await second.write(requestText({ body: 'x'.repeat(999) }));
  assert.equal((await second.response()).status, 200);
  first.destroy();
  second.destroy();
});

test(
  'Expect: 100-continue is granted for a body that will be taken, and refused for one that will not',
  patience,
  async () => {
    await using server = await startGateway({ limits: { bodyBytesMax: 1000 } });
    const client = new RawClient(server.port);
    const head = (length: number): string =>
      `POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
    await client.write(head(4));
    await until(() => client.received.startsWith('HTTP/1.1 100 '));
    await client.write('body');
    assert.equal((await client.response()).body, 'POST / 4');
    await client.write(head(1001));
    const { status, headers } = await client.response();
    assert.equal(status, 413);
    assert.equal(headers.get('connection'), 'close', 'nobody knows whether the body will come');
    await client.closed();
  },
);

test('10,000 header lines, and header bytes without end, are refused', patience, async () => {
  await using server = await startGateway({ limits: { headerLinesMax: 100, headerBytesMax: 64 * 1024 } });
  for (const lines of ['a: b\r\n'.repeat(10_000), `a: ${'b'.repeat(70_000)}\r\n`, 'a:\r\n'.repeat(101)]) {
    const client = new RawClient(server.port);
    await client.write(`GET / HTTP/1.1\r\nhost: a\r\n${lines}\r\n`);
    const { status, body } = await client.response();
    assert.equal(status, 431);
    assert.match(body, /more than 65536 bytes or 100 lines/);
    client.destroy();
  }
  const endless = new RawClient(server.port);
  await endless.write('GET / HTTP/1.1\r\n');
  await pour(endless, 100 * mib, 'a: b\r\n'.repeat(1000));
  await endless.closed();
  await assertAnswers(server.port);
});

test('garbage is refused with a sentence', patience, async () => {
  await using server = await startGateway();
  for (const bytes of [
    '\0\0\0\0\0\0',
    'HELO mail\r\n\r\n',
    'PRI * HTTP/3.0\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    '\u00ff'.repeat(100),
  ]) {
    const client = new RawClient(server.port);
    await client.write(bytes);
    const { status, body } = await client.response();
    assert.equal(status, 400);
    assert.match(body, /not an HTTP request/);
    await client.closed();
  }
  await assertAnswers(server.port);
});

test(
  'an offer to upgrade to h2c is passed over, as RFC 9110 lets us, and the connection lives on',
  patience,
  async () => {
    await using server = await startGateway();
    const client = new RawClient(server.port);
    const offer = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAAP__',
    };
    await client.write(requestText({ headers: offer, body: 'abc' }));
    assert.equal((await client.response()).body, 'POST / 3');
    await client.write(requestText({ body: 'de' }));
    assert.equal((await client.response()).body, 'POST / 2');
    client.destroy();
  },
);

test('garbage after whole requests does not cost them their answers', patience, async () => {
  await using server = await startGateway();
  for (const more of ['', 'x: y\r\n', 'accept: */*\r\n']) {
    const client = new RawClient(server.port);
    await client.write(`${requestText({ body: 'abc' })}GET /x HTTP/1.1\r\n${more}\r\n\0\0\x03\t`);
    assert.equal((await client.response()).body, 'POST / 3', more);
    assert.equal((await client.response()).body, 'GET /x 0', more);
    assert.equal((await client.response()).status, 400, more);
    await client.closed();
  }
  await until(() => server.gateway.load.connections === 0);
});

test('TLS is refused in cleartext', patience, async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  await client.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  const { status, body } = await client.response();
  assert.equal(status, 400);
  assert.match(body, /speaks cleartext HTTP: use http:\/\//);
  await client.closed();
});

test('a client that is too slow is told so, whatever it is slow with', patience, async () => {
  await using server = await startGateway({ limits: { headerMs: 100, requestMs: 150 } });
  const parts = [
    ['', 100],
    ['PRI *', 100],
    ['POST / HT', 100],
    ['POST / HTTP/1.1\r\nhost: a\r\n', 100],
    ['POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc', 150],
  ] as const;
  for (const [part, limitMs] of parts) {
    const client = new RawClient(server.port);
    await client.write(part);
    const { status, body } = await client.response();
    assert.equal(status, 408, JSON.stringify(part));
    assert.match(body.toString(), new RegExp(`within ${limitMs} ms`), 'the limit that ran out is named');
    await client.closed();
  }
  await until(() => server.gateway.load.connections === 0);
  await assertAnswers(server.port);
});

test(
  'an idle connection is closed, and one in the middle of a request is not taken for idle',
  patience,
  async () => {
    const held: Exchange[] = [];
    await using server = await startGateway({
      handle: (exchange) => (exchange.path === '/hold' ? held.push(exchange) : echo(exchange)),
      limits: { idleMs: 100 },
    });
    const busy = new RawClient(server.port);
    await busy.write(requestText());
    await busy.response();
    await busy.write(requestText({ path: '/hold' }));
    const idle = new RawClient(server.port);
    await idle.write(requestText());
    await idle.response();
    await idle.closed();
    echo(held[0] as Exchange);
    assert.equal((await busy.response()).status, 200);
    busy.destroy();
  },
);

test('connections over the limit are told so', patience, async () => {
  await using server = await startGateway({ limits: { connectionsMax: 2 } });
  const first = new RawClient(server.port);
  const second = new RawClient(server.port);
  for (const client of [first, second]) {
    await client.write(requestText());
    await client.response();
  }
  const third = new RawClient(server.port);
  const { status, body } = await third.response();
  assert.equal(status, 503);
  assert.match(body, /There are 2 connections already/);
  await third.closed();
  first.destroy();
  second.destroy();
  await until(() => server.gateway.load.connections === 0);
  await assertAnswers(server.port);
});

test('requests in flight over the limit are told so', patience, async () => {
  const held: Exchange[] = [];
  await using server = await startGateway({
    handle: (exchange) => held.push(exchange),
    limits: { requestsInFlightMax: 2 },
  });
  const clients = [1, 2, 3].map(() => new RawClient(server.port));
  for (const client of clients.slice(0, 2)) await client.write(requestText());
  await until(() => held.length === 2);
  await clients[2]?.write(requestText());
  assert.equal((await clients[2]?.response())?.status, 503);
  for (const exchange of held) echo(exchange);
  for (const client of clients.slice(0, 2)) assert.equal((await client.response()).status, 200);
  for (const client of clients) client.destroy();
});

test('answers that nobody reads are bounded together, and given up in the end', patience, async () => {
  const large = Buffer.alloc(8 * mib, 'a');
  await using server = await startGateway({
    handle: (exchange) =>
      exchange.path === '/large'
        ? exchange.respond({ status: 200, contentType: undefined, body: large })
        : echo(exchange),
    limits: { bufferedBytesMax: 12 * mib, stalledAnswerMs: 150 },
  });
  const deaf = Array.from({ length: 6 }, () => new RawClient(server.port));
  for (const client of deaf) {
    client.socket.pause();
    await client.write(requestText({ path: '/large' }));
  }
  await until(() => server.gateway.load.bufferedBytes > 0);
  assert.ok(server.gateway.load.bufferedBytes <= 12 * mib);
  await assertAnswers(server.port);
  await until(() => server.gateway.load.bufferedBytes === 0);
  for (const client of deaf) client.destroy();
  await until(() => server.gateway.load.connections === 0);
});

test(
  'a client that takes nothing of its last answer is given up, although it goes on sending',
  patience,
  async () => {
    const large = Buffer.alloc(16 * mib, 'a');
    await using server = await startGateway({
      handle: (exchange) => exchange.respond({ status: 200, contentType: undefined, body: large }),
      limits: { stalledAnswerMs: 100 },
    });
    const client = new RawClient(server.port);
    client.socket.pause();
    await client.write('GET / HTTP/1.1\r\nconnection: close\r\n\r\n');
    await until(() => server.gateway.load.bufferedBytes > 0);
    await until(() => {
      void client.write('x');
      return server.gateway.load.connections === 0;
    });
    assert.equal(server.gateway.load.bufferedBytes, 0);
    client.destroy();
  },
);

test('an empty line behind a body begins no request that could be slow', patience, async () => {
  await using server = await startGateway({ limits: { headerMs: 50, requestMs: 50, idleMs: 400 } });
  const client = new RawClient(server.port);
  await client.write(`${requestText({ body: 'abc' })}\r\n`);
  assert.equal((await client.response()).status, 200);
  await client.closed();
  assert.equal(client.received, '', 'it was idle, and not slow');
});

test('HEAD has the length and no body', patience, async () => {
  await using server = await startGateway();
  const client = new RawClient(server.port);
  await client.write('HEAD /x HTTP/1.1\r\nhost: a\r\n\r\nHEAD /yy HTTP/1.1\r\nhost: a\r\n\r\n');
  await until(() => client.received.split('HTTP/1.1 200').length === 3);
  assert.match(client.received, /content-length: 9\r\n[\s\S]*content-length: 10\r\n/);
  assert.ok(client.received.endsWith('\r\n\r\n'));
  client.destroy();
});

test(
  'close lets what is in flight finish, and ends idle, silent and half-sent connections',
  patience,
  async () => {
    const held: Exchange[] = [];
    const server = await startGateway({
      handle: (exchange) => held.push(exchange),
      limits: { closeMs: 20_000 },
    });
    const busy = new RawClient(server.port);
    await busy.write(requestText({ body: 'in flight' }));
    await until(() => held.length === 1);
    const idle = new RawClient(server.port);
    await idle.write(requestText());
    await until(() => held.length === 2);
    echo(held[1] as Exchange);
    await idle.response();
    const silent = new RawClient(server.port);
    const half = new RawClient(server.port);
    await half.write('POST / HTTP/1.1\r\n');
    await until(() => server.gateway.load.connections === 4);
    const closed = server.gateway.close();
    await Promise.all([idle.closed(), silent.closed(), half.closed()]);
    echo(held[0] as Exchange);
    const answer = await busy.response();
    assert.equal(answer.body, 'POST / 9');
    assert.equal(answer.headers.get('connection'), 'close');
    await closed;
    assert.equal(server.gateway.load.connections, 0);
  },
);

test('close cuts off what does not finish', patience, async () => {
  const server = await startGateway({ handle: () => undefined, limits: { closeMs: 50 } });
  const client = new RawClient(server.port);
  await client.write(requestText());
  await until(() => server.gateway.load.inFlight === 1);
  await server.gateway.close();
  await client.closed();
});
