import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LogIndex } from './log-index.js';
import { MemoryBudget } from './memory-budget.js';
import { RegisteredLog } from './registry.js';
import { Tail, withoutSlack } from './tail.js';

const payloadBytes = 100_000;

function pushOne(tail: Tail, log: RegisteredLog): WeakRef<Uint8Array> {
  const payload = new Uint8Array(payloadBytes);
  const batch = { payload, ends: new Uint32Array([payloadBytes]), order: undefined };
  tail.push([log], [{ batch, firstPosition: log.end, count: 1, arrivalMs: 0, orderStart: 0 }]);
  log.end++;
  return new WeakRef(payload);
}

it('the tail keeps to its bound, gives up the oldest first, and lets go of their memory', async () => {
  const tail = new Tail(new MemoryBudget(100 * payloadBytes), 10.5 * payloadBytes);
  const logs = ['a', 'b'].map((id, i) => new RegisteredLog(id, i + 1, new LogIndex(4096, 100)));
  const payloads = Array.from({ length: 50 }, (_, i) => pushOne(tail, logs[i % 2] as RegisteredLog));
  assert.ok(tail.bytes <= 10.5 * payloadBytes);
  assert.deepEqual(
    logs.map((log) => [log.runs.length, log.runs.at(0)?.firstPosition]),
    [
      [5, 20],
      [5, 20],
    ],
  );
  setFlagsFromString('--expose-gc');
  await new Promise((resolve) => setImmediate(resolve));
  runInNewContext('gc')();
  const kept = payloads.filter((payload) => payload.deref() !== undefined).length;
  assert.ok(kept < 15, `${kept} payloads are still in memory`);
});

it('a small payload does not keep a large buffer alive', () => {
  const large = new Uint8Array(1_000_000);
  const small = large.subarray(10, 110).fill(7);
  assert.equal(withoutSlack(small).buffer.byteLength, 100);
  assert.deepEqual(withoutSlack(small), small);
  assert.equal(withoutSlack(large.subarray(1)).buffer, large.buffer);
});
