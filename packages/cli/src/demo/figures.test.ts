import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bar, clockFace, counted, grouped, percent, signed, span, sparkline } from './figures.js';

test('numbers as people read them', () => {
  assert.deepEqual([0, 999, 1_000, 1_234_567.4].map(grouped), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([counted(1, 'event'), counted(2_000, 'event')], ['1 event', '2,000 events']);
  assert.deepEqual([0, 61_000, 3_723_000, 90_000_000].map(clockFace), [
    '0:00:00',
    '0:01:01',
    '1:02:03',
    '25:00:00',
  ]);
  assert.deepEqual([4.4, 1_240, 180_000].map(span), ['4 ms', '1.2 s', '3 min']);
  assert.deepEqual([7.13, -0.44, 0.01, -0.01].map(signed), ['+7.1', '−0.4', '0.0', '0.0']);
  assert.equal(percent(0.274), '27 %');
});

test('bars and sparklines take the columns they were given', () => {
  assert.deepEqual(
    [0, 0.5, 1, 2, -1].map((share) => bar(share, 4)),
    ['', '██', '████', '████', ''],
  );
  assert.equal(bar(0.3, 10), '███');
  assert.equal(bar(1 / 16, 2), '▏');
  assert.equal(sparkline([0, 5, 10], 5), '  ▁▅█');
  assert.equal(sparkline([1, 2, 3, 4], 2), '▆█');
  assert.equal(sparkline([0, 0], 2), '▁▁');
});
