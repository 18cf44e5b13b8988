import assert from 'node:assert/strict';
import { it } from 'node:test';
import { contractSuite } from './contract-suite.js';
import { openMemoryEngine } from './memory-engine.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf } from './testing/ledger.js';

contractSuite('the in-memory engine', async (clock) => ({ engine: openMemoryEngine({ clock }) }));

it('memory has a bound: appends answer full until something is trimmed, urgent ones go in', async () => {
  const engine = openMemoryEngine({ clock: new EagerClock(), bytesMax: 10 });
  await engine.create(['a']);
  const append = async (text: string, urgent = false): Promise<string | undefined> =>
    (await engine.append(batchOf([['a', text]], urgent)))[0]?.kind;
  assert.equal(await append('123456'), 'appended');
  assert.equal(await append('12345'), 'full');
  assert.equal(await append('12345', true), 'appended');
  assert.equal(engine.health().writable, false);
  await engine.trim('a', 1);
  assert.equal(await append('12345'), 'appended');
  await engine.close();
});
