import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, RequestHeaders } from '../gateway/exchange.js';
import { silentLogger } from '../logger.js';
import { Control, type ControlOptions } from './control.js';

const own = { host: '127.0.0.1:4567' };

function send(
  path: string,
  options: Partial<ControlOptions> = {},
  method = 'GET',
  headers: RequestHeaders = own,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const control = new Control({
    health: () => ({ ready: true, reason: undefined }),
    reset: undefined,
    ownHosts: new Set(['streams.test']),
    logger: silentLogger,
    ...options,
  });
  return new Promise((resolve) => {
    const respond = ({ status, body }: Answer): void =>
      resolve({ status, body: JSON.parse(Buffer.from(body).toString()) });
    control.handle({
      method,
      path,
      headers,
      body: new Uint8Array(0),
      requestId: '',
      signal: new AbortController().signal,
      respond,
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
