/**
 * Data directories of earlier versions stay readable. `fixtures/` holds one of each layout and catalog that ever was,
 * made by `testing/directory-fixture.ts`, and in `records.txt` what a client must read of it. A version number that
 * changes needs a folder of its own: `MILLRACE_GOLDEN=write` makes it.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { catalogVersion } from './catalog/catalog-record.js';
import { layoutVersion } from './data-directory.js';
import { makeDirectoryFixture } from './testing/directory-fixture.js';
import { readableOf } from './testing/readable-directory.js';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const current = `layout-${layoutVersion}-catalog-${catalogVersion}`;
const { MILLRACE_GOLDEN: mode } = process.env;

async function copyOf(folder: string): Promise<string> {
  const copy = await mkdtemp(path.join(tmpdir(), 'millrace-formats-'));
  await cp(path.join(folder, 'data'), copy, { recursive: true });
  return copy;
}

test('there is a directory of the layout and the catalog as they are written now', async () => {
  const folder = path.join(fixtures, current);
  if (mode === 'write' && !existsSync(folder)) {
    await makeDirectoryFixture(path.join(folder, 'data'));
    const copy = await copyOf(folder);
    writeFileSync(path.join(folder, 'records.txt'), `${(await readableOf(copy)).join('\n')}\n`);
    await rm(copy, { recursive: true });
  }
  assert.ok(existsSync(folder), `${folder} is missing: a format has a new version; MILLRACE_GOLDEN=write`);
});

for (const name of readdirSync(fixtures).sort()) {
  test(`everything in ${name} is read`, async (t) => {
    const folder = path.join(fixtures, name);
    const copy = await copyOf(folder);
    t.after(() => rm(copy, { recursive: true, force: true }));
    const expected = readFileSync(path.join(folder, 'records.txt'), 'utf8').trimEnd().split('\n');
    assert.ok(expected.length > 300, 'the directory holds something');
    assert.deepEqual(await readableOf(copy), expected);
    assert.deepEqual(await readableOf(copy), expected, 'and after a restart');
  });
}
