import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compatibilityPage, pagePath } from './compatibility.mjs';

test('docs/compatibility.md says what the code declares (node scripts/compatibility.mjs writes it)', async () => {
  assert.equal(readFileSync(pagePath, 'utf8'), await compatibilityPage());
});
