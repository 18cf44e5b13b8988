/** Each planted bug is caught within a few seeds, and the same seeds are clean without it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Canary, canaries } from './open-log.js';
import { workloads } from './workloads.js';

const steps = 800;
const seedsMax = 60;

async function violationOf(seed: number, canary: Canary | undefined): Promise<string | undefined> {
  const report = await workloads.log({ seed, steps, canary, trace: undefined, tell: undefined });
  return report.violation;
}

for (const canary of canaries) {
  test(`the canary ${canary} is caught`, async () => {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const violation = await violationOf(seed, canary);
      if (violation === undefined) continue;
      assert.equal(await violationOf(seed, undefined), undefined, `seed ${seed} fails without it`);
      return;
    }
    assert.fail(`${canary} lives after ${seedsMax} seeds`);
  });
}
