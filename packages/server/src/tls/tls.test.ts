import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SystemClock, systemRandom } from '@millrace/base';
import { type Logger, silentLogger } from '../logger.js';
import { Millrace, type MillraceOptions } from '../millrace.js';
import { StartError } from '../start-error.js';
import { startGateway, until } from '../testing/gateway-fixture.js';
import { RawClient } from '../testing/raw-client.js';
import { Certificate, type CertificateOptions } from './certificate.js';
import { selfSigned } from './self-signed.js';

const patience = { timeout: 60_000 };
const dayMs = 86_400_000;
const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..');

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-tls-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function start(t: TestContext, options: Partial<MillraceOptions> = {}): Promise<Millrace> {
  const whole = options.dataDir === undefined ? { ephemeral: true, ...options } : options;
  const millrace = await Millrace.start({ tls: 'own', create: [{ name: 's', shards: 1 }], ...whole });
  t.after(() => millrace.close());
  return millrace;
}

/** A handshake with a server on loopback; rejects when there is none. */
function shakeHands(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ...options }, () => resolve(socket));
    socket.on('error', reject);
  });
}

/** One GET over TLS and HTTP/1.1. */
function get(port: number, ca: string | undefined, at: string, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ host, port, path: at, ca, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
    request.end();
  });
}

test('a certificate names this machine and the server, may sign no other, and is its key’s', () => {
  const nowMs = Date.UTC(2049, 11, 1);
  const names = [
    'localhost',
    '127.0.0.1',
    '::1',
    'streams.test',
    '2001:db8::10:0:5',
    'fe80::1:2',
    '::ffff:1.2.3.4',
  ];
  const { cert, key } = selfSigned(names, nowMs, systemRandom);
  const read = new X509Certificate(cert);
  assert.equal(read.ca, false);
  assert.equal(
    read.subjectAltName,
    'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:streams.test, ' +
      'IP Address:2001:DB8:0:0:0:10:0:5, IP Address:FE80:0:0:0:0:0:1:2, IP Address:0:0:0:0:0:FFFF:102:304',
  );
  assert.ok(read.checkPrivateKey(createPrivateKey(key)));
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  // Either side of 2050 times are written differently.
  assert.equal(Date.parse(read.validFrom), nowMs - dayMs);
  assert.equal(Date.parse(read.validTo), nowMs + 824 * dayMs);
  assert.match(read.serialNumber, /^[4-7][0-9A-F]{31}$/);
  assert.notEqual(selfSigned(names, nowMs, systemRandom).cert, cert);
});

test('openssl finds nothing wrong with it, under its strictest rules', patience, async (t) => {
  const file = path.join(await scratch(t), 'certificate.pem');
  await writeFile(file, selfSigned(['localhost', '::1'], Date.now(), systemRandom).cert);
  const openssl = promisify(execFile);
  const verified = await openssl('openssl', [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-CAfile',
    file,
    file,
  ]).catch((error: { readonly code?: unknown }) => error);
  if ('code' in verified && verified.code === 'ENOENT') {
    t.skip('there is no openssl here');
    return;
  }
  assert.match(String((verified as { stdout?: string }).stdout), /: OK/, JSON.stringify(verified));
});

test('one port speaks TLS with h2 and http/1.1, and cleartext, all at once', patience, async (t) => {
  const millrace = await start(t);
  const { port, certificate: ca = '' } = millrace;
  assert.match(millrace.endpoint, /^https:\/\/127\.0\.0\.1:/);
  for (const [offered, agreed] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [['http/1.0'], 'http/1.0'],
    [undefined, false],
    [['spdy/1', 'http/1.1'], 'http/1.1'],
  ] as const) {
    const socket = await shakeHands(port, {
      ca,
      ...(offered === undefined ? {} : { ALPNProtocols: [...offered] }),
    });
    assert.equal(socket.alpnProtocol, agreed);
    socket.destroy();
  }
  const health = '{"live":true,"ready":true}\n';
  for (const host of ['127.0.0.1', 'localhost'])
    assert.equal(await get(port, ca, '/_millrace/health', host), health);
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca });
  const stream = session.request({ ':path': '/_millrace/health' });
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  assert.equal(text, health);
  session.close();
  const plain = `http://127.0.0.1:${port}/_millrace`;
  assert.equal(await (await fetch(`${plain}/health`)).text(), health);
  assert.equal(await (await fetch(`${plain}/certificate`)).text(), ca);
  await assert.rejects(get(port, undefined, '/'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
});

