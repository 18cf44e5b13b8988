import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { nativeLimits } from './limits.js';
import { LogIndex } from './log-index.js';
import { MemoryBudget } from './memory-budget.js';
import { RegisteredLog } from './registry.js';
import { prepare } from './request.js';
import type { BatchRecords } from './run.js';
import { Tail } from './tail.js';
import { oneSection } from './testing/one-section.js';

const payloadBytes = 100_000;

function pushOne(tail: Tail, log: RegisteredLog): WeakRef<Uint8Array> {
  const payload = new Uint8Array(payloadBytes);
  const batch = { payload, ends: new Uint32Array([payloadBytes]), order: undefined };
  tail.push(batch, oneSection(log));
  log.end++;
  return new WeakRef(payload);
}

it('the tail keeps to its bound, gives up the oldest first, and lets go of their memory', async () => {
  const tail = new Tail(new MemoryBudget(100 * payloadBytes), 10.5 * payloadBytes);
  const logs = ['a', 'b'].map((id, i) => new RegisteredLog(id, i + 1, new LogIndex(4096, 100)));
  const payloads = Array.from({ length: 50 }, (_, i) => pushOne(tail, logs[i % 2] as RegisteredLog));
  assert.ok(tail.bytes <= 10.5 * payloadBytes);
  assert.deepEqual(
    logs.map((log) => [tail.firstPosition(log), log.runs.length]),
    [
      [20, 5],
      [20, 5],
    ],
  );
  setFlagsFromString('--expose-gc');
  await new Promise((resolve) => setImmediate(resolve));
  runInNewContext('gc')();
  const kept = payloads.filter((payload) => payload.deref() !== undefined).length;
  assert.ok(kept < 15, `${kept} payloads are still in memory`);
});

it('memory is told of once, when the last batch over it went, unless a reader was given it', () => {
  const forgotten: ArrayBufferLike[] = [];
  const tail = new Tail(new MemoryBudget(100 * payloadBytes), 3.5 * payloadBytes, (memory) => {
    forgotten.push(memory);
  });
  const log = new RegisteredLog('a', 1, new LogIndex(4096, 100));
  const push = (payload: Uint8Array): BatchRecords => {
    const batch = { payload, ends: new Uint32Array([payload.length]), order: undefined, lent: false };
    tail.push(batch, oneSection(log));
    log.end++;
    return batch;
  };
  const whole = new Uint8Array(2 * payloadBytes);
  push(whole.subarray(0, payloadBytes));
  push(whole.subarray(payloadBytes));
  const read = push(new Uint8Array(payloadBytes));
  read.lent = true;
  assert.ok(tail.bytes > 3 * payloadBytes && tail.bytes < 3.1 * payloadBytes, 'all of it is counted, once');
  assert.deepEqual(forgotten, []);
  const next = push(new Uint8Array(payloadBytes));
  assert.deepEqual(forgotten, [whole.buffer]);
  for (let i = 0; i < 3; i++) push(new Uint8Array(payloadBytes));
  assert.deepEqual(forgotten, [whole.buffer, next.payload.buffer]);
});

it('a small payload does not keep a large buffer alive', () => {
  const limits = nativeLimits({ appendSliceBytes: 64 });
  const prepared = (payload: Uint8Array): Uint8Array | undefined => {
    const ends = new Uint32Array([payload.length]);
    const batch = { logs: ['a'], logOf: new Uint32Array(1), ends, payload };
    const request = { kind: 'append', batch, bytes: 0, prepared: undefined, answer: () => {} } as const;
    return prepare({ ...request }, 0, limits)[0]?.part.payload;
  };
  const large = new Uint8Array(1_000_000);
  const small = large.subarray(10, 110).fill(7);
  assert.equal(prepared(small)?.buffer.byteLength, 100);
  assert.deepEqual(Buffer.from(prepared(small) ?? []), Buffer.from(small));
  assert.equal(prepared(large.subarray(1))?.buffer, large.buffer);
});
