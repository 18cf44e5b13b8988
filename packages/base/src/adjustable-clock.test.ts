import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdjustableClock } from './adjustable-clock.js';
import type { Clock, Timer } from './clock.js';
import { sleep } from './clock.js';

/** A machine clock that the test moves by hand: it fires nothing by itself unless told to. */
class HandClock implements Clock {
  ms = 1_000;
  readonly timers: { readonly dueMs: number; readonly run: () => void; cancelled: boolean }[] = [];

  now(): number {
    return this.ms;
  }

  schedule(delayMs: number, run: () => void): Timer {
    const timer = { dueMs: this.ms + delayMs, run, cancelled: false };
    this.timers.push(timer);
    return {
      cancel: () => {
        timer.cancelled = true;
      },
    };
  }

  moveTo(ms: number): void {
    this.ms = ms;
    for (const timer of this.timers) {
      if (timer.cancelled || timer.dueMs > ms) continue;
      timer.cancelled = true;
      timer.run();
    }
  }
}

test('a running clock follows the machine and never falls', () => {
  const machine = new HandClock();
  const clock = new AdjustableClock(machine);
  assert.equal(clock.now(), 1_000);
  machine.ms = 900;
  assert.equal(clock.now(), 1_000);
  machine.ms = 1_100;
  assert.equal(clock.now(), 1_100);
});

test('a held clock stands still and fires its timers in order of their instants as it is advanced', () => {
  const clock = new AdjustableClock(new HandClock());
  clock.hold();
  const fired: string[] = [];
  clock.schedule(300, () => fired.push(`c at ${clock.now()}`));
  clock.schedule(100, () => fired.push(`a at ${clock.now()}`));
  clock.schedule(100, () => fired.push(`b at ${clock.now()}`));
  clock.advance(99);
  assert.deepEqual(fired, []);
  clock.advance(500);
  assert.deepEqual(fired, ['a at 1100', 'b at 1100', 'c at 1300']);
  assert.equal(clock.now(), 1_599);
});

test('a timer that a timer sets fires in the same advance when it falls due there', () => {
  const clock = new AdjustableClock(new HandClock());
  clock.hold();
  const fired: number[] = [];
  const tick = (): void => {
    fired.push(clock.now());
    clock.schedule(100, tick);
  };
  clock.schedule(100, tick);
  clock.advance(350);
  assert.deepEqual(fired, [1_100, 1_200, 1_300]);
});

test('a released clock goes on from the held instant, and its timers with it', () => {
  const machine = new HandClock();
  const clock = new AdjustableClock(machine);
  const fired: number[] = [];
  clock.schedule(1_000, () => fired.push(clock.now()));
  clock.hold();
  machine.moveTo(50_000);
  assert.equal(clock.now(), 1_000, 'held while the machine went on');
  clock.advance(400);
  clock.release();
  assert.equal(clock.now(), 1_400);
  machine.moveTo(50_599);
  assert.deepEqual(fired, []);
  machine.moveTo(50_600);
  assert.deepEqual(fired, [2_000]);
});

test('a running clock can be advanced: what falls due on the way is fired by the machine at once', () => {
  const machine = new HandClock();
  const clock = new AdjustableClock(machine);
  const fired: number[] = [];
  clock.schedule(1_000, () => fired.push(clock.now()));
  clock.advance(5_000);
  machine.moveTo(machine.ms);
  assert.deepEqual(fired, [6_000]);
});

test('raiseTo moves a clock that is behind and leaves one that is ahead', () => {
  const clock = new AdjustableClock(new HandClock());
  clock.raiseTo(9_000);
  assert.equal(clock.now(), 9_000);
  clock.raiseTo(8_000);
  assert.equal(clock.now(), 9_000);
});

test('a clock refuses to go back', () => {
  const clock = new AdjustableClock(new HandClock());
  assert.throws(() => clock.hold(999), /cannot go back/);
  assert.throws(() => clock.advance(-1), /cannot go back/);
});

test('a cancelled timer never fires and is forgotten', () => {
  const clock = new AdjustableClock(new HandClock());
  clock.hold();
  const timer = clock.schedule(10, () => assert.fail('fired'));
  assert.equal(clock.nextDueMs(), 1_010);
  timer.cancel();
  timer.cancel();
  clock.advance(100);
  assert.equal(clock.nextDueMs(), undefined);
});

test('ten thousand timers fire in order', () => {
  const clock = new AdjustableClock(new HandClock());
  clock.hold();
  const fired: number[] = [];
  for (let i = 0; i < 10_000; i++) clock.schedule((i * 7_919) % 10_007, () => fired.push(clock.now()));
  clock.advance(20_000);
  assert.equal(fired.length, 10_000);
  assert.deepEqual(
    fired,
    [...fired].sort((a, b) => a - b),
  );
});

test('sleep resolves at its instant and rejects when its signal aborts first', async () => {
  const clock = new AdjustableClock(new HandClock());
  clock.hold();
  const first = sleep(clock, 50);
  clock.advance(50);
  await first;
  const abort = new AbortController();
  const second = sleep(clock, 50, abort.signal);
  abort.abort(new Error('enough'));
  await assert.rejects(second, /enough/);
  assert.equal(clock.nextDueMs(), undefined, 'the timer went with it');
  await assert.rejects(sleep(clock, 1, abort.signal), /enough/);
});

test('a hold now is never in the past, however late the machine reads its clock', () => {
  let nowMs = 0;
  const clock = new AdjustableClock({ now: () => ++nowMs, schedule: () => ({ cancel: () => undefined }) });
  clock.hold();
  assert.equal(clock.now(), nowMs);
});

test('a clock goes on where another stood: held, ahead or behind, and never before what it has shown', () => {
  const machine = new HandClock();
  machine.ms = 10_000;
  const held = new AdjustableClock(machine);
  held.resume({ offsetMs: 0, heldMs: 4_000 });
  machine.ms = 11_000;
  assert.equal(held.now(), 4_000);
  assert.deepEqual(held.standing, { offsetMs: 0, heldMs: 4_000 });
  held.release();
  machine.ms = 11_500;
  assert.equal(held.now(), 4_500);

  const ahead = new AdjustableClock(machine);
  ahead.resume({ offsetMs: 3_000, heldMs: undefined });
  assert.equal(ahead.now(), 14_500);

  const shown = new AdjustableClock(machine);
  assert.equal(shown.now(), 11_500);
  shown.resume({ offsetMs: -5_000, heldMs: undefined });
  assert.equal(shown.now(), 11_500);
  shown.resume({ offsetMs: 0, heldMs: 2_000 });
  assert.equal(shown.now(), 11_500);
});

test('timers that were set before a clock goes on from another fire where that one says', () => {
  const machine = new HandClock();
  const clock = new AdjustableClock(machine);
  const fired: string[] = [];
  clock.schedule(100, () => fired.push('a'));
  clock.schedule(5_000, () => fired.push('b'));
  clock.resume({ offsetMs: 0, heldMs: 2_000 });
  assert.deepEqual(fired, ['a']);
  machine.moveTo(90_000);
  assert.deepEqual(fired, ['a']);
  clock.resume({ offsetMs: 0, heldMs: undefined });
  machine.moveTo(90_001);
  assert.deepEqual(fired, ['a', 'b']);
});
