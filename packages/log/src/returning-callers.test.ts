import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '@millrace/base';
import { ReturningCallers } from './returning-callers.js';

/** Time that the test moves, and the one timer that there may be. */
class HandClock implements Clock {
  ms = 1000;
  timer: (() => void) | undefined;

  now(): number {
    return this.ms;
  }

  schedule(_delayMs: number, run: () => void): { cancel(): void } {
    assert.equal(this.timer, undefined, 'one wait at a time');
    this.timer = run;
    return {
      cancel: () => {
        this.timer = undefined;
      },
    };
  }
}

function slowDisk(): { clock: HandClock; callers: ReturningCallers } {
  const clock = new HandClock();
  const callers = new ReturningCallers(clock);
  callers.answered(4, 6);
  callers.answered(4, 6);
  return { clock, callers };
}

async function isDone(wait: Promise<void>): Promise<boolean> {
  let done = false;
  void wait.then(() => {
    done = true;
  });
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return done;
}

describe('returning callers', () => {
  it('are waited for until as many are back as were answered', async () => {
    const { clock, callers } = slowDisk();
    callers.arrived();
    const wait = callers.wait();
    assert.ok(wait !== undefined);
    callers.arrived();
    callers.arrived();
    assert.equal(await isDone(wait), false);
    callers.arrived();
    assert.equal(await isDone(wait), true);
    assert.equal(clock.timer, undefined);
    assert.equal(callers.wait(), undefined, 'once');
  });

  it('are not waited for when all are back, nor for longer than a sync takes', () => {
    const { clock, callers } = slowDisk();
    for (let i = 0; i < 4; i++) callers.arrived();
    assert.equal(callers.wait(), undefined);
    callers.answered(4, 6);
    clock.ms += 6;
    assert.equal(callers.wait(), undefined);
  });

  it('are not waited for where syncs are fast, or one alone was slow, or there is no clock', () => {
    const callers = new ReturningCallers(new HandClock());
    callers.answered(4, 1);
    callers.answered(4, 50);
    assert.equal(callers.wait(), undefined);
    callers.answered(4, 1);
    assert.equal(callers.wait(), undefined);
    const without = new ReturningCallers(undefined);
    for (let i = 0; i < 3; i++) without.answered(4, 50);
    assert.equal(without.wait(), undefined);
  });

  it('who did not come back are not waited for the next times', async () => {
    const { clock, callers } = slowDisk();
    const wait = callers.wait();
    assert.ok(wait !== undefined);
    clock.timer?.();
    assert.equal(await isDone(wait), true);
    let commits = 0;
    for (; commits < 1000; commits++) {
      callers.answered(4, 6);
      if (callers.wait() !== undefined) break;
    }
    assert.ok(commits > 10 && commits < 1000, `${commits} commits were not held`);
  });
});
