/**
 * What earlier versions wrote stays readable. `fixtures/` holds a store of each set of formats that ever was, made by
 * `testing/format-fixture.ts`: a folder of its files, and `records.txt` with what must be read of it.
 *
 * A version number that changes needs a folder of its own: `MILLRACE_GOLDEN=write` makes it. The folders of before are
 * never made again; nobody could write them any more.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SystemClock } from '@millrace/base';
import { chunkFormatVersion } from './chunk-trailer.js';
import { journalFormatVersion } from './journal-header.js';
import { manifestFormatVersion } from './manifest.js';
import { openNativeEngine } from './native-engine.js';
import { nodeDisk } from './node-disk.js';
import { fixtureLines, makeFormatFixture } from './testing/format-fixture.js';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const current = `journal-${journalFormatVersion}-chunk-${chunkFormatVersion}-manifest-${manifestFormatVersion}`;
const { MILLRACE_GOLDEN: mode } = process.env;

async function write(folder: string): Promise<void> {
  const { disk, lines } = await makeFormatFixture();
  mkdirSync(path.join(folder, 'log'), { recursive: true });
  for (const name of await disk.list()) writeFileSync(path.join(folder, 'log', name), disk.contents(name));
  writeFileSync(path.join(folder, 'records.txt'), `${lines.join('\n')}\n`);
}

test('there is a store of the formats as they are written now', async () => {
  const folder = path.join(fixtures, current);
  if (mode === 'write' && !existsSync(folder)) await write(folder);
  assert.ok(existsSync(folder), `${folder} is missing: a format has a new version; MILLRACE_GOLDEN=write`);
});

for (const name of readdirSync(fixtures).sort()) {
  test(`every record of ${name} is read`, async (t) => {
    const folder = path.join(fixtures, name);
    const copy = await mkdtemp(path.join(tmpdir(), 'millrace-formats-'));
    t.after(() => rm(copy, { recursive: true, force: true }));
    await cp(path.join(folder, 'log'), copy, { recursive: true });
    // A copy has no sockets: what is left of the lock is a name that nobody answers under.
    await writeFile(path.join(copy, 'lock.3'), '');
    const expected = readFileSync(path.join(folder, 'records.txt'), 'utf8').trimEnd().split('\n');
    const open = async (): Promise<void> => {
      const engine = await openNativeEngine({ disk: await nodeDisk(copy), clock: new SystemClock() });
      try {
        assert.ok((await readdir(copy)).includes('lock.4'), 'the lock is taken under the next number');
        assert.deepEqual(await fixtureLines(engine), expected);
      } finally {
        await engine.close();
      }
    };
    await open();
    await writeFile(path.join(copy, 'lock.3'), '');
    await open();
    assert.ok(expected.length > 100, 'the store holds something');
  });
}
