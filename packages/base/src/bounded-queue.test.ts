import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoundedQueue } from './bounded-queue.js';

test('a queue is first in, first out, and refuses what is over its limit', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.boolean(), { maxLength: 300 }),
      (limit, pushes) => {
        const queue = new BoundedQueue<number>(limit);
        const model: number[] = [];
        pushes.forEach((push, item) => {
          if (push) {
            assert.equal(queue.push(item), model.length < limit);
            if (model.length < limit) model.push(item);
          } else {
            assert.equal(queue.peek(), model[0]);
            assert.equal(queue.shift(), model.shift());
          }
          assert.equal(queue.length, model.length);
        });
      },
    ),
  );
});

test('a queue without a limit is a bug', () => {
  assert.throws(() => new BoundedQueue(0), /limit/);
  assert.throws(() => new BoundedQueue(Number.POSITIVE_INFINITY), /limit/);
});
