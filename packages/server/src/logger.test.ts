import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdjustableClock, SystemClock } from '@millrace/base';
import { errorFields, jsonLogger, textLogger } from './logger.js';

const clock = new AdjustableClock(new SystemClock());
clock.hold(Date.UTC(2040, 0, 2, 3, 4, 5, 6));

test('JSON lines hold one object each, from the least level on', () => {
  const lines: string[] = [];
  const logger = jsonLogger((line) => lines.push(line), clock);
  logger.debug('unheard');
  logger.info('several\nlines', { port: 1, absent: undefined });
  logger.error('failed', errorFields(new TypeError('outer', { cause: new Error('inner') })));
  assert.equal(lines.length, 2);
  assert.equal(
    lines[0],
    '{"time":"2040-01-02T03:04:05.006Z","level":"info","message":"several\\nlines","port":1}\n',
  );
  const { error, stack } = JSON.parse(lines[1] ?? '');
  assert.equal(error, 'TypeError: outer');
  assert.match(stack, /TypeError: outer[\s\S]*caused by Error: inner/);
  assert.equal(logger.debugs, false);
});

test('text lines are one line each, whatever a client put into a field', () => {
  const lines: string[] = [];
  const logger = textLogger((line) => lines.push(line), clock, 'debug');
  logger.debug('request', { code: 'a\nb', status: 200, absent: undefined });
  assert.deepEqual(lines, ['03:04:05.006 debug request code="a\\nb" status=200\n']);
  assert.equal(logger.debugs, true);
});

test('whatever was thrown can be told', () => {
  assert.deepEqual(errorFields('text'), { error: 'text' });
});
