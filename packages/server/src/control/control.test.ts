import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../gateway/exchange.js';
import { silentLogger } from '../logger.js';
import { Control, type ControlOptions } from './control.js';
import { ControlRefusal, type ControlRoute, jsonAnswer, jsonMembers } from './route.js';

const own = { host: '127.0.0.1:4567' };

function controlOf(options: Partial<ControlOptions>): Control {
  return new Control({
    health: () => ({ ready: true, reason: undefined }),
    reset: undefined,
    routes: [],
    ownHosts: new Set(['streams.test']),
    logger: silentLogger,
    ...options,
  });
}

function send(
  path: string,
  options: Partial<ControlOptions> = {},
  method = 'GET',
  headers: { readonly [name: string]: string | undefined } = own,
  text = '',
): Promise<{ readonly status: number; readonly body: unknown }> {
  const control = controlOf(options);
  return new Promise((resolve) => {
    const respond = ({ status, body }: Answer): void =>
      resolve({ status, body: JSON.parse(Buffer.from(body).toString()) });
    control.handle({
      method,
      path,
      header: (name) => headers[name],
      body: Buffer.from(text),
      requestId: '',
      signal: new AbortController().signal,
      respond,
      drop: () => assert.fail('a control ends no connection'),
      respondInPieces: () => assert.fail('no answer of ours streams'),
    });
  });
}

test('health is 200 when ready and 503 with the reason when not', async () => {
  assert.deepEqual(await send('/_millrace/health'), { status: 200, body: { live: true, ready: true } });
  const health = (): { ready: boolean; reason: string } => ({ ready: false, reason: 'the disk is full' });
  assert.deepEqual(await send('/_millrace/health?verbose', { health }), {
    status: 503,
    body: { live: true, ready: false, reason: 'the disk is full' },
  });
});

test('the prefix alone tells what there is, with its slash and without', async () => {
  const control = controlOf({});
  const told = await send('/_millrace/');
  assert.equal(told.status, 404);
  for (const path of ['/_millrace', '/_millrace?x']) {
    assert.ok(control.owns(path));
    assert.deepEqual(await send(path), told);
  }
  for (const path of ['/', '/_millraces', '/?/_millrace/']) assert.ok(!control.owns(path));
});

test('reset is for ephemeral servers, by POST, and says so otherwise', async () => {
  let resets = 0;
  const reset = async (): Promise<void> => {
    resets++;
  };
  assert.equal((await send('/_millrace/reset', {}, 'POST')).status, 409);
  assert.equal((await send('/_millrace/reset', { reset })).status, 405);
  assert.equal(resets, 0);
  assert.equal((await send('/_millrace/reset', { reset }, 'POST')).status, 200);
  assert.equal(resets, 1);
  const failing = (): Promise<void> => Promise.reject(new Error('still busy'));
  assert.equal((await send('/_millrace/reset', { reset: failing }, 'POST')).status, 503);
});

test('routes are found by path and method, and told the last part of a path that is open', async () => {
  const routes: ControlRoute[] = [
    { method: 'GET', path: '/metrics', answer: () => jsonAnswer(200, { at: 'metrics' }) },
    { method: 'DELETE', path: '/_millrace/things/*', answer: (_, id) => jsonAnswer(200, { id }) },
    {
      method: 'POST',
      path: '/_millrace/things',
      answer: (exchange) => jsonAnswer(200, jsonMembers(exchange)),
    },
    {
      method: 'POST',
      path: '/_millrace/refuse',
      answer: () => Promise.reject(new ControlRefusal(409, 'Not now.')),
    },
    {
      method: 'POST',
      path: '/_millrace/break',
      answer: () => {
        throw new Error('secret');
      },
    },
  ];
  const ask = (method: string, path: string, text?: string): ReturnType<typeof send> =>
    send(path, { routes }, method, own, text);
  assert.deepEqual(await ask('GET', '/metrics?x=1'), { status: 200, body: { at: 'metrics' } });
  assert.deepEqual(await ask('DELETE', '/_millrace/things/7'), { status: 200, body: { id: '7' } });
  assert.equal((await ask('DELETE', '/_millrace/things/7/8')).status, 404);
  assert.deepEqual(await ask('POST', '/_millrace/things', '{"a":1}'), { status: 200, body: { a: 1 } });
  assert.deepEqual(await ask('POST', '/_millrace/things'), { status: 200, body: {} });
  for (const text of ['{', '[]', '"a"', 'null']) {
    assert.equal((await ask('POST', '/_millrace/things', text)).status, 400, text);
  }
  assert.deepEqual(await ask('POST', '/_millrace/refuse'), { status: 409, body: { message: 'Not now.' } });
  const broken = await ask('POST', '/_millrace/break');
  assert.equal(broken.status, 503);
  assert.doesNotMatch(JSON.stringify(broken.body), /secret/);

  const control = controlOf({ routes });
  for (const path of ['/_millrace/health', '/_millrace/nope', '/metrics', '/metrics?a']) {
    assert.equal(control.owns(path), true, path);
  }
  for (const path of ['/', '', '/metric', '/metrics/x']) {
    assert.equal(control.owns(path), false, path);
  }
});

test('other paths and methods are told what there is', async () => {
  assert.equal((await send('/_millrace/nope')).status, 404);
  assert.equal((await send('/_millrace/')).status, 404);
  assert.equal((await send('/_millrace/health', {}, 'DELETE')).status, 405);
});

test('a name that is not ours reaches nothing: a page that rebinds its own name to our address sends it', async () => {
  const foreign = [
    'evil.example',
    'evil.example:4567',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '192.168.1.7',
    '127.0.0.1@evil.example',
    '127.0.0.1:4567:1',
    '[::2]',
    '0.0.0.0',
    '',
    undefined,
  ];
  for (const host of foreign) {
    assert.equal((await send('/_millrace/health', {}, 'GET', { host })).status, 403, `${host}`);
  }
  const ours = [
    'localhost',
    'LOCALHOST:4567',
    'a.localhost',
    '127.0.0.1',
    '127.9.9.9:1',
    '[::1]:4567',
    '[::1]',
    'localhost.',
    'streams.test:4567',
  ];
  for (const host of ours) {
    assert.equal((await send('/_millrace/health', {}, 'GET', { host })).status, 200, host);
    assert.equal((await send('/_millrace/health', {}, 'GET', { ':authority': host })).status, 200, host);
  }
  assert.equal(
    (await send('/_millrace/health', {}, 'GET', { ':authority': 'evil.example', host: 'localhost' })).status,
    403,
  );
});

test('a page from elsewhere reaches nothing, even under our own name', async () => {
  const foreign = [
    'http://evil.example',
    'null',
    'http://localhost.evil.example',
    'http://evil.example/?http://localhost',
  ];
  for (const origin of foreign) {
    assert.equal((await send('/_millrace/health', {}, 'GET', { ...own, origin })).status, 403, origin);
  }
  assert.equal(
    (await send('/_millrace/health', {}, 'GET', { ...own, origin: 'http://localhost:5173' })).status,
    200,
  );
});
