import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lettersApart, nearest } from './nearest.js';

test('letters apart: added, dropped, changed, swapped', () => {
  assert.deepEqual(
    [
      ['port', 'port'],
      ['prot', 'port'],
      ['por', 'port'],
      ['sport', 'port'],
      ['', 'abc'],
      ['host', 'port'],
    ].map(([a = '', b = '']) => lettersApart(a, b)),
    [0, 1, 1, 1, 3, 2],
  );
});

test('a guess is made only when it is near', () => {
  const names = ['port', 'host', 'insecure', 'ephemeral', 'data'];
  assert.equal(nearest('prt', names), 'port');
  assert.equal(nearest('ephem', names), 'ephemeral');
  assert.equal(nearest('unsecure', names), 'insecure');
  assert.equal(nearest('xyzzy', names), undefined);
});
