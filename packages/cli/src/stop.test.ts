import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { AdjustableClock, SystemClock } from '@millrace/base';
import type { Host, StopSignal, Terminal } from './host.js';
import { stopSignal } from './stop.js';

function stage(): {
  clock: AdjustableClock;
  send: (signal: StopSignal) => void;
  exits: number[];
  stop: AbortSignal;
} {
  const clock = new AdjustableClock(new SystemClock());
  clock.hold();
  const exits: number[] = [];
  const listeners: ((signal: StopSignal) => void)[] = [];
  const terminal: Terminal = {
    write: () => undefined,
    isTerminal: false,
    size: () => ({ columns: 80, rows: 24 }),
    onResize: () => undefined,
    taken: () => Promise.resolve(),
  };
  const host: Host = {
    environment: {},
    workingDirectory: '/',
    processors: 1,
    processId: 1,
    clock,
    input: { isTerminal: false, chunks: Readable.from([]) },
    output: terminal,
    errors: terminal,
    onStop: (listener) => {
      listeners.push(listener);
    },
    exit: (code) => {
      exits.push(code);
    },
  };
  const stop = stopSignal(host);
  const send = (signal: StopSignal): void => {
    for (const listener of listeners) listener(signal);
  };
  return { clock, send, exits, stop };
}

test('the first signal asks, the second ends', () => {
  const { clock, send, exits, stop } = stage();
  send('SIGTERM');
  assert.equal(stop.aborted, true);
  assert.deepEqual(exits, []);
  clock.advance(1_000);
  send('SIGINT');
  assert.deepEqual(exits, [130]);
});

test('one Ctrl-C that arrives twice, from the terminal and from npm, is one', () => {
  const { clock, send, exits } = stage();
  send('SIGINT');
  clock.advance(20);
  send('SIGINT');
  assert.deepEqual(exits, []);
});

test('a stop that hangs ends by itself before five seconds are over', () => {
  const { clock, send, exits } = stage();
  send('SIGTERM');
  clock.advance(4_000);
  assert.deepEqual(exits, []);
  clock.advance(999);
  assert.deepEqual(exits, [1]);
});