test('HTTP/2 is spoken over TLS by a client that offers no ALPN, as Java’s does', patience, async (t) => {
  const millrace = await start(t);
  const socket = await shakeHands(millrace.port, { ca: millrace.certificate });
  assert.equal(socket.alpnProtocol, false);
  const session = connectHttp2(millrace.endpoint, { createConnection: () => socket });
  t.after(() => session.destroy());
  const stream = session.request({ ':path': '/_millrace/health' });
  const status = await new Promise((resolve, reject) => {
    stream.on('response', (headers) => resolve(headers[':status'])).on('error', reject);
  });
  assert.equal(status, 200);
});

test('TLS 1.2 and 1.3 are spoken, older ones are not', patience, async (t) => {
  const { port, certificate: ca = '' } = await start(t);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await shakeHands(port, { ca, minVersion: version, maxVersion: version });
    assert.equal(socket.getProtocol(), version);
    socket.destroy();
  }
  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    const older = { ca, minVersion: version, maxVersion: version, ciphers: 'ALL@SECLEVEL=0' };
    await assert.rejects(shakeHands(port, older), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  }
});

test('the SDK works over https with nothing but the variable that the server prints', patience, async (t) => {
  const dataDir = await scratch(t);
  const lines: string[] = [];
  const told = (message: string, fields: object = {}): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log: Logger = { debugs: false, debug: told, info: told, warn: told, error: told };
  const millrace = await start(t, { dataDir, log });
  const file = path.join(dataDir, 'tls', 'certificate.pem');
  assert.ok(lines.some((line) => line.includes(`NODE_EXTRA_CA_CERTS='${file}' AWS_CA_BUNDLE='${file}'`)));
  const script = `
    import { KinesisClient, PutRecordCommand, DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
    import { NodeHttpHandler } from '@smithy/node-http-handler';
    for (const handler of [{}, { requestHandler: new NodeHttpHandler() }]) {
      const client = new KinesisClient({ endpoint: ${JSON.stringify(millrace.endpoint)}, region: 'us-east-1',
        credentials: { accessKeyId: 'x', secretAccessKey: 'x' }, maxAttempts: 1, ...handler });
      await client.send(new PutRecordCommand({ StreamName: 's', PartitionKey: 'k', Data: Buffer.alloc(900_000) }));
      console.log(client.config.requestHandler.metadata.handlerProtocol);
      client.destroy();
    }`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: checkout,
    env: { ...process.env, NODE_EXTRA_CA_CERTS: file },
  });
  assert.equal(stdout, 'h2\nhttp/1.1\n');
});

test('without cleartext, http:// is told to come as https://', patience, async (t) => {
  const { port, certificate: ca = '' } = await start(t, { cleartext: false });
  const answer = await fetch(`http://127.0.0.1:${port}/_millrace/health`);
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /use https:\/\/ instead of http:\/\//);
  assert.match(await get(port, ca, '/_millrace/health'), /"ready":true/);
  await assert.rejects(Millrace.start({ ephemeral: true, cleartext: false }), { code: 'bad-option' });
  await assert.rejects(Millrace.start({ ephemeral: true, names: ['a:b:c.example:80/'] }), {
    code: 'bad-option',
  });
});

