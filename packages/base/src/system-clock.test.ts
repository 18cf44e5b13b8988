import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from './system-clock.js';

test('the system clock never falls, whatever the wall clock does', (t) => {
  const wall = t.mock.method(Date, 'now', () => 5_000);
  const clock = new SystemClock();
  assert.equal(clock.now(), 5_000);
  wall.mock.mockImplementation(() => 4_000);
  assert.equal(clock.now(), 5_000);
  wall.mock.mockImplementation(() => 6_000);
  assert.equal(clock.now(), 6_000);
});

test('a delay longer than Node can hold is waited for in parts', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = new SystemClock();
  let fired = 0;
  const yearMs = 365 * 24 * 3600 * 1000;
  clock.schedule(yearMs, () => fired++);
  t.mock.timers.tick(2 ** 31 - 1);
  assert.equal(fired, 0);
  for (let i = 0; i < 14; i++) t.mock.timers.tick(2 ** 31 - 1);
  assert.equal(fired, 1);
});

test('a cancelled timer does not fire, in whichever part it is', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = new SystemClock();
  const timer = clock.schedule(2 ** 31 + 10, () => assert.fail('fired'));
  t.mock.timers.tick(2 ** 31 - 1);
  timer.cancel();
  t.mock.timers.tick(1_000);
});
