import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeStoredRecord, encodeStoredRecord, keyBytesMax, storedDataStart } from './stored-record.js';

test('a stored record is key length, key and data', () => {
  const stored = encodeStoredRecord('Zü', Buffer.from([1, 2, 3]));
  assert.deepEqual([...stored], [3, 0, 0x5a, 0xc3, 0xbc, 1, 2, 3]);
  assert.equal(storedDataStart(stored, 0), 5);
});

test('keys up to the longest there is, and data down to none, come back', () => {
  for (const key of ['k', 'é'.repeat(256), '𐅑'.repeat(256)]) {
    for (const data of [new Uint8Array(0), Uint8Array.of(0, 255)]) {
      const decoded = decodeStoredRecord(encodeStoredRecord(key, data));
      assert.equal(decoded.partitionKey, key);
      assert.deepEqual([...decoded.data], [...data]);
    }
  }
  assert.throws(() => encodeStoredRecord('a'.repeat(keyBytesMax + 1), new Uint8Array(0)), /partition key/);
});

test('a record shorter than its header says is a bug', () => {
  assert.throws(() => decodeStoredRecord(Uint8Array.of(5, 0, 0x61)), /shorter/);
});