test('a handshake that is slow, garbage or left ends, and others are served', patience, async () => {
  const pair = selfSigned(['127.0.0.1'], Date.now(), systemRandom);
  await using server = await startGateway({ limits: { headerMs: 150, closeMs: 20_000 }, tls: true });
  await server.gateway.useCertificate(pair);
  const hello = Buffer.from([0x16, 3, 1, 0x02, 0]);
  const silent = new RawClient(server.port);
  await silent.write(hello);
  await silent.closed();
  const dribbling = new RawClient(server.port);
  await dribbling.write(hello);
  for (let written = true; written; ) {
    written = await dribbling.write(Buffer.of(1));
    await Promise.race([dribbling.closed(), new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  const garbage = new RawClient(server.port);
  await garbage.write(Buffer.concat([hello, Buffer.alloc(60_000, 0xaa)]));
  await garbage.closed();
  const left = connectTcp(server.port, '127.0.0.1');
  left.on('error', () => undefined);
  left.write(hello, () => left.destroy());
  // Done, and then silence in the place of a request.
  const secure = await shakeHands(server.port, { ca: pair.cert });
  secure.resume();
  await new Promise((resolve) => secure.once('close', resolve));
  assert.equal(await get(server.port, pair.cert, '/x'), 'GET /x 0');
  await until(() => server.gateway.load.connections === 0);
});

test('a close does not wait for a handshake', patience, async () => {
  const server = await startGateway({ limits: { headerMs: 30_000, closeMs: 30_000 }, tls: true });
  await server.gateway.useCertificate(selfSigned(['127.0.0.1'], Date.now(), systemRandom));
  const client = new RawClient(server.port);
  await client.write(Buffer.from([0x16, 3, 1, 2, 0]));
  await until(() => server.gateway.load.connections === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await server.gateway.close();
  await client.closed();
});

test(
  'until there is a certificate, and where there is none, TLS is refused and cleartext is not',
  patience,
  async () => {
    await using server = await startGateway({ tls: true });
    await assert.rejects(shakeHands(server.port, { rejectUnauthorized: false }));
    assert.equal(await (await fetch(`http://127.0.0.1:${server.port}/x`)).text(), 'GET /x 0');
  },
);

test(
  'one of our own is kept, its key for us alone, and made anew for another name or near its end',
  patience,
  async (t) => {
    const dataDir = await scratch(t);
    const opened = async (names: readonly string[], aheadMs = 0): Promise<string> => {
      const clock = { now: () => Date.now() + aheadMs, schedule: () => ({ cancel: () => undefined }) };
      const certificate = await Certificate.open(optionsOf({ source: 'own', dataDir, names, clock }));
      await certificate.close();
      return certificate.pair.cert;
    };
    const first = await opened(['localhost', '127.0.0.1']);
    const key = path.join(dataDir, 'tls', 'key.pem');
    assert.equal((await stat(key)).mode & 0o777, 0o600);
    assert.equal((await stat(path.dirname(key))).mode & 0o777, 0o700);
    assert.equal(await opened(['127.0.0.1']), first);
    assert.equal(await opened(['127.0.0.1'], 700 * dayMs), first);
    const named = await opened(['localhost', 'streams.test']);
    assert.notEqual(named, first);
    const renewed = await opened(['localhost'], 800 * dayMs);
    assert.notEqual(renewed, named);
    // What a crash between the two files, or a careless hand, leaves.
    await writeFile(
      key,
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    );
    const again = await opened(['localhost']);
    assert.notEqual(again, renewed);
    assert.equal(await readFile(path.join(dataDir, 'tls', 'certificate.pem'), 'utf8'), again);
  },
);

test('one of our own is renewed while the server runs', patience, async (t) => {
  const dataDir = await scratch(t);
  let aheadMs = 0;
  const clock = { now: () => Date.now() + aheadMs, schedule: () => ({ cancel: () => undefined }) };
  const replaced: string[] = [];
  const replace = async ({ cert }: { cert: string }): Promise<void> => {
    replaced.push(cert);
  };
  const certificate = await Certificate.open(optionsOf({ source: 'own', dataDir, clock, replace }));
  await certificate.look();
  assert.deepEqual(replaced, []);
  aheadMs = 800 * dayMs;
  await certificate.look();
  assert.deepEqual(replaced, [certificate.pair.cert]);
  assert.equal(await readFile(path.join(dataDir, 'tls', 'certificate.pem'), 'utf8'), replaced[0]);
});

test(
  'a given pair is read again when it changes, and a bad one leaves the one before',
  patience,
  async (t) => {
    const directory = await scratch(t);
    const source = { cert: path.join(directory, 'c.pem'), key: path.join(directory, 'k.pem') };
    const write = async (pair: { cert: string; key: string }, atS: number): Promise<void> => {
      await writeFile(source.cert, pair.cert);
      await writeFile(source.key, pair.key);
      await utimes(source.cert, atS, atS);
    };
    const [first, second] = [1, 2].map(() => selfSigned(['localhost'], Date.now(), systemRandom));
    assert.ok(first !== undefined && second !== undefined);
    await write(first, 1000);
    const errors: string[] = [];
    const logger: Logger = { ...silentLogger, error: (message) => errors.push(message) };
    const certificate = await Certificate.open(optionsOf({ source, logger }));
    await certificate.look();
    assert.equal(certificate.pair.cert, first.cert);
    await write({ cert: second.cert, key: first.key }, 2000);
    await certificate.look();
    // Said once, and not once a minute.
    await certificate.look();
    assert.equal(certificate.pair.cert, first.cert);
    assert.deepEqual(errors, ['the certificate could not be replaced; the one before stays']);
    await write(second, 3000);
    await certificate.look();
    assert.equal(certificate.pair.cert, second.cert);
    await certificate.close();
  },
);

test(
  'a running server takes up another certificate, and connections that stand go on',
  patience,
  async () => {
    const [first, second] = [1, 2].map(() => selfSigned(['127.0.0.1'], Date.now(), systemRandom));
    assert.ok(first !== undefined && second !== undefined);
    await using server = await startGateway({ tls: true });
    await server.gateway.useCertificate(first);
    const standing = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: first.cert });
    await new Promise((resolve) => standing.once('connect', resolve));
    await server.gateway.useCertificate(second);
    assert.equal(await get(server.port, second.cert, '/x'), 'GET /x 0');
    await assert.rejects(get(server.port, first.cert, '/x'));
    const stream = standing.request({ ':path': '/y' });
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    assert.equal(text, 'GET /y 0');
    standing.destroy();
  },
);

test(
  'a pair that cannot be used is refused at the start, in a sentence that says why',
  patience,
  async (t) => {
    const directory = await scratch(t);
    const file = (name: string): string => path.join(directory, name);
    const good = selfSigned(['localhost'], Date.now(), systemRandom);
    const old = selfSigned(['localhost'], Date.now() - 1000 * dayMs, systemRandom);
    const locked = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    await Promise.all(
      [
        ['good.pem', good.cert],
        ['good.key', good.key],
        ['old.pem', old.cert],
        ['old.key', old.key],
        ['locked.key', locked.privateKey],
        ['junk', 'junk'],
        ['empty', ''],
      ].map(([name = '', text = '']) => writeFile(file(name), text)),
    );
    const refused: [string, string, RegExp][] = [
      [
        'missing.pem',
        'good.key',
        /missing\.pem is not there: give the certificate with --cert, its key with --key/,
      ],
      ['good.pem', 'old.key', /the key is not the certificate’s/],
      ['junk', 'good.key', /the first is no certificate in PEM/],
      ['empty', 'good.key', /the first is no certificate in PEM/],
      ['good.key', 'good.pem', /the first is no certificate in PEM/],
      ['good.pem', 'junk', /the second is no private key in PEM/],
      ['good.pem', 'locked.key', /has a passphrase/],
      ['old.pem', 'old.key', /it ends on /],
    ];
    for (const [cert, key, message] of refused) {
      const tls = { cert: file(cert), key: file(key) };
      await assert.rejects(Millrace.start({ ephemeral: true, tls }), (error: unknown) => {
        assert.ok(error instanceof StartError, `${cert} ${key}: ${String(error)}`);
        assert.equal(error.code, 'certificate');
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /BEGIN/);
        return true;
      });
    }
    const millrace = await start(t, { tls: { cert: file('good.pem'), key: file('good.key') } });
    assert.match(await get(millrace.port, good.cert, '/_millrace/health', 'localhost'), /"ready":true/);
    await chmod(directory, 0o700);
  },
);

function optionsOf(options: Partial<CertificateOptions>): CertificateOptions {
  return {
    source: 'own',
    dataDir: undefined,
    names: ['localhost'],
    clock: new SystemClock(),
    random: systemRandom,
    logger: silentLogger,
    replace: async () => undefined,
    ...options,
  };
}
