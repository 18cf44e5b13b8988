import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installMatches, nodeComplaint } from './setup.mjs';

test('a Node that is too old gets a sentence, a newer one goes on', () => {
  for (const version of ['v20.19.0', 'v20.20.2', 'v22.0.0', 'v26.1.0'])
    assert.equal(nodeComplaint(version), undefined);
  for (const version of ['v18.20.0', 'v20.18.3', 'v8.0.0']) {
    assert.match(nodeComplaint(version), /needs Node\.js 20\.19 or newer, and this is v/);
  }
});

const lock = {
  packages: {
    '': { name: 'root' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b-linux': { version: '1.0.0', integrity: 'sha512-b', optional: true },
    'node_modules/ours': { resolved: 'packages/ours', link: true },
    'packages/ours': { version: '0.1.0', dependencies: { a: '1' }, bin: { ours: 'bin/ours.js' } },
  },
};
const without = (...names) => ({
  packages: Object.fromEntries(Object.entries(lock.packages).filter(([name]) => !names.includes(name))),
});
const changed = (name, change) => ({
  packages: { ...without('').packages, [name]: { ...lock.packages[name], ...change } },
});

test('what npm installed is held against the lockfile', () => {
  assert.equal(installMatches(lock, without('')), true);
  assert.equal(installMatches(lock, without('', 'node_modules/b-linux')), true, 'made for another platform');
  assert.equal(installMatches(lock, without('', 'node_modules/a')), false);
  assert.equal(installMatches(lock, without('', 'node_modules/ours')), false);
  assert.equal(installMatches(lock, changed('node_modules/a', { version: '1.0.1' })), false);
  assert.equal(installMatches(lock, changed('node_modules/a', { integrity: 'sha512-x' })), false);
  assert.equal(installMatches(lock, changed('packages/ours', { bin: { ours: 'bin/other.js' } })), false);
});
