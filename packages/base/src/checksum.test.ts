import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checksum } from './checksum.js';

test('the checksum is CRC-32 by its published check value, and continues from a seed', () => {
  const digits = Buffer.from('123456789');
  assert.equal(checksum(digits), 0xcbf43926);
  assert.equal(checksum(digits.subarray(4), checksum(digits.subarray(0, 4))), 0xcbf43926);
});
