import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seededRandom } from '@millrace/base';
import { openAwkwardEngine } from './awkward-engine.js';
import { contractSuite } from './contract-suite.js';
import { EagerClock } from './testing/eager-clock.js';
import { batchOf, readAll } from './testing/ledger.js';

for (const seed of [1, 2, 3]) {
  contractSuite(`the awkward engine (seed ${seed})`, async (clock) => ({
    engine: openAwkwardEngine({ clock, random: seededRandom(seed), unknownChance: 0.2 }),
  }));
}

it('it is awkward: gaps, unknown outcomes of all three fates, and the same again with the same seed', async () => {
  const run = async (): Promise<string> => {
    const engine = openAwkwardEngine({
      clock: new EagerClock(),
      random: seededRandom(5),
      unknownChance: 0.5,
    });
    while ((await engine.create(['a'])) !== 'done');
    const outcomes = [];
    for (let i = 0; i < 60; i++) outcomes.push((await engine.append(batchOf([['a', `${i}`]])))[0]?.kind);
    const read = await readAll(engine, 'a');
    await engine.close();
    return JSON.stringify({ outcomes, read });
  };
  const first = await run();
  const { outcomes, read } = JSON.parse(first) as {
    outcomes: string[];
    read: { position: number; text: string }[];
  };
  const known = outcomes.filter((kind) => kind === 'appended').length;
  assert.ok(known > 0 && known < 60);
  assert.ok(read.length > known && read.length < 60, 'some of the unknown are there, and some are not');
  assert.ok((read.at(-1)?.position ?? 0) >= read.length, 'there are gaps');
  assert.equal(await run(), first);
});
